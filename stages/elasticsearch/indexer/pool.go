package indexer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// pool runs pieces of work beside each other, and stops in order: once it is
// halted, or the context is done, no piece is begun any more, and those begun
// keep a context of their own for the requests in flight.
type pool struct {
	// ctx is the caller's. run is done as soon as nothing new is to be begun.
	// work outlives run by the grace, for requests that were sent already.
	ctx, run, work context.Context
	halt           context.CancelCauseFunc
	release        context.CancelFunc
	slots          chan struct{}
	busy           sync.WaitGroup
	// jobs hands pieces to goroutines that are done with one: their stacks have grown to the depth of a request already.
	jobs chan func()
}

func newPool(ctx context.Context, pace Pace) *pool {
	run, halt := context.WithCancelCause(ctx)
	work, release := outlive(run, pace.Grace)
	return &pool{
		ctx: ctx, run: run, halt: halt, work: work, release: release,
		slots: make(chan struct{}, pace.Concurrency), jobs: make(chan func()),
	}
}

// outlive returns a context that is done a while after ctx is.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancel(httpclient.WithoutGrace(context.WithoutCancel(ctx)))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(later, func() { timer.Stop() })
	})
	return later, func() { stop(); cancel() }
}

// do waits for a free slot and begins f in it; false: nothing new is begun any more.
func (p *pool) do(f func()) bool {
	return p.doWhen(func() error { return nil }, f)
}

// doWhen is the same, and waits with the slot in hand until ready returns. In this order: those that have a slot may wait
// for the same as ready does.
func (p *pool) doWhen(ready func() error, f func()) bool {
	select {
	case p.slots <- struct{}{}:
	case <-p.run.Done():
		return false
	}
	if p.run.Err() != nil || ready() != nil {
		<-p.slots
		return false
	}
	p.busy.Add(1)
	select {
	case p.jobs <- f:
	default:
		go p.worker(f)
	}
	return true
}

// worker does one piece after another until the pool is closed.
func (p *pool) worker(f func()) {
	for f != nil {
		f()
		<-p.slots
		p.busy.Done()
		f = <-p.jobs
	}
}

// wait returns when all that was begun has ended.
func (p *pool) wait() { p.busy.Wait() }

// close lets go of the pool's contexts and goroutines.
func (p *pool) close() {
	p.wait()
	close(p.jobs)
	p.halt(nil)
	p.release()
}

// err says why nothing new was begun: nil where nothing stopped the pool.
func (p *pool) err() error {
	if p.run.Err() == nil {
		return nil
	}
	if p.ctx.Err() != nil {
		return &stopped{context.Cause(p.ctx)}
	}
	return context.Cause(p.run)
}

// unanswered adds to an error that writes were not answered, so that whoever
// leaves with it does not hand over the lease.
func unanswered(err error, n int) error {
	if err == nil || n == 0 {
		return err
	}
	return fmt.Errorf("%w; %s: %w", err, runner.Count(n, "document", "documents"), httpclient.ErrUnanswered)
}

// stopped is the error of work that was asked to stop, and can go on later.
type stopped struct{ cause error }

func (s *stopped) Error() string { return fmt.Sprintf("stopped: %v", s.cause) }
func (s *stopped) Unwrap() error { return s.cause }

// Class is that of the cause where it has one (a lost lease), and else Interrupted.
func (s *stopped) Class() runner.Class {
	if c, ok := s.cause.(runner.Classified); ok {
		return c.Class()
	}
	return runner.Interrupted
}
