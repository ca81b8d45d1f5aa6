package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A stage of a runbook over what is shared fits on one screen. ls is the runbook.
func TestAStageIsAShortFileWithItsNumberAndName(t *testing.T) {
	const lines = 50
	files, err := filepath.Glob("[0-9][0-9]_*.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, step := range runbook(nil).Steps {
		want = append(want, fmt.Sprintf("%02d_%s.go", step.Number, strings.ReplaceAll(step.Name, "-", "_")))
	}
	if !slices.Equal(files, want) {
		t.Errorf("files %q, want %q", files, want)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n > lines {
			t.Errorf("%s has %d lines, more than %d", file, n, lines)
		}
	}
}

func TestARollbackUndoesEachStageOnce(t *testing.T) {
	var stages []string
	for _, step := range runbook(nil).Steps {
		stages = append(stages, step.Name)
	}
	if !slices.Equal(stages, order()) {
		t.Errorf("the list is %q, and by its own order %q", stages, order())
	}
	if undone := rollback(); !slices.Equal(slices.Sorted(slices.Values(undone)), slices.Sorted(slices.Values(stages))) {
		t.Errorf("a rollback undoes %q, the stages are %q", undone, stages)
	}
}
