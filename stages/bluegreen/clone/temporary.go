package clone

import (
	"context"
	"fmt"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// RouteServices reports the route services of the live routes, which the temporary
// route will not have: until the end it is more open than they are.
func (g *Green) RouteServices() runner.Task {
	return runner.Task{Name: "the route services of the live routes, for the record", Do: func(ctx context.Context, o *runner.Observation) error {
		b, err := g.Apps.run().Blue()
		if err != nil {
			return err
		}
		var guarded []string
		for _, route := range b.Routes {
			service, err := g.Apps.platform().Routes.ServiceOf(ctx, route.GUID)
			if err != nil {
				return err
			}
			if service != nil {
				guarded = append(guarded, route.Address)
			}
		}
		if len(guarded) == 0 {
			o.Say("no route service on the live routes")
			return nil
		}
		o.Say("a route service guards %s; the temporary route %s will have none and is more open", strings.Join(guarded, ", "), g.TemporaryRoute)
		return nil
	}}
}

// RemoveTemporary are the tasks that unmap the temporary route and delete it, once the
// live routes reach green; none where it is gone. One that this run did not make is
// refused.
func (g *Green) RemoveTemporary(ctx context.Context) ([]runner.Task, error) {
	green, err := g.Apps.Pair.NeedGreen(ctx)
	if err != nil {
		return nil, err
	}
	route, err := g.Apps.platform().Routes.ByAddress(ctx, g.TemporaryRoute)
	if err != nil || route == nil {
		return nil, err
	}
	if !g.Apps.run().Owns(route.Metadata) {
		return nil, g.Apps.run().NotOurs("route", route.Address, route.Metadata)
	}
	return []runner.Task{g.unmapTemporary(route, green.Name), g.DeleteRoute(route)}, nil
}

func (g *Green) unmapTemporary(route *cloudfoundry.Route, app string) runner.Task {
	return runner.Task{
		Name: fmt.Sprintf("unmap %s from %s", route.Address, app), Effect: runner.Deletes,
		ByHand: "cf unmap-route " + app + " " + g.Apps.platform().Routes.Arguments(route.Address),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			green, err := g.Apps.Pair.NeedGreen(ctx)
			if err != nil {
				return err
			}
			return g.Apps.platform().Routes.Unmap(ctx, route.GUID, green.GUID)
		},
	}
}

// TemporaryIsGone is the postcondition.
func (g *Green) TemporaryIsGone() runner.Task {
	return runner.Task{Name: "the temporary route is gone", Do: func(ctx context.Context, o *runner.Observation) error {
		route, err := g.Apps.platform().Routes.ByAddress(ctx, g.TemporaryRoute)
		if err != nil {
			return err
		}
		if route != nil {
			return fmt.Errorf("%s is still there", route.Address)
		}
		o.Say("%s", g.TemporaryRoute)
		return nil
	}}
}
