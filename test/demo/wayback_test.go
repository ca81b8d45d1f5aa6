package main

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/jenkins/report"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// gone is a rehearsal of the way back of which all held.
func gone(t *testing.T) recap {
	t.Helper()
	r := held(t)
	r.traffic, r.back = "blue: search-api alone", &wayBack{took: time.Second, sent: 50, blue: 30, green: 20}
	r.counts = []counts{{alias: "g-cloud-12", data: 2000, blue: 2000, green: -1}}
	files := report.Files{Dir: r.reports, Redact: func(s string) string { return s }, Failed: func(err error) { t.Fatal(err) }}
	for _, step := range r.steps() {
		files.Observe(runner.Event{Kind: runner.StageDone, Result: &runner.Result{Number: step.Number, Stage: step.Name, Rollback: true, Verdict: runner.Done, Started: time.Now()}})
	}
	return r
}

func TestWhatDoesNotHoldOnTheWayBackIsFound(t *testing.T) {
	cases := map[string]spoilt{
		"all of it held":       {func(*recap) error { return nil }, ""},
		"a request failed":     {func(r *recap) error { r.load.Failed = 1; return nil }, "1 live requests failed"},
		"nobody asked":         {func(r *recap) error { r.back.sent = 0; return nil }, "no live requests during the rollback"},
		"green never answered": {func(r *recap) error { r.back.green = 0; return nil }, "answered by both apps"},
		"a change is missing":  {func(r *recap) error { r.counts[0].blue--; return nil }, "1999 documents in blue, and 2000 in the data API"},
		"green is left":        {func(r *recap) error { r.counts[0].green = 0; return nil }, "g-cloud-12 is left in green"},
		"green serves":         {func(r *recap) error { r.traffic = "green"; return nil }, "at blue alone"},
		"the rollback failed":  {func(r *recap) error { r.ran[0].err = errors.New("exit status 1"); return nil }, "exit status 1"},
		"a report is missing":  {func(r *recap) error { return os.Remove(r.baseBack(r.steps()[8]) + ".xml") }, "the rollback's report of 9. map-live-route"},
		"a stage was left over": {func(r *recap) error {
			return os.WriteFile(r.baseBack(r.steps()[8])+".json", []byte(`{"verdict":"failed"}`), 0o644)
		}, "rollback of 9. map-live-route"},
	}
	found(t, gone, cases)
}
