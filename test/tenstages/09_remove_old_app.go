package main

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/situation"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const removeOldAppHelp = `Stops blue once no request is in flight, and keeps it. With REMOVE_OLD_APP=delete it is deleted, and a rollback rebuilds it.`

// removeOldApp ends what runs of blue. To undo it by hand: cf start.
type removeOldApp struct {
	checks    *upgrade.Checks
	removal   *clone.Removal
	situation *situation.Reader
}

func newRemoveOldApp(s *site) runner.Stage {
	return &removeOldApp{checks: s.checks, removal: s.removal, situation: s.situation}
}

func (r *removeOldApp) Check() []runner.Task {
	return append(r.checks.GreenServes(), r.checks.BlueHasNoRoute(), r.removal.IsBlue())
}

func (r *removeOldApp) Plan(ctx context.Context) ([]runner.Task, error) { return r.removal.Tasks(ctx) }

func (r *removeOldApp) Verify() []runner.Task {
	return append(upgrade.Afterwards(r.checks.Common(upgrade.ToGreen)...), r.removal.NothingRuns(), r.situation.RollbackCost())
}

func (r *removeOldApp) Undo(ctx context.Context) ([]runner.Task, error) {
	return r.removal.Undo(ctx, nil)
}
