package main

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const generateManifestHelp = `Writes blue's manifest, and green's made from it: another name and the temporary route. All else stays, the services too.`

// generateManifest shows what green will be made of. To undo it: remove the files.
type generateManifest struct {
	checks *upgrade.Checks
	green  *clone.Green
	blue   clone.File
}

func newGenerateManifest(s *site) runner.Stage {
	return &generateManifest{checks: s.checks, green: s.green, blue: clone.FileOf(s.settings.Manifests, s.names.LiveApp)}
}

func (g *generateManifest) Check() []runner.Task {
	return append(g.checks.Common(upgrade.ToBlue), g.green.Copyable(), g.green.RouteServices())
}

func (g *generateManifest) Plan(ctx context.Context) ([]runner.Task, error) {
	blue, err := g.green.Source.Write(ctx, g.blue)
	if err != nil {
		return nil, err
	}
	green, err := g.green.Write(ctx)
	return append(blue, green...), err
}

func (g *generateManifest) Verify() []runner.Task { return []runner.Task{g.green.File().Written()} }

func (g *generateManifest) Undo(context.Context) ([]runner.Task, error) {
	return append(g.green.File().Remove(), g.blue.Remove()...), nil
}
