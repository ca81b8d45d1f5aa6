package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const editManifestHelp = `Makes green's manifest from blue's: another name, the temporary route, the new service in place of the old one and bound under the old one's name, and the variable that tells the app that name. All else stays. Shows the difference, without the values of variables, and writes the file for eyes only (0600).

Refuses where something cannot be copied: parameters of a binding that the platform does not show.`

// editManifest shows what green will be made of. To undo it: remove the file.
type editManifest struct {
	checks *upgrade.Checks
	green  *clone.Green
}

func newEditManifest(s *Site) runner.Stage { return &editManifest{checks: s.checks, green: s.green} }

func (e *editManifest) Check() []runner.Task {
	return append(e.checks.Common(upgrade.ToBlue), e.green.Copyable(), e.green.RouteServices())
}

func (e *editManifest) Plan(ctx context.Context) ([]runner.Task, error) { return e.green.Write(ctx) }

func (e *editManifest) Verify() []runner.Task { return []runner.Task{e.green.File().Written()} }

func (e *editManifest) Undo(context.Context) ([]runner.Task, error) {
	return e.green.File().Remove(), nil
}
