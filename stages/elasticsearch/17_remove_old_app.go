package elasticsearch

import (
	"context"
	"fmt"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const removeOldAppHelp = `Waits until DRAIN has passed since step 11 proved that no router knows the old app, stops it and waits until its instances are gone. It is kept, stopped, until step 20: going back from here is a start of it, which takes minutes and not seconds. With OLD_APP=delete it is deleted now, as the runbook types it, after the run has noted what it was made of: a rollback then makes it anew from its image, against the old service, with the variables of the live app.

Refuses while the app has a route, or where the app of that name is not the one that the run began with.

By hand: cf stop search-api-old; with OLD_APP=delete: cf delete search-api-old.`

// removeOldApp ends what runs of blue. To undo it by hand: cf start
// search-api-old; look that DM_ELASTICSEARCH_SERVICE_NAME says the name that its
// service has now.
type removeOldApp struct{ *Site }

const (
	thenStop   = "stop"
	thenDelete = "delete"
)

func (r *removeOldApp) Check() []runner.Task {
	return append(r.settled(),
		r.oldHasNoRoute(),
		r.waitsFor(stageRenameOldApp, "the old app has its first name", runner.Task{Name: "the app of that name is the one that the run began with", Do: r.recordedOne}),
	)
}

// recordedOne sees that the old name is not another app's. What is deleted or
// stopped is known by its GUID all the same.
func (r *removeOldApp) recordedOne(ctx context.Context, o *runner.Observation) error {
	b, err := r.recorded()
	if err != nil {
		return err
	}
	now, err := r.cf.AppByName(ctx, r.Settings.OldApp)
	if err != nil {
		return err
	}
	switch {
	case now != nil && now.GUID != b.App:
		return runner.Refuse("app %s is not the one that the run began with: somebody made it meanwhile", now.Name)
	case now == nil:
		app, err := r.blueApp(ctx, b)
		if err != nil {
			return err
		}
		if app != nil {
			return runner.Refuse("the old app is %s, not %s: somebody renamed it; cf rename %s %s", app.Name, r.Settings.OldApp, app.Name, r.Settings.OldApp)
		}
		o.Say("it is deleted already")
		return nil
	}
	o.Say("%s, image %s", now.Name, b.Image)
	return nil
}

func (r *removeOldApp) Plan(ctx context.Context) ([]runner.Task, error) {
	_, app, err := r.oldApp(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	var tasks []runner.Task
	if r.Settings.OldAppThen == thenDelete {
		tasks = append(tasks, r.keep(app))
	}
	if app.State != cloudfoundry.Stopped {
		tasks = append(tasks, r.drained(), r.stopTask(app))
	}
	if r.Settings.OldAppThen == thenDelete {
		tasks = append(tasks, r.deleteRouteless(app))
	}
	return tasks, nil
}

// drained waits until DRAIN has passed since the old app was proved to be off the
// live routes; most often it has.
func (r *removeOldApp) drained() runner.Task {
	return runner.Task{Name: "let the requests in flight end", Do: func(ctx context.Context, o *runner.Observation) error {
		off := r.timeOf(factDrained)
		if off.IsZero() {
			return runner.Refuse("the run does not say when the old app was taken off the live routes")
		}
		left := r.Settings.Drain - r.cf.Now().Sub(off)
		o.Say("off the live routes since %s", off.UTC().Format("2006-01-02 15:04:05 MST"))
		if left <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(left):
			return nil
		}
	}}
}

// deleteRouteless deletes an app of which nothing runs, and that nobody has put
// on a route since it was looked at.
func (s *Site) deleteRouteless(app *cloudfoundry.App) runner.Task {
	name := s.called(app.GUID, app.Name)
	return runner.Task{
		Effect: runner.Deletes, Name: "delete app " + name, ByHand: "cf delete " + name + " -f",
		Do: func(ctx context.Context, o *runner.Observation) error {
			if err := s.routeless(ctx, o, app); err != nil {
				return err
			}
			return s.cf.DeleteApp(ctx, app.GUID)
		},
	}
}

func (r *removeOldApp) Verify() []runner.Task {
	return append(r.ordinary(toGreen),
		runner.Task{Name: "no instance of the old app is left", Wait: r.Settings.StartTimeout, Do: r.nothingRuns},
		runner.Task{Name: "what going back costs from here, for the record", Do: func(ctx context.Context, o *runner.Observation) error {
			b, err := r.recorded()
			if err != nil {
				return err
			}
			cost, err := r.cost(ctx, b, toGreen)
			o.Say("%s", cost)
			return err
		}},
	)
}

func (r *removeOldApp) nothingRuns(ctx context.Context, o *runner.Observation) error {
	_, app, err := r.oldApp(ctx)
	if err != nil {
		return err
	}
	if app == nil {
		o.Say("the app is deleted")
		return nil
	}
	if r.Settings.OldAppThen == thenDelete || app.State != cloudfoundry.Stopped {
		return fmt.Errorf("app %s is there, %s", app.Name, app.State)
	}
	instances, err := r.cf.Instances(ctx, app.GUID)
	if err != nil {
		return err
	}
	for _, i := range instances {
		if i.State != "DOWN" {
			return fmt.Errorf("instance %d of %s is %s", i.Index, app.Name, i.State)
		}
	}
	o.Say("%s is stopped, and kept", app.Name)
	return nil
}

// Undo starts the old app again, after its variable says the name that its
// service has at this moment. One that was deleted is made anew.
func (r *removeOldApp) Undo(ctx context.Context) ([]runner.Task, error) {
	b, app, err := r.oldApp(ctx)
	if err != nil {
		return nil, err
	}
	if app == nil {
		stranger, err := r.released(ctx, b)
		if err != nil {
			return nil, err
		}
		if stranger != "" {
			return nil, &runner.Irreversible{Why: "a release took the old app's place", Covered: true}
		}
	}
	instance, err := r.blueService(ctx, b)
	if err != nil || instance == nil {
		return nil, err
	}
	if app == nil && r.remembered() {
		return r.makeAnew(ctx, b)
	}
	if app == nil {
		return nil, &runner.Irreversible{Why: fmt.Sprintf("somebody deleted the old app; by hand: push image %s with the live app's manifest, bound to %s", b.Image, instance.Name)}
	}
	if app.State == cloudfoundry.Started {
		return nil, nil
	}
	tasks, err := r.tell(ctx, b, app, r.called(instance.GUID, instance.Name))
	if err != nil {
		return nil, err
	}
	return append(tasks,
		runner.Task{
			Effect: runner.Changes, Name: "start app " + r.called(app.GUID, app.Name), ByHand: "cf start " + r.called(app.GUID, app.Name),
			Do: func(ctx context.Context, _ *runner.Observation) error { return r.cf.StartApp(ctx, app.GUID) },
		},
		runner.Task{
			Name: "every instance of the old app runs", Wait: r.Settings.StartTimeout,
			Do: func(ctx context.Context, o *runner.Observation) error { return r.allRun(ctx, o, app) },
		},
	), nil
}

func (s *Site) allRun(ctx context.Context, o *runner.Observation, app *cloudfoundry.App) error {
	process, err := s.cf.Process(ctx, app.GUID)
	if err != nil {
		return err
	}
	ready, _, err := s.routable(ctx, app.GUID)
	if err != nil {
		return err
	}
	o.Say("%d of %s", ready, runner.Count(process.Instances, "instance", "instances"))
	if ready < max(process.Instances, 1) {
		return fmt.Errorf("%d of %s of %s run", ready, runner.Count(process.Instances, "instance", "instances"), app.Name)
	}
	return nil
}
