package main

import (
	"context"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/release"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const renameAppsHelp = `Gives blue its old name and green the live app's, which the releases know. Both go on as they are.`

// renameApps exchanges the names. To undo it by hand: cf rename.
type renameApps struct {
	checks   *upgrade.Checks
	exchange *names.Exchange
	release  *release.Release
}

func newRenameApps(s *site) runner.Stage {
	return &renameApps{checks: s.checks, exchange: s.exchange, release: s.release}
}

func (r *renameApps) Check() []runner.Task {
	return append(r.checks.GreenServes(), r.exchange.OldNameIsFree())
}

func (r *renameApps) Plan(ctx context.Context) ([]runner.Task, error) {
	return both(ctx, r.exchange.RenameBlue, r.exchange.RenameGreen)
}

func (r *renameApps) Verify() []runner.Task {
	return append(upgrade.Afterwards(r.checks.Common(upgrade.ToGreen)...), r.exchange.BlueRenamed(), r.exchange.GreenRenamed())
}

// Undo makes room for blue first: a released app has the live app's name, or green.
func (r *renameApps) Undo(ctx context.Context) ([]runner.Task, error) {
	away, err := r.release.RenamedAway(ctx, r.exchange.Names.RenameApp)
	if err != nil {
		return nil, err
	}
	back, err := both(ctx, r.exchange.UndoGreen, r.exchange.UndoBlue)
	return slices.Concat(away, back), err
}
