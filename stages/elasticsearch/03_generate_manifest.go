package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

const generateManifestHelp = `Writes the live app's manifest, as the platform generates it from the app itself, to a file for eyes only (0600). Nothing depends on the file: push-app makes it again from the recorded app.

By hand: cf create-app-manifest search-api.`

// generateManifest shows what blue is made of. To undo it: remove the file.
type generateManifest struct{ *Site }

func (g *generateManifest) Check() []runner.Task { return g.ordinary(toBlue) }

func (g *generateManifest) Plan(ctx context.Context) ([]runner.Task, error) {
	m, err := g.blueManifest(ctx)
	if err != nil {
		return nil, err
	}
	text, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	path := g.manifestPath(g.Settings.LiveApp)
	if sameFile(path, text) {
		return nil, nil
	}
	task := g.writeFile("write the live app's manifest", path, text, "")
	task.ByHand = "cf create-app-manifest " + g.Settings.LiveApp
	return []runner.Task{task}, nil
}

func (g *generateManifest) Verify() []runner.Task {
	return []runner.Task{fileHolds(g.manifestPath(g.Settings.LiveApp), g.Settings.LiveApp)}
}

func (g *generateManifest) Undo(context.Context) ([]runner.Task, error) {
	return removeFile(g.manifestPath(g.Settings.LiveApp)), nil
}
