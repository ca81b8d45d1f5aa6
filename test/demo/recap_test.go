package main

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/jenkins/report"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// held is a rehearsal of which all held, with its reports.
func held(t *testing.T) recap {
	t.Helper()
	r := recap{
		reports: t.TempDir(), traffic: "green: elasticsearch-migration", edits: edits{Edits: 3}, ran: []ran{{command: "check-release"}},
		counts: []counts{{alias: "g-cloud-12", data: 2000, blue: 1997, green: 2000}},
		load:   tally{Sent: 100, ByApp: map[string]int{blueApp: 50, "elasticsearch-migration": 50}},
	}
	files := report.Files{Dir: r.reports, Redact: func(s string) string { return s }, Failed: func(err error) { t.Fatal(err) }}
	for _, step := range elasticsearch.Runbook(nil).Steps {
		files.Observe(runner.Event{Kind: runner.StageDone, Result: &runner.Result{Number: step.Number, Stage: step.Name, Verdict: runner.Done, Started: time.Now()}})
	}
	return r
}

// spoilt is what may become of a rehearsal, and what the recap says of it.
type spoilt struct {
	spoil func(*recap) error
	want  string
}

// A demo that cannot fail shows nothing.
func TestWhatDoesNotHoldIsFound(t *testing.T) {
	first := elasticsearch.Runbook(nil).Steps[0]
	cases := map[string]spoilt{
		"all of it held":             {func(*recap) error { return nil }, ""},
		"a request failed":           {func(r *recap) error { r.load.Failed = 1; return nil }, "1 live requests failed"},
		"nobody was sent to green":   {func(r *recap) error { delete(r.load.ByApp, "elasticsearch-migration"); return nil }, "by blue and by green"},
		"a document is missing":      {func(r *recap) error { r.counts[0].green--; return nil }, "1999 documents in green, and 2000 in the data API"},
		"green has no index":         {func(r *recap) error { r.counts[0].green = -1; return nil }, "documents in green"},
		"an edit was not heard of":   {func(r *recap) error { r.edits.Unheard = 1; return nil }, "not told of 1 edits"},
		"nobody edited":              {func(r *recap) error { r.edits.Edits = 0; return nil }, "nobody edited"},
		"both apps serve at the end": {func(r *recap) error { r.traffic = "both: …"; return nil }, "at green alone"},
		"a process failed":           {func(r *recap) error { r.ran[0].err = errors.New("exit status 1"); return nil }, "exit status 1"},
		"a report is missing":        {func(r *recap) error { return os.Remove(base(r.reports, first) + ".xml") }, "the report of 1. check-release"},
		"a report is cut off":        {func(r *recap) error { return os.Truncate(base(r.reports, first)+".xml", 60) }, "the report of 1. check-release"},
		"a stage was skipped": {func(r *recap) error {
			return os.WriteFile(base(r.reports, first)+".json", []byte(`{"verdict":"skipped","why":"for no reason"}`), 0o644)
		}, "1. check-release: skipped for no reason"},
	}
	found(t, held, cases)
}

// found sees that a recap tells what is wrong with a rehearsal in which all held,
// once it is spoilt; "": nothing is.
func found(t *testing.T, held func(*testing.T) recap, cases map[string]spoilt) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			r := held(t)
			if err := cases[name].spoil(&r); err != nil {
				t.Fatal(err)
			}
			r.judge()
			r.write(io.Discard)
			wrong := errors.Join(r.wrong...)
			if want := cases[name].want; (wrong == nil) != (want == "") || wrong != nil && !strings.Contains(wrong.Error(), want) {
				t.Errorf("found %v, want %q", wrong, want)
			}
		})
	}
}

// The order is the Jenkinsfile's, without what it calls for its other actions.
func TestTheCommandsAreThoseOfTheMigration(t *testing.T) {
	commands, err := commandsOf("../../Jenkinsfile")
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, step := range elasticsearch.Runbook(nil).Steps {
		steps = append(steps, step.Name)
	}
	switched := slices.Index(commands, switching)
	if switched < 0 || commands[switched+1] != "map-live-route" || !slices.Equal(slices.Delete(slices.Clone(commands), switched, switched+1), steps) {
		t.Errorf("%v, and the runbook has %v", commands, steps)
	}
}

// Two rehearsals in one folder would take each other's reports for their own.
func TestASecondRehearsalIsKeptOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reports", "demo.lock")
	first, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(path); err == nil {
		t.Error("the second one was let in")
	}
	first.Close()
	again, err := lock(path)
	if err != nil {
		t.Fatalf("after the first had ended: %v", err)
	}
	again.Close()
}
