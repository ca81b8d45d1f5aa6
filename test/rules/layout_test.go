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
