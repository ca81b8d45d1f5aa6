package upgrade

import (
	"context"
	"fmt"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Pair is blue and green as they are now: blue is known by its GUID, green by the
// run's label.
type Pair struct {
	Platform *cloudfoundry.Client
	Run      *Run
	// NewApp is the name that green is made with, OldApp the one that blue gets.
	NewApp, OldApp string
}

// App reads an app; nil where it is gone.
func (p *Pair) App(ctx context.Context, guid string) (*cloudfoundry.App, error) {
	return GoneIfNotFound(p.Platform.Apps.Get(ctx, guid))
}

// Blue reads blue as recorded and its app; the app is nil where it is gone.
func (p *Pair) Blue(ctx context.Context) (Blue, *cloudfoundry.App, error) {
	b, err := p.Run.Blue()
	if err != nil {
		return b, nil, err
	}
	app, err := p.App(ctx, b.App)
	return b, app, err
}

// NeedBlue is Blue whose app must be there.
func (p *Pair) NeedBlue(ctx context.Context) (Blue, *cloudfoundry.App, error) {
	b, app, err := p.Blue(ctx)
	if err == nil && app == nil {
		err = runner.Refuse("blue, once %s, is gone: somebody deleted it", b.Name)
	}
	return b, app, err
}

// BlueForRollback is blue's app; in a dry run also where it is deleted and a rollback
// would rebuild it first. nil where it is gone for good.
func (p *Pair) BlueForRollback(ctx context.Context) (Blue, *cloudfoundry.App, error) {
	b, app, err := p.Blue(ctx)
	if err == nil && app == nil && p.Run.DryRun() && p.Run.BlueCanBeRebuilt() {
		app = &cloudfoundry.App{GUID: b.App, Name: p.OldApp}
	}
	return b, app, err
}

// BlueName is blue's present name, or the one under which it will be rebuilt, for
// people; the recorded one where it cannot be read.
func (p *Pair) BlueName(ctx context.Context, b Blue) string {
	if app, err := p.Platform.Apps.Get(ctx, b.App); err == nil {
		return app.Name
	}
	if p.Run.BlueCanBeRebuilt() {
		return p.OldApp
	}
	return b.Name
}

// Green finds the app that this run made, by its label; nil where there is none.
func (p *Pair) Green(ctx context.Context) (*cloudfoundry.App, error) {
	return p.Made(ctx, RoleGreen)
}

// NeedGreen is Green, or NotYet.
func (p *Pair) NeedGreen(ctx context.Context) (*cloudfoundry.App, error) {
	app, err := p.Green(ctx)
	if err != nil {
		return nil, err
	}
	if app == nil {
		return nil, p.Run.NotYet(GreenBuilt, "there is no %s", p.NewApp)
	}
	return app, nil
}

// Made finds the app that this run made for a role; nil where there is none.
func (p *Pair) Made(ctx context.Context, role string) (*cloudfoundry.App, error) {
	if !p.Run.Exists() {
		return nil, nil
	}
	apps, err := p.Platform.Apps.ByLabel(ctx, cloudfoundry.RunLabel, p.Run.ID())
	if err != nil {
		return nil, fmt.Errorf("find the app of run %s: %w", p.Run.ID(), err)
	}
	apps = slices.DeleteFunc(apps, func(one cloudfoundry.App) bool { return one.Labels[RoleLabel] != role })
	switch len(apps) {
	case 0:
		return nil, nil
	case 1:
		return &apps[0], nil
	}
	return nil, runner.Refuse("%d apps carry the label of run %s for %s; only one may", len(apps), p.Run.ID(), role)
}
