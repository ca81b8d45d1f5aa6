package traffic_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/witness"
)

const (
	blueStillAnswers = "· every instance of blue still answers on "
	restoreTemporary = "+ map " + temporary + " to " + newApp + " again"
)

func TestRevert(t *testing.T) {
	off := []string{blueStillAnswers + live, blueStillAnswers + metrics, unmapLiveGreen, unmapMetricsGreen, greenUnmapped + live, greenUnmapped + metrics}
	for name, c := range map[string]struct {
		change func(*world)
		want   []string
	}{
		"before green was mapped": {func(*world) {}, []string{restoreTemporary}},
		"both serve": {
			func(w *world) { w.apply(w.MapGreen(w.ctx)) },
			slices.Concat(off, []string{lastToBlue, "~ unshare", restoreTemporary}),
		},
		"green is on one of the routes": {
			func(w *world) { w.apply(w.MapGreen(w.ctx)); w.off(w.green, metrics) },
			[]string{blueStillAnswers + live, unmapLiveGreen, greenUnmapped + live, lastToBlue, "~ unshare", restoreTemporary},
		},
		"blue is off one of the routes": {
			func(w *world) { w.apply(w.MapGreen(w.ctx)); w.off(w.blue.App, live) },
			slices.Concat([]string{mapLiveToBlue, blueAnswers + live, blueAnswers + metrics, catchUpMeanwhile}, off, []string{lastToBlue, "~ unshare", restoreTemporary}),
		},
		"green serves alone": {
			(*world).switched,
			slices.Concat([]string{mapLiveToBlue, mapMetricsToBlue, blueAnswers + live, blueAnswers + metrics, recordBack, catchUpMeanwhile}, off, []string{lastToBlue, "~ unshare", restoreTemporary}),
		},
		"green serves alone, and nothing follows": {
			func(w *world) { w.Follower = nil; w.switched() },
			slices.Concat([]string{mapLiveToBlue, mapMetricsToBlue, blueAnswers + live, blueAnswers + metrics, recordBack}, off, []string{restoreTemporary}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.change(w)
			w.apply(w.planned(c.want...)(w.Revert(w.ctx)), nil)
			w.serve(live, "blue")
			w.serve(metrics, "blue")
			w.serve(temporary, "green")
			if w.BlueIsOff() {
				t.Error("blue is recorded as off")
			}
			w.planned(restoreTemporary)(w.Revert(w.ctx))
		})
	}
}

func TestRevertLeavesTheRoutesAsTheyAre(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		words  string
	}{
		"the operator wants to hold": {func(w *world) { w.Hold = true }, "ON_BREACH is hold"},
		"blue is stopped": {
			func(w *world) { w.ok(w.cf.Apps.Stop(w.ctx, w.blue.App)); w.routable(w.blue.App, 0) },
			"0 of 2 instances of blue are routable",
		},
		"blue has fewer instances than it had": {
			func(w *world) { w.scaled(w.blue.App, 1) },
			"1 of 2 instances of blue are routable (RUNNING): the live routes stay as they are",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.switched()
			c.change(w)
			tasks, err := w.Revert(w.ctx)
			w.refused(err, c.words)
			if len(tasks) > 0 {
				t.Errorf("there are %d tasks", len(tasks))
			}
		})
	}
}

// Where a stranger is on the live routes they are left to it.
func TestRevertLeavesAStranger(t *testing.T) {
	w := newWorld(t)
	w.switched()
	w.on(w.stranger(), live)
	var left *runner.Irreversible
	if tasks, err := w.Revert(w.ctx); len(tasks) > 0 || !errors.As(err, &left) {
		t.Errorf("%d tasks, %v", len(tasks), err)
	}
}

func TestRestoreTemporary(t *testing.T) {
	w := newWorld(t)
	w.apply([]runner.Task{w.RestoreTemporary(), w.RestoreTemporary()}, nil)
	w.serve(temporary, "green")
	route := must(w.cf.Routes.ByAddress(w.ctx, temporary))(w)
	if !w.run.Owns(route.Metadata) {
		t.Errorf("the route is not the run's: %+v", route)
	}

	w.ok(w.cf.Routes.Delete(w.ctx, route.GUID))
	somebody := w.stranger()
	other := must(w.cf.Routes.Create(w.ctx, temporary, nil))(w)
	w.ok(w.cf.Routes.Map(w.ctx, other.GUID, somebody))
	w.refused(w.try(w.RestoreTemporary()), "taken by an object that this run did not create")
	w.serve(temporary, somebody)

	w.ok(w.cf.Apps.Delete(w.ctx, w.green))
	var notYet *runner.NotYet
	if err := w.try(w.RestoreTemporary()); !errors.As(err, &notYet) {
		t.Errorf("without green: %v", err)
	}
}

// A witness watches a rollback only where somebody answers.
func TestTheWitnessOfARollback(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		words  string
	}{
		"green serves":      {func(*world) {}, ""},
		"both serve":        {func(w *world) { w.on(w.blue.App) }, ""},
		"nobody serves":     {func(w *world) { w.off(w.green) }, "nobody answers on the live routes"},
		"green is stopped":  {func(w *world) { w.ok(w.cf.Apps.Stop(w.ctx, w.green)); w.routable(w.green, 0) }, "nobody answers on the live routes"},
		"a stranger serves": {func(w *world) { w.on(w.stranger()) }, "which is not of this run, and are left to it"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.switched()
			c.change(w)
			asks := witness.New(witness.Options{
				URL: "http://" + live + "/_status?ignore-dependencies", Kept: w.Proof.Fresh, Fresh: w.Proof.Fresh, Rate: 200, Baseline: 20 * time.Millisecond,
			})
			breach, err := traffic.RollbackWitness{Witness: asks, Traffic: w.Traffic}.Start(w.t.Context())
			defer asks.End()
			switch {
			case c.words == "" && (err != nil || breach == nil || asks.Tally().Sent == 0):
				t.Errorf("it does not watch: %v", err)
			case c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words) || asks.Tally().Sent > 0):
				t.Errorf("it has sent %d requests: %v", asks.Tally().Sent, err)
			}
		})
	}
}
