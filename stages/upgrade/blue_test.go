package upgrade_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

func TestBlueIsFoundByTheLiveRoute(t *testing.T) {
	w := newWorld(t)
	app := must(w.cf.Apps.ByName(w.ctx, liveApp))(w).GUID
	first, second := must(w.cf.Routes.ByAddress(w.ctx, liveRoute))(w), must(w.cf.Routes.ByAddress(w.ctx, secondRoute))(w)
	want := upgrade.Blue{
		App: app, Name: liveApp, Image: "digitalmarketplace/search-api:release-1234", Droplet: must(w.cf.Apps.CurrentDroplet(w.ctx, app))(w).GUID, Instances: 2, MemoryMB: must(w.cf.Apps.Process(w.ctx, app))(w).MemoryMB,
		Routes: []upgrade.LiveRoute{{GUID: first.GUID, Address: liveRoute}, {GUID: second.GUID, Address: secondRoute}},
	}
	if diff := cmp.Diff(want, must(upgrade.FindBlue(w.ctx, w.cf, liveApp, liveRoute))(w)); diff != "" {
		t.Error(diff)
	}
}

func TestNoBlueToBeginWith(t *testing.T) {
	for name, c := range map[string]struct {
		reach func(*world, *cloudfoundry.Route)
		app   string
		route string
		want  outcome
	}{
		"there is no such route": {
			func(*world, *cloudfoundry.Route) {}, liveApp, "elsewhere.cloudapps.digital",
			outcome{Class: runner.Misconfigured, Error: "there is no route elsewhere.cloudapps.digital in this space (LIVE_ROUTE)"},
		},
		"it leads to two apps": {
			func(w *world, route *cloudfoundry.Route) {
				w.ok(w.cf.Routes.Map(w.ctx, route.GUID, w.other("somebody")))
			}, liveApp, liveRoute,
			outcome{Class: runner.Refused, Error: "the live route " + liveRoute + " leads to 2 apps; a run begins with one"},
		},
		"it leads to nobody": {
			func(w *world, route *cloudfoundry.Route) {
				w.ok(w.cf.Routes.Unmap(w.ctx, route.GUID, route.Destinations[0].AppGUID))
			}, liveApp, liveRoute,
			outcome{Class: runner.Refused, Error: "nobody answers: the live route " + liveRoute + " leads to no app: cf map-route search-api cloudapps.digital --hostname dm-search-api-preview"},
		},
		"it leads to an app with another name": {
			func(*world, *cloudfoundry.Route) {}, "api", liveRoute,
			outcome{Class: runner.Refused, Error: "the live route " + liveRoute + " leads to app search-api, not api (LIVE_APP): a release or an earlier run is under way"},
		},
		"nothing was pushed to the app": {
			func(w *world, route *cloudfoundry.Route) {
				w.ok(w.cf.Routes.Unmap(w.ctx, route.GUID, route.Destinations[0].AppGUID))
				w.ok(w.cf.Routes.Map(w.ctx, route.GUID, w.other("empty")))
			}, "empty", liveRoute,
			outcome{Class: runner.Refused, Error: "app empty has no droplet: nothing was pushed to it"},
		},
		"another route of it leads to another app as well": {
			func(w *world, _ *cloudfoundry.Route) {
				w.ok(w.cf.Routes.Map(w.ctx, must(w.cf.Routes.ByAddress(w.ctx, secondRoute))(w).GUID, w.other("somebody")))
			}, liveApp, liveRoute,
			outcome{Class: runner.Refused, Error: "the live app's route " + secondRoute + " leads to somebody (GUID) as well; a run begins with one app on each"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.reach(w, must(w.cf.Routes.ByAddress(w.ctx, liveRoute))(w))
			_, err := upgrade.FindBlue(w.ctx, w.cf, c.app, c.route)
			if diff := cmp.Diff(c.want, failed(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Blue as a rollback sees it: in a dry run a deleted blue is there, if it would be
// rebuilt first.
func TestBlueForARollback(t *testing.T) {
	for name, c := range map[string]struct {
		dryRun, deleted, recorded bool
		app, name                 string
	}{
		"it is there":                              {app: liveApp, name: liveApp},
		"it is deleted, and recorded":              {deleted: true, recorded: true, name: "search-api-old"},
		"it is deleted in a dry run":               {dryRun: true, deleted: true, name: liveApp},
		"it is deleted in a dry run, and recorded": {dryRun: true, deleted: true, recorded: true, app: "search-api-old", name: "search-api-old"},
	} {
		t.Run(name, func(t *testing.T) {
			w := begun(t)
			if c.recorded {
				w.ok(w.run.Set(w.ctx, upgrade.FactBlueMadeOf, "{}"))
			}
			if c.deleted {
				w.deleted(w.blue().App)
			}
			w.run = w.process(nil, c.dryRun)
			must(w.run.Load(w.ctx))(w)
			w.live.Pair.Run = w.run
			b, app, err := w.live.Pair.BlueForRollback(w.ctx)
			w.ok(err)
			got := ""
			if app != nil {
				got = app.Name
			}
			if called := w.live.Pair.BlueName(w.ctx, b); got != c.app || called != c.name {
				t.Errorf("the app is %q, not %q; blue is called %q, not %q", got, c.app, called, c.name)
			}
		})
	}
}

func TestAnAppThatMustBeThere(t *testing.T) {
	w := begun(t)
	pair := w.live.Pair
	_, err := pair.NeedGreen(w.ctx)
	if diff := cmp.Diff(outcome{Class: runner.Failed, Error: "there is no " + greenApp, WaitsFor: "push"}, failed(err)); diff != "" {
		t.Error("green is not built:", diff)
	}
	w.built()
	must(w.cf.Apps.Create(w.ctx, "second", w.run.Labels(upgrade.RoleGreen)))(w)
	_, err = pair.NeedGreen(w.ctx)
	want := outcome{Class: runner.Refused, Error: "2 apps have the label of run ID for green; only one may"}
	if diff := cmp.Diff(want, w.withoutID(failed(err))); diff != "" {
		t.Error("there are two:", diff)
	}
	w.deleted(w.blue().App)
	_, _, err = pair.NeedBlue(w.ctx)
	if diff := cmp.Diff(outcome{Class: runner.Refused, Error: "blue, once search-api, is gone: somebody deleted it"}, failed(err)); diff != "" {
		t.Error("blue is deleted:", diff)
	}
}
