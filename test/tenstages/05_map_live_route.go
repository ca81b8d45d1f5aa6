package main

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const mapLiveRouteHelp = `Maps every live route to green as well, and proves that each instance of green answers there. If that fails, green is unmapped at once.`

// mapLiveRoute puts green beside blue. To undo it by hand: cf unmap-route.
type mapLiveRoute struct {
	checks  *upgrade.Checks
	green   *clone.Green
	traffic *traffic.Traffic
}

func newMapLiveRoute(s *site) runner.Stage {
	return &mapLiveRoute{checks: s.checks, green: s.green, traffic: s.traffic}
}

func (m *mapLiveRoute) Check() []runner.Task {
	return append(m.checks.Common(upgrade.ToBlue, upgrade.ToBoth), m.green.Built(), m.traffic.BigEnough())
}

func (m *mapLiveRoute) Plan(ctx context.Context) ([]runner.Task, error) {
	return m.traffic.MapGreen(ctx)
}

func (m *mapLiveRoute) Verify() []runner.Task { return m.traffic.GreenAnswers("green") }

// Abort unmaps green from the live routes at once.
func (m *mapLiveRoute) Abort(ctx context.Context) ([]runner.Task, error) {
	return m.traffic.UnmapGreen(ctx)
}

func (m *mapLiveRoute) Undo(ctx context.Context) ([]runner.Task, error) {
	return m.traffic.UndoMapGreen(ctx)
}
