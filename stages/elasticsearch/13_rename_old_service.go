package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const renameOldServiceHelp = `Gives blue's Elasticsearch service its old name, so that green's can take the name that the releases know. Nothing that runs notices: an app looks for its service by name only when it starts. So that blue can be started again for a rollback, its variable has the service's new name from here on, unless its binding has a name of its own; what the variable was before is recorded and comes back with a rollback.

Refuses while another app or a key uses that service, unless ALSO_BOUND names it. Tags, parameters and plan are not touched.

By hand: cf set-env search-api DM_ELASTICSEARCH_SERVICE_NAME search_api_elasticsearch_old; cf rename-service search_api_elasticsearch search_api_elasticsearch_old.`

// renameOldService makes room for the final name of green's service. To undo it by
// hand: cf rename-service back, and cf set-env (or unset-env) as the run recorded it.
type renameOldService struct {
	checks    *upgrade.Checks
	services  *backing.Services
	renaming  *backing.Renaming
	names     *names.Names
	alsoBound []string
	tags      []string
}

func newRenameOldService(s *Site) runner.Stage {
	return &renameOldService{
		checks: s.checks, services: s.services, renaming: &backing.Renaming{Variable: s.variable}, names: s.renamer, alsoBound: list(s.Settings.AlsoBound),
	}
}

func (r *renameOldService) Check() []runner.Task {
	return append(r.checks.GreenServes(),
		r.services.NobodyElseUsesBlue(r.alsoBound),
		names.Free(r.services.Of.OldService, r.names.Service, func(context.Context) (string, error) {
			b, err := r.services.Live.Pair.Run.Blue()
			return b.Service, err
		}),
	)
}

func (r *renameOldService) Plan(ctx context.Context) ([]runner.Task, error) {
	b, app, instance, err := r.services.NeedBlue(ctx)
	if err != nil {
		return nil, err
	}
	r.tags = instance.Tags
	return r.renaming.Blue(ctx, b, app, instance)
}

func (r *renameOldService) Verify() []runner.Task {
	return []runner.Task{
		{Name: "blue's service has its old name, and nothing else is changed", Do: func(ctx context.Context, o *runner.Observation) error {
			_, _, instance, err := r.services.NeedBlue(ctx)
			if err != nil {
				return err
			}
			return backing.Renamed(o, instance, r.services.Of.OldService, r.tags)
		}},
		{Name: "blue, started again, finds its service", Do: r.renaming.BlueFinds},
	}
}

func (r *renameOldService) Undo(ctx context.Context) ([]runner.Task, error) {
	return r.renaming.UndoBlue(ctx)
}
