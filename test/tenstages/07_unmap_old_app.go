package main

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const unmapOldAppHelp = `Unmaps blue from every live route, proves it, and deletes green's temporary route. Blue goes on running.`

// unmapOldApp leaves green to serve alone. To undo it by hand: cf map-route.
type unmapOldApp struct {
	checks  *upgrade.Checks
	green   *clone.Green
	traffic *traffic.Traffic
}

func newUnmapOldApp(s *site) runner.Stage {
	return &unmapOldApp{checks: s.checks, green: s.green, traffic: s.traffic}
}

func (u *unmapOldApp) Check() []runner.Task {
	return append(u.checks.Common(upgrade.ToBoth, upgrade.ToGreen), u.traffic.EnoughInstances())
}

func (u *unmapOldApp) Plan(ctx context.Context) ([]runner.Task, error) {
	blue, err := u.traffic.UnmapBlue(ctx)
	if err != nil {
		return nil, err
	}
	temporary, err := u.green.RemoveTemporary(ctx)
	return append(blue, temporary...), err
}

func (u *unmapOldApp) Verify() []runner.Task {
	return append(upgrade.Afterwards(u.checks.Common(upgrade.ToGreen)...), u.green.TemporaryIsGone())
}

// Abort maps blue again at once, unless green serves alone already.
func (u *unmapOldApp) Abort(ctx context.Context) ([]runner.Task, error) {
	return u.traffic.AbortUnmapBlue(ctx)
}

func (u *unmapOldApp) Undo(ctx context.Context) ([]runner.Task, error) {
	return u.traffic.ReturnToBlue(ctx)
}
