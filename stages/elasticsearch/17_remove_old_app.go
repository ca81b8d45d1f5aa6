package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/situation"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const removeOldAppHelp = `Waits until DRAIN has passed since step 11 proved that no router knows blue, stops it and waits until its instances are gone. It is kept, stopped, until step 20: a rollback from here starts it, which takes minutes and not seconds. With REMOVE_OLD_APP=delete it is deleted now, as the runbook types it, after the run has recorded what it was made of: a rollback then rebuilds it from its image, against the old service, with the variables of the live app.

Refuses while the app has a route, or where the app of that name is not the one that the run began with.

By hand: cf stop search-api-old; with REMOVE_OLD_APP=delete: cf delete search-api-old.`

// removeOldApp ends what runs of blue. To undo it by hand: cf start search-api-old;
// check that DM_ELASTICSEARCH_SERVICE_NAME is the name that its service has now.
type removeOldApp struct {
	checks    *upgrade.Checks
	removal   *clone.Removal
	services  *backing.Services
	variable  *backing.Variable
	names     *names.Names
	situation *situation.Reader
}

func newRemoveOldApp(s *Site) runner.Stage {
	return &removeOldApp{
		checks: s.checks, removal: s.removal, services: s.services, variable: s.variable, names: s.renamer, situation: s.situation,
	}
}

func (r *removeOldApp) Check() []runner.Task {
	return append(r.checks.GreenServes(), r.checks.BlueHasNoRoute(), r.removal.IsBlue())
}

func (r *removeOldApp) Plan(ctx context.Context) ([]runner.Task, error) { return r.removal.Tasks(ctx) }

func (r *removeOldApp) Verify() []runner.Task {
	return append(upgrade.Afterwards(r.checks.Common(upgrade.ToGreen)...), r.removal.NothingRuns(), r.situation.RollbackCost())
}

// Undo starts blue again, after its variable has the name that its service has at this
// moment. A deleted blue is rebuilt. Where its service is gone there is nothing to do:
// that its own step says so ends the rollback.
func (r *removeOldApp) Undo(ctx context.Context) ([]runner.Task, error) {
	b, instance, err := r.services.Blue(ctx)
	if err != nil || instance == nil {
		return nil, err
	}
	tasks, err := r.removal.Undo(ctx, instance)
	if err != nil || len(tasks) == 0 {
		return nil, err
	}
	_, app, err := r.removal.Live.Pair.Blue(ctx)
	if err != nil || app == nil {
		return tasks, err
	}
	point, err := r.variable.PointBlueTo(ctx, b, app, r.names.Of(instance.GUID, instance.Name))
	return append(point, tasks...), err
}
