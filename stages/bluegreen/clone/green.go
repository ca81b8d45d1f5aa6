package clone

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry/manifest"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Green makes green from blue: with another name, route and image, and with a backing
// service of its own where blue's is replaced.
type Green struct {
	Apps     *Apps
	Source   *Source
	Replaced *Replaced
	// TemporaryRoute is green's until it is on the live routes.
	TemporaryRoute string
	// ManifestDir is the folder of the manifests.
	ManifestDir string
}

// Image is green's docker image, chosen when the run began; "" for an app of a buildpack.
func (g *Green) Image() string { return g.Apps.run().Fact(upgrade.FactImage) }

// File is the file of green's manifest.
func (g *Green) File() File { return FileOf(g.ManifestDir, g.Apps.Pair.NewApp) }

// Manifest is green's manifest and its services. A service that is replaced is bound
// under the name that releases know, and the app's variable has that same name, so that
// no renaming of a service can break a restart of green.
func (g *Green) Manifest(ctx context.Context) (*manifest.Manifest, []Binding, error) {
	m, err := g.Source.Manifest(ctx)
	if err != nil {
		return nil, nil, err
	}
	services, err := g.services(ctx)
	if err != nil {
		return nil, nil, err
	}
	entries := make([]manifest.Service, len(services))
	for i, b := range services {
		entries[i] = b.Service
	}
	m.Drop("no-route", "random-route", "default-route")
	err = errors.Join(
		m.SetName(g.Apps.Pair.NewApp),
		m.SetRoutes(g.TemporaryRoute),
		m.SetServices(entries),
	)
	if g.Image() != "" {
		err = errors.Join(err, m.SetImage(g.Image(), g.Apps.DockerUsername))
	}
	if g.Replaced != nil {
		err = errors.Join(err, m.SetEnv(g.Replaced.Variable, g.Replaced.BindingName))
	}
	return m, services, err
}

// services are blue's bindings with green's service in place of the replaced one, by
// name. They are read from the bindings, since a generated manifest has neither
// binding names nor parameters (cloud_controller_ng:
// app/presenters/v3/app_manifest_presenters/services_properties_presenter.rb).
func (g *Green) services(ctx context.Context) ([]Binding, error) {
	b, err := g.Apps.run().Blue()
	if err != nil {
		return nil, err
	}
	bindings, err := g.Apps.platform().Services.Bindings(ctx, cloudfoundry.BindingFilter{App: b.App})
	if err != nil {
		return nil, err
	}
	var all []Binding
	var problems []error
	for _, binding := range bindings {
		instance, err := g.Apps.platform().Services.ServiceInstance(ctx, binding.InstanceGUID)
		if err != nil {
			return nil, err
		}
		parameters, err := g.Source.parameters(ctx, binding, instance)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		one := Binding{GUID: instance.GUID, Service: manifest.Service{Name: instance.Name, BindingName: binding.Name, Parameters: parameters}}
		if g.Replaced != nil && instance.GUID == b.Service {
			one = Binding{Service: manifest.Service{Name: g.Replaced.Name, BindingName: g.Replaced.BindingName, Parameters: parameters}}
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Binding) int { return strings.Compare(a.Name, b.Name) })
	return all, errors.Join(problems...)
}

// Copyable is the check that bindings, their parameters and network policies of blue
// can be copied.
func (g *Green) Copyable() runner.Task {
	return runner.Task{Name: "everything of blue can be copied", Do: func(ctx context.Context, o *runner.Observation) error {
		_, services, err := g.Manifest(ctx)
		if err != nil {
			return err
		}
		policies, err := g.Source.Policies(ctx)
		if err != nil {
			return err
		}
		names := make([]string, len(services))
		for i, b := range services {
			names[i] = b.Name
		}
		o.Say("services %s; %s", strings.Join(names, ", "), runner.Count(len(policies), "network policy", "network policies"))
		return nil
	}}
}

// Tasks make what green lacks, and start it.
func (g *Green) Tasks(ctx context.Context) ([]runner.Task, error) {
	m, services, err := g.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	b, err := g.Apps.run().Blue()
	if err != nil {
		return nil, err
	}
	policies, err := g.Source.Policies(ctx)
	if err != nil {
		return nil, err
	}
	app := &App{
		Apps: g.Apps, Name: g.Apps.Pair.NewApp, Role: upgrade.RoleGreen, Image: g.Image(), Route: g.TemporaryRoute,
		Manifest: m, ByHand: "cf push -f " + g.File().Path + " --no-start",
		Services: services, Replaced: g.Replaced, Policies: policies, PoliciesOf: b.App,
	}
	if g.Apps.run().Fact(upgrade.FactDroplet) != "" {
		app.Copy = b.From()
	}
	return app.Tasks(ctx)
}

// Undo deletes green and its temporary route.
func (g *Green) Undo(ctx context.Context) ([]runner.Task, error) {
	var tasks []runner.Task
	app, err := g.Apps.Pair.Green(ctx)
	if err != nil {
		return nil, err
	}
	if app != nil {
		tasks = append(tasks, g.Apps.Stop(app), g.Apps.Delete(app))
	}
	route, err := g.Apps.platform().Routes.ByAddress(ctx, g.TemporaryRoute)
	if err != nil {
		return nil, err
	}
	if route != nil && g.Apps.run().Owns(route.Metadata) {
		tasks = append(tasks, g.DeleteRoute(route))
	}
	return tasks, nil
}

// DeleteRoute deletes the temporary route, unless it leads to another app by now.
func (g *Green) DeleteRoute(route *cloudfoundry.Route) runner.Task {
	return runner.Task{
		Effect: runner.Deletes, Name: "delete route " + route.Address, ByHand: "cf delete-route " + g.Apps.platform().Routes.Arguments(route.Address) + " -f",
		Do: func(ctx context.Context, _ *runner.Observation) error {
			now, err := upgrade.GoneIfNotFound(g.Apps.platform().Routes.Get(ctx, route.GUID))
			if err != nil || now == nil {
				return err
			}
			app, err := g.Apps.Pair.Green(ctx)
			if err != nil {
				return err
			}
			for _, d := range now.Destinations {
				if app == nil || d.AppGUID != app.GUID {
					return runner.Refuse("route %s leads to another app as well", now.Address)
				}
			}
			return g.Apps.platform().Routes.Delete(ctx, route.GUID)
		},
	}
}

// Built is the check that all of green is there until the live routes lead to it: the
// app, its service and the binding between them, the temporary route and where it
// leads. A stage is known for each that is missing; a router that answers 404 would only
// say that something is wrong.
func (g *Green) Built() runner.Task {
	name := "green and its route are there"
	if g.Replaced != nil {
		name = "green, its service and its route are there"
	}
	return runner.Task{Name: name, Do: func(ctx context.Context, o *runner.Observation) error {
		pair := g.Apps.Pair
		app, err := pair.NeedGreen(ctx)
		if err != nil {
			return err
		}
		said := []string{app.Name}
		if g.Replaced != nil {
			instance, err := g.Replaced.Ready(ctx)
			if err != nil {
				return err
			}
			bindings, err := pair.Platform.Services.Bindings(ctx, cloudfoundry.BindingFilter{App: app.GUID, Instance: instance.GUID})
			if err != nil {
				return err
			}
			if len(bindings) == 0 {
				return pair.Run.NotYet(upgrade.GreenBuilt, "%s is not bound to %s", app.Name, instance.Name)
			}
			said = append(said, instance.Name)
		}
		route, err := pair.Platform.Routes.ByAddress(ctx, g.TemporaryRoute)
		if err != nil {
			return err
		}
		if route == nil || !route.Reaches(app.GUID) {
			return pair.Run.NotYet(upgrade.GreenBuilt, "%s does not lead to %s", g.TemporaryRoute, app.Name)
		}
		health, err := upgrade.HealthOf(ctx, pair.Platform, app)
		if err != nil {
			return err
		}
		if why := health.Why(); why != "" {
			said = append(said, why)
		}
		if health.Nobody() && health.States["STARTING"] > 0 {
			return runner.Depend("green does not answer: %s: %s", health.Why(), health.Cure())
		}
		if health.Nobody() {
			return runner.Refuse("green does not answer: %s: %s", health.Why(), health.Cure())
		}
		o.Say("%s", strings.Join(append(said, route.Address), ", "))
		return nil
	}}
}
