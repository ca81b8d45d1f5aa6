package console_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/console"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

func failed() *runner.Result {
	return &runner.Result{
		Environment: "preview", App: "search-api", Number: 9, Of: 20, Stage: "map-live-route", Title: "Map the live route",
		Run: "20261123-0102-abcd", Traffic: "blue", Verdict: runner.Failure, Duration: 1500 * time.Millisecond, ExitCode: 1,
		Card: &runner.Card{
			Failed: "9. map-live-route, apply: map it: one\ntwo", Traffic: "blue: search-api, 2 instances", NotChanged: []string{"map it", "map the other"},
			Again: "yes", Onward: "no", Back: "safe, seconds", Next: "cutover elasticsearch map-live-route", ByHand: "cf map-route",
		},
	}
}

func TestTheLogIsOneEventALineAndEndsWithTheCard(t *testing.T) {
	var out bytes.Buffer
	log := &console.Log{To: &out, Now: func() time.Time { return time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC) }}
	r := failed()
	log.StageStarted(r)
	r.Tasks = []runner.TaskResult{{List: runner.ListCheck, Name: "it holds", Verdict: runner.Done, Said: "2 of 2", Duration: 40 * time.Millisecond}}
	log.TaskDone(r)
	log.Progress(r, "put the documents", 20*time.Second, &runner.Progress{Done: 12000, SinceStart: 6000, Total: 36311, What: "documents", Elapsed: 20 * time.Second}, "")
	log.Progress(r, "the service is ready", 30*time.Second, nil, "create is in progress")
	r.Tasks = append(r.Tasks, runner.TaskResult{List: runner.ListApply, Name: "map it", Verdict: runner.Failure, Error: "one\ntwo", Detail: "the detail", Duration: 2 * time.Second})
	log.TaskDone(r)
	log.StageDone(r)
	want := `2026-11-23T01:02:03Z ── 9. Map the live route · preview · search-api · stage 9 of 20 · run 20261123-0102-abcd · traffic: blue ──
2026-11-23T01:02:03Z ok     check  it holds: 2 of 2 (40 ms)
2026-11-23T01:02:03Z …      put the documents: 12,000 of 36,311 documents, 300/s, 1m21s left (20s)
2026-11-23T01:02:03Z …      the service is ready: not yet: create is in progress (30s)
2026-11-23T01:02:03Z FAILED apply  map it: one; two (2.0 s)
2026-11-23T01:02:03Z               │ the detail
2026-11-23T01:02:03Z 9. map-live-route: failed (1.5 s)

  failed       9. map-live-route, apply: map it: one; two
  traffic      blue: search-api, 2 instances
  changed      nothing
  not changed  map it; map the other
  run again    yes
  go on        no
  go back      safe, seconds
  by hand      cf map-route
  next         cutover elasticsearch map-live-route
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestTheJSONLogIsOneObjectALine(t *testing.T) {
	var out bytes.Buffer
	log := &console.Log{To: &out, JSON: slog.New(slog.NewJSONHandler(&out, nil))}
	r := failed()
	log.StageStarted(r)
	log.StageDone(r)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), out.String())
	}
	for _, line := range lines {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil || event["stage"] != "map-live-route" || event["run"] != "20261123-0102-abcd" {
			t.Errorf("%v in %s", err, line)
		}
	}
}

func TestAPlanMarksWhatIsMadeChangedAndTakenAway(t *testing.T) {
	p := &console.Plan{Last: func(string) time.Duration { return 2 * time.Second }}
	p.StageDone(&runner.Result{
		Environment: "preview", App: "search-api", Traffic: "both", Number: 12, Stage: "unmap-temporary-route", Title: "Unmap", Verdict: runner.Planned,
		Tasks: []runner.TaskResult{
			{Name: "create app x", Verdict: runner.Planned, Said: "cf create-app x", Detail: "- a\n+ b\n"},
			{Name: "unmap a from b", Verdict: runner.Planned, Said: "cf unmap-route"},
			{Name: "apply the manifest", Verdict: runner.Planned},
			{Name: "the counts hold", Verdict: runner.Planned},
			{Name: "it holds", Verdict: runner.Done},
			{Name: "it does not", Verdict: runner.Failure, Error: "no"},
		},
	})
	p.StageDone(&runner.Result{Number: 19, Stage: "reindex", Title: "Reindex", Verdict: runner.Waits, Why: "waits for 12"})
	p.StageDone(&runner.Result{Number: 20, Stage: "remove-old-service", Title: "Remove", Verdict: runner.Nothing})
	var text, commands bytes.Buffer
	if err := p.Print(&text, func(stage string) bool { return stage == "remove-old-service" }); err != nil {
		t.Fatal(err)
	}
	want := `preview · search-api · traffic: both · nothing was written

12. unmap-temporary-route  (took 2.0 s last time)
    + create app x
        │ - a
        │ + b
    - unmap a from b
    ~ apply the manifest
    · the counts hold
    x it does not: no

19. reindex  (took 2.0 s last time)
    … waits for 12

20. remove-old-service  ! no way back from here  (took 2.0 s last time)
    = already so

1 to make, 1 to change, 1 to take away; 1 stage is complete, 1 waits for an earlier one.
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if err := p.AsCommands(&commands); err != nil {
		t.Fatal(err)
	}
	want = "# 12. Unmap\ncf create-app x\ncf unmap-route\n# apply the manifest\n# the counts hold\n# 19. Reindex\n# waits for 12\n# 20. Remove\n"
	if diff := cmp.Diff(want, commands.String()); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}
