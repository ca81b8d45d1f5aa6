package elasticsearch

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// A live route is recorded by GUID and address. Somebody may delete it in mid-run, and
// make it again.

// routeGone says that somebody deleted a live route.
type routeGone struct{ route liveRoute }

func (g *routeGone) Error() string {
	return "live route " + g.route.Address + " is deleted: make it again"
}

// liveNow reads a live route. One that was deleted and made again is known by its
// address.
func (s *Site) liveNow(ctx context.Context, route liveRoute) (*cloudfoundry.Route, error) {
	now, err := s.cf.Route(ctx, route.GUID)
	if cloudfoundry.IsNotFound(err) {
		now, err = s.cf.RouteByAddress(ctx, route.Address)
		if err == nil && now == nil {
			return nil, runner.Refuse("%w", &routeGone{route})
		}
	}
	if err != nil {
		return nil, fmt.Errorf("live route %s: %w", route.Address, err)
	}
	return now, nil
}
