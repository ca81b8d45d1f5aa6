package elasticsearch

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const removeOldServiceHelp = `The point of no return. Deletes the stopped old app, with the new one of this migration where the release left that behind, and then the old Elasticsearch service with all that is in it, and waits for the broker for as long as it takes. After it the run is complete: our labels are taken off what stays, and the record of the run becomes cutover-<app>-last.

Refuses while the app on the live routes is no release that uses the new service, or no reindex has ended since step 18; while any other app is bound to the old service or a key of it exists (the platform would take them away without a word), while the old app runs or has a route, and until HOLD_OLD_SERVICE_FOR has passed since step 17.

By hand: cf delete search-api-old; cf delete-service search_api_elasticsearch_old.`

// removeOldService deletes the last copy of what was. There is no way back from
// it, by hand or otherwise, but a migration of its own.
type removeOldService struct{ *Site }

func (r *removeOldService) Check() []runner.Task {
	return append(append(r.settled(), r.afterRelease()...),
		r.waitsFor(stageReindex, "nothing was reindexed yet", runner.Task{Name: "a reindex has ended since the release", Do: r.reindexed}),
		r.oldHasNoRoute(),
		r.waitsFor(stageRemoveOldApp, "the old app runs", runner.Task{Name: "the old app does not run", Do: r.stopped}),
		runner.Task{Name: "nothing else uses the old service", Do: r.unused},
		r.waitsFor(stageRemoveOldApp, "the old app is not removed", runner.Task{Name: "the old service was held for long enough", Do: r.held}),
	)
}

// reindexed sees that what was written while the migration went on was put again,
// into the app that stays.
func (r *removeOldService) reindexed(_ context.Context, o *runner.Observation) error {
	if r.run == nil {
		return &runner.NotYet{Stage: stageCheckRelease, Why: "there is no run"}
	}
	released, reindex := r.run.Complete[stageAwaitRelease], r.run.Complete[stageReindex]
	if reindex.Ended.IsZero() || reindex.Ended.Before(released.Ended) {
		return runner.Refuse("no reindex has ended since the release was seen: run reindex, or let the nightly job")
	}
	o.Say("at %s", reindex.Ended.UTC().Format("2006-01-02 15:04 MST"))
	return nil
}

func (r *removeOldService) stopped(ctx context.Context, o *runner.Observation) error {
	_, app, err := r.oldApp(ctx)
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

// unused sees that nobody loses anything: a delete takes all bindings and keys
// away by itself (cloud_controller_ng: app/actions/v3/service_instance_delete.rb).
func (r *removeOldService) unused(ctx context.Context, o *runner.Observation) error {
	b, instance, err := r.oldService(ctx)
	if err != nil {
		return err
	}
	if instance == nil {
		o.Say("it is deleted already")
		return nil
	}
	if r.ours(instance.Metadata) {
		return runner.Refuse("service %s carries the label of this run: it is the new one", instance.Name)
	}
	said, _, err := r.users(ctx, b.Service, b.App)
	if err != nil {
		return err
	}
	if len(said) > 0 {
		return runner.Refuse("service %s is used by %s: deleting it would take it from them", instance.Name, strings.Join(said, ", "))
	}
	o.Say("%s is used by nobody but the old app", instance.Name)
	return nil
}

func (r *removeOldService) held(_ context.Context, o *runner.Observation) error {
	if r.run == nil {
		return &runner.NotYet{Stage: stageCheckRelease, Why: "there is no run"}
	}
	mark, is := r.run.Complete[stageRemoveOldApp]
	if !is {
		return &runner.NotYet{Stage: stageRemoveOldApp, Why: "the old app is not removed"}
	}
	since := r.cf.Now().Sub(mark.Ended)
	o.Say("%s of %s", max(since, 0).Truncate(time.Second), r.Settings.Hold)
	if r.Settings.Hold > 0 && since < r.Settings.Hold {
		return runner.Refuse("the old service is kept until %s (HOLD_OLD_SERVICE_FOR=%s after step 17)",
			mark.Ended.Add(r.Settings.Hold).UTC().Format("2006-01-02 15:04 MST"), r.Settings.Hold)
	}
	return nil
}

func (r *removeOldService) Plan(ctx context.Context) ([]runner.Task, error) {
	_, app, instance, err := r.oldPair(ctx)
	if err != nil {
		return nil, err
	}
	tasks, err := r.noteRelease(ctx)
	if err != nil {
		return nil, err
	}
	left, err := r.leftGreen(ctx)
	if err != nil {
		return nil, err
	}
	if left != nil {
		tasks = append(tasks, r.stopTask(left), r.deleteRouteless(left))
	}
	if app != nil {
		tasks = append(tasks, r.keepIfItFits(app), r.deleteRouteless(app))
	}
	if instance != nil {
		tasks = append(tasks, r.deleteOld(instance))
	}
	return tasks, nil
}

// leftGreen is green where a release took its place without deleting it, as the
// release job does: it is ours to remove. nil: there is none, or it serves.
func (r *removeOldService) leftGreen(ctx context.Context) (*cloudfoundry.App, error) {
	app, err := r.findGreen(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	released, err := r.theirs(ctx)
	if err != nil || released == nil {
		return nil, err
	}
	return app, nil
}

// deleteOld looks once more who uses the service; by now the old app is gone too.
func (r *removeOldService) deleteOld(instance *cloudfoundry.ServiceInstance) runner.Task {
	name := r.called(instance.GUID, instance.Name)
	return runner.Task{
		Effect: runner.Deletes, Name: "delete service " + name, ByHand: "cf delete-service " + name + " -f",
		Do: func(ctx context.Context, o *runner.Observation) error {
			if err := r.unused(ctx, o); err != nil {
				return err
			}
			o.Say("this was the last copy of the old Elasticsearch")
			o.Set("deleted service", instance.GUID)
			ctx = cloudfoundry.WithProgress(ctx, func(note string) { o.Progress(runner.Progress{What: note}) })
			ctx, cancel := context.WithTimeout(ctx, r.Settings.CreateTimeout)
			defer cancel()
			return r.cf.DeleteServiceInstance(ctx, instance.GUID)
		},
	}
}

func (r *removeOldService) Verify() []runner.Task {
	return append(r.ordinary(toGreen), runner.Task{Name: "the old app and the old service are gone", Do: func(ctx context.Context, o *runner.Observation) error {
		b, app, err := r.oldApp(ctx)
		if err != nil {
			return err
		}
		instance, err := r.blueService(ctx, b)
		if err != nil {
			return err
		}
		if app != nil {
			return fmt.Errorf("app %s is there", app.Name)
		}
		if instance != nil {
			return fmt.Errorf("service %s is there: %s %s", instance.Name, instance.LastOperation.Type, instance.LastOperation.State)
		}
		o.Say("there is no way back from here")
		return nil
	}})
}

// Undo has nothing to do as long as the service is there; of an old app that is
// gone step 17 says what it means.
func (r *removeOldService) Undo(ctx context.Context) ([]runner.Task, error) {
	_, instance, err := r.oldService(ctx)
	if err != nil {
		return nil, err
	}
	if instance == nil || instance.LastOperation.Type == "delete" && !instance.LastOperation.Failed() {
		return nil, &runner.Irreversible{Why: "the old service is deleted, and nothing of what was in it is left"}
	}
	return nil, nil
}
