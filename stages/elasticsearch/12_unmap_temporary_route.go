package elasticsearch

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const unmapTemporaryRouteHelp = `Unmaps the temporary route from green and deletes it: from then on green is reached by the live routes alone, as guarded as they are. Refuses if anything else uses that route.

By hand: cf unmap-route elasticsearch-migration cloudapps.digital --hostname dm-elasticsearch-migration-<stage>; cf delete-route the same.`

// unmapTemporaryRoute deletes the address that only the run needed. A rollback does not
// need it: by then the live routes reach green too.
type unmapTemporaryRoute struct {
	checks   *upgrade.Checks
	counts   *counts
	pair     *upgrade.Pair
	platform *cloudfoundry.Client
	green    *clone.Green
	address  string
}

func newUnmapTemporaryRoute(s *Site) runner.Stage {
	return &unmapTemporaryRoute{
		checks: s.checks, counts: s.counts, pair: s.live.Pair, platform: s.platform, green: s.green, address: s.names.TemporaryRoute,
	}
}

func (u *unmapTemporaryRoute) Check() []runner.Task {
	return append(u.checks.Common(upgrade.ToGreen), u.counts.ofGreen(u.counts.timeout))
}

func (u *unmapTemporaryRoute) Plan(ctx context.Context) ([]runner.Task, error) {
	green, err := u.pair.NeedGreen(ctx)
	if err != nil {
		return nil, err
	}
	route, err := u.platform.Routes.ByAddress(ctx, u.address)
	if err != nil || route == nil {
		return nil, err
	}
	if !u.pair.Run.Owns(route.Metadata) {
		return nil, u.pair.Run.NotOurs("route", route.Address, route.Metadata)
	}
	return []runner.Task{u.unmap(route, green.Name), u.green.DeleteRoute(route)}, nil
}

func (u *unmapTemporaryRoute) unmap(route *cloudfoundry.Route, app string) runner.Task {
	return runner.Task{
		Name: fmt.Sprintf("unmap %s from %s", route.Address, app), Effect: runner.Deletes,
		ByHand: "cf unmap-route " + app + " " + upgrade.RouteArguments(route.Address),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			green, err := u.pair.NeedGreen(ctx)
			if err != nil {
				return err
			}
			return u.platform.Routes.Unmap(ctx, route.GUID, green.GUID)
		},
	}
}

func (u *unmapTemporaryRoute) Verify() []runner.Task {
	return []runner.Task{{Name: "the temporary route is gone", Do: func(ctx context.Context, o *runner.Observation) error {
		route, err := u.platform.Routes.ByAddress(ctx, u.address)
		if err != nil {
			return err
		}
		if route != nil {
			return fmt.Errorf("%s is still there", route.Address)
		}
		o.Say("%s", u.address)
		return nil
	}}}
}

func (u *unmapTemporaryRoute) Undo(context.Context) ([]runner.Task, error) {
	return nil, &runner.Irreversible{Why: "a rollback does not need the temporary route", Covered: true}
}
