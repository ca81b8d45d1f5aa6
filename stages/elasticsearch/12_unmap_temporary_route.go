package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const unmapTemporaryRouteHelp = `Unmaps the temporary route from green and deletes it: from then on green is reached by the live routes alone, as guarded as they are. Refuses if anything else uses that route.

By hand: cf unmap-route elasticsearch-migration cloudapps.digital --hostname dm-elasticsearch-migration-<stage>; cf delete-route the same.`

// unmapTemporaryRoute deletes the address that only the run needed. A rollback does not
// need it: by then the live routes reach green too.
type unmapTemporaryRoute struct {
	checks *upgrade.Checks
	counts *counts
	green  *clone.Green
}

func newUnmapTemporaryRoute(s *Site) runner.Stage {
	return &unmapTemporaryRoute{checks: s.checks, counts: s.counts, green: s.green}
}

func (u *unmapTemporaryRoute) Check() []runner.Task {
	return append(u.checks.Common(upgrade.ToGreen), u.counts.ofGreen(u.counts.timeout))
}

func (u *unmapTemporaryRoute) Plan(ctx context.Context) ([]runner.Task, error) {
	return u.green.RemoveTemporary(ctx)
}

func (u *unmapTemporaryRoute) Verify() []runner.Task { return []runner.Task{u.green.TemporaryIsGone()} }

func (u *unmapTemporaryRoute) Undo(context.Context) ([]runner.Task, error) {
	return nil, &runner.Irreversible{Why: "a rollback does not need the temporary route", Covered: true}
}
