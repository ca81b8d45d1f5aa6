package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const checkAppsHelp = `Changes nothing. Compares the two apps side by side: blue serves the live routes from the old service, green its temporary route from the new service, and the two are different backends; and green has every mapping that INDICES names.

By hand: cf app search-api; cf app elasticsearch-migration; look at /_status of both.`

// checkApps checks that green is what it should be before it is filled: documents put
// into blue's backend by mistake would be seen by everybody.
type checkApps struct {
	checks   *upgrade.Checks
	pair     *upgrade.Pair
	services *backing.Services
	apis     *apis
	mappings *mappings
}

func newCheckApps(s *Site) runner.Stage {
	return &checkApps{checks: s.checks, pair: s.live.Pair, services: s.services, apis: s.apis, mappings: s.mappings}
}

func (c *checkApps) Check() []runner.Task { return c.checks.Common(upgrade.ToBlue) }

// OnlyLooks: there is nothing to do but to verify.
func (c *checkApps) OnlyLooks() {}

func (c *checkApps) Plan(ctx context.Context) ([]runner.Task, error) {
	_, err := c.pair.NeedGreen(ctx)
	return nil, err
}

func (c *checkApps) Verify() []runner.Task {
	return []runner.Task{
		{Name: "blue is bound to the old service alone", Do: c.blueBound},
		{Name: "green is bound to the new service alone", Do: c.greenBound},
		{Name: "the two answer from different backends", Do: c.different},
		{Name: "green has every mapping", Do: c.mappings.ofGreen},
	}
}

func (c *checkApps) blueBound(ctx context.Context, o *runner.Observation) error {
	b, err := c.pair.Run.Blue()
	if err != nil {
		return err
	}
	service, err := c.services.New(ctx)
	if err != nil {
		return err
	}
	return c.only(ctx, o, b.App, b.Service, service.GUID)
}

func (c *checkApps) greenBound(ctx context.Context, o *runner.Observation) error {
	b, err := c.pair.Run.Blue()
	if err != nil {
		return err
	}
	app, err := c.pair.NeedGreen(ctx)
	if err != nil {
		return err
	}
	service, err := c.services.New(ctx)
	if err != nil {
		return err
	}
	err = c.only(ctx, o, app.GUID, service.GUID, b.Service)
	if lost, is := errors.AsType[notBound](err); is {
		return &runner.Reopen{Stage: stagePushApp, Why: lost.Error()}
	}
	return err
}

// notBound is an app that lacks its service.
type notBound struct{ app, service string }

func (e notBound) Error() string {
	return fmt.Sprintf("app %s is not bound to service %s", e.app, e.service)
}

// only checks that an app is bound to the one service and not to the other.
func (c *checkApps) only(ctx context.Context, o *runner.Observation, app, want, not string) error {
	bindings, err := c.pair.Platform.Services.Bindings(ctx, cloudfoundry.BindingFilter{App: app})
	if err != nil {
		return err
	}
	var services []string
	for _, b := range bindings {
		services = append(services, b.InstanceGUID)
	}
	o.Say("%s", runner.Count(len(services), "service", "services"))
	if !slices.Contains(services, want) {
		return runner.Final(notBound{app, want})
	}
	if slices.Contains(services, not) {
		return runner.Final(fmt.Errorf("app %s is bound to service %s, which is the other app's", app, not))
	}
	return nil
}

// different compares the names of the indices: blue has its own, of earlier dates, and
// green none yet, or those of this run.
func (c *checkApps) different(ctx context.Context, o *runner.Observation) error {
	blue, err := c.apis.live().Status(ctx)
	if err != nil {
		return fmt.Errorf("blue: %w", err)
	}
	green, err := c.apis.green().Status(ctx)
	if err != nil {
		return fmt.Errorf("green: %w", err)
	}
	var both []string
	for name := range blue.Indices {
		if _, is := green.Indices[name]; is && !strings.HasPrefix(name, ".") {
			both = append(both, name)
		}
	}
	o.Say("%s behind blue, %d behind green", runner.Count(len(blue.Indices), "index", "indices"), len(green.Indices))
	if len(both) > 0 && len(both) == len(blue.Indices) {
		return runner.Final(fmt.Errorf("both answer with the same indices, %s: they may share one backend", strings.Join(both, ", ")))
	}
	return nil
}

func (c *checkApps) Undo(context.Context) ([]runner.Task, error) { return nil, nil }
