package release_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// A release may begin before a run, while the run waits for it, and after it.
func TestWhenAReleaseMayBegin(t *testing.T) {
	free := func(context.Context) (string, error) { return "", nil }
	begun := func(w *world, stages ...string) {
		w.ok(w.run.Begin(w.ctx, must(w.run.New("1.0.0", must(upgrade.FindBlue(w.ctx, w.cf, liveApp, liveRoute))(w), nil))(w)))
		w.complete(stages...)
	}
	// asked must not be called while a run is under way.
	asked := func(context.Context) (string, error) { return "", errors.New("it was asked") }
	for name, c := range map[string]struct {
		reach   func(*world)
		blocked func(context.Context) (string, error)
		want    outcome
	}{
		"no run": {func(*world) {}, free, outcome{Said: "no run is under way"}},
		"no run, and blocked": {
			func(*world) {}, func(context.Context) (string, error) { return "green serves still", nil },
			outcome{Said: "no run is under way", Class: runner.Refused, Error: "green serves still"},
		},
		"no run, and not known whether it is blocked": {
			func(*world) {}, func(context.Context) (string, error) { return "", runner.Depend("no answer") },
			outcome{Said: "no run is under way", Class: runner.Unavailable, Error: "no answer"},
		},
		"a run that has only begun": {
			func(w *world) { begun(w) }, asked,
			outcome{Class: runner.Refused, Error: "run ID is at 1. check: release when it waits for the release, or was rolled back"},
		},
		"a run before one of the stages": {
			func(w *world) { begun(w, "check", "remove") }, asked,
			outcome{Class: runner.Refused, Error: "run ID is at 2. rename: release when it waits for the release, or was rolled back"},
		},
		"a run that waits for it": {
			func(w *world) { begun(w, "check", "rename", "remove") }, asked,
			outcome{Said: "run ID waits for a release"},
		},
		"a run that has had it": {
			func(w *world) { begun(w, "check", "rename", "remove", "await") }, asked,
			outcome{Said: "run ID has had its release"},
		},
		"a run that is rolled back, from where it waits": {
			func(w *world) { begun(w, "check", "rename", "remove"); w.ok(w.run.GoBack(w.ctx)) }, asked,
			outcome{Class: runner.Refused, Error: "run ID is being rolled back: release when the rollback has ended"},
		},
		"a run that was retired": {
			func(w *world) { begun(w, "check"); w.ok(w.run.Retire(w.ctx)) }, free,
			outcome{Said: "no run is under way"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.reach(w)
			before := []runner.Step{{Number: 1, Name: "check"}, {Number: 2, Name: "rename"}, {Number: 3, Name: "remove"}}
			why, err := w.release.Guard(w.ctx, before, c.blocked)
			o := new(runner.Observation)
			o.Say("%s", why)
			if diff := cmp.Diff(c.want, w.outcome(o, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
