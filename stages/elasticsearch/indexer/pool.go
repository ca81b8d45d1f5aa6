package indexer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// pool runs jobs concurrently. Once it is halted or the caller's context is done, no
// job starts any more, and those that run get a while to finish their requests.
type pool struct {
	// ctx is the caller's context. run is done as soon as no job may start. work is for
	// requests that are sent: it is done after a grace.
	ctx, run, work context.Context
	halt           context.CancelCauseFunc
	cancelWork     context.CancelFunc
	slots          chan struct{}
	running        sync.WaitGroup
	// jobs hands jobs to goroutines that have finished one: their stacks have already
	// grown to the depth of a request.
	jobs chan func()
}

func newPool(ctx context.Context, pace Pace) *pool {
	run, halt := context.WithCancelCause(ctx)
	work, cancelWork := withGrace(run, pace.Grace)
	return &pool{
		ctx: ctx, run: run, halt: halt, work: work, cancelWork: cancelWork,
		slots: make(chan struct{}, pace.Concurrency), jobs: make(chan func()),
	}
}

// withGrace returns a context that is done a grace after ctx is.
func withGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancel(httpclient.WithoutGrace(context.WithoutCancel(ctx)))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(later, func() { timer.Stop() })
	})
	return later, func() { stop(); cancel() }
}

// start waits for a free slot and starts job in it. It returns false if no job may
// start any more.
func (p *pool) start(job func()) bool {
	return p.startWhen(func() error { return nil }, job)
}

// startWhen is like start, but also waits until ready returns; its error means that
// the job must not start. It takes the slot before it calls ready, which waits for a
// pass of the gate: jobs with a slot wait for passes as well, when they retry, so
// holding a pass while waiting for a slot could be a deadlock.
func (p *pool) startWhen(ready func() error, job func()) bool {
	select {
	case p.slots <- struct{}{}:
	case <-p.run.Done():
		return false
	}
	if p.run.Err() != nil || ready() != nil {
		<-p.slots
		return false
	}
	p.running.Add(1)
	select {
	case p.jobs <- job:
	default:
		go p.worker(job)
	}
	return true
}

// worker runs one job after another until the pool is closed.
func (p *pool) worker(job func()) {
	for job != nil {
		job()
		<-p.slots
		p.running.Done()
		job = <-p.jobs
	}
}

// wait waits until all jobs that were started have ended.
func (p *pool) wait() { p.running.Wait() }

// close waits for all jobs and releases the pool's goroutines and contexts.
func (p *pool) close() {
	p.wait()
	close(p.jobs)
	p.halt(nil)
	p.cancelWork()
}

// err returns why the pool was stopped; nil if it was not.
func (p *pool) err() error {
	if p.run.Err() == nil {
		return nil
	}
	if p.ctx.Err() != nil {
		return &stoppedError{context.Cause(p.ctx)}
	}
	return context.Cause(p.run)
}

// cause returns why the pool was stopped, or err if it was not: once it is stopped,
// other errors are only the consequence.
func (p *pool) cause(err error) error {
	if why := p.err(); why != nil {
		return why
	}
	return err
}

// withUnanswered adds to an error that n writes got no response, so that the lease
// is not handed over.
func withUnanswered(err error, n int) error {
	if err == nil || n == 0 {
		return err
	}
	return fmt.Errorf("%w; %s: %w", err, runner.Count(n, "document", "documents"), httpclient.ErrUnanswered)
}

// stoppedError is the error of work that the caller's context stopped; it can be
// continued later.
type stoppedError struct{ cause error }

func (e *stoppedError) Error() string { return fmt.Sprintf("stopped: %v", e.cause) }
func (e *stoppedError) Unwrap() error { return e.cause }

// Class is the cause's class if it has one (a lost lease), and Interrupted otherwise.
func (e *stoppedError) Class() runner.Class {
	if c, ok := errors.AsType[runner.Classified](e.cause); ok {
		return c.Class()
	}
	return runner.Interrupted
}
