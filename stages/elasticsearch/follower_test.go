package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// runOf is a run in memory, with facts, and complete up to a stage.
func runOf(upTo string, facts map[string]string) *upgrade.Run {
	run := upgrade.NewRun(upgrade.RunOptions{Milestones: milestones()})
	complete := map[string]journal.Completion{}
	for _, stage := range order()[:position(upTo)+1] {
		complete[stage] = journal.Completion{}
	}
	run.Assume(&journal.Run{ID: "r", Started: time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC), Facts: facts, Complete: complete})
	return run
}

func TestWhichSearchAPIASideIs(t *testing.T) {
	app := func(guid string, err error) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return guid, err }
	}
	gone := errors.New("blue is gone")
	for name, c := range map[string]struct {
		upTo string
		side bluegreen.Side
		want string
		err  error
	}{
		"green, before the switch":                {stageVerifyIndices, bluegreen.Side{}, "https://temporary.example map[]", nil},
		"green, while both serve":                 {stageMapLiveRoute, bluegreen.Side{}, "https://temporary.example map[]", nil},
		"green, which serves alone":               {stageUnmapOldApp, bluegreen.Side{}, "https://live.example map[]", nil},
		"blue by its private route":               {stageUnmapOldApp, bluegreen.Side{Blue: true, Route: "private.example"}, "https://private.example map[]", nil},
		"blue by a live route, beside green":      {stageMapLiveRoute, bluegreen.Side{Blue: true, Route: "live.example", App: app("b", nil)}, "https://live.example map[X-Cf-App-Instance:[b:0]]", nil},
		"blue by a live route, and blue is gone":  {stageMapLiveRoute, bluegreen.Side{Blue: true, Route: "live.example", App: app("", gone)}, "", gone},
		"green is never asked which instance":     {stageMapLiveRoute, bluegreen.Side{App: app("", gone)}, "https://temporary.example map[]", nil},
		"green's address is never blue's private": {stageMapLiveRoute, bluegreen.Side{Route: "private.example"}, "https://temporary.example map[]", nil},
	} {
		t.Run(name, func(t *testing.T) {
			asked := ""
			a := &apis{
				run: runOf(c.upTo, nil), liveURL: "https://live.example", scheme: "https", temporaryRoute: "temporary.example",
				search: func(base string, header http.Header) *searchapi.Client {
					asked = fmt.Sprint(base, " ", header)
					return nil
				},
			}
			if _, err := a.at(t.Context(), c.side); !errors.Is(err, c.err) {
				t.Errorf("the error is %v, not %v", err, c.err)
			}
			if asked != c.want {
				t.Errorf("asked is %q, not %q", asked, c.want)
			}
		})
	}
}

// An alias that is new with green is not looked for in blue.
func TestWhichIndicesBlueHas(t *testing.T) {
	for name, c := range map[string]struct {
		drift string
		want  []string
	}{
		"nothing is recorded":       {"", []string{"g-cloud-12", "briefs-digital-outcomes-and-specialists"}},
		"what is recorded is wrong": {"{", []string{"g-cloud-12", "briefs-digital-outcomes-and-specialists"}},
		"both":                      {`{"g-cloud-12":-3,"briefs-digital-outcomes-and-specialists":0}`, []string{"g-cloud-12", "briefs-digital-outcomes-and-specialists"}},
		"one, and it lacks nothing": {`{"g-cloud-12":0}`, []string{"g-cloud-12"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &documents{counts: &counts{apis: &apis{run: runOf(stageMapLiveRoute, map[string]string{factDrift: c.drift}), scheme: "https"}, indices: indexer.Defaults("preview")}, stage: "preview"}
			var got []string
			for _, target := range d.blueTargets() {
				got = append(got, target.Alias.String())
				if target.Name != target.Alias {
					t.Errorf("documents of %s go to %s", target.Alias, target.Name)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if n := strings.Count(d.byHand("private.example"), "--search-api-url=https://private.example"); n != len(c.want) {
				t.Errorf("by hand there are %d commands, of %d", n, len(c.want))
			}
		})
	}
}

// What is brought to blue begins where blue had everything: when both began to serve,
// else when the indexing began, else when the run did.
func TestWhatIsBroughtToBlue(t *testing.T) {
	for name, c := range map[string]struct {
		// shared, began and started are whether that was before the edit.
		shared, began *bool
		started       bool
		want          bool
	}{
		"shared since before the edit":                  {new(true), new(false), false, true},
		"shared since after the edit":                   {new(false), new(true), true, false},
		"never shared, indexed since before the edit":   {nil, new(true), false, true},
		"never shared, indexed since after the edit":    {nil, new(false), true, false},
		"neither, and the run began before the edit":    {nil, nil, true, true},
		"neither, and the run began when it was made":   {nil, nil, false, false},
		"shared since before, and nothing was indexed ": {new(true), nil, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			early := w.box.Clock().Now()
			edited := w.published(services)[0]
			w.edit("update-service", edited.ID)
			w.remove(services, edited)
			w.box.Clock().Move(time.Hour)
			late := w.box.Clock().Now()
			at := func(before bool) time.Time {
				if before {
					return early
				}
				return late
			}
			w.begins(at(c.started))
			for fact, before := range map[string]*bool{factShared: c.shared, factBegan: c.began} {
				if before != nil {
					w.ok(w.run.Set(w.ctx, fact, at(*before)))
				}
			}
			shared := w.run.Time(factShared)
			_, err := w.do(w.documents.CatchUp("catch up blue", bluegreen.Side{Blue: true, Route: w.names.LiveRoute}))
			w.ok(err)
			if is := w.has(services, edited.ID); is != c.want {
				t.Errorf("blue has the edited service: %t", is)
			}
			if now := w.run.Time(factShared); now.Before(shared) {
				t.Errorf("blue is recorded to have less than it had: %s, and %s before", now, shared)
			}
		})
	}
}

// begins records another start of the run.
func (w *world) begins(at time.Time) {
	w.t.Helper()
	run, err := w.journal.Load(w.ctx)
	w.ok(err)
	run.Started = at
	w.run.Assume(run)
}

// From Share to Unshare both sides get live writes, and what blue lacked is known.
func TestSharing(t *testing.T) {
	w := newWorld(t)
	cursor := w.box.Clock().Now()
	w.ok(w.run.Set(w.ctx, factCursor, cursor))
	lacks := w.published(services)[0]
	w.remove(services, lacks)
	if w.documents.Shared() {
		t.Error("both sides share from the start")
	}
	_, err := w.do(w.documents.Share())
	w.ok(err)
	if at := w.run.Time(factShared); !w.documents.Shared() || !at.Equal(cursor) {
		t.Errorf("both sides share since %s; the last catch-up came up to %s", at, cursor)
	}
	want := map[string]int{"g-cloud-12": -1, "briefs-digital-outcomes-and-specialists": 0}
	if diff := cmp.Diff(want, w.documents.drift()); diff != "" {
		t.Errorf("what blue lacked: %s", diff)
	}

	complete := w.documents.Complete(bluegreen.Side{Blue: true, Route: w.names.LiveRoute})
	if _, err := w.do(complete); err != nil {
		t.Errorf("blue lacks what it was known to lack: %v", err)
	}
	w.remove(services, w.published(services)[1])
	if _, err := w.do(complete); err == nil {
		t.Error("blue lacks more than it was known to lack")
	}

	_, err = w.do(w.documents.Unshare())
	w.ok(err)
	if w.documents.Shared() || len(w.documents.drift()) > 0 {
		t.Errorf("both sides share, %v", w.documents.drift())
	}
}

func TestWhatTheFollowersTasksDo(t *testing.T) {
	d := &documents{counts: &counts{apis: &apis{run: runOf(stageMapLiveRoute, nil)}}}
	for name, c := range map[string]struct {
		task runner.Task
		want runner.Effect
	}{
		"green is caught up":  {d.CatchUp("x", bluegreen.Side{}), runner.Changes},
		"blue is caught up":   {d.CatchUp("x", bluegreen.Side{Blue: true}), runner.Changes},
		"green is complete":   {d.Complete(bluegreen.Side{}), runner.Proves},
		"blue is complete":    {d.Complete(bluegreen.Side{Blue: true}), runner.Proves},
		"both sides share":    {d.Share(), runner.Creates},
		"blue alone is asked": {d.Unshare(), runner.Changes},
	} {
		t.Run(name, func(t *testing.T) {
			if c.task.Effect != c.want {
				t.Errorf("%s: it %s, and should be one that %s", c.task.Name, c.task.Effect, c.want)
			}
		})
	}
}
