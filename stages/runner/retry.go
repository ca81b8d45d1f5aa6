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
		if stopped := r.patience().pause(ctx); stopped != nil {
			return errors.Join(err, stopped)
		}
		left, perr := plan(httpclient.WithoutPermit(ctx))
		if perr != nil {
			return errors.Join(err, r.fail(result, list, "compute the changes that are left", perr))
		}
		if unanswered(err) && isIn(left, result.Tasks[len(result.Tasks)-1]) {
			return err
		}
		if again, what := result.retried(list, left, err); again {
			r.Observer.Observe(Event{Kind: TaskProgress, Result: result, List: list, Task: what.Name, Elapsed: what.Duration, Said: what.Said})
		} else {
			r.add(result, what)
		}
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

// retried takes back the failed task, which is the last one, and those that are done again
// with it, so that in the end each task is in the result once. Where nothing is left of
// it, it is done; again reports that it is tried again.
func (r *Result) retried(list List, left []Task, err error) (again bool, what TaskResult) {
	what = r.Tasks[len(r.Tasks)-1]
	r.NotStarted = nil
	r.Tasks = slices.DeleteFunc(r.Tasks[:len(r.Tasks)-1], func(t TaskResult) bool { return t.List == list && isIn(left, t) })
	what.Error, what.Said = "", fmt.Sprintf("it was answered with an error: %v", err)
	if isIn(left, what) {
		what.Said += "; it had no effect, and is tried again"
		return true, what
	}
	what.Verdict, what.Said = Done, what.Said+"; it is done all the same"
	return false, what
}

// persist does one write to the run's record, which can be repeated.
func (r *Runner) persist(ctx context.Context, write func(context.Context) error) error {
	return r.patience().again(r.permitted(ctx), func(err error) bool { return isUnavailable(err) && !unanswered(err) }, write)
}

// patience is how long, and how often, something that may pass is tried again.
type patience struct {
	limit, every time.Duration
	// lost is closed when the lease is lost; nil where it is not held.
	lost <-chan struct{}
}

func (r *Runner) patience() patience {
	p := patience{limit: r.RetryFor, every: r.Every}
	if r.held {
		p.lost = r.Lease.Lost()
	}
	return p
}

// pause waits for the pace of polling, unless the run ends or loses its lease meanwhile.
func (p patience) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.lost:
		return Refuse("the lease was lost while waiting")
	case <-time.After(p.every):
		return nil
	}
}

// again repeats something within the limit, while its errors may pass.
func (p patience) again(ctx context.Context, pass func(error) bool, do func(context.Context) error) error {
	for began := time.Now(); ; {
		err := do(ctx)
		if ctx.Err() != nil || !pass(err) || time.Since(began) >= p.limit {
			return err
		}
		if stopped := p.pause(ctx); stopped != nil {
			return errors.Join(err, stopped)
		}
	}
}
