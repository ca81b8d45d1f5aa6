package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Companion runs beside a range of stages in one process, such as a witness that
// keeps requesting the live address.
type Companion interface {
	// Start returns when its baseline stands. The channel reports a breach.
	Start(context.Context) (<-chan error, error)
	// Stop returns tasks that end it and give its verdict; they join the last
	// stage's Verify.
	Stop() []Task
	// End ends it at once, without a verdict. It may have ended before.
	End()
}

// Monitor ties a companion to the range of stages that it runs beside, forward or
// in a rollback. It starts before the first of them that has anything to do, and
// its verdict joins the last of them that this process runs.
type Monitor struct {
	Range
	Companion Companion
	// Revert is what a breach causes at once: its tasks restore the state before the
	// range; an error says why that is not done. It is not used in a rollback, where a
	// breach stops nothing.
	Revert func(context.Context) ([]Task, error)
}

// breach is the error of what a breach cut short.
type breach struct{ error }

func (b *breach) Error() string { return "live traffic failed while the stage ran: " + b.error.Error() }
func (b *breach) Unwrap() error { return b.error }

// BreachDuringRollback is what failed during a rollback that is complete all the same.
type BreachDuringRollback struct{ error }

func (b *BreachDuringRollback) Unwrap() error { return b.error }

// watch is the monitor at work in one process.
type watch struct {
	companion Companion
	// stages are the names of the monitored stages that this process runs, in order.
	stages []string
	// tried reports whether it was to start, started whether it did.
	tried, started bool
	breaches       <-chan error
	breach         *breach
}

// watching returns the monitor's work beside some steps; it has not begun.
func (r *Runner) watching(steps []Step) *watch {
	w := &watch{}
	if r.Monitor == nil || r.DryRun {
		return w
	}
	w.companion = r.Monitor.Companion
	for _, s := range steps {
		if r.Runbook.Has(r.Monitor.Range, s.Name) {
			w.stages = append(w.stages, s.Name)
		}
	}
	return w
}

// monitor starts the companion before the first step of its range. One that cannot
// start, since what it watches is sick, stops a stage but no rollback.
func (r *Runner) monitor(ctx context.Context, step Step, result *Result) error {
	w := r.watch
	if w.tried || !slices.Contains(w.stages, step.Name) {
		return nil
	}
	w.tried = true
	return r.inTurn(ctx, result, ListCheck, []Task{{
		Name: "monitor the live address",
		Do: func(ctx context.Context, o *Observation) error {
			breaches, err := w.companion.Start(ctx)
			switch {
			case err == nil:
				w.breaches, w.started = breaches, true
				o.Say("it answers, and is requested continuously from here on")
				return nil
			case result.Rollback && ctx.Err() == nil:
				o.Say("not monitored: %s", err)
				return nil
			}
			return err
		},
	}})
}

// during runs a stage in a context that a breach ends.
func (w *watch) during(ctx context.Context, step Step, do func(context.Context) error) error {
	if !w.started || !slices.Contains(w.stages, step.Name) {
		return do(ctx)
	}
	working, cancel := context.WithCancelCause(ctx)
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		select {
		case err := <-w.breaches:
			w.breach = &breach{err}
			cancel(w.breach)
		case <-working.Done():
		}
	}()
	defer func() { cancel(nil); <-listened }()
	return do(working)
}

// because puts a breach in the place of the error of whatever it cut short.
func because(ctx context.Context, err error) error {
	var b *breach
	if err != nil && errors.As(context.Cause(ctx), &b) {
		return b
	}
	return err
}

// verdict are the tasks that join the Verify of the last monitored step.
func (w *watch) verdict(step Step) []Task {
	if !w.started || w.stages[len(w.stages)-1] != step.Name {
		return nil
	}
	return w.companion.Stop()
}

// end ends the companion, if it was started.
func (w *watch) end() {
	if w.started {
		w.companion.End()
	}
}

// revert follows a stage that failed by a breach: it restores the state before the
// range at once, and reopens the stages of the range. Any other failure is handed
// back as it is.
func (r *Runner) revert(ctx context.Context, result *Result, err error) error {
	if r.watch.breach == nil || ctx.Err() != nil {
		return err
	}
	tasks, hold := r.Monitor.Revert(ctx)
	if hold != nil {
		return errors.Join(err, r.fail(result, ListAbort, "revert the switch", hold))
	}
	if failed := r.inTurn(r.permitted(ctx), result, ListAbort, tasks); failed != nil {
		return errors.Join(err, failed)
	}
	for _, s := range r.Runbook.Between(r.Monitor.First, r.Monitor.Last) {
		if rerr := r.Journal.Reopen(r.permitted(ctx), s.Name); rerr != nil {
			err = errors.Join(err, fmt.Errorf("reopen %s: %w", s.Called(), rerr))
		}
	}
	return err
}
