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
		Last:      func(string) time.Duration { return 2 * time.Second },
		NoWayBack: func(stage string) bool { return stage == "remove-old-service" },
		WaysBack:  []runner.WayBack{{First: 11, Last: 12, Cost: "seconds", End: "as it was"}, {First: 20, Last: 20, Cost: "none", End: "it is gone"}},
		World:     []report.Subject{{Name: "traffic", Now: "both"}, {Name: "DRAIN", None: "the default"}},
	}
	p.StageDone(&runner.Result{Environment: "preview", App: "search-api", Traffic: "both", Run: "r1", Number: 11, Stage: "unmap-old-app", Title: "Off", Verdict: runner.Skipped, Why: "done by build 7"})
	p.StageDone(&runner.Result{
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
	p.StageDone(&runner.Result{Number: 19, Stage: "reindex", Title: "Reindex", Verdict: runner.Waits, Why: "waits for 12", Tasks: []runner.TaskResult{{Verdict: runner.Waits, Said: "waits for 12"}}})
	p.StageDone(&runner.Result{Number: 20, Stage: "remove-old-service", Title: "Remove", Verdict: runner.Planned, Tasks: []runner.TaskResult{{Name: "delete service y", Effect: runner.Deletes, Verdict: runner.Planned}}})
	return p
}

func TestAPlanMarksWhatIsMadeChangedTakenAwayAndLostForGood(t *testing.T) {
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

20. remove-old-service  ! no way back from here  (took 2.0 s last time)
    ! delete service y

Going back
    after 11–12  seconds: as it was
    after 20     none: it is gone

What this was made of
    traffic            aae2ea33ba  both

1 to make, 1 to change, 1 to take away, 1 for good; 1 stage is complete, 2 wait for an earlier one.
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
1 to make, 1 to change, 1 to take away; 1 stage is complete, 1 waits for an earlier one.
Going back after 12: seconds: as it was.
`
	if diff := cmp.Diff(want, p.Question(11, 12)); diff != "" {
		t.Errorf("question (-want +got):\n%s", diff)
	}
	if q := p.Question(11, 11); q != "" {
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
