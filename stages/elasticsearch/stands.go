package elasticsearch

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// stands sees that what the run has made is all there until the live routes lead to
// it: the new app, its service and the binding between them, the temporary route and
// where it leads. What misses is known by its stage; a router that answers 404 would
// only say that something is wrong.
func (s *Site) stands() runner.Task {
	return runner.Task{Name: "the new app, its service and its route are there", Do: func(ctx context.Context, o *runner.Observation) error {
		app, err := s.needGreen(ctx)
		if err != nil {
			return err
		}
		instance, err := s.newService(ctx)
		if err != nil {
			return err
		}
		bindings, err := s.cf.Bindings(ctx, cloudfoundry.BindingFilter{App: app.GUID, Instance: instance.GUID})
		if err != nil {
			return err
		}
		if len(bindings) == 0 {
			return &runner.NotYet{Stage: stagePushApp, Why: fmt.Sprintf("%s is not bound to %s", app.Name, instance.Name)}
		}
		route, err := s.cf.RouteByAddress(ctx, s.Settings.TemporaryRoute)
		if err != nil {
			return err
		}
		if route == nil || !route.Reaches(app.GUID) {
			return &runner.NotYet{Stage: stagePushApp, Why: s.Settings.TemporaryRoute + " does not lead to " + app.Name}
		}
		o.Say("%s, %s, %s", app.Name, instance.Name, route.Address)
		return nil
	}}
}
