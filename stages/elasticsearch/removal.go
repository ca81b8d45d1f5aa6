package elasticsearch

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// stopTask stops the app and waits for its instances to be gone: a delete takes
// the credentials away before the processes have ended (cloud_controller_ng#1017).
func (s *Site) stopTask(app *cloudfoundry.App) runner.Task {
	name := s.called(app.GUID, app.Name)
	return runner.Task{
		Effect: runner.Deletes, Name: "stop app " + name, ByHand: "cf stop " + name, Wait: s.Settings.StartTimeout,
		Do: func(ctx context.Context, _ *runner.Observation) error {
			now, err := s.cf.App(ctx, app.GUID)
			if err != nil {
				return err
			}
			// Asked once, looked at until it is done.
			if now.State != cloudfoundry.Stopped {
				if err := s.cf.StopApp(ctx, app.GUID); err != nil {
					return runner.Final(err)
				}
			}
			instances, err := s.cf.Instances(ctx, app.GUID)
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

func (s *Site) deleteTask(app *cloudfoundry.App) runner.Task {
	name := s.called(app.GUID, app.Name)
	return runner.Task{
		Effect: runner.Deletes, Name: "delete app " + name, ByHand: "cf delete " + name + " -f",
		Do: func(ctx context.Context, _ *runner.Observation) error {
			b, err := s.recorded()
			if err != nil {
				return err
			}
			routes, err := s.cf.RoutesOfApp(ctx, app.GUID)
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
			return s.cf.DeleteApp(ctx, app.GUID)
		},
	}
}

// dropRoute deletes the temporary route, unless somebody else uses it by now.
func (s *Site) dropRoute(route *cloudfoundry.Route) runner.Task {
	return runner.Task{
		Effect: runner.Deletes, Name: "delete route " + route.Address, ByHand: "cf delete-route " + typed(route.Address) + " -f",
		Do: func(ctx context.Context, _ *runner.Observation) error {
			now, err := s.cf.Route(ctx, route.GUID)
			if cloudfoundry.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return err
			}
			app, err := s.findGreen(ctx)
			if err != nil {
				return err
			}
			for _, d := range now.Destinations {
				if app == nil || d.AppGUID != app.GUID {
					return runner.Refuse("route %s leads to another app as well", now.Address)
				}
			}
			return s.cf.DeleteRoute(ctx, route.GUID)
		},
	}
}
