package traffic

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
)

// updatePrivately brings blue up to date by a route that leads to it alone, before it
// gets live traffic, and compares it.
func (t *Traffic) updatePrivately(ctx context.Context, b upgrade.Blue) ([]runner.Task, error) {
	if t.Follower == nil {
		return nil, nil
	}
	address := t.Names.PrivateRoute
	route, err := t.platform().Routes.ByAddress(ctx, address)
	if err != nil {
		return nil, err
	}
	if route != nil && !t.run().Owns(route.Metadata) {
		return nil, fmt.Errorf("PRIVATE_ROUTE: %w", t.run().NotOurs("route", route.Address, route.Metadata))
	}
	var tasks []runner.Task
	if route == nil {
		tasks = append(tasks, runner.Task{
			Name: "create route " + address, Effect: runner.Creates, ByHand: "cf create-route " + t.platform().Routes.Arguments(address),
			Do: func(ctx context.Context, _ *runner.Observation) error {
				_, err := t.platform().Routes.Create(ctx, address, t.run().Labels(upgrade.RoleBlue))
				return err
			},
		})
	}
	if route == nil || !route.Reaches(b.App) {
		tasks = append(tasks, t.mapPrivate(t.Live.Pair.BlueName(ctx, b)))
	}
	tasks = append(tasks, t.Proof.OnEveryRouter("blue", []upgrade.LiveRoute{{Address: address}}, t.Live.BlueInstances, "answers", proof.Served)...)
	side := bluegreen.Side{Blue: true, Route: address}
	return append(tasks, t.Follower.CatchUp("catch up blue before it gets live traffic", side), t.Follower.Complete(side)), nil
}

func (t *Traffic) mapPrivate(name string) runner.Task {
	address := t.Names.PrivateRoute
	return runner.Task{
		Name: "map " + address + " to " + name, Effect: runner.Creates, ByHand: "cf map-route " + name + " " + t.platform().Routes.Arguments(address),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			b, err := t.run().Blue()
			if err != nil {
				return err
			}
			route, err := t.platform().Routes.ByAddress(ctx, address)
			if err != nil {
				return err
			}
			if route == nil || !t.run().Owns(route.Metadata) {
				return runner.Refuse("route %s is gone, or was not made by this run", address)
			}
			return t.platform().Routes.Map(ctx, route.GUID, b.App)
		},
	}
}

// dropPrivateRoute is the task that deletes the private route, unless somebody else
// uses it. need says that there is one of this run.
func (t *Traffic) dropPrivateRoute(ctx context.Context) (task runner.Task, need bool, err error) {
	address := t.Names.PrivateRoute
	if address == "" {
		return task, false, nil
	}
	route, err := t.platform().Routes.ByAddress(ctx, address)
	if err != nil {
		return task, false, err
	}
	return runner.Task{
		Name: "delete route " + address, Effect: runner.Deletes, ByHand: "cf delete-route " + t.platform().Routes.Arguments(address) + " -f",
		Do: t.dropPrivate,
	}, route != nil && t.run().Owns(route.Metadata), nil
}

func (t *Traffic) dropPrivate(ctx context.Context, o *runner.Observation) error {
	b, err := t.run().Blue()
	if err != nil {
		return err
	}
	route, err := t.platform().Routes.ByAddress(ctx, t.Names.PrivateRoute)
	if err != nil {
		return err
	}
	if route == nil || !t.run().Owns(route.Metadata) {
		o.Say("this run has none")
		return nil
	}
	for _, d := range route.Destinations {
		if d.AppGUID != b.App {
			return runner.Refuse("route %s leads to another app as well", route.Address)
		}
	}
	return t.platform().Routes.Delete(ctx, route.GUID)
}

// RestoreTemporary is the task that creates the temporary route again where it was
// deleted: green, off the live routes, is reached by nothing else.
func (t *Traffic) RestoreTemporary() runner.Task {
	address := t.Names.TemporaryRoute
	return runner.Task{
		Name: "map " + address + " to " + t.Names.NewApp + " again", Effect: runner.Creates,
		ByHand: "cf map-route " + t.Names.NewApp + " " + t.platform().Routes.Arguments(address),
		Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := t.Live.Pair.NeedGreen(ctx)
			if err != nil {
				return err
			}
			route, err := t.platform().Routes.Create(ctx, address, t.run().Labels(upgrade.RoleGreen))
			if err != nil {
				return err
			}
			o.Say("%s leads to %s", route.Address, app.Name)
			return t.platform().Routes.Map(ctx, route.GUID, app.GUID)
		},
	}
}
