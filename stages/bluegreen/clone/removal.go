package clone

import (
	"context"
	"fmt"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Removal ends what runs of blue: it is stopped and kept for a rollback, or deleted
// after the run has recorded what it was made of.
type Removal struct {
	Live    *upgrade.Live
	Apps    *Apps
	Rebuild *Rebuild
	// Drained is the task that waits until requests in flight have ended.
	Drained func() runner.Task
	// Delete deletes blue; else it is stopped.
	Delete bool
	// Timeout is how long blue's instances may take to end.
	Timeout time.Duration
}

func (r *Removal) pair() *upgrade.Pair { return r.Live.Pair }

// IsBlue is the check that blue's old name is not another app's. What is stopped or
// deleted is found by its GUID all the same.
func (r *Removal) IsBlue() runner.Task {
	return runner.Task{
		Name: "the app of that name is the one that the run began with", Do: r.isBlue,
		After: r.pair().Run.NotYet(upgrade.BlueRenamed, "blue has its first name"),
	}
}

func (r *Removal) isBlue(ctx context.Context, o *runner.Observation) error {
	b, app, err := r.pair().Blue(ctx)
	if err != nil {
		return err
	}
	named, err := r.pair().Platform.Apps.ByName(ctx, r.pair().OldApp)
	if err != nil {
		return err
	}
	switch {
	case named != nil && named.GUID != b.App:
		return runner.Refuse("app %s is not the one that the run began with: somebody made it since", r.pair().OldApp)
	case named == nil && app != nil:
		return runner.Refuse("blue is %s, not %s: somebody renamed it; cf rename %s %s", app.Name, r.pair().OldApp, app.Name, r.pair().OldApp)
	case app == nil:
		o.Say("it is deleted already")
		return nil
	}
	o.Say("%s, %s", app.Name, b.From().What())
	return nil
}

// Tasks stop or delete blue; none where that is done.
func (r *Removal) Tasks(ctx context.Context) ([]runner.Task, error) {
	_, app, err := r.pair().Blue(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	var tasks []runner.Task
	if r.Delete {
		tasks = append(tasks, r.Rebuild.Record(app))
	}
	if app.State != cloudfoundry.Stopped {
		tasks = append(tasks, r.Drained(), r.Apps.Stop(app))
	}
	if r.Delete {
		tasks = append(tasks, r.Apps.DeleteUnmapped(app))
	}
	return tasks, nil
}

// NothingRuns is the postcondition.
func (r *Removal) NothingRuns() runner.Task {
	return runner.Task{Name: "no instance of blue is left", Wait: r.Timeout, Do: func(ctx context.Context, o *runner.Observation) error {
		_, app, err := r.pair().Blue(ctx)
		if err != nil {
			return err
		}
		if app == nil {
			o.Say("the app is deleted")
			return nil
		}
		if r.Delete || app.State != cloudfoundry.Stopped {
			return fmt.Errorf("app %s exists, %s", app.Name, app.State)
		}
		o.Say("%s is stopped, and kept", app.Name)
		return r.Apps.NothingRuns(ctx, app)
	}}
}

// Undo starts blue again, or rebuilds it where it was deleted. service is blue's
// backing service, nil where it has none.
func (r *Removal) Undo(ctx context.Context, service *cloudfoundry.ServiceInstance) ([]runner.Task, error) {
	b, app, err := r.pair().Blue(ctx)
	switch {
	case err != nil:
		return nil, err
	case app == nil:
		return r.rebuilt(ctx, b, service)
	case app.State == cloudfoundry.Started:
		return nil, nil
	}
	return r.Apps.StartBlue(app), nil
}

func (r *Removal) rebuilt(ctx context.Context, b upgrade.Blue, service *cloudfoundry.ServiceInstance) ([]runner.Task, error) {
	stranger, err := r.Live.Stranger(ctx, b)
	switch {
	case err != nil:
		return nil, err
	case stranger != nil:
		return nil, &runner.Irreversible{Why: "a release took blue's place", Covered: true}
	case r.pair().Run.BlueCanBeRebuilt():
		return r.Rebuild.Tasks(ctx, b)
	}
	byHand := fmt.Sprintf("push %s with the live app's manifest", b.From().What())
	if service != nil {
		byHand += ", bound to " + service.Name
	}
	return nil, &runner.Irreversible{Why: "somebody deleted blue; by hand: " + byHand}
}

// End are the tasks that delete what is left of blue, after which there is no rollback.
func (r *Removal) End(ctx context.Context) ([]runner.Task, error) {
	_, app, err := r.pair().Blue(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	return []runner.Task{r.Rebuild.RecordIfItFits(app), r.Apps.DeleteUnmapped(app)}, nil
}

// EndGreen is the task that deletes green where the release replaced it and left it;
// left finds that app, nil where the release deleted it.
func (r *Removal) EndGreen(left func(context.Context) (*cloudfoundry.App, error)) runner.Task {
	return runner.Task{
		Name: "delete green where the release left it", Effect: runner.Deletes, Wait: r.Timeout, ByHand: "cf delete <green>",
		Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := left(ctx)
			if err != nil {
				return err
			}
			if app == nil {
				o.Say("the release deleted it")
				return nil
			}
			if err := r.Apps.Stop(app).Do(ctx, o); err != nil {
				return err
			}
			return r.Apps.DeleteUnmapped(app).Do(ctx, o)
		},
	}
}

// BlueIsGone is the postcondition of End.
func (r *Removal) BlueIsGone() runner.Task {
	return runner.Task{Name: "blue is deleted", Do: func(ctx context.Context, o *runner.Observation) error {
		_, app, err := r.pair().Blue(ctx)
		if err != nil {
			return err
		}
		if app != nil {
			return fmt.Errorf("app %s exists", app.Name)
		}
		o.Say("there is no rollback from here")
		return nil
	}}
}
