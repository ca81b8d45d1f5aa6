package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// Every package says what it is in its first sentence: the folders are the map of the program.
func packageCommentRule(files []source) []string {
	comment := map[string]string{}
	for _, s := range files {
		text := ""
		if s.tree.Doc != nil {
			text = s.tree.Doc.Text()
		}
		if text != "" || comment[s.folder] == "" {
			comment[s.folder] = text
		}
	}
	var found []string
	for folder, text := range comment {
		name := path.Base(folder)
		if !strings.HasPrefix(text, "Package "+name+" ") && !strings.HasPrefix(text, "Command "+name+" ") {
			found = append(found, fmt.Sprintf("%s has no comment that begins with Package %[2]s or Command %[2]s: %.40q", folder, name, text))
		}
	}
	slices.Sort(found)
	return found
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	tryOut(t, packageCommentRule, map[string]example{
		"it says so":            {"stages/x/a.go", "// Package x is an example.\npackage x", false},
		"a command says so":     {"cmd/x/a.go", "// Command x is an example.\npackage main", false},
		"it says nothing":       {"stages/x/a.go", "package x", true},
		"it has another's name": {"stages/x/a.go", "// Package y is an example.\npackage x", true},
	})
	complain(t, "every package has a comment whose first sentence says what it is", packageCommentRule(sources(t)))
}

// Nothing happens because a package was imported: what a program does begins in main.
func initRule(files []source) []string {
	var found []string
	for _, s := range files {
		for _, d := range s.tree.Decls {
			if f, is := d.(*ast.FuncDecl); is && f.Recv == nil && f.Name.Name == "init" {
				found = append(found, s.at(f)+" has an init function")
			}
		}
	}
	return found
}

func TestNothingHappensByImporting(t *testing.T) {
	tryOut(t, initRule, map[string]example{
		"an init":        {"stages/x/a.go", "package x\nfunc init() {}", true},
		"an init method": {"stages/x/a.go", "package x\ntype y int\nfunc (y) init() {}", false},
	})
	complain(t, "no init functions: what a program does begins in main", initRule(sources(t)))
}

// The environment is read in main and handed on as a Lookup, so that all that is missing is known at once, an empty variable
// counts as unset everywhere, and a test can have an environment of its own.
func environmentRule(files []source) []string {
	var found []string
	for _, s := range files {
		top, _, _ := strings.Cut(s.folder, "/")
		if s.isTest() || top == "test" || top == "cmd" || s.folder == "stages/environ" {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if f, is := n.(*ast.SelectorExpr); is && isOneOf(f, "os", "Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv", "Unsetenv") {
				found = append(found, s.at(f)+" uses os."+f.Sel.Name)
			}
			return true
		})
	}
	return found
}

func isOneOf(f *ast.SelectorExpr, of string, names ...string) bool {
	x, is := f.X.(*ast.Ident)
	return is && x.Name == of && slices.Contains(names, f.Sel.Name)
}

func TestTheEnvironmentIsReadInOnePlace(t *testing.T) {
	tryOut(t, environmentRule, map[string]example{
		"a stage reads a variable":  {"stages/x/a.go", `package x; import "os"; func f() string { return os.Getenv("A") }`, true},
		"main hands the lookup on":  {"cmd/x/a.go", `package x; import "os"; func f() { g(os.LookupEnv) }`, false},
		"a stage asks for the host": {"stages/x/a.go", `package x; import "os"; func f() { os.Hostname() }`, false},
	})
	complain(t, "the environment is read in main, and handed on", environmentRule(sources(t)))
}

// The program keeps no state beside its values: two runs in one process must not meet. What test/ has are tables.
func globalsRule(files []source) []string {
	var found []string
	for _, s := range files {
		if s.isTest() {
			continue
		}
		for _, d := range s.tree.Decls {
			g, is := d.(*ast.GenDecl)
			if !is || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i, name := range v.Names {
					if global := path.Join(s.folder, name.Name); allowedGlobals[global] != "" {
						continue
					}
					if !isSentinel(v, i) && !(strings.HasPrefix(s.folder, "test/") && isTable(v, i, name.Name, files, s.folder)) {
						found = append(found, fmt.Sprintf("%s has the package-level variable %s", s.at(name), name.Name))
					}
				}
			}
		}
	}
	return found
}

// allowedGlobals are the exceptions, each with its reason.
var allowedGlobals = map[string]string{
	"cmd/cutover/version":          "the release build sets it with -ldflags -X, which knows nothing else",
	"test/jenkins/shared":          "one Java for all builds of a test binary: each start of it takes seconds",
	"test/jenkins/startMu":         "guards shared",
	"test/jenkins/junitxsd/schema": "go:embed knows nothing else",
}

// isSentinel tells an error that is compared with, and a check that a type has the methods of an interface.
func isSentinel(v *ast.ValueSpec, i int) bool {
	if v.Names[i].Name == "_" {
		return true
	}
	if i >= len(v.Values) {
		return false
	}
	call, is := v.Values[i].(*ast.CallExpr)
	if !is {
		return false
	}
	f, is := call.Fun.(*ast.SelectorExpr)
	return is && isOneOf(f, "errors", "New")
}

// isTable tells a variable that is made where it is declared, and that nothing in its package assigns to or takes the address
// of: Go has no constant lists, maps and expressions.
func isTable(v *ast.ValueSpec, i int, name string, files []source, folder string) bool {
	if i >= len(v.Values) {
		return false
	}
	written := false
	root := func(e ast.Expr) bool {
		for {
			switch x := e.(type) {
			case *ast.IndexExpr:
				e = x.X
			case *ast.SelectorExpr:
				e = x.X
			case *ast.ParenExpr:
				e = x.X
			default:
				ident, is := e.(*ast.Ident)
				return is && ident.Name == name
			}
		}
	}
	for _, s := range files {
		if s.folder != folder {
			continue
		}
		for _, d := range s.tree.Decls {
			if f, is := d.(*ast.FuncDecl); is && hasOwn(f, name) {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				switch x := n.(type) {
				case *ast.AssignStmt:
					if x.Tok != token.DEFINE {
						written = written || slices.ContainsFunc(x.Lhs, root)
					}
				case *ast.IncDecStmt:
					written = written || root(x.X)
				case *ast.UnaryExpr:
					written = written || x.Op == token.AND && root(x.X)
				}
				return true
			})
		}
	}
	return !written
}

// hasOwn tells whether a function has a variable of its own with that name.
func hasOwn(f *ast.FuncDecl, name string) bool {
	own := false
	is := func(e ast.Expr) bool {
		ident, is := e.(*ast.Ident)
		return is && ident.Name == name
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.AssignStmt:
			own = own || x.Tok == token.DEFINE && slices.ContainsFunc(x.Lhs, is)
		case *ast.Field:
			own = own || slices.ContainsFunc(x.Names, func(i *ast.Ident) bool { return is(i) })
		}
		return true
	})
	return own
}

func TestThereIsNoStateBesideValues(t *testing.T) {
	tryOut(t, globalsRule, map[string]example{
		"an error to compare with":      {"stages/x/a.go", `package x; var ErrA = errors.New("a")`, false},
		"a check of an interface":       {"stages/x/a.go", `package x; var _ I = T{}`, false},
		"a variable":                    {"stages/x/a.go", `package x; var a int`, true},
		"a table in the program":        {"stages/x/a.go", `package x; var a = map[string]int{}`, true},
		"a table in test":               {"test/x/a.go", `package x; var a = map[string]int{}`, false},
		"a variable in test":            {"test/x/a.go", `package x; var a int`, true},
		"a table in test is written to": {"test/x/a.go", `package x; var a = map[string]int{}; func f() { a["b"] = 1 }`, true},
		"a table's name is used again":  {"test/x/a.go", `package x; var a = map[string]int{}; func f() { a := map[string]int{}; a["b"] = 1 }`, false},
		"a table in test is counted up": {"test/x/a.go", `package x; var a = map[string]int{}; func f() { a["b"]++ }`, true},
	})
	complain(t, "no package-level variables but errors to compare with and checks of interfaces", globalsRule(sources(t)))
}

// A test waits for what it waits for, and never for a time: on a slow machine it would be too short, on any other too long.
// Inside synctest.Test the clock is a false one, and sleeping moves it. And a test that is passed over proves nothing.
func waitingRule(files []source) []string {
	var found []string
	for _, s := range files {
		if !s.isTest() {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			call, is := n.(*ast.CallExpr)
			if !is {
				return true
			}
			f, is := call.Fun.(*ast.SelectorExpr)
			switch {
			case !is:
			case isOneOf(f, "synctest", "Test"):
				return false
			case isOneOf(f, "time", "Sleep"):
				found = append(found, s.at(f)+" sleeps")
			case (f.Sel.Name == "Skip" || f.Sel.Name == "SkipNow" || f.Sel.Name == "Skipf") && isTesting(f.X):
				found = append(found, s.at(f)+" passes over a test")
			}
			return true
		})
	}
	return found
}

// isTesting tells the names that a test has for its testing.TB.
func isTesting(e ast.Expr) bool {
	x, is := e.(*ast.Ident)
	return is && slices.Contains([]string{"t", "tb", "b", "f"}, x.Name)
}

func TestNoTestSleepsOrIsPassedOver(t *testing.T) {
	tryOut(t, waitingRule, map[string]example{
		"a test sleeps":                  {"stages/x/a_test.go", `package x; func TestA(t *testing.T) { time.Sleep(1) }`, true},
		"a test moves a false clock":     {"stages/x/a_test.go", `package x; func TestA(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }`, false},
		"a test is passed over":          {"stages/x/a_test.go", `package x; func TestA(t *testing.T) { t.Skip("no cf") }`, true},
		"a test is passed over silently": {"stages/x/a_test.go", `package x; func TestA(t *testing.T) { t.SkipNow() }`, true},
		"the program waits":              {"stages/x/a.go", `package x; func a() { time.Sleep(1) }`, false},
	})
	complain(t, "no test sleeps or is passed over", waitingRule(sources(t)))
}
