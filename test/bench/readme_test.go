package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The markers in README.md are those that the table is written between, and nothing else of it changes.
func TestTheTableHasItsPlaceInTheReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := quotable(file, ""); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"| a |\n", "| b |\n"} {
		if err := quote(file, table); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := between(string(text), table)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("not the same document with the table in it:\n%s", got)
		}
	}
	if quotable(file, "start") == nil {
		t.Error("part of a table would be taken for the whole")
	}
	if _, err := between("no place", ""); err == nil {
		t.Error("a document without a place for the table was taken")
	}
}
