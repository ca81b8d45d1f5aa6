package elasticsearch

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const unmapTemporaryRouteHelp = `Takes the temporary route off the new app and deletes it: from then on the new app is reached by the live routes alone, as guarded as they are. Refuses if anything else uses that route.

By hand: cf unmap-route elasticsearch-migration cloudapps.digital --hostname dm-elasticsearch-migration-<stage>; cf delete-route the same.`

// unmapTemporaryRoute removes the address that only the migration needed. A way
// back needs it no more: by then the live routes reach the new app too.
type unmapTemporaryRoute struct{ *Site }

func (u *unmapTemporaryRoute) Check() []runner.Task {
	return append(u.ordinary(toGreen), u.countsHold(u.Settings.VerifyTimeout))
}

func (u *unmapTemporaryRoute) Plan(ctx context.Context) ([]runner.Task, error) {
	green, err := u.needGreen(ctx)
	if err != nil {
		return nil, err
	}
	route, err := u.cf.RouteByAddress(ctx, u.Settings.TemporaryRoute)
	if err != nil || route == nil {
		return nil, err
	}
	if !u.ours(route.Metadata) {
		return nil, u.notOurs("route", route.Address, route.Metadata)
	}
	return []runner.Task{u.unmapTemporary(route, green.Name), u.dropRoute(route)}, nil
}

func (u *unmapTemporaryRoute) unmapTemporary(route *cloudfoundry.Route, app string) runner.Task {
	return runner.Task{
		Effect: runner.Deletes, Name: fmt.Sprintf("unmap %s from %s", route.Address, app), ByHand: "cf unmap-route " + app + " " + typed(route.Address),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			green, err := u.needGreen(ctx)
			if err != nil {
				return err
			}
			return u.cf.UnmapRoute(ctx, route.GUID, green.GUID)
		},
	}
}

func (u *unmapTemporaryRoute) Verify() []runner.Task {
	return []runner.Task{{Name: "the temporary route is gone", Do: func(ctx context.Context, o *runner.Observation) error {
		route, err := u.cf.RouteByAddress(ctx, u.Settings.TemporaryRoute)
		if err != nil {
			return err
		}
		if route != nil {
			return fmt.Errorf("%s is still there", route.Address)
		}
		o.Say("%s", u.Settings.TemporaryRoute)
		return nil
	}}}
}

func (u *unmapTemporaryRoute) Undo(context.Context) ([]runner.Task, error) {
	return nil, &runner.Irreversible{Why: "a way back does not need the temporary route", Covered: true}
}
