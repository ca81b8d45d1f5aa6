package upgrade_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const (
	blue, both, green = upgrade.ToBlue, upgrade.ToBoth, upgrade.ToGreen
	secondRoute       = liveRoute + "/_metrics"
)

func TestWhereTheLiveRoutesMayLead(t *testing.T) {
	const (
		released = ", which is not of this run: somebody released since the run began"
		underWay = ", and to another app: a release is under way, or stopped half-way; run this again when it has ended"
	)
	onFirst := func(w *world, app string) { w.ok(w.cf.Routes.Map(w.ctx, w.blue().Routes[0].GUID, app)) }
	for name, c := range map[string]struct {
		reach   func(*world)
		allowed []upgrade.Traffic
		want    outcome
	}{
		"blue, as wanted": {
			func(*world) {},
			[]upgrade.Traffic{blue},
			outcome{Said: liveRoute + ": blue, " + secondRoute + ": blue"},
		},
		"both, as wanted": {
			func(w *world) { w.mapped(w.built()) },
			[]upgrade.Traffic{both, green},
			outcome{Said: liveRoute + ": both, " + secondRoute + ": both"},
		},
		"green, which is allowed too": {
			func(w *world) { w.alone(w.built()) },
			[]upgrade.Traffic{both, green},
			outcome{Said: liveRoute + ": green, " + secondRoute + ": green"},
		},
		"the released app, where green is wanted": {
			func(w *world) { w.reached(upgrade.NamesFinal); w.alone(w.other("somebody")) },
			[]upgrade.Traffic{green},
			outcome{Said: liveRoute + ": green, " + secondRoute + ": green"},
		},
		"blue, on the way to both": {
			func(*world) {},
			[]upgrade.Traffic{both, green},
			outcome{Said: liveRoute + ": blue, " + secondRoute + ": blue", Class: runner.Failed, Error: "the live routes lead to blue", WaitsFor: "map"},
		},
		"one route is mapped, on the way to both": {
			func(w *world) { onFirst(w, w.built()) },
			[]upgrade.Traffic{both},
			outcome{Said: liveRoute + ": both, " + secondRoute + ": blue", Class: runner.Failed, Error: "the live routes lead to both and blue", WaitsFor: "map"},
		},
		"blue, on the way to green": {
			func(*world) {},
			[]upgrade.Traffic{green},
			outcome{Said: liveRoute + ": blue, " + secondRoute + ": blue", Class: runner.Failed, Error: "the live routes lead to blue", WaitsFor: "unmap"},
		},
		"both, on the way to green": {
			func(w *world) { w.mapped(w.built()) },
			[]upgrade.Traffic{green},
			outcome{Said: liveRoute + ": both, " + secondRoute + ": both", Class: runner.Failed, Error: "the live routes lead to both", WaitsFor: "unmap"},
		},
		"both, where blue is wanted": {
			func(w *world) { w.mapped(w.built()) },
			[]upgrade.Traffic{blue},
			outcome{
				Said: liveRoute + ": both, " + secondRoute + ": both", Class: runner.Refused,
				Error: liveRoute + " leads to both; here it should lead to blue\n" + secondRoute + " leads to both; here it should lead to blue",
			},
		},
		"green on one route, where both is wanted": {
			func(w *world) {
				w.mapped(w.built())
				w.ok(w.cf.Routes.Unmap(w.ctx, w.blue().Routes[0].GUID, w.blue().App))
			},
			[]upgrade.Traffic{both},
			outcome{
				Said: liveRoute + ": green, " + secondRoute + ": both", Class: runner.Refused,
				Error: liveRoute + " leads to green; here it should lead to both",
			},
		},
		"nobody on one route": {
			func(w *world) { w.ok(w.cf.Routes.Unmap(w.ctx, w.blue().Routes[1].GUID, w.blue().App)) },
			[]upgrade.Traffic{both, green},
			outcome{
				Said: liveRoute + ": blue, " + secondRoute + ": nobody", Class: runner.Refused,
				Error: liveRoute + " leads to blue; here it should lead to both or green\n" + secondRoute + " leads to nobody; here it should lead to both or green",
			},
		},
		"another app, before a release is allowed": {
			func(w *world) { onFirst(w, w.other("somebody")) },
			[]upgrade.Traffic{blue},
			outcome{
				Said: liveRoute + ": another app, " + secondRoute + ": blue", Class: runner.Refused,
				Error: liveRoute + " leads to app somebody (GUID)" + released,
			},
		},
		"another app beside green, once the names are final": {
			func(w *world) { w.alone(w.built()); w.reached(upgrade.NamesFinal); w.mapped(w.other("somebody")) },
			[]upgrade.Traffic{green},
			outcome{
				Said: liveRoute + ": another app, " + secondRoute + ": another app", Class: runner.Refused,
				Error: liveRoute + " leads to app somebody (GUID)" + underWay + "\n" + secondRoute + " leads to app somebody (GUID)" + underWay,
			},
		},
		"a live route is deleted": {
			func(w *world) { w.ok(w.cf.Routes.Delete(w.ctx, w.blue().Routes[0].GUID)) },
			[]upgrade.Traffic{blue},
			outcome{Class: runner.Refused, Error: "live route " + liveRoute + " is deleted: create it again"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := begun(t)
			c.reach(w)
			checks := &upgrade.Checks{Live: w.live}
			if diff := cmp.Diff(c.want, outcomeOf(w.try(named(w, checks.Common(c.allowed...), "the live routes lead to the apps of the run")))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// named is the one of tasks that has a name.
func named(w *world, tasks []runner.Task, name string) runner.Task {
	w.Helper()
	for _, one := range tasks {
		if one.Name == name {
			return one
		}
	}
	w.Fatalf("there is no task %q", name)
	return runner.Task{}
}

func TestBlueHasTheDropletThatTheRunRecorded(t *testing.T) {
	const image = "digitalmarketplace/search-api:release-1234"
	for name, c := range map[string]struct {
		reach func(*world)
		want  outcome
	}{
		"the same": {func(*world) {}, outcome{Said: "image " + image}},
		"a release replaced it in place": {
			func(w *world) { w.imaged(w.blue().App, "digitalmarketplace/search-api:release-1235") },
			outcome{
				Said: "image digitalmarketplace/search-api:release-1235", Class: runner.Refused,
				Error: "app search-api has image digitalmarketplace/search-api:release-1235, and had image " + image + " when run ID began: somebody released since",
			},
		},
		"the same tag was pushed again": {
			func(w *world) { w.imaged(w.blue().App, image) },
			outcome{
				Said: "image " + image, Class: runner.Refused,
				Error: "app search-api has image " + image + " in droplet GUID, and had it in GUID when run ID began: somebody released since",
			},
		},
		"blue is deleted": {func(w *world) { w.deleted(w.blue().App) }, outcome{Said: "the app is deleted"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := begun(t)
			c.reach(w)
			checks := &upgrade.Checks{Live: w.live}
			got := outcomeOf(w.try(named(w, checks.Common(blue), "blue has the droplet that the run recorded")))
			if diff := cmp.Diff(c.want, w.withoutID(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBlueHasNoRoute(t *testing.T) {
	for name, c := range map[string]struct {
		reach func(*world)
		want  outcome
	}{
		"it is on the live routes": {
			func(*world) {},
			outcome{Class: runner.Refused, Error: "app search-api is on 2 routes, " + liveRoute + " among them: it is in use"},
		},
		"it is on a route of its own": {
			func(w *world) {
				w.alone(w.built())
				route := must(w.cf.Routes.Create(w.ctx, "private.cloudapps.digital", nil))(w)
				w.ok(w.cf.Routes.Map(w.ctx, route.GUID, w.blue().App))
			},
			outcome{Class: runner.Refused, Error: "app search-api is on 1 route, private.cloudapps.digital among them: it is in use"},
		},
		"it is on none": {func(w *world) { w.alone(w.built()) }, outcome{Said: "search-api, STARTED"}},
		"it is on none, and stopped": {
			func(w *world) { w.alone(w.built()); w.ok(w.cf.Apps.Stop(w.ctx, w.blue().App)) },
			outcome{Said: "search-api, STOPPED"},
		},
		"it is deleted": {func(w *world) { w.deleted(w.blue().App) }, outcome{Said: "it is deleted already"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := begun(t)
			c.reach(w)
			check := (&upgrade.Checks{Live: w.live}).BlueHasNoRoute()
			if diff := cmp.Diff(c.want, outcomeOf(w.try(check))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(&runner.NotYet{Stage: "unmap", Why: upgrade.StillOnBlue}, check.After); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSettingsThatChanged(t *testing.T) {
	for name, c := range map[string]struct {
		now  map[string]string
		want outcome
	}{
		"the same":                  {map[string]string{"STAGE": "preview", "NEW_APP": greenApp}, outcome{}},
		"one that is empty now":     {map[string]string{"STAGE": "", "NEW_APP": greenApp}, outcome{}},
		"one that was not recorded": {map[string]string{"STAGE": "preview", "INDICES": "briefs"}, outcome{}},
		"one that is not known now": {map[string]string{"STAGE": "preview"}, outcome{}},
		"one that was empty": {
			map[string]string{"PLAN": "small"},
			outcome{Class: runner.Refused, Error: `settings must not change during a run: PLAN is "small", and was "" when run ID began`},
		},
		"two others": {
			map[string]string{"STAGE": "production", "NEW_APP": "green"},
			outcome{
				Class: runner.Refused,
				Error: `settings must not change during a run: NEW_APP is "green", and was "elasticsearch-migration" when run ID began` + "\n" +
					`STAGE is "production", and was "preview" when run ID began`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.process(map[string]string{"STAGE": "preview", "NEW_APP": greenApp, "PLAN": ""}, false)
			w.ok(first.Begin(w.ctx, w.record(first)))
			w.live.Pair.Run = w.process(c.now, false)
			w.run = w.live.Pair.Run
			must(w.run.Load(w.ctx))(w)
			if c.want.Error == "" {
				c.want.Said = "run ID, begun " + w.run.Started().UTC().Format("2006-01-02 15:04 MST")
			}
			got := outcomeOf(w.try((&upgrade.Checks{Live: w.live}).Settings()))
			if diff := cmp.Diff(c.want, w.withoutID(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWithoutARunEveryCommonCheckWaitsForIt(t *testing.T) {
	w := newWorld(t)
	checks := &upgrade.Checks{Live: w.live}
	for _, check := range append(checks.Common(blue), checks.BlueHasNoRoute()) {
		want := outcome{Class: runner.Failed, Error: "there is no run", WaitsFor: "check"}
		if diff := cmp.Diff(want, outcomeOf(w.try(check))); diff != "" {
			t.Error(check.Name, diff)
		}
	}
}

// A runbook's own checks follow those that every stage begins with.
func TestTheChecksOnceGreenServesAlone(t *testing.T) {
	w := begun(t)
	own := runner.Task{Name: "green has all documents", Do: func(context.Context, *runner.Observation) error { return nil }}
	checks := (&upgrade.Checks{Live: w.live, Serving: []runner.Task{own}}).GreenServes()
	var names []string
	for _, one := range checks {
		names = append(names, one.Name)
	}
	want := []string{
		"the settings are those of the run", "the live routes lead to the apps of the run", "somebody answers on the live routes",
		"blue has the droplet that the run recorded", own.Name,
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatal(diff)
	}
	if got := outcomeOf(w.try(checks[1])); got.WaitsFor != "unmap" {
		t.Errorf("while blue serves: %+v", got)
	}
	w.alone(w.built())
	if _, err := w.try(checks[1]); err != nil {
		t.Errorf("green serves alone: %v", err)
	}
}
