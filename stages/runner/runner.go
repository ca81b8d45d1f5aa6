package runner

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// Journal keeps the run where a later build, on another agent, finds it.
type Journal interface {
	// Record returns what is recorded, or nil where there is no run.
	Record(context.Context) (*Record, error)
	// Complete records that a stage is complete, after Verify.
	Complete(ctx context.Context, stage string, c Completion) error
	// Reopen records that a stage is no longer complete: it was undone, or is to be run again.
	Reopen(ctx context.Context, stage string) error
	// GoBack records that the run is rolled back, before the first write of a rollback.
	GoBack(context.Context) error
	// Retire ends the run, and removes our labels from what stays of it. It can be
	// repeated after a crash at any point.
	Retire(context.Context) error
	// Ended returns what is recorded of the run that was retired last, or nil.
	Ended(context.Context) (*Record, error)
}

// Lease is the right to write, held by one process at a time.
type Lease interface {
	// Acquire acquires it, or says who holds it. It waits only for one that went stale.
	Acquire(context.Context) error
	// Permit is called before each write; an error: the lease is lost.
	Permit(context.Context) error
	// Lost is closed when the lease is known to be lost.
	Lost() <-chan struct{}
	// Release gives it back.
	Release(context.Context) error
	// Abandon lets it go stale: a write of this process may still be executed.
	Abandon()
}

// Options say how stages are run.
type Options struct {
	Environment, App string
	Version, Build   string
	DryRun           bool
	// VerifyFor and Every are the deadline and the pace of polling.
	VerifyFor, Every time.Duration
	// RetryFor is how long a write that was answered with an error is read back and tried
	// again.
	RetryFor time.Duration
	// ReportEvery is the pace of progress lines. Default 15 s.
	ReportEvery time.Duration
	// Situation reads where live traffic is.
	Situation func(context.Context) (Situation, error)
	// Command is the command line without the stage: "cutover elasticsearch".
	Command string
	// Checks are run first in every stage that goes forward, such as that the plan that
	// was approved still applies.
	Checks []Task
}

// Runner executes the stages of a runbook.
type Runner struct {
	Options
	Runbook  Runbook
	Journal  Journal
	Lease    Lease
	Observer Observer
	// Monitor, where set, watches live traffic during a range of the stages.
	Monitor *Monitor

	// held reports whether this process holds the lease.
	held bool
	// at is the stage that goes forward now; "" in a rollback.
	at string
	// watch is the monitor at work.
	watch *watch
}

// stage runs one stage in either direction, from its header to its verdict. A panic
// becomes an error, so that it leaves a report and a card as any failure does.
func (r *Runner) stage(ctx context.Context, step Step, rollback bool, do func(*Result) error) (*Result, error) {
	result := r.begin(ctx, step)
	result.Rollback = rollback
	if r.at = step.Name; rollback {
		r.at = ""
	}
	r.Observer.Observe(Event{Kind: StageStarted, Result: result})
	err := r.recovered(result, do)
	r.end(ctx, result, step, err)
	return result, err
}

func (r *Runner) recovered(result *Result, do func(*Result) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = r.fail(result, ListCheck, "no internal error", fmt.Errorf("internal error: %v\n%s", p, debug.Stack()))
		}
	}()
	return do(result)
}

// begin makes the result of a stage, with what its header says: the run, and
// where live traffic is. What cannot be read is left out here, and reported by the
// stage's own checks.
func (r *Runner) begin(ctx context.Context, step Step) *Result {
	result := &Result{
		Environment: r.Environment, Runbook: r.Runbook.Name, App: r.App, Number: step.Number,
		Of: r.Runbook.Steps[len(r.Runbook.Steps)-1].Number, Stage: step.Name, Title: step.Title,
		Build: r.Build, Version: r.Version, DryRun: r.DryRun, Verdict: Running, Started: time.Now().UTC(),
	}
	if record, err := r.Journal.Record(ctx); err == nil && record != nil {
		result.Run = record.Run
	}
	if r.Situation != nil {
		if s, err := r.Situation(ctx); err == nil {
			result.Traffic = s.Traffic
		}
	}
	return result
}

// end gives the stage its verdict and, where it failed, its card.
func (r *Runner) end(ctx context.Context, result *Result, step Step, err error) {
	result.Duration = time.Since(result.Started)
	switch {
	case err != nil:
		result.Verdict = verdictOf(err)
		result.ExitCode = ClassOf(err).ExitCode()
		if unanswered(err) && r.held {
			r.Lease.Abandon()
			r.held = false
		}
		result.Card = r.card(ctx, result, step, err)
	case result.Verdict == Running:
		result.Verdict = Done
	}
	r.Observer.Observe(Event{Kind: StageDone, Result: result})
}

// underLease reads the run, asks admit whether there is anything to do, and then holds the
// lease before that is done. After waiting for the lease it asks again: another process
// may have finished the stage meanwhile.
func (r *Runner) underLease(ctx context.Context, result *Result, admit func(*Record) (act bool, err error)) (*Record, bool, error) {
	for {
		record, err := r.Journal.Record(ctx)
		if err != nil {
			return nil, false, r.fail(result, ListCheck, "read the run", err)
		}
		if record != nil {
			result.Run = record.Run
		}
		act, err := admit(record)
		if err != nil || !act || r.DryRun || r.held {
			return record, act, err
		}
		if err := r.acquire(ctx, result); err != nil {
			return nil, false, err
		}
	}
}

// acquire acquires the lease, which also proves that we may write. It is created by a name
// that only one object can have, so it is asked for again even where there was no answer.
func (r *Runner) acquire(ctx context.Context, result *Result) error {
	return r.inTurn(ctx, result, ListCheck, []Task{{
		Name: "acquire the lease", Effect: Changes,
		Do: func(ctx context.Context, o *Observation) error {
			if err := r.patience().again(ctx, isUnavailable, r.Lease.Acquire); err != nil {
				return err
			}
			r.held = true
			o.Say("held")
			return nil
		},
	}})
}

// release gives the lease back at the end of the process.
func (r *Runner) release(ctx context.Context) {
	if !r.held {
		return
	}
	r.held = false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	// An error leaves the lease to go stale, which the next process waits for.
	_ = r.Lease.Release(ctx)
}

func (r *Runner) permitted(ctx context.Context) context.Context {
	return httpclient.WithPermit(ctx, r.Lease.Permit)
}
