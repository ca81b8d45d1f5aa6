// Package names exchanges the names of blue and green, apps and services. Objects are
// found by GUID or label; a name is only given, shown and compared.
package names

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Names gives names.
type Names struct {
	platform *cloudfoundry.Client
	// planned are the names that a dry run has planned to give, by GUID.
	planned map[string]string
}

// New returns names on a platform.
func New(platform *cloudfoundry.Client) *Names {
	return &Names{platform: platform, planned: map[string]string{}}
}

// Of is the name that an object has when its turn comes. A dry run plans stages one
// after the other and renames nothing: the commands that it prints for later stages
// must be right when they are typed in their order.
func (n *Names) Of(guid, now string) string {
	if name, planned := n.planned[guid]; planned {
		return name
	}
	return now
}

func (n *Names) plan(guid, name string) func() {
	return func() { n.planned[guid] = name }
}

// RenameApp is the task that renames an app.
func (n *Names) RenameApp(app *cloudfoundry.App, name string) runner.Task {
	was := n.Of(app.GUID, app.Name)
	return runner.Task{
		Name: "rename app " + was + " to " + name, Effect: runner.Changes, ByHand: "cf rename " + was + " " + name,
		Assume: n.plan(app.GUID, name),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			return n.platform.Apps.Rename(ctx, app.GUID, name)
		},
	}
}

// RenameService is the task that renames a service instance.
func (n *Names) RenameService(instance *cloudfoundry.ServiceInstance, name string) runner.Task {
	was := n.Of(instance.GUID, instance.Name)
	return runner.Task{
		Name: "rename service " + was + " to " + name, Effect: runner.Changes, ByHand: "cf rename-service " + was + " " + name,
		Assume: n.plan(instance.GUID, name),
		Do: func(ctx context.Context, o *runner.Observation) error {
			ctx = cloudfoundry.WithProgress(ctx, func(note string) { o.Progress(runner.Progress{What: note}) })
			return n.platform.Services.RenameServiceInstance(ctx, instance.GUID, name)
		},
	}
}

// App finds an app's GUID by its name; "" where there is none.
func (n *Names) App(ctx context.Context, name string) (string, error) {
	app, err := n.platform.Apps.ByName(ctx, name)
	if err != nil || app == nil {
		return "", err
	}
	return app.GUID, nil
}

// Service finds a service instance's GUID by its name; "" where there is none.
func (n *Names) Service(ctx context.Context, name string) (string, error) {
	instance, err := n.platform.Services.ServiceInstanceByName(ctx, name)
	if err != nil || instance == nil {
		return "", err
	}
	return instance.GUID, nil
}

// Free checks that a name is free, or already its future owner's. find is App or
// Service; owner is the GUID of who is to have it.
func Free(name string, find func(context.Context, string) (string, error), owner func(context.Context) (string, error)) runner.Task {
	return runner.Task{
		Name: "the name " + name + " is free",
		Do: func(ctx context.Context, o *runner.Observation) error {
			future, err := owner(ctx)
			if err != nil {
				return err
			}
			now, err := find(ctx, name)
			if err != nil {
				return err
			}
			switch now {
			case "":
				o.Say("nothing has it")
			case future:
				o.Say("it is given already")
			default:
				return runner.Refuse("%s is the name of another (%s); rename or remove that first", name, now)
			}
			return nil
		},
	}
}
