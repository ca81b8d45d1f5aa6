package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/release"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const renameNewAppHelp = `Gives green the name that the releases know: from here on a release replaces it like any other. It goes on serving meanwhile; routes lead to an app, and not to its name.

By hand: cf rename elasticsearch-migration search-api.`

// renameNewApp gives green its final name. To undo it by hand: cf rename search-api
// elasticsearch-migration.
type renameNewApp struct {
	checks   *upgrade.Checks
	exchange *names.Exchange
	names    *names.Names
	release  *release.Release
}

func newRenameNewApp(s *Site) runner.Stage {
	return &renameNewApp{checks: s.checks, exchange: s.exchange, names: s.renamer, release: s.release}
}

func (r *renameNewApp) Check() []runner.Task {
	return append(r.checks.GreenServes(), r.exchange.LiveNameIsFree())
}

func (r *renameNewApp) Plan(ctx context.Context) ([]runner.Task, error) {
	return r.exchange.RenameGreen(ctx)
}

func (r *renameNewApp) Verify() []runner.Task {
	return append(upgrade.Afterwards(r.checks.Common(upgrade.ToGreen)...), r.exchange.GreenRenamed())
}

// Undo gives the name back, so that blue can have it again. An app that was released in
// green's place has the name, and gets one under which it stays.
func (r *renameNewApp) Undo(ctx context.Context) ([]runner.Task, error) {
	tasks, err := r.release.RenamedAway(ctx, r.names.RenameApp)
	if err != nil {
		return nil, err
	}
	green, err := r.exchange.UndoGreen(ctx)
	return append(tasks, green...), err
}
