package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const unmapOldAppHelp = `Once green has at least as many routable instances, catches green up, unmaps blue from every live route, and catches up at once with what was written to blue last: the log and the report have how long green served alone until it had everything. Proves over as many fresh connections that no router knows blue there any more, waits for DRAIN, so that requests in flight end, and catches up once more. Blue goes on running, for a quick rollback. If the unmapping fails half-way, blue is mapped again at once.

By hand: cf unmap-route search-api cloudapps.digital --hostname dm-search-api-<stage>.`

// unmapOldApp leaves green to serve alone. To undo it by hand: cf map-route search-api.
type unmapOldApp struct {
	checks  *upgrade.Checks
	traffic *traffic.Traffic
	counts  *counts
}

func newUnmapOldApp(s *Site) runner.Stage {
	return &unmapOldApp{checks: s.checks, traffic: s.traffic, counts: s.counts}
}

func (u *unmapOldApp) Check() []runner.Task {
	return append(u.checks.Common(upgrade.ToBoth, upgrade.ToGreen), u.traffic.EnoughInstances(), u.counts.ofGreen(u.counts.timeout))
}

func (u *unmapOldApp) Plan(ctx context.Context) ([]runner.Task, error) {
	return u.traffic.UnmapBlue(ctx)
}

func (u *unmapOldApp) Verify() []runner.Task {
	return upgrade.Afterwards(append(u.checks.Common(upgrade.ToGreen), u.counts.ofGreen(0))...)
}

// Abort maps blue again at once, unless green serves alone already.
func (u *unmapOldApp) Abort(ctx context.Context) ([]runner.Task, error) {
	return u.traffic.AbortUnmapBlue(ctx)
}

// Undo catches blue up by a route of its own, maps it and proves it. Where nobody
// serves it is mapped first.
func (u *unmapOldApp) Undo(ctx context.Context) ([]runner.Task, error) {
	return u.traffic.ReturnToBlue(ctx)
}
