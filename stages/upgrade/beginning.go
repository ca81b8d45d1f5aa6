package upgrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Beginning begins a run: it records what is live as blue, and creates nothing else.
type Beginning struct {
	Run *Run
	// App is the live app, after which the record is named; Version is the program's.
	App, Version string
	// Find reads what is live; Facts are what the run records with it, made from that.
	Find  func(context.Context) (Blue, error)
	Facts func(Blue) map[string]string
	// Later is how many annotations the stages after the first record, at most.
	Later int

	nobody bool
}

// Found is the check that what is live can be blue, and still is what the run began
// with, where there is one.
func (b *Beginning) Found() runner.Task {
	return runner.Task{Name: "the live route leads to the live app", Do: func(ctx context.Context, o *runner.Observation) error {
		now, err := b.Find(ctx)
		if err != nil {
			return err
		}
		if b.Run.Exists() {
			was, err := b.Run.Blue()
			if err == nil && was.App != now.App {
				return runner.Refuse("run %s began with app %s, and the live route leads to %s now: somebody released since", b.Run.ID(), was.App, now.App)
			}
		}
		service := ""
		if now.ServiceName != "" {
			service = ", service " + now.ServiceName
		}
		o.Say("%s, %s of %d MB, %s, %s%s", now.Name, runner.Count(now.Instances, "instance", "instances"), now.MemoryMB, now.From().What(),
			runner.Count(len(now.Routes), "route", "routes"), service)
		o.Set("instances", now.Instances)
		return nil
	}}
}

// Well is the check that what is live is as a run may begin with it: all its instances
// take requests. What a stage proves of green, and what a rollback goes back to, is
// measured by it.
func (b *Beginning) Well() runner.Task {
	return runner.Task{Name: "every instance of the live app takes requests", Do: func(ctx context.Context, o *runner.Observation) error {
		now, err := b.Find(ctx)
		if err != nil {
			return err
		}
		err = WellToBegin(ctx, b.Run.o.Platform, o, now.App)
		_, b.nobody = errors.AsType[*Nobody](err)
		return err
	}}
}

// IfAnswered is a check that asks the live app. It asks nobody where Well has found
// that nobody answers: a router's word for that would only hide the cause.
func (b *Beginning) IfAnswered(check runner.Task) runner.Task {
	do := check.Do
	check.Do = func(ctx context.Context, o *runner.Observation) error {
		if b.nobody {
			o.Say("not asked: nobody answers")
			return nil
		}
		return do(ctx, o)
	}
	return check
}

// Tasks record the run; none where there is one.
func (b *Beginning) Tasks(ctx context.Context) ([]runner.Task, error) {
	if b.Run.Exists() {
		return nil, nil
	}
	blue, err := b.Find(ctx)
	if err != nil {
		return nil, err
	}
	run, err := b.Run.New(b.Version, blue, b.Facts(blue))
	if err != nil {
		return nil, err
	}
	return []runner.Task{{
		Name: "record the run", Effect: runner.Creates, ByHand: "cf create-user-provided-service cutover-" + b.App,
		Assume: func() { b.Run.Assume(run) },
		Do: func(ctx context.Context, o *runner.Observation) error {
			if err := b.Run.Begin(ctx, run); err != nil {
				return err
			}
			o.Say("run %s", b.Run.ID())
			return nil
		},
	}}, nil
}

// Recorded is the postcondition: the record can be read back.
func (b *Beginning) Recorded() runner.Task {
	return runner.Task{Name: "the run is recorded", Do: func(ctx context.Context, o *runner.Observation) error {
		id := b.Run.ID()
		exists, err := b.Run.Load(ctx)
		if err != nil {
			return err
		}
		if !exists || b.Run.ID() != id {
			return fmt.Errorf("the run cannot be read back")
		}
		o.Say("run %s", id)
		o.Set("run", id)
		return nil
	}}
}

// Undo has nothing to do: a rollback retires the record when all else is undone.
func (b *Beginning) Undo() error {
	return &runner.Irreversible{Why: "the record of the run is retired when all else is undone", Covered: true}
}
