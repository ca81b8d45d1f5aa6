package elasticsearch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// From 13 on names change: an object is found by its GUID or by the run's label,
// and its name is only shown.

// called is the name that an object has when its turn comes. A dry run plans
// stages one after the other and renames nothing: what it prints for the later
// ones is to be right when it is typed in its order.
func (s *Site) called(guid, now string) string {
	if name, planned := s.ahead[guid]; planned {
		return name
	}
	return now
}

// willBeCalled notes in a dry run what would have been renamed.
func (s *Site) willBeCalled(guid, name string) func() {
	return func() { s.ahead[guid] = name }
}

func (s *Site) renameApp(app *cloudfoundry.App, name string) runner.Task {
	was := s.called(app.GUID, app.Name)
	return runner.Task{
		Effect: runner.Changes, Name: "rename app " + was + " to " + name, ByHand: "cf rename " + was + " " + name, Assume: s.willBeCalled(app.GUID, name),
		Do: func(ctx context.Context, _ *runner.Observation) error { return s.cf.RenameApp(ctx, app.GUID, name) },
	}
}

func (s *Site) renameService(instance *cloudfoundry.ServiceInstance, name string) runner.Task {
	was := s.called(instance.GUID, instance.Name)
	return runner.Task{
		Effect: runner.Changes, Name: "rename service " + was + " to " + name, ByHand: "cf rename-service " + was + " " + name, Assume: s.willBeCalled(instance.GUID, name),
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
	keys, err := s.cf.ServiceKeys(ctx, instance)
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
			return "", runner.Final(fmt.Errorf("its %s is %s, and the service is %s to it: somebody changed it; cf set-env %s %s %s",
				s.Settings.ServiceVar, want, bound.Name, s.appCalled(ctx, app), s.Settings.ServiceVar, bound.Name))
		}
		return bound.Name, nil
	}
	return "", runner.Final(fmt.Errorf("it is not bound to the service"))
}
