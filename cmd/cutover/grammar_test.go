package main

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// toy is a runbook of the tests that nothing opens.
func toy(name string, moves runner.Range, opened *[]string) runbook {
	return runbook{
		Runbook: runner.Runbook{
			Name: name, Switch: moves,
			Steps: []runner.Step{{Number: 1, Name: "one", Title: "One"}, {Number: 2, Name: "two", Title: "Two"}, {Number: 3, Name: "three", Title: "Three"}},
		},
		help: "A runbook of the tests.", settings: reflect.TypeFor[struct{}](),
		open: func(_ context.Context, _ *program, c *runbookCommand, steps []runner.Step, _ environ.Problems) (site, error) {
			said := c.book.Name
			for _, s := range steps {
				said += " " + s.Name
			}
			*opened = append(*opened, said)
			return nil, runner.Refuse("opened")
		},
	}
}

// A second runbook is one value more in a list.
func TestEachRunbookHasCommandsOfItsOwn(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"first two", "first two"},
		{"second two", "second two"},
		{"first run", "first one two three"},
		{"first run --from two", "first two three"},
		{"first run --to switch", "first one two"},
		{"first run --from switch", "first two three"},
		{"first switch", "first two"},
		{"second run --to switch", `there is no stage "switch": cutover second --help lists them`},
		{"second switch", "unexpected argument switch"},
		{"first run --from three --to one", "stage three comes after one"},
		{"first run --from four", `there is no stage "four"`},
		{"second plan", "second one two three"},
		{"second status", "second"},
		{"second guard", "second"},
		{"second rollback", "second"},
		{"second unlock --run r1", "second"},
	} {
		t.Run(c.args, func(t *testing.T) {
			var opened []string
			books := []runbook{toy("first", runner.Range{First: "two", Last: "two"}, &opened), toy("second", runner.Range{}, &opened)}
			p := &program{redact: environ.NewRedactor(), lookup: func(string) (string, bool) { return "", false }}
			parser, err := newParser(p, books)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := parser.Parse(append(strings.Fields(c.args), reportsIn(t, c.args)...))
			if err == nil {
				parsed.BindTo(t.Context(), (*context.Context)(nil))
				err = parsed.Run()
			}
			got := strings.Join(opened, "; ")
			if got == "" {
				got = err.Error()
			}
			if opened != nil && got != c.want || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// reportsIn is the folder for reports of a command.
func reportsIn(t *testing.T, args string) []string {
	if strings.HasSuffix(args, " switch") && strings.HasPrefix(args, "second") {
		return nil
	}
	return []string{"--reports", t.TempDir()}
}

var _ kong.HelpProvider = stageCommand{}
