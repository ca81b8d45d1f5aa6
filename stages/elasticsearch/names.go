package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// From 13 on names change: an object is found by its GUID or by the run's label,
// and its name is only shown.

// blueApp reads the app that was live when the run began; nil where it is gone.
func (s *Site) blueApp(ctx context.Context, b blue) (*cloudfoundry.App, error) {
	app, err := s.cf.App(ctx, b.App)
	if cloudfoundry.IsNotFound(err) {
		return nil, nil
	}
	return app, err
}

// blueService reads the Elasticsearch service of that app; nil where it is gone.
func (s *Site) blueService(ctx context.Context, b blue) (*cloudfoundry.ServiceInstance, error) {
	instance, err := s.cf.ServiceInstance(ctx, b.Service)
	if cloudfoundry.IsNotFound(err) {
		return nil, nil
	}
	return instance, err
}

// oldApp reads the recorded blue and its app; the app is nil where it is gone.
func (s *Site) oldApp(ctx context.Context) (blue, *cloudfoundry.App, error) {
	b, err := s.recorded()
	if err != nil {
		return b, nil, err
	}
	app, err := s.blueApp(ctx, b)
	return b, app, err
}

// oldHasNoRoute sees that nobody can reach blue, before it is stopped or deleted.
func (s *Site) oldHasNoRoute() runner.Task {
	return s.waitsFor("unmap-old-app", stillServes, runner.Task{
		Name: "the old app has no route",
		Do: func(ctx context.Context, o *runner.Observation) error {
			_, app, err := s.oldApp(ctx)
			if err != nil {
				return err
			}
			if app == nil {
				o.Say("it is deleted already")
				return nil
			}
			return s.routeless(ctx, o, app)
		},
	})
}

// routeless sees that an app is on no route at all.
func (s *Site) routeless(ctx context.Context, o *runner.Observation, app *cloudfoundry.App) error {
	routes, err := s.cf.RoutesOfApp(ctx, app.GUID)
	if err != nil {
		return err
	}
	if len(routes) > 0 {
		return runner.Refuse("app %s is on %s, %s among them: it is in use", app.Name, runner.Count(len(routes), "route", "routes"), routes[0].Address)
	}
	o.Say("%s, %s", app.Name, app.State)
	return nil
}

// nameOf is blue's name at present, or the one under which it will be made anew,
// for people; the recorded one where it cannot be read.
func (s *Site) nameOf(ctx context.Context, b blue) string {
	if app, err := s.cf.App(ctx, b.App); err == nil {
		return app.Name
	}
	if s.remembered() {
		return s.Settings.OldApp
	}
	return b.Name
}

// oldAppBack is blue when its names go back; in a dry run also where it is still to
// be made anew.
func (s *Site) oldAppBack(ctx context.Context, b blue) (*cloudfoundry.App, error) {
	app, err := s.blueApp(ctx, b)
	if err == nil && app == nil && s.o.DryRun && s.remembered() {
		app = &cloudfoundry.App{GUID: b.App, Name: s.Settings.OldApp}
	}
	return app, err
}

// needBlue reads blue's app and service, which must both be there.
func (s *Site) needBlue(ctx context.Context) (blue, *cloudfoundry.App, *cloudfoundry.ServiceInstance, error) {
	b, err := s.recorded()
	if err != nil {
		return b, nil, nil, err
	}
	app, err := s.blueApp(ctx, b)
	if err != nil {
		return b, nil, nil, err
	}
	instance, err := s.blueService(ctx, b)
	if err != nil {
		return b, nil, nil, err
	}
	if app == nil || instance == nil {
		return b, nil, nil, runner.Refuse("the old app, once %s, or its service, once %s, is gone: somebody deleted it", b.Name, b.ServiceName)
	}
	return b, app, instance, nil
}

// released names an app on a live route that is none of this run; "" if there is
// none.
func (s *Site) released(ctx context.Context, b blue) (string, error) {
	next, err := s.successorApp(ctx)
	if err != nil {
		return "", err
	}
	for _, route := range b.Routes {
		if _, stranger, err := s.routeState(ctx, b, next, route); err != nil || stranger != "" {
			return stranger, err
		}
	}
	return "", nil
}

// marked tells whether a stage of the run is complete.
func (s *Site) marked(stage string) bool {
	if s.run == nil {
		return false
	}
	_, is := s.run.Marks[stage]
	return is
}

// stillServes is why the stages after the switch wait.
const stillServes = "the old app serves the live routes"

// settled are the checks that every stage opens with once green serves alone.
func (s *Site) settled() []runner.Task {
	return append(s.ordinary(toGreen), s.liveCountsHold(s.Settings.VerifyTimeout))
}

// then is the name that an object has when its turn comes on the way back: a dry
// run prints commands that are right in their order, after the names went back.
func (s *Site) then(now, back string) string {
	if s.o.DryRun {
		return back
	}
	return now
}

func (s *Site) renameApp(app *cloudfoundry.App, name string) runner.Task {
	return runner.Task{
		Name: "rename app " + app.Name + " to " + name, ByHand: "cf rename " + app.Name + " " + name,
		Do: func(ctx context.Context, _ *runner.Observation) error { return s.cf.RenameApp(ctx, app.GUID, name) },
	}
}

func (s *Site) renameService(instance *cloudfoundry.ServiceInstance, name string) runner.Task {
	return runner.Task{
		Name: "rename service " + instance.Name + " to " + name, ByHand: "cf rename-service " + instance.Name + " " + name,
		Do: func(ctx context.Context, o *runner.Observation) error {
			ctx = cloudfoundry.WithProgress(ctx, func(note string) { o.Progress(runner.Progress{What: note}) })
			return s.cf.RenameServiceInstance(ctx, instance.GUID, name)
		},
	}
}

// appNamed finds an app's GUID by its name; "" where there is none.
func (s *Site) appNamed(ctx context.Context, name string) (string, error) {
	app, err := s.cf.AppByName(ctx, name)
	if err != nil || app == nil {
		return "", err
	}
	return app.GUID, nil
}

// serviceNamed finds a service's GUID by its name; "" where there is none.
func (s *Site) serviceNamed(ctx context.Context, name string) (string, error) {
	instance, err := s.cf.ServiceInstanceByName(ctx, name)
	if err != nil || instance == nil {
		return "", err
	}
	return instance.GUID, nil
}

// free sees that a name is nobody's, or is its future owner's already.
func free(name string, find func(context.Context, string) (string, error), owner func(context.Context) (string, error)) runner.Task {
	return runner.Task{
		Name: "the name " + name + " is free",
		Do: func(ctx context.Context, o *runner.Observation) error {
			mine, err := owner(ctx)
			if err != nil {
				return err
			}
			now, err := find(ctx, name)
			if err != nil {
				return err
			}
			switch now {
			case "":
				o.Say("nobody has it")
			case mine:
				o.Say("it is given already")
			default:
				return runner.Refuse("%s is the name of another (%s); rename or remove that first", name, now)
			}
			return nil
		},
	}
}

// waitsFor makes a task that does not hold wait for an earlier stage as long as
// that is not complete: in a dry run that is no failure.
func (s *Site) waitsFor(stage, why string, t runner.Task) runner.Task {
	do := t.Do
	t.Do = func(ctx context.Context, o *runner.Observation) error {
		err := do(ctx, o)
		var waits *runner.NotYet
		if c := runner.ClassOf(err); err != nil && !errors.As(err, &waits) && !s.marked(stage) && (c == runner.Failed || c == runner.Refused) {
			return &runner.NotYet{Stage: stage, Why: why}
		}
		return err
	}
	return t
}

// users are the apps and keys that use a service instance, but for one app: each
// with the name by which ALSO_BOUND knows it.
func (s *Site) users(ctx context.Context, instance, but string) (said, names []string, err error) {
	bindings, err := s.cf.Bindings(ctx, cloudfoundry.BindingFilter{Instance: instance})
	if err != nil {
		return nil, nil, err
	}
	for _, b := range bindings {
		if b.AppGUID == but {
			continue
		}
		app, err := s.cf.App(ctx, b.AppGUID)
		if err != nil {
			return nil, nil, err
		}
		said, names = append(said, "app "+app.Name), append(names, app.Name)
	}
	keys, err := s.cf.KeysOf(ctx, instance)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range keys {
		said, names = append(said, "key "+k.Name), append(names, k.Name)
	}
	return said, names, nil
}

// usedByNobodyElse lists who else uses a service that is about to get another
// name: an app looks for its service by name when it starts, and would not find it.
func (s *Site) usedByNobodyElse(which string, of func(context.Context) (instance, app string, err error)) runner.Task {
	return runner.Task{
		Name: "nobody else uses " + which,
		Do: func(ctx context.Context, o *runner.Observation) error {
			instance, app, err := of(ctx)
			if err != nil {
				return err
			}
			said, names, err := s.users(ctx, instance, app)
			if err != nil {
				return err
			}
			o.Set("others", len(said))
			o.Say("nobody")
			if len(said) > 0 {
				o.Say("%s", strings.Join(said, ", "))
			}
			var strangers []string
			for i, name := range names {
				if !slices.Contains(list(s.Settings.AlsoBound), name) {
					strangers = append(strangers, said[i])
				}
			}
			if len(strangers) > 0 {
				return runner.Refuse("%s is used by %s, which may not find it by its new name; name them in ALSO_BOUND once they are seen to", which, strings.Join(strangers, ", "))
			}
			return nil
		},
	}
}

// finds sees that an app, started now, would find the service: one of its
// VCAP_SERVICES has the name that its variable says.
func (s *Site) finds(ctx context.Context, app, service string) (name string, err error) {
	env, err := s.cf.Environment(ctx, app)
	if err != nil {
		return "", err
	}
	want, set := env.User[s.Settings.ServiceVar]
	for _, bound := range env.Services {
		if bound.InstanceGUID != service {
			continue
		}
		if set && bound.Name != want {
			return "", runner.Final(fmt.Errorf("it would look for %s, and the service is %s to it", want, bound.Name))
		}
		return bound.Name, nil
	}
	return "", runner.Final(fmt.Errorf("it is not bound to the service"))
}

// strip takes our labels off what stays of the run.
func (s *Site) strip(ctx context.Context) error {
	none := map[string]*string{cloudfoundry.RunLabel: nil, roleLabel: nil}
	apps, err := s.cf.AppsByLabel(ctx, cloudfoundry.RunLabel, s.run.ID)
	if err != nil {
		return err
	}
	for _, app := range apps {
		if err := s.cf.SetMetadata(ctx, cloudfoundry.Apps, app.GUID, none, nil); err != nil {
			return err
		}
	}
	services, err := s.ownServices(ctx)
	if err != nil {
		return err
	}
	for _, instance := range services {
		if err := s.cf.SetMetadata(ctx, cloudfoundry.ServiceInstances, instance.GUID, none, nil); err != nil {
			return err
		}
	}
	route, err := s.cf.RouteByAddress(ctx, s.Settings.TemporaryRoute)
	if err != nil || route == nil || !s.ours(route.Metadata) {
		return err
	}
	return s.cf.SetMetadata(ctx, cloudfoundry.Routes, route.GUID, none, nil)
}

// ownServices are the services that this run made. The record of the run carries
// its label too, but no role.
func (s *Site) ownServices(ctx context.Context) ([]cloudfoundry.ServiceInstance, error) {
	if s.run == nil {
		return nil, nil
	}
	all, err := s.cf.ServiceInstancesByLabel(ctx, cloudfoundry.RunLabel, s.run.ID)
	if err != nil {
		return nil, fmt.Errorf("find the service of run %s: %w", s.run.ID, err)
	}
	return slices.DeleteFunc(all, func(one cloudfoundry.ServiceInstance) bool { return one.Labels[roleLabel] != green }), nil
}
