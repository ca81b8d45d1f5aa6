package elasticsearch

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const checkReleaseHelp = `Finds the live app by its live route and records it as blue: app, service, every route (those with a path too), image and instances. Checks that both APIs and the live host answer, that the marketplace has the plan, that the quota has room for a second app, that we may do what will be done, and that no name is taken. Changes nothing but the record of the run, the service instance cutover-<app>.

By hand: cf app search-api; cf services; cf marketplace -e elasticsearch.`

// checkRelease begins a run. It creates the run's record and nothing else; the record
// is retired with the run.
type checkRelease struct {
	before  *prerequisites
	run     *upgrade.Run
	version string
	// image is green's docker image, made from blue's.
	image func(blue string) string
}

func newCheckRelease(s *Site) runner.Stage {
	return &checkRelease{before: s.prerequisites(), run: s.run, version: s.options.Version, image: s.Settings.image}
}

func (c *checkRelease) Check() []runner.Task { return c.before.checks() }

func (c *checkRelease) Plan(ctx context.Context) ([]runner.Task, error) {
	if c.run.Exists() {
		return nil, nil
	}
	b, err := c.before.findBlue(ctx)
	if err != nil {
		return nil, err
	}
	run, err := c.run.New(c.version, b, map[string]string{upgrade.FactImage: c.image(b.Image)})
	if err != nil {
		return nil, err
	}
	return []runner.Task{{
		Name: "record the run", Effect: runner.Creates, ByHand: "cf create-user-provided-service cutover-" + c.before.names.LiveApp,
		Assume: func() { c.run.Assume(run) },
		Do: func(ctx context.Context, o *runner.Observation) error {
			if err := c.run.Begin(ctx, run); err != nil {
				return err
			}
			o.Say("run %s", c.run.ID())
			return nil
		},
	}}, nil
}

func (c *checkRelease) Verify() []runner.Task {
	return []runner.Task{{Name: "the run is recorded", Do: func(ctx context.Context, o *runner.Observation) error {
		id := c.run.ID()
		exists, err := c.run.Load(ctx)
		if err != nil {
			return err
		}
		if !exists || c.run.ID() != id {
			return fmt.Errorf("the run cannot be read back")
		}
		o.Say("run %s", id)
		o.Set("run", id)
		return nil
	}}}
}

func (c *checkRelease) Undo(context.Context) ([]runner.Task, error) {
	return nil, &runner.Irreversible{Why: "the record of the run is retired when all else is undone", Covered: true}
}
