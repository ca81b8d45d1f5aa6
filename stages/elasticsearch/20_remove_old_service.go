package elasticsearch

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/release"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const removeOldServiceHelp = `The point of no return. Deletes blue, which is stopped, with green where the release left that behind, and then blue's Elasticsearch service with all that is in it, and waits for the broker for as long as it takes. After it the run is complete: our labels are removed from what stays, and the record of the run becomes cutover-<app>-last.

Refuses while the app on the live routes is no release that uses the new service, or no reindex has ended since step 18; while any other app is bound to the old service or a key of it exists (the platform would delete them silently), while blue runs or has a route, and until HOLD_OLD_SERVICE_FOR has passed since step 17.

By hand: cf delete search-api-old; cf delete-service search_api_elasticsearch_old.`

// removeOldService deletes the last copy of what was. There is no rollback from it, by
// hand or otherwise, but an upgrade of its own.
type removeOldService struct {
	checks   *upgrade.Checks
	pair     *upgrade.Pair
	services *backing.Services
	removal  *backing.Removal
	release  *release.Release
	apps     *clone.Apps
	rebuild  *clone.Rebuild
}

func newRemoveOldService(s *Site) runner.Stage {
	return &removeOldService{
		checks: s.checks, pair: s.live.Pair, services: s.services, release: s.release, apps: s.apps, rebuild: s.rebuild,
		removal: &backing.Removal{Services: s.services, Names: s.renamer, Hold: s.Settings.Hold, Timeout: s.Settings.CreateTimeout},
	}
}

func (r *removeOldService) Check() []runner.Task {
	run := r.pair.Run
	return append(append(r.checks.GreenServes(), r.release.Released()...),
		runner.Task{Name: "a reindex has ended since the release", Do: r.reindexed, After: run.NotYet(upgrade.Refreshed, "nothing was reindexed yet")},
		r.checks.BlueHasNoRoute(),
		runner.Task{Name: "blue does not run", Do: r.stopped, After: run.NotYet(upgrade.BlueRemoved, "blue runs")},
		r.removal.Unused(),
		r.removal.Held(),
	)
}

// reindexed checks that what was written during the run was put again, into the app
// that stays.
func (r *removeOldService) reindexed(_ context.Context, o *runner.Observation) error {
	run := r.pair.Run
	if !run.Exists() {
		return run.None()
	}
	released, _ := run.ReachedAt(upgrade.Released)
	reindex, is := run.ReachedAt(upgrade.Refreshed)
	if !is || reindex.Ended.Before(released.Ended) {
		return runner.Refuse("no reindex has ended since the release: run reindex, or let the nightly job")
	}
	o.Say("at %s", reindex.Ended.UTC().Format("2006-01-02 15:04 MST"))
	return nil
}

func (r *removeOldService) stopped(ctx context.Context, o *runner.Observation) error {
	_, app, err := r.pair.Blue(ctx)
	if err != nil {
		return err
	}
	if app == nil {
		o.Say("it is deleted already")
		return nil
	}
	if app.State != cloudfoundry.Stopped {
		return runner.Refuse("app %s is %s: somebody started it again", app.Name, app.State)
	}
	o.Say("%s is stopped", app.Name)
	return nil
}

func (r *removeOldService) Plan(ctx context.Context) ([]runner.Task, error) {
	_, app, err := r.pair.Blue(ctx)
	if err != nil {
		return nil, err
	}
	_, instance, err := r.services.Blue(ctx)
	if err != nil {
		return nil, err
	}
	tasks, err := r.release.Record(ctx)
	if err != nil {
		return nil, err
	}
	left, err := r.release.LeftGreen(ctx)
	if err != nil {
		return nil, err
	}
	if left != nil {
		tasks = append(tasks, r.apps.Stop(left), r.apps.DeleteUnmapped(left))
	}
	if app != nil {
		tasks = append(tasks, r.rebuild.RecordIfItFits(app), r.apps.DeleteUnmapped(app))
	}
	if instance != nil {
		tasks = append(tasks, r.removal.Delete(instance))
	}
	return tasks, nil
}

func (r *removeOldService) Verify() []runner.Task {
	return append(upgrade.Afterwards(r.checks.Common(upgrade.ToGreen)...), runner.Task{Name: "blue and its service are gone", Do: func(ctx context.Context, o *runner.Observation) error {
		_, app, err := r.pair.Blue(ctx)
		if err != nil {
			return err
		}
		_, instance, err := r.services.Blue(ctx)
		if err != nil {
			return err
		}
		if app != nil {
			return fmt.Errorf("app %s exists", app.Name)
		}
		if instance != nil {
			return fmt.Errorf("service %s exists: %s %s", instance.Name, instance.LastOperation.Type, instance.LastOperation.State)
		}
		o.Say("there is no rollback from here")
		return nil
	}})
}

// Undo has nothing to do as long as the service is there; step 17 says what it means
// that blue is gone.
func (r *removeOldService) Undo(ctx context.Context) ([]runner.Task, error) {
	return r.removal.Undo(ctx)
}
