package runner

import (
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
			result.notBegun(tasks[i+1:])
			return r.failAs(result, list, t.Name, fmt.Errorf("not begun: %w", context.Cause(ctx)))
		}
		working := ctx
		if t.Effect == Proves {
			working = httpclient.WithoutPermit(ctx)
		}
		if err := r.task(working, result, list, t, 0); err != nil {
			result.notBegun(tasks[i+1:])
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
	r.Observer.TaskStarted(result, list, t.Name)
	done := TaskResult{List: list, Name: t.Name, ByHand: t.ByHand, Effect: t.Effect, Started: time.Now().UTC(), Verdict: Done}
	begun := time.Now()
	watch := r.watch(result, t.Name)
	o, err := r.poll(ctx, t, wait, watch)
	watch.stop()
	err = because(ctx, err)
	done.Duration = time.Since(begun)
	done.Said, done.Detail, done.Facts = o.Said(), o.Detailed(), o.Facts()
	if err != nil {
		done.Verdict, done.Err, done.Error = verdictOf(err), err, err.Error()
		var notYet *NotYet
		if r.DryRun && errors.As(err, &notYet) {
			done.Verdict, done.Said, done.Error, err = Waits, r.waits(notYet), "", nil
		}
	}
	var skip *Skip
	if errors.As(err, &skip) {
		done.Verdict, done.Said, done.Error, done.Err = Skipped, skip.Why, "", nil
	}
	result.Tasks = append(result.Tasks, done)
	r.Observer.TaskDone(result)
	return err
}

// poll asks until it holds, waiting cannot help, or the deadline passes.
func (r *Runner) poll(ctx context.Context, t Task, wait time.Duration, w *watch) (*Observation, error) {
	began := time.Now()
	for {
		o := NewObservation(w.progress)
		err := r.undoneByOthers(ctx, t.Do(ctx, o))
		if err == nil || wait == 0 || IsFinal(err) || ClassOf(err) >= Refused || r.DryRun {
			return o, err
		}
		w.say(err.Error())
		if wait > 0 && time.Since(began) >= wait {
			return o, fmt.Errorf("%w (asked for %s)", err, time.Since(began).Round(time.Second))
		}
		select {
		case <-ctx.Done():
			return o, errors.Join(err, ctx.Err())
		case <-r.lost():
			return o, Refuse("the lease was lost while waiting: %w", err)
		case <-time.After(r.Every):
		}
	}
}

// undoneByOthers makes a refusal of what waits for a stage that is complete: it was so
// once, and no stage will make it so again.
func (r *Runner) undoneByOthers(ctx context.Context, err error) error {
	var wait *NotYet
	if r.DryRun || !errors.As(err, &wait) {
		return err
	}
	step := r.book.Named(wait.Stage)
	record, rerr := r.Journal.Record(ctx)
	if step == nil || rerr != nil || record == nil {
		return err
	}
	if _, complete := record.Marks[step.Name]; !complete {
		return err
	}
	return Refuse("%s, and %s is complete: somebody has undone it; %s rollback goes back", wait.Why, step.Called(), r.Command)
}

func (r *Runner) lost() <-chan struct{} {
	if r.Lease == nil || !r.held {
		return nil
	}
	return r.Lease.Lost()
}

// verdictOf tells "it does not hold" from "it could not be told".
func verdictOf(err error) Verdict {
	if c := ClassOf(err); c == Failed || c == Refused {
		return Failure
	}
	return Errored
}

// note records a task that was not run.
func (r *Runner) note(result *Result, list List, name string, v Verdict, said string) {
	result.Tasks = append(result.Tasks, TaskResult{List: list, Name: name, Verdict: v, Said: said, Started: time.Now().UTC()})
	r.Observer.TaskDone(result)
}

// failAs records an error that came from no task as one.
func (r *Runner) failAs(result *Result, list List, name string, err error) error {
	result.Tasks = append(result.Tasks, TaskResult{
		List: list, Name: name, Verdict: verdictOf(err), Error: err.Error(), Err: err, Started: time.Now().UTC(),
	})
	r.Observer.TaskDone(result)
	return err
}

// watch logs the progress of a task while it runs.
type watch struct {
	mu   sync.Mutex
	p    *Progress
	said string
	end  chan struct{}
	over sync.WaitGroup
}

func (r *Runner) watch(result *Result, name string) *watch {
	w := &watch{end: make(chan struct{})}
	every := r.ReportEvery
	if every == 0 {
		every = 20 * time.Second
	}
	began := time.Now()
	w.over.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-w.end:
				return
			case <-tick.C:
				w.mu.Lock()
				p, said := w.p, w.said
				w.mu.Unlock()
				r.Observer.Progress(result, name, time.Since(began), p, said)
			}
		}
	})
	return w
}

func (w *watch) progress(p Progress) { w.mu.Lock(); defer w.mu.Unlock(); w.p = &p }
func (w *watch) say(text string)     { w.mu.Lock(); defer w.mu.Unlock(); w.said = text }
func (w *watch) stop()               { close(w.end); w.over.Wait() }

// outstanding tells that a write of ours was never answered.
func outstanding(err error) bool { return errors.Is(err, httpclient.ErrUnanswered) }
