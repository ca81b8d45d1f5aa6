package upgrade_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

func TestEveryInstanceRuns(t *testing.T) {
	for name, c := range map[string]struct {
		app  func(*world) string
		want outcome
	}{
		"both do": {
			func(w *world) string { return w.blue().App },
			outcome{Said: "2 of 2 instances"},
		},
		"the app was never started": {
			func(w *world) string { return w.built() },
			outcome{Said: "0 of 1 instance", Class: runner.Failed, Error: "0 of 1 instance of elasticsearch-migration run"},
		},
		"the app has no instances": {
			func(w *world) string { w.ok(w.cf.Apps.Scale(w.ctx, w.blue().App, 0)); return w.blue().App },
			outcome{Said: "0 of 0 instances", Class: runner.Failed, Error: "0 of 0 instances of search-api run"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := begun(t)
			app := must(w.cf.Apps.Get(w.ctx, c.app(w)))(w)
			check := runner.Task{Do: func(ctx context.Context, o *runner.Observation) error { return upgrade.AllRun(ctx, w.cf, o, app) }}
			if diff := cmp.Diff(c.want, outcomeOf(w.try(check))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStatesOfInstances(t *testing.T) {
	for want, instances := range map[string][]cloudfoundry.Instance{
		"none":             nil,
		"RUNNING":          {{State: "RUNNING"}},
		"CRASHED, RUNNING": {{State: "CRASHED"}, {State: "RUNNING"}},
	} {
		if diff := cmp.Diff(want, upgrade.States(instances)); diff != "" {
			t.Error(diff)
		}
	}
}
