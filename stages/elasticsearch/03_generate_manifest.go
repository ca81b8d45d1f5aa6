package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const generateManifestHelp = `Writes blue's manifest, as the platform generates it from the app itself, to a file for eyes only (0600). Nothing depends on the file: push-app makes it again from the recorded app.

By hand: cf create-app-manifest search-api.`

// generateManifest shows what blue is made of. To undo it: remove the file.
type generateManifest struct {
	checks *upgrade.Checks
	source *clone.Source
	file   clone.File
}

func newGenerateManifest(s *Site) runner.Stage {
	return &generateManifest{checks: s.checks, source: s.source, file: clone.FileOf(s.Settings.Manifests, s.names.LiveApp)}
}

func (g *generateManifest) Check() []runner.Task { return g.checks.Common(upgrade.ToBlue) }

func (g *generateManifest) Plan(ctx context.Context) ([]runner.Task, error) {
	return g.source.Write(ctx, g.file)
}

func (g *generateManifest) Verify() []runner.Task { return []runner.Task{g.file.Written()} }

func (g *generateManifest) Undo(context.Context) ([]runner.Task, error) { return g.file.Remove(), nil }
