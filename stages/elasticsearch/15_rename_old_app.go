package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const renameOldAppHelp = `Gives blue its old name, so that green can take the name that the releases know. A name is nothing but a name: the app goes on running as it is, off the live routes, for a quick rollback.

By hand: cf rename search-api search-api-old.`

// renameOldApp makes room for green's final name. To undo it by hand:
// cf rename search-api-old search-api.
type renameOldApp struct {
	checks   *upgrade.Checks
	exchange *names.Exchange
}

func newRenameOldApp(s *Site) runner.Stage {
	return &renameOldApp{checks: s.checks, exchange: s.exchange}
}

func (r *renameOldApp) Check() []runner.Task {
	return append(r.checks.GreenServes(), r.exchange.OldNameIsFree())
}

func (r *renameOldApp) Plan(ctx context.Context) ([]runner.Task, error) {
	return r.exchange.RenameBlue(ctx)
}

func (r *renameOldApp) Verify() []runner.Task { return []runner.Task{r.exchange.BlueRenamed()} }

func (r *renameOldApp) Undo(ctx context.Context) ([]runner.Task, error) {
	return r.exchange.UndoBlue(ctx)
}
