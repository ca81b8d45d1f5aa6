package report

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Reporter assembles the status of a runbook. It writes nothing.
type Reporter struct {
	// Environment, Runbook and App say of what: "preview", "elasticsearch", "search-api".
	Environment, Runbook, App string
	// Command is what a person types before a stage's name: "cutover elasticsearch".
	Command string
	Book    runner.Runbook
	Run     *upgrade.Run
	Lease   *Lease
	// Situation reads where live traffic is, and what a rollback costs.
	Situation func(context.Context) (runner.Situation, error)
	Others    *Others
	Leftovers *Leftovers
}

// Status reads how far the run is. Where none is under way, it is the status of the
// one before, if that came to its end.
func (r *Reporter) Status(ctx context.Context) (Status, error) {
	record, ended, err := r.record(ctx)
	if err != nil {
		return Status{}, err
	}
	now, err := r.Situation(ctx)
	if err != nil {
		return Status{}, err
	}
	status := StatusOf(r.Book, record, now, r.Command)
	status.Environment, status.Runbook, status.App = r.Environment, r.Runbook, r.App
	status.Started = r.Run.Started()
	if ended {
		status.Card.Again = "a new run begins with " + r.Run.StageOf(upgrade.Begun)
	}
	if status.Lease, err = r.Lease.Status(ctx); err != nil {
		return Status{}, err
	}
	if err := r.surroundings(ctx, &status); err != nil {
		return Status{}, err
	}
	if status.Next != nil {
		status.Next.Will = Will(ctx, *r.Book.Named(status.Next.Stage))
	}
	return status, nil
}

// record is the run's; where there is none, that of the last run if it is complete,
// and true.
func (r *Reporter) record(ctx context.Context) (record *runner.Record, ended bool, err error) {
	if record, err = r.Run.Record(ctx); err != nil || record != nil {
		return record, false, err
	}
	last, err := r.Run.Ended(ctx)
	if err != nil || last == nil || last.Back {
		return nil, false, err
	}
	return last, true, nil
}

// surroundings adds changes by others and leftovers. It reads both at the same time,
// since a person waits for the answer.
func (r *Reporter) surroundings(ctx context.Context, status *Status) error {
	var others, leftovers error
	var both sync.WaitGroup
	both.Go(func() { status.Others, others = r.Others.Changes(ctx, status.Lease) })
	both.Go(func() { status.Leftovers, leftovers = r.Leftovers.List(ctx, status.Lease) })
	both.Wait()
	return errors.Join(others, leftovers)
}

// Took returns how long each stage took: in this run, or else in the one before; 0
// where neither has completed it, or where that cannot be read.
func Took(ctx context.Context, run *upgrade.Run) func(stage string) time.Duration {
	took := map[string]time.Duration{}
	if last, err := run.Last(ctx); err == nil && last != nil {
		for stage, c := range last.Complete {
			took[stage] = c.Ended.Sub(c.Started)
		}
	}
	if exists, err := run.Load(ctx); err == nil && exists {
		for stage, c := range run.Completions() {
			took[stage] = c.Ended.Sub(c.Started)
		}
	}
	return func(stage string) time.Duration { return took[stage] }
}
