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

	stagereport "github.com/digitalmarketplace/cutover/jenkins/report"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// goodRecap is a rehearsal in which nothing is wrong, with its reports.
func goodRecap(t *testing.T) recap {
	t.Helper()
	r := recap{
		reports: t.TempDir(), traffic: "green: elasticsearch-migration", runs: []processRun{{command: "check-release"}},
		edits:  sandbox.WriterTally{Edits: 3},
		counts: []counts{{alias: "g-cloud-12", data: 2000, blue: 1997, green: 2000}},
		load:   sandbox.Tally{Sent: 100, ByApp: map[string]int{blueApp: 50, "elasticsearch-migration": 50}},
	}
	for _, step := range elasticsearch.Runbook(nil).Steps {
		report(t, r.reports, runner.Result{Number: step.Number, Stage: step.Name})
	}
	return r
}

// report writes the report of a stage that succeeded.
func report(t *testing.T, dir string, result runner.Result) {
	t.Helper()
	files := stagereport.Files{Dir: dir, Redact: func(s string) string { return s }, Failed: func(err error) { t.Fatal(err) }}
	result.Verdict, result.Started = runner.Done, time.Now()
	files.Observe(runner.Event{Kind: runner.StageDone, Result: &result})
}

// spoilt is a change to a good rehearsal, and what the recap has to say of it; "" where nothing is wrong.
type spoilt struct {
	spoil func(*recap) error
	want  string
}

// A demo that cannot fail proves nothing.
func TestWhatIsWrongIsReported(t *testing.T) {
	first := elasticsearch.Runbook(nil).Steps[0]
	reported(t, goodRecap, map[string]spoilt{
		"nothing is wrong":           {func(*recap) error { return nil }, ""},
		"a request failed":           {func(r *recap) error { r.load.Failed = 1; return nil }, "1 live requests failed"},
		"green answered nothing":     {func(r *recap) error { delete(r.load.ByApp, "elasticsearch-migration"); return nil }, "not answered by both blue and green"},
		"a document is missing":      {func(r *recap) error { r.counts[0].green--; return nil }, "1999 documents in green, and 2000 in the data API"},
		"green has no index":         {func(r *recap) error { r.counts[0].green = -1; return nil }, "documents in green"},
		"an edit was lost":           {func(r *recap) error { r.edits.Unheard = 1; return nil }, "1 edits did not reach the live index"},
		"no edits":                   {func(r *recap) error { r.edits.Edits = 0; return nil }, "no edits were made"},
		"both apps serve at the end": {func(r *recap) error { r.traffic = "both: …"; return nil }, "not on green alone"},
		"a process failed":           {func(r *recap) error { r.runs[0].err = errors.New("exit status 1"); return nil }, "exit status 1"},
		"a report is missing":        {func(r *recap) error { return os.Remove(base(r.reports, first) + ".xml") }, "the report of 1. check-release"},
		"a report is cut off":        {func(r *recap) error { return os.Truncate(base(r.reports, first)+".xml", 60) }, "the report of 1. check-release"},
		"a stage was skipped": {func(r *recap) error {
			return os.WriteFile(base(r.reports, first)+".json", []byte(`{"verdict":"skipped","why":"for no reason"}`), 0o644)
		}, "1. check-release: skipped for no reason"},
	})
}

// reported checks what the recap says of each spoilt rehearsal.
func reported(t *testing.T, good func(*testing.T) recap, cases map[string]spoilt) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			r := good(t)
			if err := cases[name].spoil(&r); err != nil {
				t.Fatal(err)
			}
			r.check()
			r.write(io.Discard)
			err := errors.Join(r.failures...)
			if want := cases[name].want; (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("reported %v, want %q", err, want)
			}
		})
	}
}

// The commands are the Jenkinsfile's in its order, without those of its other actions.
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

// Two rehearsals in one folder would overwrite each other's reports.
func TestASecondRehearsalIsKeptOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reports", "demo.lock")
	first, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(path); err == nil {
		t.Error("the second rehearsal got the lock too")
	}
	first.Close()
	again, err := lock(path)
	if err != nil {
		t.Fatalf("lock after the first had ended: %v", err)
	}
	again.Close()
}
