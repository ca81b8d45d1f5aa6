package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const checkReleaseHelp = `Finds the live app by its live route and records it as blue: app, service, every route (those with a path too), image and instances. Checks that all its instances take requests, that every route can be carried and proved, that both APIs and the live host answer, that the marketplace has the plan, that the quota has room for a second app, that we may do what will be done, and that no name is taken. Changes nothing but the record of the run, the service instance cutover-<app>.

By hand: cf app search-api; cf services; cf marketplace -e elasticsearch.`

// checkRelease begins a run. It creates the run's record and nothing else; the record
// is retired with the run.
type checkRelease struct {
	before    *prerequisites
	beginning *upgrade.Beginning
}

func newCheckRelease(s *Site) runner.Stage {
	before := s.prerequisites()
	return &checkRelease{before: before, beginning: before.beginning}
}

func (c *checkRelease) Check() []runner.Task { return c.before.checks() }

func (c *checkRelease) Plan(ctx context.Context) ([]runner.Task, error) {
	return c.beginning.Tasks(ctx)
}

func (c *checkRelease) Verify() []runner.Task { return []runner.Task{c.beginning.Recorded()} }

func (c *checkRelease) Undo(context.Context) ([]runner.Task, error) { return nil, c.beginning.Undo() }
