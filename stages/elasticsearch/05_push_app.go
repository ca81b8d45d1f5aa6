package elasticsearch

import (
	"context"
	"fmt"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/manifest"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const pushAppHelp = `Makes the new app from its manifest and starts it: the app and its temporary route (with the run's label from their first moment), the bindings, the manifest, a docker package of the release's image, its droplet. Waits until all instances run and are routable and the app answers on its temporary route. A crash shows the app's last log lines.

By hand: cf push -f manifests/elasticsearch-migration.yml.`

// pushApp makes green. Each piece is looked for before it is made, so that it
// goes on wherever an earlier process was stopped. To undo it by hand:
// cf delete elasticsearch-migration -r.
type pushApp struct {
	*Site
	crashes int
}

func (p *pushApp) Check() []runner.Task {
	return append(p.ordinary(toBlue), runner.Task{
		Name: "the new service is ready",
		Do: func(ctx context.Context, o *runner.Observation) error {
			_, err := p.newService(ctx)
			o.Say("%s", p.Settings.NewService)
			return err
		},
	})
}

func (p *pushApp) Plan(ctx context.Context) ([]runner.Task, error) {
	m, services, err := p.greenManifest(ctx)
	if err != nil {
		return nil, err
	}
	app, err := p.cf.AppByName(ctx, p.Settings.NewApp)
	if err != nil {
		return nil, err
	}
	if app != nil && !p.ours(app.Metadata) {
		return nil, p.notOurs("app", app.Name, app.Metadata)
	}
	var tasks []runner.Task
	for _, piece := range []func(context.Context, *cloudfoundry.App, *manifest.Manifest, []wanted) ([]runner.Task, error){
		p.theApp, p.theRoute, p.theBindings, p.theManifest, p.thePolicies, p.theDroplet, p.theStart,
	} {
		some, err := piece(ctx, app, m, services)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, some...)
	}
	return tasks, nil
}

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
			return p.stage(cloudfoundry.WithProgress(ctx, func(note string) { o.Progress(runner.Progress{What: note}) }), image)
		},
	}}, nil
}

func (p *pushApp) stage(ctx context.Context, image string) error {
	app, err := p.needGreen(ctx)
	if err != nil {
		return err
	}
	packages, err := p.cf.DockerPackages(ctx, app.GUID)
	if err != nil {
		return err
	}
	var chosen *cloudfoundry.Package
	for i := range packages {
		if packages[i].Image == image && packages[i].State == "READY" {
			chosen = &packages[i]
			break
		}
	}
	if chosen == nil {
		chosen, err = p.cf.CreateDockerPackage(ctx, app.GUID, image, p.Settings.DockerUsername, p.Settings.DockerPassword)
		if err != nil {
			return err
		}
	}
	droplet, err := p.cf.Build(ctx, chosen.GUID)
	if err != nil {
		return err
	}
	return p.cf.SetCurrentDroplet(ctx, app.GUID, droplet.GUID)
}

func (p *pushApp) theStart(_ context.Context, app *cloudfoundry.App, _ *manifest.Manifest, _ []wanted) ([]runner.Task, error) {
	if app != nil && app.State == cloudfoundry.Started {
		return nil, nil
	}
	return []runner.Task{{
		Name: "start app " + p.Settings.NewApp, ByHand: "cf start " + p.Settings.NewApp,
		Do: func(ctx context.Context, _ *runner.Observation) error {
			app, err := p.needGreen(ctx)
			if err != nil {
				return err
			}
			return p.cf.StartApp(ctx, app.GUID)
		},
	}}, nil
}

func (p *pushApp) Verify() []runner.Task {
	return []runner.Task{
		{Name: "all instances run and are routable", Wait: p.Settings.StartTimeout, Do: p.running},
		{Name: "the new app answers on its temporary route", Wait: p.Settings.RouteTimeout, Do: p.answers},
	}
}

// running counts the instances. A start that crashes is tried again by the
// platform; one that has crashed at three looks in a row is taken at its word.
func (p *pushApp) running(ctx context.Context, o *runner.Observation) error {
	app, want, err := p.greenInstances(ctx)
	if err != nil {
		return err
	}
	ready, instances, err := p.routable(ctx, app)
	if err != nil {
		return err
	}
	o.Say("%d of %d instances", ready, want)
	o.Set("routable instances", ready)
	if ready >= want && want > 0 {
		return nil
	}
	var states []string
	crashed := false
	for _, i := range instances {
		crashed = crashed || i.State == "CRASHED"
		states = append(states, strings.TrimSpace(fmt.Sprintf("%d %s %s", i.Index, i.State, i.Details)))
	}
	err = fmt.Errorf("%d of %d instances run and are routable: %s", ready, want, strings.Join(states, ", "))
	if !crashed {
		p.crashes = 0
		return err
	}
	p.crashes++
	o.Detail(p.lastLines(ctx, app))
	if p.crashes >= 3 {
		return runner.Final(err)
	}
	return err
}

// lastLines are the app's own last words.
func (p *pushApp) lastLines(ctx context.Context, app string) string {
	logs, err := p.cf.RecentLogs(ctx, app, 200)
	if err != nil {
		return "the app's log cannot be read: " + err.Error()
	}
	var out []string
	for _, line := range logs {
		if line.Source != "RTR" {
			out = append(out, line.At.UTC().Format("15:04:05 ")+line.Source+" "+line.Text)
		}
	}
	return strings.Join(out[max(0, len(out)-30):], "\n")
}

func (p *pushApp) answers(ctx context.Context, o *runner.Observation) error {
	status, err := p.green().Status(ctx)
	if err != nil {
		return err
	}
	o.Say("%s, %d indices", p.Settings.TemporaryRoute, len(status.Names()))
	return nil
}

func (p *pushApp) Undo(ctx context.Context) ([]runner.Task, error) {
	var tasks []runner.Task
	app, err := p.findGreen(ctx)
	if err != nil {
		return nil, err
	}
	if app != nil {
		tasks = append(tasks, p.stopTask(app), p.deleteTask(app))
	}
	route, err := p.cf.RouteByAddress(ctx, p.Settings.TemporaryRoute)
	if err != nil {
		return nil, err
	}
	if route != nil && p.ours(route.Metadata) {
		tasks = append(tasks, p.dropRoute(route))
	}
	return tasks, nil
}

// stopTask stops the app and waits for its instances to be gone: a delete takes
// the credentials away before the processes have ended (cloud_controller_ng#1017).
func (p *pushApp) stopTask(app *cloudfoundry.App) runner.Task {
	return runner.Task{
		Name: "stop app " + app.Name, ByHand: "cf stop " + app.Name, Wait: p.Settings.StartTimeout,
		Do: func(ctx context.Context, _ *runner.Observation) error {
			if err := p.cf.StopApp(ctx, app.GUID); err != nil {
				return runner.Final(err)
			}
			instances, err := p.cf.Instances(ctx, app.GUID)
			if err != nil {
				return err
			}
			for _, i := range instances {
				if i.State != "DOWN" {
					return fmt.Errorf("instance %d is %s", i.Index, i.State)
				}
			}
			return nil
		},
	}
}

func (p *pushApp) deleteTask(app *cloudfoundry.App) runner.Task {
	return runner.Task{
		Name: "delete app " + app.Name, ByHand: "cf delete " + app.Name + " -f",
		Do: func(ctx context.Context, _ *runner.Observation) error {
			b, err := p.recorded()
			if err != nil {
				return err
			}
			routes, err := p.cf.RoutesOfApp(ctx, app.GUID)
			if err != nil {
				return err
			}
			for _, route := range routes {
				for _, live := range b.Routes {
					if live.GUID == route.GUID {
						return runner.Refuse("app %s is on the live route %s", app.Name, route.Address)
					}
				}
			}
			return p.cf.DeleteApp(ctx, app.GUID)
		},
	}
}

// dropRoute deletes the temporary route, unless somebody else uses it by now.
func (s *Site) dropRoute(route *cloudfoundry.Route) runner.Task {
	return runner.Task{
		Name: "delete route " + route.Address, ByHand: "cf delete-route " + typed(route.Address) + " -f",
		Do: func(ctx context.Context, _ *runner.Observation) error {
			now, err := s.cf.Route(ctx, route.GUID)
			if cloudfoundry.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return err
			}
			greenApp, err := s.greenApp(ctx)
			if err != nil {
				return err
			}
			for _, d := range now.Destinations {
				if d.AppGUID != greenApp {
					return runner.Refuse("route %s leads to another app as well", now.Address)
				}
			}
			return s.cf.DeleteRoute(ctx, route.GUID)
		},
	}
}
