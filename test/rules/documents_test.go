package rules

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

var update = flag.Bool("update", false, "write the table of variables anew")

// variables is the table of variables as the code has it.
func variables() string {
	var b strings.Builder
	b.WriteString("| Variable | Default | |\n| --- | --- | --- |\n")
	nothing := func(string) (string, bool) { return "", false }
	for _, v := range environ.Variables(reflect.TypeFor[elasticsearch.Settings](), nothing) {
		standard := ""
		switch {
		case v.Required:
			standard = "required"
		case v.Default != "":
			standard = "`" + v.Default + "`"
		}
		help := strings.TrimSuffix(strings.ToUpper(v.Help[:1])+v.Help[1:], ".")
		if v.Secret {
			help += " (secret)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Name, standard, strings.ReplaceAll(help, "|", `\|`))
	}
	return b.String()
}

// document is the README.md of a folder.
func document(t *testing.T, folder string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// An operator sets up a job from this table; a variable that is missing there does not exist for them.
func TestTheReadmesTableOfVariablesIsTheCodes(t *testing.T) {
	const begin, end = "<!-- variables: go test ./test/rules -run Variables -update -->\n\n", "\n<!-- end of variables -->"
	const folder = "cmd/cutover"
	text := document(t, folder)
	before, rest, found := strings.Cut(text, begin)
	table, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("its README.md has no %q … %q", begin, end)
	}
	if table == variables() {
		return
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, folder, "README.md"), []byte(before+begin+variables()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("README's table of variables is not the code's: go test ./test/rules -run Variables -update\n--- README\n%s--- code\n%s", table, variables())
}

// Every step has its row in the README's table of stages, with its number and its command.
func TestTheReadmeHasEveryStage(t *testing.T) {
	text := document(t, ".")
	for _, step := range elasticsearch.Runbook(nil).Steps {
		if row := fmt.Sprintf("\n| %d | `%s` | ", step.Number, step.Name); !strings.Contains(text, row) {
			t.Errorf("README's table of stages has no row that begins with %q", row[1:])
		}
	}
}

// What can be rehearsed is worth nothing to an operator who does not know of it.
func TestTheReadmeHasEveryFaultSet(t *testing.T) {
	text := document(t, "test/sandbox")
	for _, set := range sandbox.FaultSets(1) {
		if !strings.Contains(text, "`"+set.Name+"`") {
			t.Errorf("README does not name the faults %s", set.Name)
		}
	}
}

// A newcomer follows the links, and opens what a document names.
func TestWhatDocumentsNameIsThere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	path := regexp.MustCompile("`((?:stages|cmd|jenkins|test|scripts)/[A-Za-z0-9_./-]*)`")
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && file != root && (strings.HasPrefix(entry.Name(), ".") || ignored(t, strings.TrimPrefix(file, root+"/"))) {
			return filepath.SkipDir
		}
		if filepath.Ext(file) != ".md" {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			}
		}
		for _, m := range path.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s names %s: %v", file, m[1], err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// README is read at one sitting; what is longer stands beside its subject.
func TestTheReadmeIsShort(t *testing.T) {
	const most = 150
	if n := strings.Count(document(t, "."), "\n"); n > most {
		t.Errorf("README.md has %d lines, more than %d", n, most)
	}
}
