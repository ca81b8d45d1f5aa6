package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// change does planned tasks one after the other. It is the one rule for a write that was
// answered with an error, which may have had its effect all the same: the changes are
// computed again from live state, which shows what it did, and what is left is done, until
// RetryFor has passed since the first such error.
//
// A write without any answer is read back, but not tried again: it may have its effect
// much later, and the lease is left to go stale until then.
func (r *Runner) change(ctx context.Context, result *Result, list List, tasks []Task, plan func(context.Context) ([]Task, error)) error {
	var first time.Time
	for {
		err := r.inTurn(r.permitted(ctx), result, list, tasks)
		if ctx.Err() != nil || !isUnavailable(err) {
			return err
		}
		if first.IsZero() {
			first = time.Now()
		}
		if time.Since(first) >= r.RetryFor {
			return err
		}
		if stopped := r.pause(ctx); stopped != nil {
			return errors.Join(err, stopped)
		}
		left, perr := plan(httpclient.WithoutPermit(ctx))
		if perr != nil {
			return errors.Join(err, r.fail(result, list, "compute the changes that are left", perr))
		}
		if unanswered(err) && isIn(left, result.Tasks[len(result.Tasks)-1]) {
			return err
		}
		r.retrying(result, list, left, err)
		tasks = left
	}
}

// isIn reports whether a task is left to do.
func isIn(left []Task, done TaskResult) bool {
	return slices.ContainsFunc(left, func(l Task) bool { return l.Name == done.Name })
}

// isUnavailable reports whether an error is that of a system that may do better when it
// is asked again.
func isUnavailable(err error) bool {
	return ClassOf(err) == Unavailable && !errors.Is(err, context.DeadlineExceeded)
}

// pause waits for the pace of polling, unless the run ends or loses its lease meanwhile.
func (r *Runner) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-r.lost():
		return Refuse("the lease was lost meanwhile")
	case <-time.After(r.Every):
		return nil
	}
}

// lost is closed when the lease is lost; nil where it is not held.
func (r *Runner) lost() <-chan struct{} {
	if !r.held {
		return nil
	}
	return r.Lease.Lost()
}

// retrying turns the failed task into one that is done, where nothing is left of it, and
// else takes it back, as it is done again: in the end each task is in the result once.
func (r *Runner) retrying(result *Result, list List, left []Task, err error) {
	i := len(result.Tasks) - 1
	failed := result.Tasks[i]
	result.NotStarted = nil
	result.Tasks = slices.DeleteFunc(result.Tasks[:i], func(t TaskResult) bool { return t.List == list && isIn(left, t) })
	said := fmt.Sprintf("it was answered with an error: %v", err)
	if isIn(left, failed) {
		r.Observer.Observe(Event{Kind: TaskProgress, Result: result, List: list, Task: failed.Name, Elapsed: failed.Duration, Said: said + "; it had no effect, and is tried again"})
		return
	}
	failed.Verdict, failed.Error, failed.Said = Done, "", said+"; it is done all the same"
	r.add(result, failed)
}

// persist does one write to the run's record, which can be repeated.
func (r *Runner) persist(ctx context.Context, write func(context.Context) error) error {
	return r.again(r.permitted(ctx), func(err error) bool { return isUnavailable(err) && !unanswered(err) }, write)
}

// again repeats something for RetryFor, while its errors may pass. The lease is created by
// a name that only one object can have, so it may be asked for again even where there was
// no answer.
func (r *Runner) again(ctx context.Context, pass func(error) bool, do func(context.Context) error) error {
	for began := time.Now(); ; {
		err := do(ctx)
		if ctx.Err() != nil || !pass(err) || time.Since(began) >= r.RetryFor {
			return err
		}
		if stopped := r.pause(ctx); stopped != nil {
			return errors.Join(err, stopped)
		}
	}
}
