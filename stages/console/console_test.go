package console_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
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
			Again: "yes", Onward: "no", Rollback: "safe, seconds", Next: "cutover elasticsearch map-live-route", ByHand: "cf map-route",
		},
	}
}

func TestTheLogIsOneEventALineAndEndsWithTheCard(t *testing.T) {
	var out bytes.Buffer
	log := &console.Log{To: &out, Now: func() time.Time { return time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC) }}
	r := failed()
	log.Observe(runner.Event{Kind: runner.StageStarted, Result: r})
	r.Tasks = []runner.TaskResult{{List: runner.ListCheck, Name: "it holds", Verdict: runner.Done, Said: "2 of 2", Duration: 40 * time.Millisecond}}
	log.Observe(runner.Event{Kind: runner.TaskDone, Result: r})
	log.Observe(runner.Event{
		Kind: runner.TaskProgress, Result: r, Task: "put the documents", Elapsed: 20 * time.Second,
		Progress: &runner.Progress{Done: 12000, Total: 36311, What: "documents", Rate: 300},
	})
	log.Observe(runner.Event{Kind: runner.TaskProgress, Result: r, Task: "the service is ready", Elapsed: 30 * time.Second, Said: "create is in progress"})
	r.Tasks = append(r.Tasks, runner.TaskResult{List: runner.ListApply, Name: "map it", Verdict: runner.Failure, Error: "one\ntwo", Detail: "the detail", Duration: 2 * time.Second})
	log.Observe(runner.Event{Kind: runner.TaskDone, Result: r})
	log.Observe(runner.Event{Kind: runner.StageDone, Result: r})
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
  roll back    safe, seconds
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
	log.Observe(runner.Event{Kind: runner.StageStarted, Result: r})
	log.Observe(runner.Event{Kind: runner.StageDone, Result: r})
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

func TestMessagesOutsideOfTasksAreLinesOfTheSameFormat(t *testing.T) {
	var text bytes.Buffer
	log := (&console.Log{To: &text, Now: func() time.Time { return time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC) }}).Logger()
	log.With("run", "r").Info("the lease is held", "holder", "build 41", "waited", 3*time.Second)
	log.Warn("it is stale")
	log.Debug("nobody's business")
	want := "2026-11-23T01:02:03Z …      the lease is held (run r; holder build 41; waited 3s)\n2026-11-23T01:02:03Z note   it is stale\n"
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}

// A line says what is true now: a rate only while something is done, else for how long
// nothing was, and why.
func TestProgress(t *testing.T) {
	for want, p := range map[string]runner.Progress{
		"catching up":                                   {What: "catching up"},
		"5 documents, 2/s":                              {What: "documents", Done: 5, Rate: 2},
		"5 of 10 documents, 2/s, 3s left":               {What: "documents", Done: 5, Total: 10, Rate: 2},
		"5 of 10 documents, 2/s, 3s left, 1 retry":      {What: "documents", Done: 5, Total: 10, Rate: 2, Quiet: time.Second, Trouble: "503", Note: "1 retry"},
		"5 of 10 documents, none for 8s":                {What: "documents", Done: 5, Total: 10, Rate: 0.4, Quiet: 8 * time.Second},
		"5 of 10 documents, no answer for 8s: put; 503": {What: "documents", Done: 5, Total: 10, Rate: 0.4, Quiet: 8 * time.Second, Trouble: "put\n503"},
		"catching up, no answer for 8s: 503":            {What: "catching up", Quiet: 8 * time.Second, Trouble: "503"},
		"10 of 10 documents":                            {What: "documents", Done: 10, Total: 10, Quiet: 8 * time.Second},
	} {
		var out strings.Builder
		log := &console.Log{To: &out}
		log.Observe(runner.Event{Kind: runner.TaskProgress, Task: "put", Elapsed: time.Minute, Progress: &p})
		if _, got, _ := strings.Cut(out.String(), "put: "); got != want+" (1m0s)\n" {
			t.Errorf("%+v is %q, want %q", p, out.String(), want)
		}
	}
}

// Nobody reads a megabyte at 3 a.m.
func TestWhatIsLongIsCut(t *testing.T) {
	var out bytes.Buffer
	r := failed()
	long := strings.Repeat("no such thing, ", 70_000)
	r.Tasks = []runner.TaskResult{{List: runner.ListApply, Name: "map it", Verdict: runner.Failure, Error: long, Detail: strings.Repeat(long+"\n", 5) + strings.Repeat("a document\n", 995)}}
	r.Card.Failed, r.Card.NotChanged = long, slices.Repeat([]string{"map a route"}, 300)
	log := &console.Log{To: &out}
	log.Observe(runner.Event{Kind: runner.TaskDone, Result: r})
	log.Observe(runner.Event{Kind: runner.StageDone, Result: r})
	if lines := strings.Count(out.String(), "\n"); out.Len() > 30_000 || lines > 115 {
		t.Errorf("%d lines of %d bytes", lines, out.Len())
	}
	for _, text := range []string{"characters left out", "and 900 lines more, in the report", "map a route; and 290 more"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q is not said", text)
		}
	}
}
