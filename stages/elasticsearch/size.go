package elasticsearch

import (
	"context"
	"errors"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// Green is made with blue's size. Days may pass before it serves, and somebody may
// scale blue meanwhile: green must be able to carry what blue does.

// sizeOf is the size of an app, for people.
func sizeOf(p *cloudfoundry.Process) string {
	return fmt.Sprintf("%s of %s MB, disk %s MB", runner.Count(p.Instances, "instance", "instances"), runner.Number(p.MemoryMB), runner.Number(p.DiskMB))
}

// sizes are blue's and green's.
func (s *Site) sizes(ctx context.Context, app *cloudfoundry.App) (old, now *cloudfoundry.Process, err error) {
	b, _, _, err := s.needBlue(ctx)
	if err != nil {
		return nil, nil, err
	}
	if old, err = s.cf.Process(ctx, b.App); err != nil {
		return nil, nil, err
	}
	now, err = s.cf.Process(ctx, app.GUID)
	return old, now, err
}

// roomy sees that an instance of green is no smaller than one of blue. Another
// memory or disk needs a restart of what was proved: that is for a person to do.
func (s *Site) roomy() runner.Task {
	return runner.Task{Name: "an instance of the new app is no smaller than one of the old app", Do: func(ctx context.Context, o *runner.Observation) error {
		app, err := s.needGreen(ctx)
		if err != nil {
			return err
		}
		old, now, err := s.sizes(ctx, app)
		if err != nil {
			return err
		}
		o.Say("%s; the old one %s", sizeOf(now), sizeOf(old))
		var all []error
		for _, one := range []struct {
			what, flag string
			old, now   int
		}{{"memory", "-m", old.MemoryMB, now.MemoryMB}, {"disk", "-k", old.DiskMB, now.DiskMB}} {
			if one.now < one.old {
				all = append(all, fmt.Errorf("%s has %d MB of %s, the old app %d: cf scale %s %s %dM -f",
					app.Name, one.now, one.what, one.old, app.Name, one.flag, one.old))
			}
		}
		if len(all) > 0 {
			return runner.Refuse("somebody scaled one of them since the new app was made: %w", errors.Join(all...))
		}
		return nil
	}}
}

// grow gives green as many instances as blue has, where it has fewer.
func (s *Site) grow(ctx context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	old, now, err := s.sizes(ctx, app)
	if err != nil || now.Instances >= old.Instances {
		return nil, err
	}
	return s.scale("the new app", app, now.Instances, old.Instances), nil
}

// growBack gives blue the instances that it had when the run began, where somebody
// has taken some since: it is about to have all the traffic.
func (s *Site) growBack(ctx context.Context, b blue) ([]runner.Task, error) {
	app, err := s.blueApp(ctx, b)
	if err != nil || app == nil {
		return nil, err
	}
	now, err := s.cf.Process(ctx, app.GUID)
	if err != nil || now.Instances >= b.Instances {
		return nil, err
	}
	return s.scale("the old app", app, now.Instances, b.Instances), nil
}

func (s *Site) scale(who string, app *cloudfoundry.App, from, to int) []runner.Task {
	return []runner.Task{
		{
			Effect: runner.Changes, Name: fmt.Sprintf("scale %s from %d to %s", app.Name, from, runner.Count(to, "instance", "instances")), ByHand: fmt.Sprintf("cf scale %s -i %d", app.Name, to),
			Do: func(ctx context.Context, _ *runner.Observation) error { return s.cf.ScaleApp(ctx, app.GUID, to) },
		},
		{
			Name: "every instance of " + who + " runs", Wait: s.Settings.StartTimeout,
			Do: func(ctx context.Context, o *runner.Observation) error { return s.allRun(ctx, o, app) },
		},
	}
}

// size is blue's, which green gets when it is made, and again before it serves; after
// that it may change.
func (w *world) size(ctx context.Context) (report.Subject, error) {
	size := report.Subject{Name: "old-size", None: "not asked for any more", Gone: w.done(stageMapLiveRoute)}
	if w.app == nil || size.Gone {
		return size, nil
	}
	process, err := w.cf.Process(ctx, w.blue.App)
	if err != nil {
		return size, err
	}
	size.Now = sizeOf(process)
	return size, nil
}
