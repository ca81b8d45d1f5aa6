package elasticsearch

import (
	"context"
	"errors"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/manifest"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// The pieces that green is made of, in their order. Each looks for itself first: a
// nil app is one that is not there yet, and then everything is missing.

func (p *pushApp) theApp(_ context.Context, app *cloudfoundry.App, _ *manifest.Manifest, _ []wanted) ([]runner.Task, error) {
	if app != nil {
		return nil, nil
	}
	return []runner.Task{{
		Name: "create app " + p.Settings.NewApp, ByHand: "cf create-app " + p.Settings.NewApp + " --app-type docker",
		Do: func(ctx context.Context, _ *runner.Observation) error {
			_, err := p.cf.CreateApp(ctx, p.Settings.NewApp, p.labels())
			return err
		},
	}}, nil
}

func (p *pushApp) theRoute(ctx context.Context, _ *cloudfoundry.App, _ *manifest.Manifest, _ []wanted) ([]runner.Task, error) {
	route, err := p.cf.RouteByAddress(ctx, p.Settings.TemporaryRoute)
	if err != nil {
		return nil, err
	}
	if route != nil && !p.ours(route.Metadata) {
		return nil, p.notOurs("route", route.Address, route.Metadata)
	}
	if route != nil {
		return nil, nil
	}
	return []runner.Task{{
		Name: "create route " + p.Settings.TemporaryRoute, ByHand: "cf create-route " + typed(p.Settings.TemporaryRoute),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			_, err := p.cf.CreateRoute(ctx, p.Settings.TemporaryRoute, p.labels())
			return err
		},
	}}, nil
}

// theBindings are made one by one, before the manifest is applied: inside of a
// manifest the platform waits 60 s for a slow broker and then gives up
// (cloud_controller_ng: max_manifest_service_binding_poll_duration_in_seconds).
func (p *pushApp) theBindings(ctx context.Context, app *cloudfoundry.App, _ *manifest.Manifest, services []wanted) ([]runner.Task, error) {
	bound := map[string]string{}
	if app != nil {
		bindings, err := p.cf.Bindings(ctx, cloudfoundry.BindingFilter{App: app.GUID})
		if err != nil {
			return nil, err
		}
		for _, b := range bindings {
			if b.LastOperation.State == "succeeded" {
				bound[b.InstanceGUID] = b.GUID
			}
		}
	}
	var tasks []runner.Task
	for _, w := range services {
		guid := w.GUID
		if guid == "" {
			instance, err := p.newService(ctx)
			if err != nil && app != nil {
				return nil, err
			}
			if instance != nil {
				guid = instance.GUID
			}
		}
		if guid != "" && bound[guid] != "" {
			continue
		}
		tasks = append(tasks, p.bind(w))
	}
	return tasks, nil
}

func (p *pushApp) bind(w wanted) runner.Task {
	byHand := "cf bind-service " + p.Settings.NewApp + " " + w.Name
	if w.BindingName != "" {
		byHand += " --binding-name " + w.BindingName
	}
	return runner.Task{
		Name: "bind service " + w.Name, ByHand: byHand,
		Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := p.needGreen(ctx)
			if err != nil {
				return err
			}
			guid := w.GUID
			if guid == "" {
				instance, err := p.newService(ctx)
				if err != nil {
					return err
				}
				guid = instance.GUID
			}
			parameters, err := asJSON(w.Parameters)
			if err != nil {
				return err
			}
			if w.BindingName != "" {
				o.Say("as %s", w.BindingName)
			}
			_, err = p.cf.Bind(ctx, app.GUID, guid, w.BindingName, parameters)
			return err
		},
	}
}

// theManifest compares the manifest that the platform generates from green with
// the wanted one. Services and image are left out: it does not tell binding
// names, and both are pieces of their own.
func (p *pushApp) theManifest(ctx context.Context, app *cloudfoundry.App, m *manifest.Manifest, _ []wanted) ([]runner.Task, error) {
	text, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	if app != nil {
		have, err := p.cf.Manifest(ctx, app.GUID)
		if err != nil {
			return nil, err
		}
		now, err := manifest.Parse(have)
		if err != nil {
			return nil, err
		}
		if covers, _ := now.Covers(m, "services", "docker"); covers {
			return nil, nil
		}
	}
	return []runner.Task{{
		Name: "apply the manifest", ByHand: "cf push -f " + p.manifestPath(p.Settings.NewApp) + " --no-start",
		Do: func(ctx context.Context, _ *runner.Observation) error { return p.cf.ApplyManifest(ctx, text) },
	}}, nil
}

// thePolicies copies blue's network policies, which no manifest holds.
func (p *pushApp) thePolicies(ctx context.Context, app *cloudfoundry.App, _ *manifest.Manifest, _ []wanted) ([]runner.Task, error) {
	want, err := p.policies(ctx)
	if err != nil || len(want) == 0 {
		return nil, err
	}
	if app != nil {
		have, err := p.cf.NetworkPolicies(ctx, app.GUID)
		if err != nil {
			return nil, err
		}
		if len(have) >= len(want) {
			return nil, nil
		}
	}
	return []runner.Task{{
		Name: "copy the network policies", ByHand: "cf add-network-policy " + p.Settings.NewApp + " …",
		Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := p.needGreen(ctx)
			if err != nil {
				return err
			}
			b, err := p.recorded()
			if err != nil {
				return err
			}
			o.Say("%d policies", len(want))
			return p.cf.AddNetworkPolicies(ctx, renamed(want, b.App, app.GUID))
		},
	}}, nil
}

// policies are blue's, as source and as destination.
func (s *Site) policies(ctx context.Context) ([]cloudfoundry.NetworkPolicy, error) {
	b, err := s.recorded()
	if err != nil {
		return nil, err
	}
	return s.cf.NetworkPolicies(ctx, b.App)
}

func renamed(policies []cloudfoundry.NetworkPolicy, from, to string) []cloudfoundry.NetworkPolicy {
	out := append([]cloudfoundry.NetworkPolicy(nil), policies...)
	for i := range out {
		if out[i].SourceGUID == from {
			out[i].SourceGUID = to
		}
		if out[i].DestinationGUID == from {
			out[i].DestinationGUID = to
		}
	}
	return out
}

// theDroplet stages the release's image, going on with a package or a build that
// an earlier process made.
func (p *pushApp) theDroplet(ctx context.Context, app *cloudfoundry.App, _ *manifest.Manifest, _ []wanted) ([]runner.Task, error) {
	image := p.image()
	if app != nil {
		droplet, err := p.cf.CurrentDroplet(ctx, app.GUID)
		if err != nil {
			return nil, err
		}
		if droplet != nil && droplet.Image == image {
			return nil, nil
		}
	}
	return []runner.Task{{
		Name: "stage the image of the release", ByHand: "cf push " + p.Settings.NewApp + " -o " + image,
		Do: func(ctx context.Context, o *runner.Observation) error {
			o.Say("%s", image)
			app, err := p.needGreen(ctx)
			if err != nil {
				return err
			}
			err = p.stage(cloudfoundry.WithProgress(ctx, func(note string) { o.Progress(runner.Progress{What: note}) }), app, image)
			if errors.Is(err, cloudfoundry.ErrStaging) {
				o.Detail(p.lastLines(ctx, app.GUID))
			}
			return err
		},
	}}, nil
}

// stage stages the image. A package holds the registry's password of its day: one
// whose staging fails is not tried again, but made anew with today's.
func (p *pushApp) stage(ctx context.Context, app *cloudfoundry.App, image string) error {
	packages, err := p.cf.DockerPackages(ctx, app.GUID)
	if err != nil {
		return err
	}
	for _, made := range packages {
		if made.Image != image || made.State != "READY" {
			continue
		}
		droplet, err := p.cf.Build(ctx, made.GUID)
		if errors.Is(err, cloudfoundry.ErrStaging) {
			break
		}
		if err != nil {
			return err
		}
		return p.cf.SetCurrentDroplet(ctx, app.GUID, droplet.GUID)
	}
	made, err := p.cf.CreateDockerPackage(ctx, app.GUID, image, p.Settings.DockerUsername, p.Settings.DockerPassword)
	if err != nil {
		return err
	}
	droplet, err := p.cf.Build(ctx, made.GUID)
	if err != nil {
		return err
	}
	return p.cf.SetCurrentDroplet(ctx, app.GUID, droplet.GUID)
}

// theStart starts the app. One that runs is started anew where a piece of it is
// mended or where it crashed: the platform fixes what an instance is made of when
// it is wanted, and a crash does not renew that (cloud_controller_ng:
// lib/cloud_controller/diego/app_recipe_builder.rb).
func (p *pushApp) theStart(ctx context.Context, app *cloudfoundry.App, mended bool) ([]runner.Task, error) {
	if app == nil || app.State != cloudfoundry.Started {
		return p.startTask(), nil
	}
	_, instances, err := p.routable(ctx, app.GUID)
	if err != nil {
		return nil, err
	}
	crashed := slices.ContainsFunc(instances, func(i cloudfoundry.Instance) bool { return i.State == "CRASHED" })
	if !crashed && !mended {
		return nil, nil
	}
	return append([]runner.Task{p.stopTask(app)}, p.startTask()...), nil
}

func (p *pushApp) startTask() []runner.Task {
	return []runner.Task{{
		Name: "start app " + p.Settings.NewApp, ByHand: "cf start " + p.Settings.NewApp,
		Do: func(ctx context.Context, _ *runner.Observation) error {
			app, err := p.needGreen(ctx)
			if err != nil {
				return err
			}
			return p.cf.StartApp(ctx, app.GUID)
		},
	}}
}
