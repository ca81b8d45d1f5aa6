package elasticsearch

import (
	"context"
	"errors"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// theDroplet stages the release's image, going on with a package or a build that
// an earlier process made.
func (m *making) theDroplet(ctx context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	image := m.image
	if app != nil {
		droplet, err := m.cf.CurrentDroplet(ctx, app.GUID)
		if err != nil {
			return nil, err
		}
		if droplet != nil && droplet.Image == image {
			return nil, nil
		}
	}
	return []runner.Task{{
		Effect: runner.Creates, Name: "stage the image of the release", ByHand: "cf push " + m.name + " -o " + image,
		Do: func(ctx context.Context, o *runner.Observation) error {
			o.Say("%s", image)
			app, err := m.need(ctx)
			if err != nil {
				return err
			}
			err = m.stage(cloudfoundry.WithProgress(ctx, func(note string) { o.Progress(runner.Progress{What: note}) }), app, image)
			if errors.Is(err, cloudfoundry.ErrStaging) {
				o.Detail(m.lastLines(ctx, app.GUID))
			}
			return err
		},
	}}, nil
}

// stage stages the image. A package holds the registry's password of its day: one
// whose staging fails is not tried again, but made anew with today's.
func (m *making) stage(ctx context.Context, app *cloudfoundry.App, image string) error {
	packages, err := m.cf.DockerPackages(ctx, app.GUID)
	if err != nil {
		return err
	}
	for _, made := range packages {
		if made.Image != image || made.State != "READY" {
			continue
		}
		droplet, err := m.cf.Build(ctx, made.GUID)
		if errors.Is(err, cloudfoundry.ErrStaging) {
			break
		}
		if err != nil {
			return err
		}
		return m.cf.SetCurrentDroplet(ctx, app.GUID, droplet.GUID)
	}
	made, err := m.cf.CreateDockerPackage(ctx, app.GUID, image, m.Settings.DockerUsername, m.Settings.DockerPassword)
	if err != nil {
		return err
	}
	droplet, err := m.cf.Build(ctx, made.GUID)
	if err != nil {
		return err
	}
	return m.cf.SetCurrentDroplet(ctx, app.GUID, droplet.GUID)
}

// theStart starts the app. One that runs is started anew where a piece of it is
// mended or where it crashed: the platform fixes what an instance is made of when
// it is wanted, and a crash does not renew that (cloud_controller_ng:
// lib/cloud_controller/diego/app_recipe_builder.rb).
func (m *making) theStart(ctx context.Context, app *cloudfoundry.App, mended bool) ([]runner.Task, error) {
	if app == nil || app.State != cloudfoundry.Started {
		return m.startTask(), nil
	}
	_, instances, err := m.routable(ctx, app.GUID)
	if err != nil {
		return nil, err
	}
	crashed := slices.ContainsFunc(instances, func(i cloudfoundry.Instance) bool { return i.State == "CRASHED" })
	if !crashed && !mended {
		return nil, nil
	}
	return append([]runner.Task{m.stopTask(app)}, m.startTask()...), nil
}

func (m *making) startTask() []runner.Task {
	return []runner.Task{{
		Effect: runner.Changes, Name: "start app " + m.name, ByHand: "cf start " + m.name,
		Do: func(ctx context.Context, _ *runner.Observation) error {
			app, err := m.need(ctx)
			if err != nil {
				return err
			}
			return m.cf.StartApp(ctx, app.GUID)
		},
	}}
}
