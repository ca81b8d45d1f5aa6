package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// each runs all tasks, whatever becomes of the others, and joins what failed. Once
// one has failed the others are asked once: the verdict is known, and a person waits.
func (r *Runner) each(ctx context.Context, result *Result, list List, tasks []Task, wait time.Duration) error {
	var all []error
	for _, t := range tasks {
		if ctx.Err() != nil {
			return errors.Join(append(all, context.Cause(ctx))...)
		}
		if len(all) > 0 {
			t.Wait, wait = 0, 0
		}
		if err := r.task(ctx, result, list, t, wait); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// inTurn runs tasks one after the other and stops at the first that fails.
func (r *Runner) inTurn(ctx context.Context, result *Result, list List, tasks []Task) error {
	for i, t := range tasks {
		if ctx.Err() != nil {
			result.notStarted(tasks[i+1:])
			return r.fail(result, list, t.Name, fmt.Errorf("not started: %w", context.Cause(ctx)))
		}
		working := ctx
		if t.Effect == Proves {
			working = httpclient.WithoutPermit(ctx)
		}
		if err := r.task(working, result, list, t, 0); err != nil {
			result.notStarted(tasks[i+1:])
			return err
		}
	}
	return nil
}

// task runs one task, polled for as long as it may wait, and records it.
func (r *Runner) task(ctx context.Context, result *Result, list List, t Task, wait time.Duration) error {
	if t.Wait != 0 {
		wait = t.Wait
	}
	r.Observer.Observe(Event{Kind: TaskStarted, Result: result, List: list, Task: t.Name})
	done := TaskResult{List: list, Name: t.Name, ByHand: t.ByHand, Effect: t.Effect, Started: time.Now().UTC(), Verdict: Done}
	o := &Observation{}
	stop := r.report(Event{Kind: TaskProgress, Result: result, List: list, Task: t.Name}, o)
	withWaits := httpclient.WithWaits(ctx, func(w httpclient.Wait) {
		if o.waits(w.Until) {
			r.Observer.Observe(Event{Kind: TaskProgress, Result: result, List: list, Task: t.Name, Elapsed: time.Since(done.Started), Said: w.String()})
		}
	})
	err := because(ctx, r.poll(withWaits, t, wait, o))
	stop()
	done.Duration = time.Since(done.Started)
	done.Said, done.Detail, done.Facts = o.measured()
	var waits *waiting
	var skip *Skip
	switch {
	case errors.As(err, &waits):
		done.Verdict, done.Said, err = Waits, waits.why, nil
	case errors.As(err, &skip):
		done.Verdict, done.Said = Skipped, skip.Why
	case err != nil:
		done.Verdict, done.Error = verdictOf(err), err.Error()
	}
	r.add(result, done)
	return err
}

// report sends the progress of a task to the observer until stop is called.
func (r *Runner) report(e Event, o *Observation) (stop func()) {
	began, ended := time.Now(), make(chan struct{})
	var reporting sync.WaitGroup
	reporting.Go(func() {
		tick := time.NewTicker(cmp.Or(r.ReportEvery, 15*time.Second))
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				o.mu.Lock()
				e.Elapsed, e.Progress, e.Said = time.Since(began), o.pace.now(time.Now()), o.notYet
				o.mu.Unlock()
				r.Observer.Observe(e)
			}
		}
	})
	return func() { close(ended); reporting.Wait() }
}

// poll asks until it holds, waiting cannot help, or the deadline passes.
func (r *Runner) poll(ctx context.Context, t Task, wait time.Duration, o *Observation) error {
	for began := time.Now(); ; {
		err := r.notYet(ctx, t.After, t.Do(ctx, o))
		if wait == 0 || IsFinal(err) || ClassOf(err) == Succeeded || ClassOf(err) >= Refused || r.DryRun {
			return err
		}
		if waited := time.Since(began); wait > 0 && waited >= wait {
			return fmt.Errorf("%w (polled for %s)", err, waited.Round(time.Second))
		}
		o.retrying(err)
		if stopped := r.patience().pause(ctx); stopped != nil {
			return errors.Join(err, stopped)
		}
		o.reset()
	}
}

// waiting is what a NotYet is in a dry run: no failure.
type waiting struct{ why string }

func (w *waiting) Error() string { return w.why }

// notYet decides what it means that something does not hold because of an earlier
// stage; any other error is handed back as it is, unless after takes its place (see
// Task.After). In a dry run it waits for that stage. Where that stage is complete it
// is reopened, if it may be (see Reopen), or it is refused: it held once. Else it is a
// failure.
func (r *Runner) notYet(ctx context.Context, after *NotYet, err error) error {
	var wait *NotYet
	own := errors.As(err, &wait)
	if class := ClassOf(err); !own && (after == nil || class != Failed && class != Refused) {
		return err
	}
	if !own {
		wait = after
	}
	record, rerr := r.Journal.Record(ctx)
	called := wait.Stage
	if step := r.Runbook.Named(wait.Stage); step != nil {
		called = step.Called()
	}
	switch complete := record.IsComplete(wait.Stage); {
	case rerr != nil || complete && !own:
		return err
	case r.DryRun:
		return &waiting{fmt.Sprintf("waits for %s: %s", called, wait.Why)}
	case complete && r.Runbook.mayReopen(r.at, wait.Stage):
		return &Reopen{wait.Stage, fmt.Sprintf("%s, and %s is complete: somebody has undone it", wait.Why, called)}
	case complete:
		return Refuse("%s, and %s is complete: somebody has undone it; to undo the rest: %s rollback", wait.Why, called, r.Command)
	case own:
		return err
	}
	return wait
}

// verdictOf distinguishes "it does not hold" from "it could not be determined".
func verdictOf(err error) Verdict {
	if c := ClassOf(err); c == Failed || c == Refused {
		return Failure
	}
	return Errored
}

// unanswered reports that a write of this process was never answered.
func unanswered(err error) bool { return errors.Is(err, httpclient.ErrUnanswered) }

// add records a task.
func (r *Runner) add(result *Result, done TaskResult) {
	if done.Started.IsZero() {
		done.Started = time.Now().UTC()
	}
	result.Tasks = append(result.Tasks, done)
	r.Observer.Observe(Event{Kind: TaskDone, Result: result})
}

// note records a task that was not run.
func (r *Runner) note(result *Result, list List, name string, v Verdict, said string) {
	r.add(result, TaskResult{List: list, Name: name, Verdict: v, Said: said})
}

// fail records an error that came from no task as one, and returns it.
func (r *Runner) fail(result *Result, list List, name string, err error) error {
	r.add(result, TaskResult{List: list, Name: name, Verdict: verdictOf(err), Error: err.Error()})
	return err
}
