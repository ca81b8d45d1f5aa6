package clone

import (
	"context"
	"fmt"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Apps starts, stops and deletes apps, and has what it takes to make one.
type Apps struct {
	Pair *upgrade.Pair
	// DockerUsername and DockerPassword are for the image registry; "" where it wants
	// none.
	DockerUsername string
	DockerPassword environ.Secret
	// Poll is the pause between two reads of something awaited, StartTimeout how long
	// an app may take to start or to stop.
	Poll, StartTimeout time.Duration
	// NameOf is the name that an object will have when a task's turn comes (names.Names.Of).
	NameOf func(guid, now string) string
}

func (a *Apps) platform() *cloudfoundry.Client { return a.Pair.Platform }
func (a *Apps) run() *upgrade.Run              { return a.Pair.Run }

// Stop stops an app and waits until its instances are gone: a deletion takes the
// credentials away before the processes have ended (cloud_controller_ng#1017).
func (a *Apps) Stop(app *cloudfoundry.App) runner.Task {
	name := a.NameOf(app.GUID, app.Name)
	return runner.Task{
		Effect: runner.Deletes, Name: "stop app " + name, ByHand: "cf stop " + name, Wait: a.StartTimeout,
		Do: func(ctx context.Context, _ *runner.Observation) error {
			now, err := a.platform().Apps.Get(ctx, app.GUID)
			if err != nil {
				return err
			}
			// This is polled: it is asked for once, and then awaited.
			if now.State != cloudfoundry.Stopped {
				if err := a.platform().Apps.Stop(ctx, app.GUID); err != nil {
					return runner.Final(err)
				}
			}
			return a.NothingRuns(ctx, app)
		},
	}
}

// NothingRuns checks that no instance of an app is left.
func (a *Apps) NothingRuns(ctx context.Context, app *cloudfoundry.App) error {
	instances, err := a.platform().Apps.Instances(ctx, app.GUID)
	if err != nil {
		return err
	}
	for _, i := range instances {
		if i.State != "DOWN" {
			return fmt.Errorf("instance %d is %s", i.Index, i.State)
		}
	}
	return nil
}

// Delete deletes an app that is on no live route; its other routes stay, unmapped.
func (a *Apps) Delete(app *cloudfoundry.App) runner.Task {
	return a.delete(app, func(ctx context.Context, _ *runner.Observation) error { return a.onNoLiveRoute(ctx, app) })
}

// DeleteUnmapped deletes an app that is on no route at all, also not on one that
// somebody has mapped since the checks.
func (a *Apps) DeleteUnmapped(app *cloudfoundry.App) runner.Task {
	return a.delete(app, func(ctx context.Context, o *runner.Observation) error {
		return upgrade.HasNoRoute(ctx, a.platform(), o, app)
	})
}

func (a *Apps) delete(app *cloudfoundry.App, guard func(context.Context, *runner.Observation) error) runner.Task {
	name := a.NameOf(app.GUID, app.Name)
	return runner.Task{
		Effect: runner.Deletes, Name: "delete app " + name, ByHand: "cf delete " + name + " -f",
		Do: func(ctx context.Context, o *runner.Observation) error {
			if err := guard(ctx, o); err != nil {
				return err
			}
			return a.platform().Apps.Delete(ctx, app.GUID)
		},
	}
}

func (a *Apps) onNoLiveRoute(ctx context.Context, app *cloudfoundry.App) error {
	b, err := a.run().Blue()
	if err != nil {
		return err
	}
	routes, err := a.platform().Routes.OfApp(ctx, app.GUID)
	if err != nil {
		return err
	}
	for _, route := range routes {
		for _, live := range b.Routes {
			if live.Address == route.Address {
				return runner.Refuse("app %s is on the live route %s", app.Name, route.Address)
			}
		}
	}
	return nil
}

// StartBlue starts a stopped blue again and waits until all of its instances run.
func (a *Apps) StartBlue(app *cloudfoundry.App) []runner.Task {
	find := func(context.Context) (*cloudfoundry.App, error) { return app, nil }
	return []runner.Task{a.start(a.NameOf(app.GUID, app.Name), find), a.blueRuns(find)}
}

func (a *Apps) start(name string, find func(context.Context) (*cloudfoundry.App, error)) runner.Task {
	return runner.Task{
		Effect: runner.Changes, Name: "start app " + name, ByHand: "cf start " + name,
		Do: func(ctx context.Context, _ *runner.Observation) error {
			app, err := find(ctx)
			if err != nil {
				return err
			}
			return a.platform().Apps.Start(ctx, app.GUID)
		},
	}
}

func (a *Apps) blueRuns(find func(context.Context) (*cloudfoundry.App, error)) runner.Task {
	return runner.Task{
		Name: "every instance of blue runs", Wait: a.StartTimeout,
		Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := find(ctx)
			if err != nil {
				return err
			}
			if err := upgrade.AllRun(ctx, a.platform(), o, app); err != nil {
				o.Detail(upgrade.LastLines(ctx, a.platform(), app.GUID))
				return err
			}
			return nil
		},
	}
}
