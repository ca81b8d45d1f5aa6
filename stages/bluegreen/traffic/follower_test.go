package traffic_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// follower stands for what follows the traffic: it records what it is asked to do, and
// on which side.
type follower struct {
	w      *world
	calls  []string
	shared bool
}

func (f *follower) CatchUp(name string, to bluegreen.Side) runner.Task {
	return runner.Task{Name: name, Effect: runner.Changes, Do: func(ctx context.Context, _ *runner.Observation) error {
		return f.note(ctx, "catch up ", to)
	}}
}

func (f *follower) Complete(at bluegreen.Side) runner.Task {
	name := "complete: green"
	if at.Blue {
		name = "complete: blue"
	}
	return runner.Task{Name: name, Do: func(ctx context.Context, _ *runner.Observation) error { return f.note(ctx, "complete: ", at) }}
}

func (f *follower) Share() runner.Task {
	return runner.Task{Name: "share", Effect: runner.Creates, Do: func(context.Context, *runner.Observation) error {
		f.shared, f.calls = true, append(f.calls, "share")
		return nil
	}}
}

func (f *follower) Unshare() runner.Task {
	return runner.Task{Name: "unshare", Effect: runner.Changes, Do: func(context.Context, *runner.Observation) error {
		f.shared, f.calls = false, append(f.calls, "unshare")
		return nil
	}}
}

func (f *follower) Shared() bool                      { return f.shared }
func (f *follower) Who(*http.Response, []byte) string { return "" }

// note records a call and its side: "green", or "blue" with its address, and with
// whom it names there.
func (f *follower) note(ctx context.Context, what string, side bluegreen.Side) error {
	if !side.Blue {
		f.calls = append(f.calls, what+"green")
		return nil
	}
	what += "blue at " + side.Route
	if side.App != nil {
		app, err := side.App(ctx)
		if err != nil {
			return err
		}
		what += ", " + f.w.called(app)
	}
	f.calls = append(f.calls, what)
	return nil
}

// called compares what was asked for.
func (f *follower) called(want ...string) {
	f.w.t.Helper()
	if diff := cmp.Diff(want, f.calls); diff != "" {
		f.w.t.Errorf("the follower was called: %s", diff)
	}
}

// failsWith is nil where an error has the words.
func failsWith(err error, words string) error {
	if err == nil || !strings.Contains(err.Error(), words) {
		return fmt.Errorf("it does not fail with %q: %w", words, err)
	}
	return nil
}

// stays checks that an address leads to an app, whoever else is there.
func (w *world) stays(address, app string) {
	w.t.Helper()
	route, err := w.cf.Routes.ByAddress(w.ctx, address)
	w.ok(err)
	for _, d := range route.Destinations {
		if w.called(d.AppGUID) == app {
			return
		}
	}
	w.t.Errorf("%s does not lead to %s any more", address, app)
}
