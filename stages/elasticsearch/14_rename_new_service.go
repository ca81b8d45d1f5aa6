package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const renameNewServiceHelp = `Gives green's Elasticsearch service the name that the releases know, so that the next release binds to it and nobody has to change a manifest. Green does not notice, not even at a restart: its binding has had that name from the beginning.

Refuses while another app or a key uses green's service, unless ALSO_BOUND names it. Tags, parameters and plan are not touched.

By hand: cf rename-service search_api_elasticsearch_new search_api_elasticsearch.`

// renameNewService gives green's service its final name. To undo it by hand:
// cf rename-service search_api_elasticsearch search_api_elasticsearch_new.
type renameNewService struct {
	checks    *upgrade.Checks
	run       *upgrade.Run
	services  *backing.Services
	renaming  *backing.Renaming
	names     *names.Names
	alsoBound []string
	tags      []string
}

func newRenameNewService(s *Site) runner.Stage {
	return &renameNewService{
		checks: s.checks, run: s.run, services: s.services, renaming: &backing.Renaming{Variable: s.variable}, names: s.renamer, alsoBound: list(s.Settings.AlsoBound),
	}
}

func (r *renameNewService) Check() []runner.Task {
	free := names.Free(r.services.Of.Service, r.names.Service, func(ctx context.Context) (string, error) {
		instance, err := r.services.New(ctx)
		if err != nil {
			return "", err
		}
		return instance.GUID, nil
	})
	free.After = r.run.NotYet(upgrade.OldServiceRenamed, "blue's service has that name")
	return append(r.checks.GreenServes(), r.services.NobodyElseUsesNew(r.alsoBound), free)
}

func (r *renameNewService) Plan(ctx context.Context) ([]runner.Task, error) {
	instance, tasks, err := r.renaming.New(ctx)
	if instance != nil {
		r.tags = instance.Tags
	}
	return tasks, err
}

func (r *renameNewService) Verify() []runner.Task {
	return []runner.Task{
		{Name: "green's service has its final name, and nothing else is changed", Do: func(ctx context.Context, o *runner.Observation) error {
			instance, err := r.services.New(ctx)
			if err != nil {
				return err
			}
			return backing.Renamed(o, instance, r.services.Of.Service, r.tags)
		}},
		{Name: "green, started again, finds its service", Do: r.renaming.GreenFinds},
	}
}

func (r *renameNewService) Undo(ctx context.Context) ([]runner.Task, error) {
	return r.renaming.UndoNew(ctx)
}
