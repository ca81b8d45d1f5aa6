// Package rules holds the tests of the house rules: who may import whom, what no file may contain, and that what is written
// for people is what the code says. Each rule stands beside its reason.
package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/digitalmarketplace/cutover/"

// source is one Go file of this repository, or one made up to see a rule fail.
type source struct {
	// folder and name are slashed, relative to the root: stages/runner, stage.go.
	folder, name string
	tree         *ast.File
	fset         *token.FileSet
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

// at is where a node stands, for a message.
func (s source) at(n ast.Node) string {
	p := s.fset.Position(n.Pos())
	return path.Join(s.folder, s.name) + ":" + strconv.Itoa(p.Line)
}

// imports are the paths that a file imports; what is ours without the module's name.
func (s source) imports() []string {
	var all []string
	for _, i := range s.tree.Imports {
		all = append(all, strings.TrimPrefix(strings.Trim(i.Path.Value, `"`), module))
	}
	return all
}

// parse makes a source of a text.
func parse(t *testing.T, file, text string) source {
	t.Helper()
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, file, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return source{path.Dir(file), path.Base(file), tree, fset}
}

// sources are all Go files of the repository.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if relative != "." && (strings.HasPrefix(name, ".") || name == "testdata" || ignored(t, relative)) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".go") {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			all = append(all, parse(t, filepath.ToSlash(relative), string(text)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("only %d Go files: this looks at the wrong folder", len(all))
	}
	return all
}

// root is the root of the repository, seen from here.
const root = "../.."

// ignored tells whether git leaves something at the top level out.
func ignored(t *testing.T, name string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(strings.Fields(string(text)), func(pattern string) bool {
		is, err := path.Match(strings.Trim(pattern, "/"), name)
		return is && err == nil
	})
}

// complain reports what a rule found in the repository.
func complain(t *testing.T, why string, found []string) {
	t.Helper()
	for _, one := range found {
		t.Error(one)
	}
	if len(found) > 0 {
		t.Logf("the rule: %s", why)
	}
}

// example is a file that keeps a rule or breaks it.
type example struct {
	file, text string
	broken     bool
}

// tryOut sees that a rule lets the good examples pass, and finds the bad ones.
func tryOut(t *testing.T, rule func([]source) []string, examples map[string]example) {
	t.Helper()
	for name, e := range examples {
		found := rule([]source{parse(t, e.file, e.text)})
		if broken := len(found) > 0; broken != e.broken {
			t.Errorf("%s: broken is %v, want %v: %q", name, broken, e.broken, found)
		}
	}
}
