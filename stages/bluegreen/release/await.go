package release

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// BlueIsOff checks all that can be asked of the live routes while a release may be
// under way.
func (r *Release) BlueIsOff() runner.Task {
	return runner.Task{
		Name: "blue is off the live routes", After: r.run().NotYet(upgrade.BlueRemoved, "blue is not removed"),
		Do: func(ctx context.Context, o *runner.Observation) error {
			b, err := r.run().Blue()
			if err != nil {
				return err
			}
			for _, route := range b.Routes {
				now, err := r.Live.Route(ctx, route)
				if err != nil {
					return err
				}
				if now.Reaches(b.App) {
					return runner.Refuse("%s leads to blue", route.Address)
				}
			}
			o.Say("%d of %d", len(b.Routes), len(b.Routes))
			return nil
		},
	}
}

// Await are the tasks that wait for the release and record it. Empty where the
// release that serves is recorded.
func (r *Release) Await(ctx context.Context) ([]runner.Task, error) {
	if !r.run().Reached(upgrade.BlueRemoved) {
		return nil, r.run().NotYet(upgrade.BlueRemoved, "blue is not removed")
	}
	known, err := r.known(ctx)
	if err != nil || known {
		return nil, err
	}
	return []runner.Task{{
		Name: "wait for the release of " + r.Names.LiveApp, Wait: r.Timeout,
		Do: func(ctx context.Context, o *runner.Observation) error {
			for _, t := range r.Proof() {
				if err := t.Do(ctx, o); err != nil {
					return err
				}
			}
			return nil
		},
	}, r.record()}, nil
}

// known reports whether the released app that serves is recorded.
func (r *Release) known(ctx context.Context) (bool, error) {
	app, err := r.Live.ReleasedApp(ctx)
	if err != nil {
		return false, err
	}
	last, err := upgrade.LastRelease(r.run())
	return err == nil && app != nil && last != nil && last.GUID == app.GUID, err
}

// Record are the tasks that record the released app where the run does not know it
// yet; empty where it does, or where green serves.
func (r *Release) Record(ctx context.Context) ([]runner.Task, error) {
	app, err := r.Live.ReleasedApp(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	known, err := r.known(ctx)
	if err != nil || known {
		return nil, err
	}
	return []runner.Task{r.record()}, nil
}

func (r *Release) record() runner.Task {
	return runner.Task{Name: "record the released app", Effect: runner.Creates, Do: func(ctx context.Context, o *runner.Observation) error {
		app, err := r.Live.ReleasedApp(ctx)
		if err != nil {
			return err
		}
		if app == nil {
			return r.notReleased(ctx)
		}
		droplet, err := r.platform().Apps.CurrentDroplet(ctx, app.GUID)
		if err != nil {
			return err
		}
		made := upgrade.Release{GUID: app.GUID, Name: app.Name, At: app.Created.UTC()}
		what := "no droplet"
		if droplet != nil {
			made.Image, what = droplet.Image, droplet.What()
		}
		o.Say("%s, %s, created %s", made.Name, what, made.At.Format("2006-01-02 15:04 MST"))
		o.Set("released app", made.GUID)
		return upgrade.SetRelease(ctx, r.run(), made)
	}}
}

// LeftGreen is green where a release took its place without deleting it, as the
// release job does: it is this run's to delete. nil where there is none, or it serves.
func (r *Release) LeftGreen(ctx context.Context) (*cloudfoundry.App, error) {
	app, err := r.Live.Pair.Green(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	released, err := r.Live.ReleasedApp(ctx)
	if err != nil || released == nil {
		return nil, err
	}
	return app, nil
}
