package backing

import (
	"context"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Removal deletes blue's service, the last copy of what was in it. Nothing brings it
// back.
type Removal struct {
	Services *Services
	Names    *names.Names
	// Hold is how long after blue was removed its service must have been kept; Timeout
	// is how long the broker may take.
	Hold, Timeout time.Duration
}

// Unused is the check that nobody loses anything: a deletion takes all bindings and
// keys with it (cloud_controller_ng: app/actions/v3/service_instance_delete.rb).
func (r *Removal) Unused() runner.Task {
	return runner.Task{Name: "nothing else uses blue's service", Do: r.unused}
}

func (r *Removal) unused(ctx context.Context, o *runner.Observation) error {
	b, instance, err := r.Services.Blue(ctx)
	if err != nil {
		return err
	}
	if instance == nil {
		o.Say("it is deleted already")
		return nil
	}
	if r.Services.run().Owns(instance.Metadata) {
		return runner.Refuse("service %s carries the label of this run: it is green's", instance.Name)
	}
	users, err := r.Services.Users(ctx, b.Service, b.App)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return runner.Refuse("service %s is used by %s: deleting it would take it from them (ALSO_BOUND allows another name for it, not its end); once they need it no longer: %s",
			instance.Name, listed(users), release(users, instance.Name))
	}
	o.Say("%s is used by nobody but blue", instance.Name)
	return nil
}

// Held is the check that blue's service was kept for long enough.
func (r *Removal) Held() runner.Task {
	return runner.Task{
		Name: "blue's service was held for long enough",
		Do: func(_ context.Context, o *runner.Observation) error {
			run := r.Services.run()
			if !run.Exists() {
				return run.None()
			}
			removed, is := run.ReachedAt(upgrade.BlueRemoved)
			if !is {
				return run.NotYet(upgrade.BlueRemoved, "blue is not removed")
			}
			since := r.Services.platform().Space.Now().Sub(removed.Ended)
			o.Say("%s of %s", max(since, 0).Truncate(time.Second), r.Hold)
			if r.Hold > 0 && since < r.Hold {
				return runner.Refuse("blue's service is kept until %s (HOLD_OLD_SERVICE_FOR=%s after %s)",
					removed.Ended.Add(r.Hold).UTC().Format("2006-01-02 15:04 MST"), r.Hold, run.StageOf(upgrade.BlueRemoved))
			}
			return nil
		},
	}
}

// Delete deletes blue's service. It first checks again that nobody uses it: by now
// blue is gone too.
func (r *Removal) Delete(instance *cloudfoundry.ServiceInstance) runner.Task {
	name := r.Names.Of(instance.GUID, instance.Name)
	return runner.Task{
		Effect: runner.Deletes, Name: "delete service " + name, ByHand: "cf delete-service " + name + " -f",
		Do: func(ctx context.Context, o *runner.Observation) error {
			if err := r.unused(ctx, o); err != nil {
				return err
			}
			o.Say("this was the last copy of blue's data")
			o.Set("deleted service", instance.GUID)
			ctx, cancel := context.WithTimeout(progress(ctx, o), r.Timeout)
			defer cancel()
			return r.Services.platform().Services.DeleteServiceInstance(ctx, instance.GUID)
		},
	}
}

// Undo has nothing to do as long as blue's service is there; after that it is
// irreversible.
func (r *Removal) Undo(ctx context.Context) ([]runner.Task, error) {
	_, instance, err := r.Services.Blue(ctx)
	if err != nil {
		return nil, err
	}
	if instance == nil || instance.LastOperation.Type == "delete" && !instance.LastOperation.Failed() {
		return nil, &runner.Irreversible{Why: "blue's service is deleted, and nothing of what was in it is left"}
	}
	return nil, nil
}
