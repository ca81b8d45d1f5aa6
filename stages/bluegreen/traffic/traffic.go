// Package traffic moves the live traffic between blue and green: it maps and unmaps
// live routes, proves each change at every router, drains, brings the side that is
// about to serve up to date, and reverts a switch that a live request failed in.
package traffic

import (
	"context"
	"fmt"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
)

// factBlueOff is when blue was off the live routes, drained, and green had all that
// was written to blue.
const factBlueOff = "drained"

// Traffic moves the live traffic.
type Traffic struct {
	Live  *upgrade.Live
	Proof *proof.Prober
	Names bluegreen.Names
	// Follower, where set, is what must follow the traffic.
	Follower bluegreen.Follower
	// Entered is called at each phase of a change, for the witness; see package witness.
	Entered func(phase string)
	// Drain is how long requests in flight may take after a route is unmapped.
	Drain time.Duration
	// StartTimeout is how long an app may take to start.
	StartTimeout time.Duration
	// Hold keeps a breach from being reverted: the live routes stay as they are.
	Hold bool

	// unmapped is when this process unmapped a live route last.
	unmapped time.Time
}

func (t *Traffic) platform() *cloudfoundry.Client { return t.Live.Pair.Platform }
func (t *Traffic) run() *upgrade.Run              { return t.Live.Pair.Run }

// mapRoute is the task that maps a live route to an app.
func (t *Traffic) mapRoute(name, app string, route upgrade.LiveRoute) runner.Task {
	return runner.Task{
		Name: fmt.Sprintf("map %s to %s", route.Address, name), Effect: runner.Creates,
		ByHand: "cf map-route " + name + " " + t.platform().Routes.Arguments(route.Address),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			now, err := t.Live.Route(ctx, route)
			if err != nil {
				return err
			}
			t.enter(during)
			return t.platform().Routes.MapLike(ctx, now, app)
		},
	}
}

// unmapRoute is the task that unmaps a live route from an app. allowed, where set,
// is asked right before it.
func (t *Traffic) unmapRoute(name, app string, route upgrade.LiveRoute, allowed func(context.Context, *cloudfoundry.Route) error) runner.Task {
	return runner.Task{
		Name: fmt.Sprintf("unmap %s from %s", route.Address, name), Effect: runner.Deletes,
		ByHand: "cf unmap-route " + name + " " + t.platform().Routes.Arguments(route.Address),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			now, err := t.Live.Route(ctx, route)
			if err != nil {
				return err
			}
			if allowed != nil {
				if err := allowed(ctx, now); err != nil {
					return err
				}
			}
			t.enter(during)
			err = t.platform().Routes.Unmap(ctx, now.GUID, app)
			t.unmapped = time.Now()
			return err
		},
	}
}

// catchUp brings a side up to date, where anything must follow the traffic. The last
// of a change ends what the witness counts as the change.
func (t *Traffic) catchUp(name string, to bluegreen.Side, last bool) []runner.Task {
	if t.Follower == nil {
		return nil
	}
	task := t.Follower.CatchUp(name, to)
	if last {
		task = t.ending(task)
	}
	return []runner.Task{task}
}

// ending is a task that ends what the witness counts as the change.
func (t *Traffic) ending(task runner.Task) runner.Task {
	do := task.Do
	task.Do = func(ctx context.Context, o *runner.Observation) error {
		if err := do(ctx, o); err != nil {
			return err
		}
		t.enter(after)
		return nil
	}
	return task
}

func (t *Traffic) complete(at bluegreen.Side) []runner.Task {
	if t.Follower == nil {
		return nil
	}
	return []runner.Task{t.Follower.Complete(at)}
}

func (t *Traffic) shared() bool { return t.Follower != nil && t.Follower.Shared() }
