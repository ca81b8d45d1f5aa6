// Package backing handles the backing service of a blue/green upgrade: it creates
// green's beside blue's, lets the app's variable follow a service's name, and deletes
// blue's in the end. A runbook without a backing service does not use it.
package backing

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Services finds the two services: blue's by the GUID that the run recorded, green's
// by the run's label. Names change during a run, so they identify neither.
type Services struct {
	Live *upgrade.Live
	// Of are the names that the services are to have.
	Of bluegreen.Names
}

func (s *Services) pair() *upgrade.Pair            { return s.Live.Pair }
func (s *Services) run() *upgrade.Run              { return s.Live.Pair.Run }
func (s *Services) platform() *cloudfoundry.Client { return s.Live.Pair.Platform }

// Blue reads blue as recorded and its service; the service is nil where it is gone.
func (s *Services) Blue(ctx context.Context) (upgrade.Blue, *cloudfoundry.ServiceInstance, error) {
	b, err := s.run().Blue()
	if err != nil {
		return b, nil, err
	}
	instance, err := s.ofBlue(ctx, b)
	return b, instance, err
}

// ofBlue reads blue's service; nil where it is gone.
func (s *Services) ofBlue(ctx context.Context, b upgrade.Blue) (*cloudfoundry.ServiceInstance, error) {
	return upgrade.GoneIfNotFound(s.platform().Services.ServiceInstance(ctx, b.Service))
}

// NeedBlue reads blue as recorded, its app and its service. It refuses where one of
// them is gone.
func (s *Services) NeedBlue(ctx context.Context) (upgrade.Blue, *cloudfoundry.App, *cloudfoundry.ServiceInstance, error) {
	b, app, err := s.pair().Blue(ctx)
	if err != nil {
		return b, nil, nil, err
	}
	instance, err := s.ofBlue(ctx, b)
	if err != nil {
		return b, nil, nil, err
	}
	if app == nil || instance == nil {
		return b, nil, nil, runner.Refuse("blue, once %s, or its service, once %s, is gone: somebody deleted it", b.Name, b.ServiceName)
	}
	return b, app, instance, nil
}

// FindNew finds the service that this run made for green, in whatever state it is;
// nil where there is none.
func (s *Services) FindNew(ctx context.Context) (*cloudfoundry.ServiceInstance, error) {
	all, err := s.run().Services(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	if len(all) > 1 {
		return nil, runner.Refuse("%d services carry the label of run %s; only one may be green's", len(all), s.run().ID())
	}
	return &all[0], nil
}

// New finds green's service, which must be ready: NotYet where there is none, a final
// error where the broker failed, another error while the broker is at work.
func (s *Services) New(ctx context.Context) (*cloudfoundry.ServiceInstance, error) {
	instance, err := s.FindNew(ctx)
	if err != nil {
		return nil, err
	}
	if instance == nil {
		return nil, s.noNew()
	}
	last := instance.LastOperation
	switch last.State {
	case "succeeded":
		return instance, nil
	case "failed":
		return nil, runner.Final(fmt.Errorf("the broker failed to %s %s: %q", last.Type, instance.Name, last.Description))
	}
	return nil, fmt.Errorf("%s of %s is %s: %s", last.Type, instance.Name, last.State, last.Description)
}

func (s *Services) noNew() error {
	return s.run().NotYet(upgrade.ServiceCreated, "there is no %s", s.Of.NewService)
}

// NewIsReady is the check of the stages that need green's service. A creation that
// failed is for the stage that creates it: that makes it again.
func (s *Services) NewIsReady() runner.Task {
	return runner.Task{
		Name: "green's service is ready",
		Do: func(ctx context.Context, o *runner.Observation) error {
			instance, err := s.New(ctx)
			if runner.IsFinal(err) {
				return s.run().NotYet(upgrade.ServiceCreated, "%s", err)
			}
			if err == nil {
				o.Say("%s", instance.Name)
			}
			return err
		},
	}
}

// UsedByRelease is the app that the pipeline released in green's place, where it is
// bound to a service: a rollback then leaves the service to it. nil else.
func (s *Services) UsedByRelease(ctx context.Context, instance *cloudfoundry.ServiceInstance) (*cloudfoundry.App, error) {
	app, err := s.Live.ReleasedApp(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	bindings, err := s.platform().Services.Bindings(ctx, cloudfoundry.BindingFilter{App: app.GUID, Instance: instance.GUID})
	if err != nil || len(bindings) == 0 {
		return nil, err
	}
	return app, nil
}

// FindBlue adds to blue the service that is to be replaced: the one that is called
// SERVICE, to which the app must be bound.
func FindBlue(ctx context.Context, platform *cloudfoundry.Client, service string, b *upgrade.Blue) error {
	bindings, err := platform.Services.Bindings(ctx, cloudfoundry.BindingFilter{App: b.App})
	if err != nil {
		return err
	}
	instance, err := platform.Services.ServiceInstanceByName(ctx, service)
	if err != nil {
		return err
	}
	if instance == nil {
		return runner.Refuse("there is no service %s in this space (SERVICE)", service)
	}
	for _, binding := range bindings {
		if binding.InstanceGUID == instance.GUID {
			b.Service, b.ServiceName, b.BindingName = instance.GUID, instance.Name, binding.Name
			return nil
		}
	}
	return runner.Refuse("app %s is not bound to service %s (SERVICE)", b.Name, service)
}

// progress passes what the platform says while a broker works on to the log.
func progress(ctx context.Context, o *runner.Observation) context.Context {
	return cloudfoundry.WithProgress(ctx, func(note string) { o.Progress(runner.Progress{What: note}) })
}
