package upgrade_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

func TestWhatIsWrongWithAnApp(t *testing.T) {
	for name, c := range map[string]struct {
		h         upgrade.Health
		nobody    bool
		why, cure string
	}{
		"nothing":     {upgrade.Health{Wanted: 2, Serving: 2}, false, "", "cf app api"},
		"stopped":     {upgrade.Health{Stopped: true}, true, "api is stopped", "cf start api"},
		"scaled to 0": {upgrade.Health{}, true, "api has 0 instances", "cf scale api -i 2"},
		"crashed": {
			upgrade.Health{Wanted: 2, States: map[string]int{"CRASHED": 2}},
			true,
			"0 of 2 instances of api run, 2 crashed", "cf logs api --recent; cf restart api",
		},
		"one has crashed, another starts": {
			upgrade.Health{Wanted: 3, Serving: 1, States: map[string]int{"CRASHED": 1, "STARTING": 1}},
			false,
			"1 of 3 instances of api run, 1 crashed, 1 starting", "cf logs api --recent; cf restart api",
		},
		"all start":             {upgrade.Health{Wanted: 1, States: map[string]int{"STARTING": 1}}, true, "0 of 1 instance of api run, 1 starting", "cf app api"},
		"it runs, unready":      {upgrade.Health{Wanted: 1, States: map[string]int{"RUNNING": 1}}, true, "0 of 1 instance of api run, 1 not ready", "cf app api"},
		"the cell is not there": {upgrade.Health{Wanted: 1, States: map[string]int{"DOWN": 1}}, true, "0 of 1 instance of api run, 1 down", "cf app api"},
		"a deployment is under way": {
			upgrade.Health{Wanted: 1, Serving: 0, Deployment: &cloudfoundry.Deployment{Strategy: "rolling", State: "DEPLOYING"}},
			false,
			"a rolling deployment of api is under way (DEPLOYING)", "cf cancel-deployment api",
		},
		"a deployment has failed": {
			upgrade.Health{Wanted: 1, Deployment: &cloudfoundry.Deployment{Strategy: "canary", State: "PAUSED", Fault: "no room"}},
			false,
			"a canary deployment of api is under way (PAUSED), and gets no further: no room", "cf cancel-deployment api",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.h.App = "api"
			if got := c.h.Nobody(); got != c.nobody {
				t.Errorf("nobody answers: %v", got)
			}
			if diff := cmp.Diff([]string{c.why, c.cure}, []string{c.h.Why(), c.h.Cure()}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestALiveAppThatIsNotWellToBeginWith(t *testing.T) {
	for name, c := range map[string]struct {
		reach func(w *world, app string)
		want  outcome
	}{
		"it is well": {func(*world, string) {}, outcome{Said: "2 of 2 instances of search-api"}},
		"it is stopped": {
			func(w *world, app string) { w.ok(w.cf.Apps.Stop(w.ctx, app)) },
			outcome{Class: runner.Refused, Error: "nobody answers: search-api is stopped: cf start search-api"},
		},
		"it has no instances": {
			func(w *world, app string) { w.ok(w.cf.Apps.Scale(w.ctx, app, 0)) },
			outcome{Class: runner.Refused, Error: "nobody answers: search-api has 0 instances: cf scale search-api -i 2"},
		},
		// Its new instance crashes, so that it gets no further; the old ones serve.
		"a deployment is under way": {
			func(w *world, app string) {
				misspelt := "misspelt"
				w.ok(w.cf.Apps.SetEnvironment(w.ctx, app, map[string]*string{"DM_ELASTICSEARCH_SERVICE_NAME": &misspelt}))
				body := map[string]any{"relationships": map[string]any{"app": map[string]any{"data": map[string]any{"guid": app}}}}
				w.asked("POST", "/v3/deployments", body)
			},
			outcome{Class: runner.Refused, Error: "a rolling deployment of search-api is under way (DEPLOYING): let it end, or cf cancel-deployment search-api"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			begin := &upgrade.Beginning{
				Run: w.run, App: liveApp,
				Find: func(ctx context.Context) (upgrade.Blue, error) {
					return upgrade.FindBlue(ctx, w.cf, liveApp, liveRoute)
				},
			}
			c.reach(w, must(w.cf.Apps.ByName(w.ctx, liveApp))(w).GUID)
			if diff := cmp.Diff(c.want, outcomeOf(w.try(begin.Well()))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A stage changes nothing while nobody answers: it cannot tell what it did from what was so before.
func TestSomebodyAnswersOnTheLiveRoutes(t *testing.T) {
	for name, c := range map[string]struct {
		reach func(*world)
		want  outcome
	}{
		"blue":                        {func(*world) {}, outcome{Said: "search-api, 2 instances"}},
		"blue, scaled down meanwhile": {func(w *world) { w.ok(w.cf.Apps.Scale(w.ctx, w.blue().App, 1)) }, outcome{Said: "search-api, 1 instance"}},
		"blue, and green does not": {
			func(w *world) { w.mapped(w.built()) },
			outcome{Said: "search-api, 2 instances, and elasticsearch-migration is stopped"},
		},
		"blue is stopped": {
			func(w *world) { w.ok(w.cf.Apps.Stop(w.ctx, w.blue().App)) },
			outcome{Class: runner.Refused, Error: "nobody answers: search-api is stopped: cf start search-api"},
		},
		"both are stopped": {
			func(w *world) { w.mapped(w.built()); w.ok(w.cf.Apps.Stop(w.ctx, w.blue().App)) },
			outcome{Class: runner.Refused, Error: "nobody answers: search-api is stopped, and elasticsearch-migration is stopped: cf start search-api"},
		},
		"green alone is stopped": {
			func(w *world) { w.alone(w.built()) },
			outcome{Class: runner.Refused, Error: "nobody answers: elasticsearch-migration is stopped: cf start elasticsearch-migration"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := begun(t)
			c.reach(w)
			if diff := cmp.Diff(c.want, outcomeOf(w.try((&upgrade.Checks{Live: w.live}).SomebodyAnswers()))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
