package console_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/console"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

func planned() *console.Plan {
	p := &console.Plan{
		Took: func(string) time.Duration { return 2 * time.Second },
		Runbook: runner.Runbook{
			Steps: []runner.Step{
				{Number: 11, Name: "unmap-old-app"},
				{Number: 12, Name: "unmap-temporary-route"},
				{Number: 19, Name: "reindex"},
				{Number: 20, Name: "remove-old-service", Final: true},
			},
			RollbackCosts: []runner.RollbackCost{
				{After: runner.Range{First: "unmap-old-app", Last: "unmap-temporary-route"}, Cost: "seconds", End: "as it was"},
				{After: runner.Range{First: "remove-old-service", Last: "remove-old-service"}, Cost: "none", End: "it is gone"},
			},
		},
		World: []report.Subject{{Name: "traffic", Now: "both"}, {Name: "DRAIN", None: "the default"}},
	}
	done := func(r *runner.Result) { p.Observe(runner.Event{Kind: runner.StageDone, Result: r}) }
	done(&runner.Result{Environment: "preview", App: "search-api", Traffic: "both", Run: "r1", Number: 11, Stage: "unmap-old-app", Title: "Off", Verdict: runner.Skipped, Why: "done by build 7"})
	done(&runner.Result{
		Number: 12, Stage: "unmap-temporary-route", Title: "Unmap", Verdict: runner.Planned,
		Tasks: []runner.TaskResult{
			{Name: "create app x", Effect: runner.Creates, Verdict: runner.Planned, Said: "cf create-app x", Detail: "- a\n+ b\n"},
			{Name: "unmap a from b", Effect: runner.Deletes, Verdict: runner.Planned, Said: "cf unmap-route"},
			{Name: "apply the manifest", Effect: runner.Changes, Verdict: runner.Planned},
			{Name: "the counts hold", Verdict: runner.Planned},
			{Name: "it is there", Verdict: runner.Waits, Said: "waits for 9: one"},
			{Name: "it is there too", Verdict: runner.Waits, Said: "waits for 9: two"},
			{Name: "it holds", Verdict: runner.Done},
			{Name: "it does not", Verdict: runner.Failure, Error: "no"},
		},
	})
	done(&runner.Result{Number: 19, Stage: "reindex", Title: "Reindex", Verdict: runner.Waits, Why: "waits for 12", Tasks: []runner.TaskResult{{Verdict: runner.Waits, Said: "waits for 12"}}})
	done(&runner.Result{Number: 20, Stage: "remove-old-service", Title: "Remove", Verdict: runner.Planned, Tasks: []runner.TaskResult{{Name: "delete service y", Effect: runner.Deletes, Verdict: runner.Planned}}})
	return p
}

func TestAPlanShowsWhatIsCreatedChangedDeletedAndDeletedForGood(t *testing.T) {
	var text bytes.Buffer
	if err := planned().Print(&text); err != nil {
		t.Fatal(err)
	}
	want := `preview · search-api · run r1 · traffic: both · nothing was written

11. unmap-old-app  (took 2.0 s last time)
    = done by build 7

12. unmap-temporary-route  (took 2.0 s last time)
    + create app x
        │ - a
        │ + b
    - unmap a from b
    ~ apply the manifest
    · the counts hold
    … waits for 9: one
    x it does not: no

19. reindex  (took 2.0 s last time)
    … waits for 12

20. remove-old-service  ! cannot be undone  (took 2.0 s last time)
    ! delete service y

Rolling back
    after 11–12  seconds: as it was
    after 20     none: it is gone

What this plan depends on
    traffic            aae2ea33ba  both

1 to create, 1 to change, 1 to delete, 1 to delete for good; 1 stage is complete, 2 wait for an earlier one.
plan digest 1:traffic=aae2ea33ba
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestAPlanAsCommands(t *testing.T) {
	var commands bytes.Buffer
	if err := planned().AsCommands(&commands); err != nil {
		t.Fatal(err)
	}
	want := "# 11. Off\n# done by build 7\n# 12. Unmap\ncf create-app x\ncf unmap-route\n# apply the manifest\n# the counts hold\n# x it does not: no\n# 19. Reindex\n# waits for 12\n# 20. Remove\n# delete service y\n"
	if diff := cmp.Diff(want, commands.String()); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func TestWhatAPersonIsAskedToApprove(t *testing.T) {
	p := planned()
	want := `preview · search-api · run r1 · traffic: both
11. Off: done by build 7
12. Unmap: create app x; unmap a from b; apply the manifest
1 to create, 1 to change, 1 to delete; 1 stage is complete, 1 waits for an earlier one.
Rolling back after 12: seconds: as it was.
`
	if diff := cmp.Diff(want, p.Question(runner.Range{First: "unmap-old-app", Last: "unmap-temporary-route"})); diff != "" {
		t.Errorf("question (-want +got):\n%s", diff)
	}
	if q := p.Question(runner.Range{First: "unmap-old-app", Last: "unmap-old-app"}); q != "" {
		t.Errorf("what is complete is asked for: %s", q)
	}
}

func TestAPlanThatIsNotWholeHasNoDigest(t *testing.T) {
	p := planned()
	p.World = nil
	var text, object bytes.Buffer
	if err := p.Print(&text); err != nil || strings.Contains(text.String(), "digest") {
		t.Errorf("%v in:\n%s", err, text.String())
	}
	if err := p.JSON(&object); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(object.Bytes(), &got); err != nil || got["digest"] != nil || len(got["stages"].([]any)) != 4 {
		t.Errorf("%v in:\n%s", err, object.String())
	}
}
