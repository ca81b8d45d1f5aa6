package traffic

import (
	"context"
	"errors"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Green is made with blue's size. Days may pass before it serves, and somebody may
// scale blue meanwhile: green must be able to serve what blue does.

// Size is the size of an app, for people.
func Size(p *cloudfoundry.Process) string {
	return fmt.Sprintf("%s of %s MB, disk %s MB", runner.Count(p.Instances, "instance", "instances"), runner.Number(p.MemoryMB), runner.Number(p.DiskMB))
}

func (t *Traffic) sizes(ctx context.Context, app *cloudfoundry.App) (blue, green *cloudfoundry.Process, err error) {
	b, _, err := t.Live.Pair.NeedBlue(ctx)
	if err != nil {
		return nil, nil, err
	}
	if blue, err = t.platform().Apps.Process(ctx, b.App); err != nil {
		return nil, nil, err
	}
	green, err = t.platform().Apps.Process(ctx, app.GUID)
	return blue, green, err
}

// BigEnough checks that an instance of green is no smaller than one of blue. Another
// memory or disk size needs a restart of what was proved: that is for a person to do.
func (t *Traffic) BigEnough() runner.Task {
	return runner.Task{Name: "an instance of green is no smaller than one of blue", Do: func(ctx context.Context, o *runner.Observation) error {
		app, err := t.Live.Pair.NeedGreen(ctx)
		if err != nil {
			return err
		}
		blue, green, err := t.sizes(ctx, app)
		if err != nil {
			return err
		}
		o.Say("%s; blue has %s", Size(green), Size(blue))
		var all []error
		for _, one := range []struct {
			what, flag  string
			blue, green int
		}{{"memory", "-m", blue.MemoryMB, green.MemoryMB}, {"disk", "-k", blue.DiskMB, green.DiskMB}} {
			if one.green < one.blue {
				all = append(all, fmt.Errorf("%s has %d MB of %s, blue %d: cf scale %s %s %dM -f",
					app.Name, one.green, one.what, one.blue, app.Name, one.flag, one.blue))
			}
		}
		if len(all) > 0 {
			return runner.Refuse("somebody scaled one of them since green was made: %w", errors.Join(all...))
		}
		return nil
	}}
}

// EnoughInstances checks that green has as many routable instances as blue.
func (t *Traffic) EnoughInstances() runner.Task {
	return runner.Task{
		Name: "green has as many routable instances as blue", Wait: t.Proof.Timeout, After: t.run().NotYet(upgrade.OnLiveRoutes, "green is not on the live routes"),
		Do: func(ctx context.Context, o *runner.Observation) error {
			b, _, err := t.Live.Pair.NeedBlue(ctx)
			if err != nil {
				return err
			}
			app, err := t.Live.Pair.NeedGreen(ctx)
			if err != nil {
				return err
			}
			if app.State == cloudfoundry.Stopped {
				return runner.Refuse("green is stopped: somebody stopped it; cf start %s", app.Name)
			}
			green, _, err := upgrade.Routable(ctx, t.platform(), app.GUID)
			if err != nil {
				return err
			}
			blue, _, err := upgrade.Routable(ctx, t.platform(), b.App)
			if err != nil {
				return err
			}
			o.Say("%d, and blue %d", green, blue)
			if green < max(blue, 1) {
				return fmt.Errorf("green has %d routable instances, blue %d; if it has too few: cf scale %s -i %d", green, blue, app.Name, blue)
			}
			return nil
		},
	}
}

// growGreen gives green as many instances as blue has, where it has fewer.
func (t *Traffic) growGreen(ctx context.Context, app *cloudfoundry.App) ([]runner.Task, error) {
	blue, green, err := t.sizes(ctx, app)
	if err != nil || green.Instances >= blue.Instances {
		return nil, err
	}
	return t.scale("green", app, green.Instances, blue.Instances), nil
}

// growBlue gives blue the instances that it had when the run began, where somebody
// has removed some since: it is about to get all the traffic.
func (t *Traffic) growBlue(ctx context.Context, b upgrade.Blue) ([]runner.Task, error) {
	app, err := t.Live.Pair.App(ctx, b.App)
	if err != nil || app == nil {
		return nil, err
	}
	now, err := t.platform().Apps.Process(ctx, app.GUID)
	if err != nil || now.Instances >= b.Instances {
		return nil, err
	}
	return t.scale("blue", app, now.Instances, b.Instances), nil
}

func (t *Traffic) scale(who string, app *cloudfoundry.App, from, to int) []runner.Task {
	return []runner.Task{
		{
			Name: fmt.Sprintf("scale %s from %d to %s", app.Name, from, runner.Count(to, "instance", "instances")), Effect: runner.Changes,
			ByHand: fmt.Sprintf("cf scale %s -i %d", app.Name, to),
			Do: func(ctx context.Context, _ *runner.Observation) error {
				return t.platform().Apps.Scale(ctx, app.GUID, to)
			},
		},
		{
			Name: "every instance of " + who + " runs", Wait: t.StartTimeout,
			Do: func(ctx context.Context, o *runner.Observation) error {
				return upgrade.AllRun(ctx, t.platform(), o, app)
			},
		},
	}
}
