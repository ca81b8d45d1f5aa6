package console_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/console"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

func TestTheStatusIsATreeThatFolds(t *testing.T) {
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	done := func(n int, name string, ended time.Time) report.StageStatus {
		return report.StageStatus{Number: n, Name: name, Complete: true, Ended: ended, Took: 2 * time.Second}
	}
	s := report.Status{
		Environment: "preview", App: "search-api", Run: "r1", Started: at, Traffic: "blue",
		Lease: report.LeaseStatus{Held: true, Process: "vm, process 7", Age: 200, HeartbeatAge: 180, Stale: true},
		Stages: []report.StageStatus{
			done(1, "one", at), done(2, "two", at.Add(25*time.Hour)), {Number: 3, Name: "three"}, {Number: 4, Name: "four"}, done(5, "five", at),
		},
		Next: &report.NextStatus{Number: 3, Stage: "three", Will: "make it"},
		Others: report.OthersStatus{Since: at, Ours: 1, Changes: []report.Change{
			{Event: "audit.app.stop", Object: "app search-api", Actor: "x@example.com", Times: 2, Last: at, Unsure: "perhaps"},
		}},
		Leftovers: []report.Leftover{{Kind: "route", Name: "r.example.com", Since: at, RemovedBy: "12. deletes it"}},
		Card:      runner.Card{Traffic: "blue: search-api", Again: "yes", Onward: "yes", Rollback: "safe", Next: "cutover toy three"},
	}
	var out bytes.Buffer
	if err := console.Status(&out, s); err != nil {
		t.Fatal(err)
	}
	want := `preview · search-api · run r1, begun 2026-11-23 01:02 UTC
├── traffic: blue
├── lease: vm, process 7, held for 3m20s, last heartbeat 3m0s ago: stale, the next process takes it over
├── stages
│   ├── done  1. one to 2. two  2026-11-23 01:02:01 to 2026-11-24 02:02:03
│   ├── next  3. three: make it
│   ├── then  4. four
│   └── done  5. five  2026-11-23 01:02:01 to 01:02:03
├── changes by others: 1 (1 event is cutover's own)
│   └── 2026-11-23 01:02:03  audit.app.stop of app search-api by x@example.com, 2 times: perhaps
└── leftovers
    └── route r.example.com, since 2026-11-23 01:02 UTC: 12. deletes it

  traffic      blue: search-api
  run again    yes
  go on        yes
  roll back    safe
  next         cutover toy three
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
