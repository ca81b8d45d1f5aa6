package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const createServiceHelp = `Creates the new Elasticsearch service beside the old one, under a name of its own, and waits for the broker for as long as it takes. A creation that failed is shown with the broker's words; the next run deletes the service that failed and creates it again. Never touches blue's service.

By hand: cf create-service elasticsearch <plan> search_api_elasticsearch_new; cf service search_api_elasticsearch_new.`

// createService makes green's service. To undo it by hand: cf delete-service
// search_api_elasticsearch_new, once nothing is bound to it.
type createService struct {
	checks   *upgrade.Checks
	creation *backing.Creation
}

func newCreateService(s *Site) runner.Stage {
	return &createService{checks: s.checks, creation: s.creation}
}

func (c *createService) Check() []runner.Task {
	return append(c.checks.Common(upgrade.ToBlue), c.creation.Offered())
}

func (c *createService) Plan(ctx context.Context) ([]runner.Task, error) {
	return c.creation.Tasks(ctx)
}

func (c *createService) Verify() []runner.Task { return []runner.Task{c.creation.Ready()} }

func (c *createService) Undo(ctx context.Context) ([]runner.Task, error) {
	return c.creation.Undo(ctx)
}
