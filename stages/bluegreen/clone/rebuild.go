package clone

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry/manifest"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Rebuild records what blue is made of before it is deleted, and makes blue again from
// that record in a rollback.
type Rebuild struct {
	Apps     *Apps
	Source   *Source
	Live     *upgrade.Live
	Replaced *Replaced
}

// Tasks rebuild a deleted blue: with the recorded image, settings and bindings, and the
// values that the variables of the live app have. Once it runs it is recorded as blue.
// A process that was killed in between leaves an app with the run's label, with which
// the next one goes on.
func (r *Rebuild) Tasks(ctx context.Context, b upgrade.Blue) ([]runner.Task, error) {
	app, lost, err := r.app(ctx, b)
	if err != nil {
		return nil, err
	}
	tasks, err := app.Tasks(ctx)
	if err != nil {
		return nil, err
	}
	return append(tasks, r.Apps.blueRuns(app.need), r.recordAsBlue(app, lost)), nil
}

func (r *Rebuild) recordAsBlue(app *App, lost []string) runner.Task {
	return runner.Task{
		Effect: runner.Creates, Name: "record " + app.Name + " as blue",
		Do: func(ctx context.Context, o *runner.Observation) error {
			made, err := app.need(ctx)
			if err != nil {
				return err
			}
			b, err := r.Apps.run().Blue()
			if err != nil {
				return err
			}
			droplet, err := r.Apps.platform().Apps.CurrentDroplet(ctx, made.GUID)
			if err != nil {
				return err
			}
			if droplet == nil {
				return fmt.Errorf("app %s has no droplet", made.Name)
			}
			b.App, b.Droplet = made.GUID, droplet.GUID
			o.Say("everything was rebuilt")
			if len(lost) > 0 {
				o.Say("left out: %s", strings.Join(lost, ", "))
			}
			return r.Apps.run().SetBlue(ctx, b)
		},
	}
}

// app is blue as it is to be made, and what of it cannot be had again.
func (r *Rebuild) app(ctx context.Context, b upgrade.Blue) (app *App, lost []string, err error) {
	var made madeOf
	if err := r.Apps.run().Decode(upgrade.FactBlueMadeOf, &made); err != nil {
		return nil, nil, err
	}
	app = &App{Apps: r.Apps, Name: r.Apps.Pair.OldApp, Role: upgrade.RoleBlue, Image: b.Image, Replaced: r.Replaced, PoliciesOf: made.App}
	if err := r.Apps.run().Decode(FactPolicies, &app.Policies); err != nil {
		return nil, nil, err
	}
	live, err := r.Live.Replacement(ctx)
	if err != nil {
		return nil, nil, err
	}
	if live == nil {
		return nil, nil, runner.Refuse("there is no app of the run from which blue could get its variables")
	}
	app.ByHand = fmt.Sprintf("cf create-app-manifest %[1]s -p %[2]s.yml; in it: name %[2]s, %[3]s, no routes; cf push -f %[2]s.yml --no-start", live.Name, app.Name, b.From().What())
	if !b.Docker() {
		if app.Copy, err = r.dropletLike(ctx, b, live); err != nil {
			return nil, nil, err
		}
		if app.Copy == nil {
			return nil, nil, runner.Refuse("app %s has no copy of %s, which blue ran, so blue cannot be made again", live.Name, b.From().What())
		}
	}
	noVariables, err := r.fillManifest(ctx, app, b, made, live)
	if err != nil {
		return nil, nil, err
	}
	noServices, err := r.fillServices(ctx, app, b, made, live)
	return app, append(noVariables, noServices...), err
}

// fillManifest makes the manifest from the recorded one, with the values of the live
// app's variables.
func (r *Rebuild) fillManifest(ctx context.Context, app *App, b upgrade.Blue, made madeOf, live *cloudfoundry.App) (lost []string, err error) {
	if app.Manifest, err = manifest.Parse([]byte(made.Manifest)); err != nil {
		return nil, fmt.Errorf("the recorded manifest of %s: %w", app.Name, err)
	}
	env, err := r.Apps.platform().Apps.Environment(ctx, live.GUID)
	if err != nil {
		return nil, err
	}
	if r.Replaced != nil && made.Variable != nil {
		env.User[r.Replaced.Variable] = r.variable(ctx, b, *made.Variable)
	}
	for _, name := range slices.Sorted(maps.Keys(app.Manifest.Env())) {
		value, has := env.User[name]
		if !has {
			lost = append(lost, "variable "+name+", which "+live.Name+" does not have")
			app.Manifest.DropEnv(name)
			continue
		}
		r.Source.Redact(secretsIn(name, value)...)
		if err := app.Manifest.SetEnv(name, value); err != nil {
			return nil, err
		}
	}
	if err := app.Manifest.SetName(app.Name); err != nil {
		return nil, err
	}
	if app.Image == "" {
		return lost, nil
	}
	return lost, app.Manifest.SetImage(app.Image, r.Apps.DockerUsername)
}

// dropletLike is the live app's copy of blue's droplet, which outlives blue; nil where it
// has none. What a buildpack made can be had from nowhere else.
func (r *Rebuild) dropletLike(ctx context.Context, b upgrade.Blue, live *cloudfoundry.App) (*cloudfoundry.Droplet, error) {
	droplets, err := r.Apps.platform().Apps.Droplets(ctx, live.GUID)
	if err != nil {
		return nil, err
	}
	for _, one := range droplets {
		if one.State == cloudfoundry.Staged && one.Same(b.From()) {
			return &one, nil
		}
	}
	return nil, nil
}

// variable is the service's name as blue has to look for it: the recorded one where its
// binding has a name of its own, else the name that the service has now.
func (r *Rebuild) variable(ctx context.Context, b upgrade.Blue, recorded string) string {
	if b.BindingName != "" {
		return recorded
	}
	if instance, err := r.Apps.platform().Services.ServiceInstance(ctx, b.Service); err == nil {
		return instance.Name
	}
	return recorded
}

// fillServices are the recorded bindings.
func (r *Rebuild) fillServices(ctx context.Context, app *App, b upgrade.Blue, made madeOf, live *cloudfoundry.App) (lost []string, err error) {
	bindings, err := r.Apps.platform().Services.Bindings(ctx, cloudfoundry.BindingFilter{App: live.GUID})
	if err != nil {
		return nil, err
	}
	greens := ""
	if r.Replaced != nil {
		instance, err := r.Replaced.Find(ctx)
		if err != nil {
			return nil, err
		}
		if instance != nil {
			greens = instance.GUID
		}
	}
	for _, one := range made.Services {
		instance, err := upgrade.GoneIfNotFound(r.Apps.platform().Services.ServiceInstance(ctx, one.GUID))
		if err != nil {
			return nil, err
		}
		if instance == nil {
			lost = append(lost, "service "+one.Name+", which is gone")
			continue
		}
		binding := Binding{GUID: one.GUID, Service: manifest.Service{Name: instance.Name, BindingName: one.BindingName}}
		if binding.Parameters, err = r.parameters(ctx, b, greens, instance, bindings); err != nil {
			return nil, err
		}
		app.Services = append(app.Services, binding)
	}
	return lost, nil
}

// parameters are those of the live app's binding to the same service; for the service
// that is replaced, of its binding to green's, a GUID that may be "".
func (r *Rebuild) parameters(ctx context.Context, b upgrade.Blue, greens string, instance *cloudfoundry.ServiceInstance, bindings []cloudfoundry.Binding) (parameters map[string]any, err error) {
	known := *instance
	replaced := r.Replaced != nil && instance.GUID == b.Service
	if replaced {
		known.Name = b.ServiceName // NO_PARAMETERS names it as it was.
	}
	for _, binding := range bindings {
		same := binding.InstanceGUID == instance.GUID || replaced && binding.InstanceGUID == greens
		if !same {
			continue
		}
		if parameters, err = r.Source.parameters(ctx, binding, &known); err != nil {
			return nil, err
		}
	}
	return parameters, nil
}
