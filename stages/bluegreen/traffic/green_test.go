package traffic_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const (
	mapLiveToGreen    = "+ map " + live + " to " + newApp
	mapMetricsToGreen = "+ map " + metrics + " to " + newApp
	catchUpGreen      = "~ catch up green before it gets live traffic"
	lastToBlue        = "~ catch up blue with the last writes to green"
	unmapLiveGreen    = "- unmap " + live + " from " + newApp
	unmapMetricsGreen = "- unmap " + metrics + " from " + newApp
	blueAnswers       = "· every instance of blue answers on "
	greenUnmapped     = "· every instance of green is unmapped on "
)

func TestMapGreen(t *testing.T) {
	w := newWorld(t)
	w.ok(w.cf.Apps.Scale(w.ctx, w.green, 1))
	var sized int
	before := runner.Task{Name: "the smoke test passes", Do: func(ctx context.Context, _ *runner.Observation) error {
		var err error
		sized, _, err = upgrade.Routable(ctx, w.cf, w.green)
		w.serve(live, "blue")
		w.follower.called()
		return err
	}}
	w.apply(w.planned(
		"~ scale "+newApp+" from 1 to 2 instances", "· every instance of green runs", "· the smoke test passes",
		catchUpGreen, "· complete: green", "+ share", mapLiveToGreen, mapMetricsToGreen,
	)(w.MapGreen(w.ctx, before)), nil)
	if sized != 2 {
		t.Errorf("before the mapping %d instances of green run", sized)
	}
	w.follower.called("catch up green", "complete: green", "share")
	w.serve(live, "blue", "green")
	w.serve(metrics, "blue", "green")
	w.planned()(w.MapGreen(w.ctx, before))
	w.apply(w.planned("· every instance of green answers on "+live, "· every instance of green answers on "+metrics)(w.GreenAnswers("green"), nil), nil)
	if diff := cmp.Diff([]string{"during", "during"}, w.entered); diff != "" {
		t.Errorf("the phases: %s", diff)
	}

	// Somebody unmaps one of the routes: it is mapped again, and shared since is not recorded anew.
	w.off(w.green, metrics)
	w.apply(w.planned(catchUpGreen, "· complete: green", mapMetricsToGreen)(w.MapGreen(w.ctx)), nil)
}

func TestMapGreenWhereNothingFollows(t *testing.T) {
	w := newWorld(t)
	w.Follower = nil
	w.apply(w.planned(mapLiveToGreen, mapMetricsToGreen)(w.MapGreen(w.ctx)), nil)
	w.serve(live, "blue", "green")
	w.planned()(w.MapGreen(w.ctx))
	w.apply(w.planned(
		blueStillAnswers+live, blueStillAnswers+metrics, unmapLiveGreen, unmapMetricsGreen, greenUnmapped+live, greenUnmapped+metrics,
	)(w.UnmapGreen(w.ctx)), nil)
	w.serve(live, "blue")
	if diff := cmp.Diff([]string{"during", "during", "during", "during", "after"}, w.entered); diff != "" {
		t.Errorf("the witness is told: %s", diff)
	}
	w.planned()(w.UndoMapGreen(w.ctx))
}

func TestUnmapGreen(t *testing.T) {
	w := newWorld(t)
	w.apply(w.MapGreen(w.ctx))
	w.follower.calls, w.entered = nil, nil
	then := runner.Task{Name: "then", Do: func(context.Context, *runner.Observation) error {
		w.follower.calls = append(w.follower.calls, "then")
		return nil
	}}
	w.apply(w.planned(
		blueStillAnswers+live, blueStillAnswers+metrics, unmapLiveGreen, unmapMetricsGreen, greenUnmapped+live, greenUnmapped+metrics,
		lastToBlue, "· then", "~ unshare",
	)(w.UnmapGreen(w.ctx, then)), nil)
	w.serve(live, "blue")
	w.serve(metrics, "blue")
	w.follower.called("catch up blue at "+live+", blue", "then", "unshare")
	if diff := cmp.Diff([]string{"during", "during", "after"}, w.entered); diff != "" {
		t.Errorf("the phases: %s", diff)
	}
	w.planned()(w.UnmapGreen(w.ctx))
	w.planned()(w.UnmapGreen(w.ctx, then))
}

// A process that was killed before it recorded that blue has every write: the rest is done.
func TestUnmapGreenAfterAStopHalfway(t *testing.T) {
	w := newWorld(t)
	w.apply(w.MapGreen(w.ctx))
	w.off(w.green)
	w.apply(w.planned(lastToBlue, "~ unshare")(w.UnmapGreen(w.ctx)), nil)
	w.planned()(w.UnmapGreen(w.ctx))
}

func TestALiveRouteIsNeverLeftToNobody(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		// proof are words of the first task's error, unmap those of the first unmapping's.
		proof, unmap string
	}{
		"blue is not on the route": {
			func(w *world) { w.off(w.blue.App, live) },
			"answered 400 unknown_route", live + " does not lead to blue: map it there first",
		},
		"blue is on the route, and stopped": {
			func(w *world) { w.ok(w.cf.Apps.Stop(w.ctx, w.blue.App)); w.routable(w.blue.App, 0) },
			"answered 400 unknown_route", "",
		},
		"blue is scaled to none": {
			func(w *world) { w.ok(w.cf.Apps.Scale(w.ctx, w.blue.App, 0)) },
			"blue has no instances", "",
		},
		"somebody is on the route as well": {
			func(w *world) { w.on(w.stranger(), live) },
			"", "which is not of this run: unmap that first",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(w.MapGreen(w.ctx))
			w.apply(w.GreenAnswers("green"), nil)
			c.change(w)
			tasks, err := w.UnmapGreen(w.ctx)
			w.ok(err)
			if c.proof != "" {
				w.fails(tasks[0], c.proof)
			}
			if c.unmap != "" {
				w.refused(w.try(tasks[2]), c.unmap)
				w.stays(live, "green")
			}
		})
	}
}

// Where there is no other app for the live routes, nothing is planned at all.
func TestGreenIsNotUnmappedWithoutAFallback(t *testing.T) {
	w := newWorld(t)
	w.switched()
	w.ok(w.cf.Apps.Delete(w.ctx, w.blue.App))
	_, err := w.UnmapGreen(w.ctx)
	w.refused(err, "blue, once search-api, is gone, and no other app has the live routes to itself")
	_, err = w.UndoMapGreen(w.ctx)
	w.refused(err, "blue, once search-api, is gone")
}

func TestUndoMapGreenDeletesThePrivateRoute(t *testing.T) {
	unmap := []string{
		blueStillAnswers + live, blueStillAnswers + metrics, unmapLiveGreen, unmapMetricsGreen, greenUnmapped + live, greenUnmapped + metrics,
	}
	const drop = "- delete route " + private
	for name, c := range map[string]struct {
		labels func(*world) map[string]string
		alone  bool
		want   []string
		left   bool
	}{
		"of the run, and something follows":       {(*world).labels, false, append(unmap[:6:6], lastToBlue, drop, "~ unshare"), false},
		"of the run, and nothing follows":         {(*world).labels, true, append(unmap[:6:6], drop), false},
		"of somebody else, and something follows": {func(*world) map[string]string { return nil }, false, append(unmap[:6:6], lastToBlue, drop, "~ unshare"), true},
		"of somebody else, and nothing follows":   {func(*world) map[string]string { return nil }, true, unmap, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.alone {
				w.Follower = nil
			}
			w.apply(w.MapGreen(w.ctx))
			route, err := w.cf.Routes.Create(w.ctx, private, c.labels(w))
			w.ok(err)
			w.ok(w.cf.Routes.Map(w.ctx, route.GUID, w.blue.App))
			w.apply(w.planned(c.want...)(w.UndoMapGreen(w.ctx)), nil)
			route, err = w.cf.Routes.ByAddress(w.ctx, private)
			w.ok(err)
			if left := route != nil; left != c.left {
				t.Errorf("the private route is left: %t", left)
			}
			w.planned()(w.UndoMapGreen(w.ctx))
		})
	}
}

func (w *world) labels() map[string]string { return w.run.Labels(upgrade.RoleBlue) }

// A runbook may have no private route.
func TestUndoMapGreenWithoutAPrivateRoute(t *testing.T) {
	w := newWorld(t)
	w.apply(w.MapGreen(w.ctx))
	w.Names.PrivateRoute = ""
	w.off(w.green)
	w.apply(w.planned(lastToBlue, "~ unshare")(w.UndoMapGreen(w.ctx)), nil)
}

func TestAPrivateRouteThatSomebodyUsesIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	w.Follower = nil
	route, err := w.cf.Routes.Create(w.ctx, private, w.labels())
	w.ok(err)
	w.ok(w.cf.Routes.Map(w.ctx, route.GUID, w.stranger()))
	tasks := w.planned("- delete route " + private)(w.UndoMapGreen(w.ctx))
	w.refused(w.try(tasks[0]), "leads to another app as well")
}

// fails expects a task to fail with words, sooner or later.
func (w *world) fails(task runner.Task, words string) {
	w.t.Helper()
	w.apply([]runner.Task{{Name: "it fails", Wait: w.Proof.Timeout, Do: func(context.Context, *runner.Observation) error {
		return failsWith(w.once(task), words)
	}}}, nil)
}
