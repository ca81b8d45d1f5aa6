package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// checked is a package of the product with the types of everything in it, without its tests.
type checked struct {
	// folder is slashed, relative to the root.
	folder string
	fset   *token.FileSet
	files  map[string]*ast.File // by name
	types  *types.Package
	info   *types.Info
}

// product are all packages of the program, type-checked against the export data that go list has of their imports.
func product(t *testing.T) []checked {
	t.Helper()
	type listed struct {
		ImportPath, Dir, Export string
		GoFiles                 []string
	}
	command := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles", "./cmd/cutover", "./stages/...", "./jenkins/...")
	command.Dir = root
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	exports := map[string]string{}
	var ours []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if strings.HasPrefix(p.ImportPath, module) {
			ours = append(ours, p)
		}
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var all []checked
	for _, p := range ours {
		c := checked{folder: strings.TrimPrefix(p.ImportPath, module), fset: fset, files: map[string]*ast.File{}}
		var files []*ast.File
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			c.files[name] = file
			files = append(files, file)
		}
		all = append(all, c.check(t, files, imports))
	}
	return all
}

func (c checked) check(t *testing.T, files []*ast.File, imports types.Importer) checked {
	t.Helper()
	c.info = &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: imports}
	var err error
	if c.types, err = config.Check(module+c.folder, c.fset, files, c.info); err != nil {
		t.Fatalf("%s: %v", c.folder, err)
	}
	return c
}

// typed is a package made up to see a rule fail: its files by name.
func typed(t *testing.T, folder string, files map[string]string) checked {
	t.Helper()
	c := checked{folder: folder, fset: token.NewFileSet(), files: map[string]*ast.File{}}
	var all []*ast.File
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file, err := parser.ParseFile(c.fset, name, files[name], parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		c.files[name] = file
		all = append(all, file)
	}
	return c.check(t, all, importer.Default())
}

// fileOf is the name of the file that declares an object; "" where it is of another package.
func (c checked) fileOf(o types.Object) string {
	if o == nil || o.Pkg() != c.types {
		return ""
	}
	return path.Base(filepath.ToSlash(c.fset.Position(o.Pos()).Filename))
}

// isStage tells a stage's file by its number.
func isStage(file string) bool { return regexp.MustCompile(`^\d\d_`).MatchString(file) }

// uses are the files whose package-level names, methods and fields each file uses.
func (c checked) uses() map[string]map[string][]string {
	all := map[string]map[string][]string{}
	for name, file := range c.files {
		all[name] = map[string][]string{}
		ast.Inspect(file, func(n ast.Node) bool {
			id, is := n.(*ast.Ident)
			if !is {
				return true
			}
			o := c.info.Uses[id]
			from := c.fileOf(o)
			if from == "" || from == name || !belongsToPackage(o) {
				return true
			}
			all[name][from] = append(all[name][from], id.Name)
			return true
		})
	}
	return all
}

// belongsToPackage tells a package's own names from the variables of its functions.
func belongsToPackage(o types.Object) bool {
	if o.Parent() == o.Pkg().Scope() {
		return true
	}
	switch o := o.(type) {
	case *types.Func:
		return true
	case *types.Var:
		return o.IsField()
	}
	return false
}

// list is the file of a runbook that names the stages: nothing else uses it but the wiring.
const list = "runbook.go"

// No helper stands on a stage: what two stages need is not in a stage's file.
func helperRule(packages []checked) []string {
	var found []string
	for _, c := range packages {
		for name, from := range c.uses() {
			for stage, names := range from {
				if isStage(stage) && name != list {
					found = append(found, fmt.Sprintf("%s/%s uses %s of %s", c.folder, name, names[0], stage))
				}
			}
		}
	}
	slices.Sort(found)
	return found
}

func TestNoFileUsesAStagesFileExceptTheList(t *testing.T) {
	complain(t, "what two stages need is not in a stage's file", helperRule(product(t)))
	bad := typed(t, "stages/x", map[string]string{"01_a.go": "package x\ntype a struct{}", "helper.go": "package x\nvar _ = a{}", "runbook.go": "package x\nvar list = a{}"})
	if found := helperRule([]checked{bad}); len(found) != 1 {
		t.Errorf("found %q", found)
	}
}

// A cycle of files that includes a stage's is a ball of string: nobody can tell what a stage may touch.
func cycleRule(packages []checked) []string {
	var found []string
	for _, c := range packages {
		uses := c.uses()
		for name := range uses {
			if !isStage(name) {
				continue
			}
			if via := pathBack(uses, name); via != nil {
				found = append(found, c.folder+": "+strings.Join(via, " uses "))
			}
		}
	}
	slices.Sort(found)
	return found
}

// pathBack is a way from a file back to itself; nil where there is none.
func pathBack(uses map[string]map[string][]string, start string) []string {
	seen := map[string]bool{}
	var walk func(at string, via []string) []string
	walk = func(at string, via []string) []string {
		for next := range uses[at] {
			if next == start {
				return append(via, at, next)
			}
			if !seen[next] {
				seen[next] = true
				if found := walk(next, append(via, at)); found != nil {
					return found
				}
			}
		}
		return nil
	}
	return walk(start, nil)
}

func TestNoCycleOfFilesIncludesAStage(t *testing.T) {
	complain(t, "no cycle of files includes a stage's", cycleRule(product(t)))
	bad := typed(t, "stages/x", map[string]string{"01_a.go": "package x\ntype a struct{ h helper }\nfunc (a) f() {}", "helper.go": "package x\ntype helper struct{}\nfunc (helper) g() { b() }", "other.go": "package x\nfunc b() { a{}.f() }"})
	if found := cycleRule([]checked{bad}); len(found) != 1 {
		t.Errorf("found %q", found)
	}
}

// most is how many methods a type may have: one with more is an object of everything.
const most = 40

func methodRule(packages []checked) []string {
	var found []string
	for _, c := range packages {
		for _, name := range c.types.Scope().Names() {
			o, is := c.types.Scope().Lookup(name).(*types.TypeName)
			if !is || types.IsInterface(o.Type()) {
				continue
			}
			if n := types.NewMethodSet(types.NewPointer(o.Type())).Len(); n > most {
				found = append(found, fmt.Sprintf("%s.%s has %d methods", c.folder, name, n))
			}
		}
	}
	return found
}

func TestNoTypeHasMoreMethodsThanOneCanKnow(t *testing.T) {
	complain(t, fmt.Sprintf("no type has more than %d methods", most), methodRule(product(t)))
	text := "package x\ntype a struct{}\ntype b struct{ a }\nfunc (b) own() {}\n"
	for i := range most {
		text += fmt.Sprintf("func (a) m%d() {}\n", i)
	}
	if found := methodRule([]checked{typed(t, "stages/x", map[string]string{"a.go": text})}); len(found) != 1 {
		t.Errorf("found %q", found)
	}
}
