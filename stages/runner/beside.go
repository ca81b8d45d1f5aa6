package runner

import (
	"context"
	"errors"
	"fmt"
)

// Companion is something that runs beside a range of stages in one process, such
// as a witness that keeps asking the live address.
type Companion interface {
	// Start returns when its baseline stands. The channel reports a breach.
	Start(context.Context) (<-chan error, error)
	// Stop returns tasks that end it and tell its verdict; they join the last
	// stage's Verify.
	Stop() []Task
	// End ends it at once, without a verdict.
	End()
}

// Beside ties a companion to the steps it runs beside. It starts before the
// first of them that is not complete.
type Beside struct {
	First, Last int
	// Command runs the whole range: "switch".
	Command   string
	Companion Companion
	// Retreat is what to do at once on a breach. Its tasks put the world back to
	// before the range; an error says why that is not done.
	Retreat func(context.Context) ([]Task, error)

	// ctx is what the stages of the range work in; a breach ends it, but on the
	// way back.
	ctx context.Context
	// tried tells that it was to start on the way back.
	tried bool
}

// accompanied starts the companion before the first step of its range, and
// returns the context to work in, which a breach ends.
func (r *Runner) accompanied(ctx context.Context, result *Result, step Step) (context.Context, error) {
	b := r.Beside
	if b == nil || r.DryRun || step.Number < b.First || step.Number > b.Last {
		return ctx, nil
	}
	if b.ctx != nil {
		return b.ctx, nil
	}
	err := r.inTurn(ctx, result, ListCheck, []Task{{
		Name: "the live address answers before anything is changed",
		Do: func(asking context.Context, o *Observation) error {
			breach, err := b.Companion.Start(asking)
			if err != nil {
				return err
			}
			working, cancel := context.WithCancelCause(ctx)
			b.ctx = working
			go func() {
				select {
				case err := <-breach:
					cancel(fmt.Errorf("%w: %w", errBreach, err))
				case <-working.Done():
				}
			}()
			o.Say("from now on it is asked all the time")
			return nil
		},
	}})
	return b.ctx, err
}

// errBreach marks the cause of a context that a breach ended.
var errBreach = errors.New("while the stage worked")

// because puts a breach in the place of the error of whatever it cut short.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errBreach) {
		return cause
	}
	return err
}

// verdict are the tasks that join the Verify of the range's last step.
func (r *Runner) verdict(step Step) []Task {
	b := r.Beside
	if b == nil || b.ctx == nil || step.Number > b.Last {
		return nil
	}
	for _, s := range r.book {
		if s.Number > step.Number && s.Number <= b.Last {
			return nil
		}
	}
	return b.Companion.Stop()
}

// retreat is what follows a breach: the way back, at once, and the marks of the
// range taken away. Where there was no breach, the error is handed back as it is.
func (r *Runner) retreat(ctx context.Context, result *Result, err error) error {
	b := r.Beside
	if err == nil || b == nil || b.ctx == nil || ctx.Err() != nil {
		return err
	}
	if !errors.Is(context.Cause(b.ctx), errBreach) {
		return err
	}
	tasks, hold := b.Retreat(ctx)
	if hold != nil {
		return errors.Join(err, r.failAs(result, ListAbort, "the old app is put back", hold))
	}
	if back := r.inTurn(r.permitted(ctx), result, ListAbort, tasks); back != nil {
		return errors.Join(err, back)
	}
	for _, s := range r.book {
		if s.Number < b.First || s.Number > b.Last {
			continue
		}
		if uerr := r.Journal.Unmark(r.permitted(ctx), s.Name); uerr != nil {
			err = errors.Join(err, uerr)
		}
	}
	return err
}

// endBeside ends the companion, if it still runs.
func (r *Runner) endBeside() {
	if r.Beside != nil && r.Beside.ctx != nil {
		r.Beside.Companion.End()
	}
}

// besideBack starts the companion on the way back, before the first step of its
// range that has anything to undo. One that cannot start, since what it watches
// is sick, is no reason not to go back.
func (r *Runner) besideBack(ctx context.Context, result *Result, step Step, tasks []Task) error {
	b := r.Beside
	if b == nil || r.DryRun || b.tried || len(tasks) == 0 || step.Number < b.First || step.Number > b.Last {
		return nil
	}
	b.tried = true
	return r.inTurn(ctx, result, ListCheck, []Task{{
		Name: "the live address is watched on the way back",
		Do: func(ctx context.Context, o *Observation) error {
			if _, err := b.Companion.Start(ctx); err != nil && ctx.Err() == nil {
				o.Say("it is not: %s", err)
				return nil
			} else if err != nil {
				return err
			}
			b.ctx = ctx
			o.Say("from now on it is asked all the time")
			return nil
		},
	}})
}

// verdictBack tells the companion's verdict after the last step of its range on
// the way back.
func (r *Runner) verdictBack(ctx context.Context, order Runbook, step Step, result *Result) error {
	b := r.Beside
	if b == nil || b.ctx == nil || r.DryRun {
		return nil
	}
	passed := false
	for _, s := range order {
		if passed && s.Number >= b.First && s.Number <= b.Last {
			return nil
		}
		passed = passed || s.Name == step.Name
	}
	b.ctx = nil
	if err := r.each(ctx, result, ListVerify, b.Companion.Stop(), 0); err != nil && ctx.Err() == nil {
		return &Blemish{err}
	} else if err != nil {
		return err
	}
	return nil
}

// Blemish is what was seen to fail on a way back that is complete all the same.
type Blemish struct{ error }

func (b *Blemish) Unwrap() error { return b.error }
