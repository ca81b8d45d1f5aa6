package main

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// goodRollback is a rehearsal of a rollback in which nothing is wrong, with its reports.
func goodRollback(t *testing.T) recap {
	t.Helper()
	r := goodRecap(t)
	r.traffic, r.rollback = "blue: search-api alone", &rollback{took: time.Second, sent: 50, blue: 30, green: 20}
	r.counts = []counts{{alias: "g-cloud-12", data: 2000, blue: 2000, green: -1}}
	for _, step := range r.steps() {
		report(t, r.reports, runner.Result{Number: step.Number, Stage: step.Name, Rollback: true})
	}
	return r
}

func TestWhatIsWrongAfterARollbackIsReported(t *testing.T) {
	mapped := *elasticsearch.Runbook(nil).Named("map-live-route")
	reported(t, goodRollback, map[string]spoilt{
		"nothing is wrong":     {func(*recap) error { return nil }, ""},
		"a request failed":     {func(r *recap) error { r.load.Failed = 1; return nil }, "1 live requests failed"},
		"no live requests":     {func(r *recap) error { r.rollback.sent = 0; return nil }, "no live requests during the rollback"},
		"green never answered": {func(r *recap) error { r.rollback.green = 0; return nil }, "not answered by both apps"},
		"a change is missing":  {func(r *recap) error { r.counts[0].blue--; return nil }, "1999 documents in blue, and 2000 in the data API"},
		"green is left":        {func(r *recap) error { r.counts[0].green = 0; return nil }, "g-cloud-12 is left in green"},
		"green serves":         {func(r *recap) error { r.traffic = "green"; return nil }, "not on blue alone"},
		"the rollback failed":  {func(r *recap) error { r.runs[0].err = errors.New("exit status 1"); return nil }, "exit status 1"},
		"a report is missing":  {func(r *recap) error { return os.Remove(rollbackBase(r.reports, mapped) + ".xml") }, "the report of the rollback of 9. map-live-route"},
		"a stage was not undone": {func(r *recap) error {
			return os.WriteFile(rollbackBase(r.reports, mapped)+".json", []byte(`{"verdict":"failed"}`), 0o644)
		}, "the rollback of 9. map-live-route: failed"},
	})
}
