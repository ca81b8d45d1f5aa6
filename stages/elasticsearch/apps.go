package elasticsearch

import (
	"context"
	"fmt"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Blue and green as they are at present: blue is known by its GUID, green by its label.

// appThere reads an app; nil where it is gone.
func (s *Site) appThere(ctx context.Context, guid string) (*cloudfoundry.App, error) {
	app, err := s.cf.App(ctx, guid)
	if cloudfoundry.IsNotFound(err) {
		return nil, nil
	}
	return app, err
}

// blueApp reads the app that was live when the run began; nil where it is gone.
func (s *Site) blueApp(ctx context.Context, b blue) (*cloudfoundry.App, error) {
	return s.appThere(ctx, b.App)
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

// oldService reads the recorded blue and its service; the service is nil where it is
// gone.
func (s *Site) oldService(ctx context.Context) (blue, *cloudfoundry.ServiceInstance, error) {
	b, err := s.recorded()
	if err != nil {
		return b, nil, err
	}
	instance, err := s.blueService(ctx, b)
	return b, instance, err
}

// oldPair reads both.
func (s *Site) oldPair(ctx context.Context) (blue, *cloudfoundry.App, *cloudfoundry.ServiceInstance, error) {
	b, app, err := s.oldApp(ctx)
	if err != nil {
		return b, nil, nil, err
	}
	instance, err := s.blueService(ctx, b)
	return b, app, instance, err
}

// needBlue is oldPair, of which nothing may be gone.
func (s *Site) needBlue(ctx context.Context) (blue, *cloudfoundry.App, *cloudfoundry.ServiceInstance, error) {
	b, app, instance, err := s.oldPair(ctx)
	if err != nil {
		return b, nil, nil, err
	}
	if app == nil || instance == nil {
		return b, nil, nil, runner.Refuse("the old app, once %s, or its service, once %s, is gone: somebody deleted it", b.Name, b.ServiceName)
	}
	return b, app, instance, nil
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

// findGreen finds the app that this run made, by its label; nil if there is none.
func (s *Site) findGreen(ctx context.Context) (*cloudfoundry.App, error) { return s.made(ctx, green) }

// made finds the app that this run made for a role; nil if there is none.
func (s *Site) made(ctx context.Context, role string) (*cloudfoundry.App, error) {
	if s.run == nil {
		return nil, nil
	}
	apps, err := s.cf.AppsByLabel(ctx, cloudfoundry.RunLabel, s.run.ID)
	if err != nil {
		return nil, fmt.Errorf("find the app of run %s: %w", s.run.ID, err)
	}
	apps = slices.DeleteFunc(apps, func(one cloudfoundry.App) bool { return one.Labels[roleLabel] != role })
	switch len(apps) {
	case 0:
		return nil, nil
	case 1:
		return &apps[0], nil
	}
	return nil, runner.Refuse("%d apps carry the label of run %s for %s; only one can", len(apps), s.run.ID, role)
}

// needGreen finds the new app, or says which stage makes it.
func (s *Site) needGreen(ctx context.Context) (*cloudfoundry.App, error) {
	app, err := s.findGreen(ctx)
	if err != nil {
		return nil, err
	}
	if app == nil {
		return nil, &runner.NotYet{Stage: stagePushApp, Why: "there is no " + s.Settings.NewApp}
	}
	return app, nil
}

// routable counts the instances of an app that the routers send requests to.
func (s *Site) routable(ctx context.Context, app string) (int, []cloudfoundry.Instance, error) {
	instances, err := s.cf.Instances(ctx, app)
	if err != nil {
		return 0, nil, err
	}
	n := 0
	for _, i := range instances {
		if i.State == "RUNNING" && i.Routable {
			n++
		}
	}
	return n, instances, nil
}
