// Longer than other stages: its undo starts blue, or rebuilds one that was deleted.

package elasticsearch

import (
	"context"
	"fmt"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/situation"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
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
	live      *upgrade.Live
	traffic   *traffic.Traffic
	apps      *clone.Apps
	rebuild   *clone.Rebuild
	services  *backing.Services
	variable  *backing.Variable
	names     *names.Names
	situation *situation.Reader
	// delete is REMOVE_OLD_APP=delete.
	delete       bool
	startTimeout time.Duration
}

func newRemoveOldApp(s *Site) runner.Stage {
	return &removeOldApp{
		checks: s.checks, live: s.live, traffic: s.traffic, apps: s.apps, rebuild: s.rebuild, services: s.services, variable: s.variable, names: s.renamer,
		delete: s.Settings.RemoveOldApp == deleteOldApp, startTimeout: s.Settings.StartTimeout, situation: s.situation,
	}
}

func (r *removeOldApp) pair() *upgrade.Pair { return r.live.Pair }

func (r *removeOldApp) Check() []runner.Task {
	return append(r.checks.GreenServes(), r.checks.BlueHasNoRoute(), runner.Task{
		Name: "the app of that name is the one that the run began with", Do: r.recordedOne,
		After: r.pair().Run.NotYet(upgrade.BlueRenamed, "blue has its first name"),
	})
}

// recordedOne checks that blue's old name is not another app's. What is stopped or
// deleted is found by its GUID all the same.
func (r *removeOldApp) recordedOne(ctx context.Context, o *runner.Observation) error {
	b, app, err := r.pair().Blue(ctx)
	if err != nil {
		return err
	}
	named, err := r.names.App(ctx, r.pair().OldApp)
	if err != nil {
		return err
	}
	switch {
	case named != "" && named != b.App:
		return runner.Refuse("app %s is not the one that the run began with: somebody made it since", r.pair().OldApp)
	case named == "" && app != nil:
		return runner.Refuse("blue is %s, not %s: somebody renamed it; cf rename %s %s", app.Name, r.pair().OldApp, app.Name, r.pair().OldApp)
	case app == nil:
		o.Say("it is deleted already")
		return nil
	}
	o.Say("%s, image %s", app.Name, b.Image)
	return nil
}

func (r *removeOldApp) Plan(ctx context.Context) ([]runner.Task, error) {
	_, app, err := r.pair().Blue(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	var tasks []runner.Task
	if r.delete {
		tasks = append(tasks, r.rebuild.Record(app))
	}
	if app.State != cloudfoundry.Stopped {
		tasks = append(tasks, r.traffic.Drained(), r.apps.Stop(app))
	}
	if r.delete {
		tasks = append(tasks, r.apps.DeleteUnmapped(app))
	}
	return tasks, nil
}

func (r *removeOldApp) Verify() []runner.Task {
	return append(r.checks.Common(upgrade.ToGreen),
		runner.Task{Name: "no instance of blue is left", Wait: r.startTimeout, Do: r.nothingRuns},
		r.situation.RollbackCost(),
	)
}

func (r *removeOldApp) nothingRuns(ctx context.Context, o *runner.Observation) error {
	_, app, err := r.pair().Blue(ctx)
	if err != nil {
		return err
	}
	if app == nil {
		o.Say("the app is deleted")
		return nil
	}
	if r.delete || app.State != cloudfoundry.Stopped {
		return fmt.Errorf("app %s exists, %s", app.Name, app.State)
	}
	o.Say("%s is stopped, and kept", app.Name)
	return r.apps.NothingRuns(ctx, app)
}

// Undo starts blue again, after its variable has the name that its service has at this
// moment. A deleted blue is rebuilt.
func (r *removeOldApp) Undo(ctx context.Context) ([]runner.Task, error) {
	b, app, err := r.pair().Blue(ctx)
	if err != nil {
		return nil, err
	}
	_, instance, err := r.services.Blue(ctx)
	if err != nil {
		return nil, err
	}
	if app == nil {
		return r.rebuilt(ctx, b, instance)
	}
	if instance == nil || app.State == cloudfoundry.Started {
		return nil, nil
	}
	tasks, err := r.variable.PointBlueTo(ctx, b, app, r.names.Of(instance.GUID, instance.Name))
	return append(tasks, r.apps.StartBlue(app)...), err
}

// rebuilt is the rollback of a deleted blue.
func (r *removeOldApp) rebuilt(ctx context.Context, b upgrade.Blue, instance *cloudfoundry.ServiceInstance) ([]runner.Task, error) {
	stranger, err := r.live.Stranger(ctx, b)
	switch {
	case err != nil:
		return nil, err
	case stranger != nil:
		return nil, &runner.Irreversible{Why: "a release took blue's place", Covered: true}
	case instance == nil:
		return nil, nil
	case r.pair().Run.BlueCanBeRebuilt():
		return r.rebuild.Tasks(ctx, b)
	}
	return nil, &runner.Irreversible{Why: fmt.Sprintf("somebody deleted blue; by hand: push image %s with the live app's manifest, bound to %s", b.Image, instance.Name)}
}
