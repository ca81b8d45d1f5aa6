package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
)

// The top level is what a newcomer sees first, so it holds the house's eight names and the papers, and nothing else.
func TestTheTopLevelHoldsTheFixedNames(t *testing.T) {
	fixed := []string{"stages", "cmd", "jenkins", "go.mod", "go.sum", "Jenkinsfile", "scripts", "test"}
	papers := []string{"README.md", "LICENSE", "CHANGELOG.md"}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, e := range entries {
		have[e.Name()] = true
		if name := e.Name(); !strings.HasPrefix(name, ".") && !slices.Contains(append(papers, fixed...), name) && !ignored(t, name) {
			t.Errorf("%s does not belong at the top level", name)
		}
	}
	for _, name := range append(papers, fixed...) {
		if !have[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

// ls is the runbook: a step's file is found by its number or by its name.
func TestAStepsFileHasItsNumberAndName(t *testing.T) {
	numbered := regexp.MustCompile(`^\d\d_`)
	entries, err := os.ReadDir(filepath.Join(root, "stages", "elasticsearch"))
	if err != nil {
		t.Fatal(err)
	}
	var files, want []string
	for _, e := range entries {
		if name := e.Name(); numbered.MatchString(name) && !strings.HasSuffix(name, "_test.go") {
			files = append(files, name)
		}
	}
	for _, step := range elasticsearch.Runbook(nil).Steps {
		want = append(want, fmt.Sprintf("%02d_%s.go", step.Number, strings.ReplaceAll(step.Name, "-", "_")))
	}
	if !slices.Equal(files, want) {
		t.Errorf("the files are\n  %s\nand by the runbook's list they would be\n  %s", strings.Join(files, "\n  "), strings.Join(want, "\n  "))
	}
}

// A stage is read at one sitting, and so is the list of what stands beside the stages.
func TestAStageIsShortAndFewFilesStandBeside(t *testing.T) {
	const lines, beside = 150, 16
	folder := filepath.Join(root, "stages", "elasticsearch")
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	others := 0
	for _, e := range entries {
		switch {
		case !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go"):
		case !isStage(e.Name()):
			others++
		default:
			text, err := os.ReadFile(filepath.Join(folder, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), "\n"); n > lines && !strings.HasPrefix(string(text), "// Longer than other stages: ") {
				t.Errorf("%s has %d lines, more than %d, and does not say why at its top (// Longer than other stages: …)", e.Name(), n, lines)
			}
		}
	}
	if others > beside {
		t.Errorf("%d files stand beside the stages, more than %d", others, beside)
	}
}
