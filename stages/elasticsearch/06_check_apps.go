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

const checkAppsHelp = `Changes nothing. Sees the two apps side by side: the old one serves the live routes from the old service, the new one its temporary route from the new service, and the two are different backends; and the new one knows every mapping that INDICES names.

By hand: cf app search-api; cf app elasticsearch-migration; look at /_status of both.`

// checkApps sees that green is what it should be before it is filled: documents
// put into blue's backend by mistake would be seen by everybody.
type checkApps struct{ *Site }

// OnlyLooks makes it a runner.Looker.
func (c *checkApps) OnlyLooks() {}

func (c *checkApps) Check() []runner.Task { return c.ordinary(toBlue) }

func (c *checkApps) Plan(ctx context.Context) ([]runner.Task, error) {
	_, err := c.needGreen(ctx)
	return nil, err
}

func (c *checkApps) Verify() []runner.Task {
	return []runner.Task{
		{Name: "the old app is bound to the old service alone", Do: c.oldBound},
		{Name: "the new app is bound to the new service alone", Do: c.newBound},
		{Name: "the two answer from different backends", Do: c.different},
		{Name: "the new app knows every mapping", Do: c.newMappings},
	}
}

// services are the GUIDs of the instances that an app is bound to.
func (c *checkApps) services(ctx context.Context, app string) ([]string, error) {
	bindings, err := c.cf.Bindings(ctx, cloudfoundry.BindingFilter{App: app})
	if err != nil {
		return nil, err
	}
	var all []string
	for _, b := range bindings {
		all = append(all, b.InstanceGUID)
	}
	return all, nil
}

func (c *checkApps) oldBound(ctx context.Context, o *runner.Observation) error {
	b, err := c.recorded()
	if err != nil {
		return err
	}
	service, err := c.newService(ctx)
	if err != nil {
		return err
	}
	return c.only(ctx, o, b.App, b.Service, service.GUID)
}

func (c *checkApps) newBound(ctx context.Context, o *runner.Observation) error {
	b, err := c.recorded()
	if err != nil {
		return err
	}
	app, err := c.needGreen(ctx)
	if err != nil {
		return err
	}
	service, err := c.newService(ctx)
	if err != nil {
		return err
	}
	return c.only(ctx, o, app.GUID, service.GUID, b.Service)
}

// only sees that an app is bound to the one service and not to the other.
func (c *checkApps) only(ctx context.Context, o *runner.Observation, app, want, not string) error {
	services, err := c.services(ctx, app)
	if err != nil {
		return err
	}
	o.Say("%s", runner.Count(len(services), "service", "services"))
	if !slices.Contains(services, want) {
		return runner.Final(fmt.Errorf("app %s is not bound to service %s", app, want))
	}
	if slices.Contains(services, not) {
		return runner.Final(fmt.Errorf("app %s is bound to service %s, which is the other one's", app, not))
	}
	return nil
}

// different compares the names of the indices: blue has its own, of earlier
// dates, and green none yet, or those of this run.
func (c *checkApps) different(ctx context.Context, o *runner.Observation) error {
	old, err := c.live().Status(ctx)
	if err != nil {
		return fmt.Errorf("the old app: %w", err)
	}
	now, err := c.green().Status(ctx)
	if err != nil {
		return fmt.Errorf("the new app: %w", err)
	}
	var both []string
	for name := range old.Indices {
		if _, is := now.Indices[name]; is && !strings.HasPrefix(name, ".") {
			both = append(both, name)
		}
	}
	o.Say("%s behind the old app, %d behind the new one", runner.Count(len(old.Indices), "index", "indices"), len(now.Indices))
	if len(both) > 0 && len(both) == len(old.Indices) {
		return runner.Final(fmt.Errorf("both answer with the same indices, %s: they may share one backend", strings.Join(both, ", ")))
	}
	return nil
}

// newMappings sees that the new app has what INDICES names.
func (s *Site) newMappings(ctx context.Context, o *runner.Observation) error {
	if _, err := s.needGreen(ctx); err != nil {
		return err
	}
	known, err := s.green().Mappings(ctx)
	if err != nil {
		return err
	}
	o.Say("%s", runner.Count(len(known), "mapping", "mappings"))
	if err := s.unknownMappings("the new app", known); err != nil {
		return runner.Final(fmt.Errorf("%w; the run has INDICES on record: roll back, and begin anew with another", err))
	}
	return nil
}

// unknownMappings are those that INDICES names and an app does not have.
func (s *Site) unknownMappings(who string, known []string) error {
	var all []error
	for _, index := range s.indices {
		if !slices.Contains(known, index.Mapping) {
			all = append(all, runner.Misconfigure("%s has no mapping %q (INDICES), but %s", who, index.Mapping, strings.Join(known, ", ")))
		}
	}
	return errors.Join(all...)
}

func (c *checkApps) Undo(context.Context) ([]runner.Task, error) { return nil, nil }
