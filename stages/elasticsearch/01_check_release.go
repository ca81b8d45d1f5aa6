package elasticsearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const checkReleaseHelp = `Finds the live app by its live route and records it as blue: app, service, every route (those with a path too), image and instances. Sees that both APIs and the live host answer, that the marketplace has the plan, that the quota has room for a second app, that we may do what will be done, and that no name is in the way. Changes nothing but the record of the run, the service instance cutover-<app>.

By hand: cf app search-api; cf services; cf marketplace -e elasticsearch.`

// checkRelease begins a run. It makes the run's record and nothing else; the
// record is deleted when the run is retired.
type checkRelease struct {
	*Site
	found *blue
}

func (c *checkRelease) Check() []runner.Task {
	return []runner.Task{
		{Name: "the live route leads to the live app", Do: c.liveApp},
		{Name: "the live release is the newest of its main branch", Do: c.newest},
		{Name: "the data API answers", Do: c.dataAPI},
		{Name: "the search API answers, and accepts our token", Do: c.searchAPI},
		{Name: "the live host answers", Do: c.liveHost},
		{Name: "the marketplace has the offering and plan", Do: c.marketplace},
		{Name: "the quota has room for a second app and service", Do: c.room},
		{Name: "the app's environment and logs can be read", Do: c.rights},
		{Name: "no name is in the way", Do: c.names},
		{Name: "the counts of the live app, for the record", Do: c.drift},
	}
}

// liveApp finds blue, once a process.
func (c *checkRelease) liveApp(ctx context.Context, o *runner.Observation) error {
	b, err := c.blueNow(ctx)
	if err != nil {
		return err
	}
	if c.run != nil {
		was, err := c.recorded()
		if err == nil && was.App != b.App {
			return runner.Refuse("run %s began with app %s, and the live route leads to %s now: somebody released in between", c.run.ID, was.App, b.App)
		}
	}
	o.Say("%s, %s of %d MB, image %s, %s, service %s", b.Name, runner.Count(b.Instances, "instance", "instances"), b.MemoryMB, b.Image,
		runner.Count(len(b.Routes), "route", "routes"), b.ServiceName)
	o.Set("instances", b.Instances)
	return nil
}

func (c *checkRelease) dataAPI(ctx context.Context, o *runner.Observation) error {
	for _, index := range c.indices {
		total, err := c.data.Total(ctx, index.Kind, index.Frameworks)
		if err != nil {
			return err
		}
		if total == 0 {
			return runner.Misconfigure("the data API lists no %s of %v (INDICES): a misspelt framework looks like an empty one", index.Kind, index.Frameworks)
		}
		o.Set(index.Alias.String(), total)
	}
	o.Say("%s", c.Settings.dataAPI())
	return nil
}

func (c *checkRelease) searchAPI(ctx context.Context, o *runner.Observation) error {
	mappings, err := c.live().Mappings(ctx)
	if err != nil {
		return err
	}
	if len(mappings) == 0 {
		return fmt.Errorf("%s names no mapping: something else answers there", c.Settings.searchAPI())
	}
	o.Say("%s, %s", c.Settings.searchAPI(), runner.Count(len(mappings), "mapping", "mappings"))
	if c.Settings.Release != "" || c.Settings.Image != "" {
		// Another build may have another mapping: step 6 asks it.
		return nil
	}
	return c.unknownMappings("the live app, whose image the new one gets,", mappings)
}

func (c *checkRelease) liveHost(ctx context.Context, o *runner.Observation) error {
	address := c.Settings.RouteScheme + "://" + c.Settings.LiveRoute
	status, err := c.searchAt(address, nil).Status(ctx)
	if err != nil {
		return fmt.Errorf("%s: an IP allow-list may sit on it: %w", address, err)
	}
	if len(status.Indices) == 0 {
		return fmt.Errorf("%s has no index: something else answers there, or the live app's backend is empty", address)
	}
	o.Say("%s", runner.Count(len(status.Indices), "index", "indices"))
	return nil
}

func (c *checkRelease) marketplace(ctx context.Context, o *runner.Observation) error {
	plan, err := c.plan(ctx)
	if err != nil {
		return err
	}
	o.Say("%s %s", c.Settings.Offering, plan.Name)
	return nil
}

func (c *checkRelease) room(ctx context.Context, o *runner.Observation) error {
	b, err := c.blueNow(ctx)
	if err != nil {
		return err
	}
	room, err := c.cf.Headroom(ctx)
	if err != nil {
		return err
	}
	need := []struct {
		what      string
		want, has int
	}{
		{"MB of memory", b.Instances * b.MemoryMB, room.MemoryMB},
		{"instances", b.Instances, room.Instances},
		{"services", 1, room.Services},
		// The temporary one, and the private one of a way back.
		{"routes", 2, room.Routes},
	}
	if c.run != nil {
		o.Say("not asked again: part of it may be in use by run %s", c.run.ID)
		return nil
	}
	var all []error
	for _, n := range need {
		if n.has != cloudfoundry.Unlimited && n.has < n.want {
			all = append(all, fmt.Errorf("%s: %d wanted, %d left", n.what, n.want, n.has))
		}
	}
	o.Say("%d MB for %s", need[0].want, runner.Count(b.Instances, "instance", "instances"))
	return errors.Join(all...)
}

func (c *checkRelease) rights(ctx context.Context, o *runner.Observation) error {
	b, err := c.blueNow(ctx)
	if err != nil {
		return err
	}
	if _, err := c.cf.Environment(ctx, b.App); err != nil {
		return err
	}
	lines, err := c.cf.RecentLogs(ctx, b.App, 10)
	if err != nil {
		return err
	}
	o.Say("%d recent log lines", len(lines))
	return nil
}

// names sees that nothing stands where we will build or rename.
func (c *checkRelease) names(ctx context.Context, o *runner.Observation) error {
	var all []error
	for _, name := range []string{c.Settings.NewApp, c.Settings.OldApp} {
		app, err := c.cf.AppByName(ctx, name)
		if err != nil {
			return err
		}
		if app != nil && !c.ours(app.Metadata) {
			all = append(all, c.notOurs("app", name, app.Metadata))
		}
	}
	for _, name := range []string{c.Settings.NewService, c.Settings.OldService} {
		instance, err := c.cf.ServiceInstanceByName(ctx, name)
		if err != nil {
			return err
		}
		if instance != nil && !c.ours(instance.Metadata) {
			all = append(all, c.notOurs("service", name, instance.Metadata))
		}
	}
	for _, address := range []string{c.Settings.TemporaryRoute, c.Settings.PrivateRoute} {
		route, err := c.cf.RouteByAddress(ctx, address)
		if err != nil {
			return err
		}
		if route != nil && !c.ours(route.Metadata) {
			all = append(all, c.notOurs("route", address, route.Metadata))
		}
	}
	o.Say("%s, %s, %s, %s, %s and %s are free", c.Settings.NewApp, c.Settings.OldApp, c.Settings.NewService, c.Settings.OldService,
		c.Settings.TemporaryRoute, c.Settings.PrivateRoute)
	return errors.Join(all...)
}

// drift reports how far blue's counts are from the data API's. It refuses
// nothing: where an index call fails the data API goes on all the same, and the
// nightly job is there to mend it.
func (c *checkRelease) drift(ctx context.Context, o *runner.Observation) error {
	counts, err := c.counts(ctx, c.live(), c.indices.Live())
	if err != nil {
		return err
	}
	o.Say("%s", said(counts))
	for _, n := range counts {
		o.Set(n.Alias.String()+" drift", n.Documents-n.Expected)
	}
	return nil
}

func (c *checkRelease) Plan(ctx context.Context) ([]runner.Task, error) {
	if c.run != nil {
		return nil, nil
	}
	b, err := c.blueNow(ctx)
	if err != nil {
		return nil, err
	}
	run, err := c.newRun(b)
	if err != nil {
		return nil, err
	}
	if c.o.DryRun {
		c.run = run
	}
	return []runner.Task{{
		Effect: runner.Creates, Name: "record the run",
		ByHand: "cf create-user-provided-service cutover-" + c.Settings.LiveApp,
		Do: func(ctx context.Context, o *runner.Observation) error {
			if err := c.journal.Create(ctx, run); err != nil {
				// A process that was killed may have asked for the same, and been
				// answered after we looked.
				late, lerr := c.journal.Load(ctx)
				if lerr != nil || late == nil || late.Facts[factBlue] != run.Facts[factBlue] || late.Facts[factSettings] != run.Facts[factSettings] {
					return err
				}
				run = late
			}
			c.run = run
			o.Say("run %s", run.ID)
			return nil
		},
	}}, nil
}

func (c *checkRelease) newRun(b *blue) (*journal.Run, error) {
	settings := c.Settings.fixed()
	listed, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	was, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	now := c.cf.Now()
	image := b.Image
	switch {
	case c.Settings.Image != "":
		image = c.Settings.Image
	case c.Settings.Release != "":
		image = tagged(b.Image, c.Settings.Release)
	}
	return &journal.Run{
		ID: journal.NewRunID(now), Started: now, Version: c.o.Version, Direction: journal.Forward,
		Facts: map[string]string{factSettings: string(listed), factBlue: string(was), factImage: image},
	}, nil
}

// tagged is an image under another tag: what follows the last colon, if that is
// not the port of a registry.
func tagged(image, tag string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		image = image[:i]
	}
	return image + ":" + tag
}

func (c *checkRelease) Verify() []runner.Task {
	return []runner.Task{{Name: "the run is recorded", Do: func(ctx context.Context, o *runner.Observation) error {
		run, err := c.journal.Load(ctx)
		if err != nil {
			return err
		}
		if run == nil || c.run == nil || run.ID != c.run.ID {
			return fmt.Errorf("the run cannot be read back")
		}
		o.Say("run %s", run.ID)
		o.Set("run", run.ID)
		return nil
	}}}
}

func (c *checkRelease) Undo(context.Context) ([]runner.Task, error) {
	return nil, &runner.Irreversible{Why: "the record of the run is retired when all else is undone", Covered: true}
}
