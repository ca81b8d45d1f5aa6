package clone

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry/manifest"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// App is an app that is made piece by piece: green, or blue again.
type App struct {
	*Apps
	// Name is the app's while it is made; Role is that of its label, by which it is
	// found (upgrade.RoleGreen, upgrade.RoleBlue).
	Name, Role string
	// Image is the docker image that it runs; "" for an app of a buildpack.
	Image string
	// Copy is the droplet that it gets a copy of; nil where Image is staged.
	Copy *cloudfoundry.Droplet
	// Route is created with it; "" for none.
	Route    string
	Manifest *manifest.Manifest
	// ByHand is how a person applies the manifest.
	ByHand   string
	Services []Binding
	// Replaced is where the binding without a GUID gets its service from.
	Replaced *Replaced
	// Policies are network policies of the app with the GUID PoliciesOf, which this one
	// gets as its own.
	Policies   []cloudfoundry.NetworkPolicy
	PoliciesOf string
}

// Tasks make what the app lacks, in the order of its pieces, and start it. An app of
// that name that this run did not make is refused.
func (a *App) Tasks(ctx context.Context) ([]runner.Task, error) {
	app, err := a.find(ctx)
	if err != nil {
		return nil, err
	}
	if app == nil {
		stranger, err := a.platform().Apps.ByName(ctx, a.Name)
		if err != nil {
			return nil, err
		}
		if stranger != nil {
			return nil, a.run().NotOurs("app", stranger.Name, stranger.Metadata)
		}
	}
	var tasks []runner.Task
	for _, missing := range []func(context.Context, *cloudfoundry.App) ([]runner.Task, error){
		a.itself, a.route, a.bindings, a.manifest, a.policies, a.droplet,
	} {
		some, err := missing(ctx, app)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, some...)
	}
	start, err := a.started(ctx, app, len(tasks) > 0)
	return append(tasks, start...), err
}

// find finds the app by its label; nil where it is not there yet.
func (a *App) find(ctx context.Context) (*cloudfoundry.App, error) { return a.Pair.Made(ctx, a.Role) }

// need finds the app, which must be there.
func (a *App) need(ctx context.Context) (*cloudfoundry.App, error) {
	app, err := a.find(ctx)
	if err == nil && app == nil {
		err = a.run().NotYet(upgrade.GreenBuilt, "there is no %s", a.Name)
	}
	return app, err
}

// itself, and each of the pieces below, are the tasks that make a piece where it is
// missing. Where app is nil the app is not there yet, and everything is missing.
func (a *App) itself(_ context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	if app != nil {
		return nil, nil
	}
	lifecycle := cloudfoundry.Docker
	if a.Image == "" {
		lifecycle = cloudfoundry.Buildpack
	}
	return []runner.Task{{
		Effect: runner.Creates, Name: "create app " + a.Name, ByHand: "cf create-app " + a.Name + " --app-type " + lifecycle,
		Do: func(ctx context.Context, _ *runner.Observation) error {
			_, err := a.platform().Apps.CreateWith(ctx, a.Name, lifecycle, a.run().Labels(a.Role))
			return err
		},
	}}, nil
}

func (a *App) route(ctx context.Context, _ *cloudfoundry.App) ([]runner.Task, error) {
	if a.Route == "" {
		return nil, nil
	}
	route, err := a.platform().Routes.ByAddress(ctx, a.Route)
	if err != nil {
		return nil, err
	}
	if route != nil && !a.run().Owns(route.Metadata) {
		return nil, a.run().NotOurs("route", route.Address, route.Metadata)
	}
	if route != nil {
		return nil, nil
	}
	return []runner.Task{{
		Effect: runner.Creates, Name: "create route " + a.Route, ByHand: "cf create-route " + a.platform().Routes.Arguments(a.Route),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			_, err := a.platform().Routes.Create(ctx, a.Route, a.run().Labels(a.Role))
			return err
		},
	}}, nil
}

// manifest compares the manifest that the platform generates from the app with the
// wanted one. Services and image are left out: a generated manifest lacks the names of
// bindings, and both are pieces of their own. It maps the route too.
func (a *App) manifest(ctx context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	text, err := a.Manifest.Bytes()
	if err != nil {
		return nil, err
	}
	if app != nil {
		if has, err := a.hasManifest(ctx, app); err != nil || has {
			return nil, err
		}
	}
	return []runner.Task{{
		Effect: runner.Changes, Name: "apply the manifest", ByHand: a.ByHand,
		Do: func(ctx context.Context, _ *runner.Observation) error {
			return a.platform().Apps.ApplyManifest(ctx, text)
		},
	}}, nil
}

func (a *App) hasManifest(ctx context.Context, app *cloudfoundry.App) (bool, error) {
	text, err := a.platform().Apps.Manifest(ctx, app.GUID)
	if err != nil {
		return false, err
	}
	now, err := manifest.Parse(text)
	if err != nil {
		return false, err
	}
	covers := now.Covers(a.Manifest, "services", "docker")
	return covers, nil
}
