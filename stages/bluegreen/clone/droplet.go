package clone

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// droplet gives the app its droplet: a copy, or the image staged, going on with what an
// earlier process made.
func (a *App) droplet(ctx context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	if app != nil {
		droplet, err := a.platform().Apps.CurrentDroplet(ctx, app.GUID)
		if err != nil {
			return nil, err
		}
		if droplet != nil && a.wanted(droplet) {
			return nil, nil
		}
	}
	if a.Copy != nil {
		return []runner.Task{a.copied()}, nil
	}
	return []runner.Task{{
		Effect: runner.Creates, Name: "stage the image of the release", ByHand: "cf push " + a.Name + " -o " + a.Image,
		Do: func(ctx context.Context, o *runner.Observation) error {
			o.Say("%s", a.Image)
			app, err := a.need(ctx)
			if err != nil {
				return err
			}
			err = a.stage(cloudfoundry.WithProgress(ctx, func(note string) { o.Progress(runner.Progress{What: note}) }), app)
			if errors.Is(err, cloudfoundry.ErrStaging) {
				o.Detail(upgrade.LastLines(ctx, a.platform(), app.GUID))
			}
			return err
		},
	}}, nil
}

func (a *App) wanted(droplet *cloudfoundry.Droplet) bool {
	if a.Copy != nil {
		return droplet.Same(a.Copy)
	}
	return droplet.Image == a.Image
}

// copied copies the droplet, so that the app is what its source is, byte for byte.
func (a *App) copied() runner.Task {
	return runner.Task{
		Effect: runner.Creates, Name: "copy blue's droplet",
		ByHand: fmt.Sprintf(`cf curl -X POST "/v3/droplets?source_guid=%s" -d '{"relationships":{"app":{"data":{"guid":"'$(cf app %s --guid)'"}}}}'; then cf set-droplet %[2]s with its GUID`, a.Copy.GUID, a.Name),
		Do: func(ctx context.Context, o *runner.Observation) error {
			o.Say("%s", a.Copy.What())
			app, err := a.need(ctx)
			if err != nil {
				return err
			}
			ctx = cloudfoundry.WithProgress(ctx, func(note string) { o.Progress(runner.Progress{What: note}) })
			droplet, err := a.platform().Apps.CopyDroplet(ctx, a.Copy, app.GUID)
			if err != nil {
				return err
			}
			return a.platform().Apps.SetCurrentDroplet(ctx, app.GUID, droplet.GUID)
		},
	}
}

// stage stages the image and makes it the app's droplet. A package holds the registry's
// password of its day: one whose staging fails is not tried again, but made again with
// today's.
func (a *App) stage(ctx context.Context, app *cloudfoundry.App) error {
	packages, err := a.platform().Apps.DockerPackages(ctx, app.GUID)
	if err != nil {
		return err
	}
	for _, made := range packages {
		if made.Image != a.Image || made.State != "READY" {
			continue
		}
		err := a.buildFrom(ctx, app, made)
		if errors.Is(err, cloudfoundry.ErrStaging) {
			break
		}
		return err
	}
	made, err := a.platform().Apps.CreateDockerPackage(ctx, app.GUID, a.Image, a.DockerUsername, a.DockerPassword)
	if err != nil {
		return err
	}
	return a.buildFrom(ctx, app, *made)
}

func (a *App) buildFrom(ctx context.Context, app *cloudfoundry.App, made cloudfoundry.Package) error {
	droplet, err := a.platform().Apps.Build(ctx, made.GUID)
	if err != nil {
		return err
	}
	return a.platform().Apps.SetCurrentDroplet(ctx, app.GUID, droplet.GUID)
}

// started starts the app. One that runs is stopped and started where a piece of it was
// missing or where it crashed: the platform fixes what an instance is made of when it
// is wanted, and a crash does not renew that (cloud_controller_ng:
// lib/cloud_controller/diego/app_recipe_builder.rb).
func (a *App) started(ctx context.Context, app *cloudfoundry.App, changed bool) ([]runner.Task, error) {
	start := a.start(a.Name, a.need)
	if app == nil || app.State != cloudfoundry.Started {
		return []runner.Task{start}, nil
	}
	_, instances, err := upgrade.Routable(ctx, a.platform(), app.GUID)
	if err != nil {
		return nil, err
	}
	crashed := slices.ContainsFunc(instances, func(i cloudfoundry.Instance) bool { return i.State == "CRASHED" })
	if !crashed && !changed {
		return nil, nil
	}
	return []runner.Task{a.Stop(app), start}, nil
}
