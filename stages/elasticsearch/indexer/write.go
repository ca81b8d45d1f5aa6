package indexer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/gate"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// statusEvery is how often a suspicion that an index is missing is looked into.
const statusEvery = 5 * time.Second

// writer puts and deletes single documents, each until it is acknowledged or
// has failed for good.
type writer struct {
	api                 *searchapi.Client
	pool                *pool
	pace                Pace
	gate                *gate.Gate
	retries, unanswered atomic.Int64

	looking sync.Mutex
	looked  map[searchapi.Name]time.Time
}

func newWriter(api *searchapi.Client, p *pool, pace Pace) *writer {
	w := &writer{api: api, pool: p, pace: pace, looked: map[searchapi.Name]time.Time{}}
	if pace.Serving == nil {
		w.gate = gate.Seek(pace.Concurrency)
		return w
	}
	w.gate = gate.Polite(min(pace.Serving.Most, pace.Concurrency))
	if pace.Serving.Pulse != nil {
		go w.feelThePulse()
	}
	return w
}

// pulseEvery is how often it is looked how long people wait.
const pulseEvery = 500 * time.Millisecond

// feelThePulse looks how long people wait until nothing new is begun any more.
func (w *writer) feelThePulse() {
	for {
		began := time.Now()
		err := w.pace.Serving.Pulse(w.pool.run)
		w.gate.Felt(time.Since(began), outcome(err))
		if !sleep(w.pool.run, pulseEvery) {
			return
		}
	}
}

// outcome is what an answer says about the server.
func outcome(err error) gate.Outcome {
	switch {
	case err == nil:
		return gate.Answered
	case temporary(err):
		return gate.Overloaded
	}
	return gate.Aside
}

// put writes one document, with the pass that enter gave for it.
func (w *writer) put(t Target, d *dataapi.Document, pass gate.Pass) error {
	return w.write(t, &pass, func(ctx context.Context) error {
		return w.api.Put(ctx, t.Name, t.DocType(), d.ID, d.Raw)
	})
}

func (w *writer) delete(t Target, id string) (found bool, err error) {
	err = w.write(t, nil, func(ctx context.Context) (err error) {
		found, err = w.api.Delete(ctx, t.Name, t.DocType(), id)
		return err
	})
	return found, err
}

// write tries one write until it is answered for good. Putting or deleting a
// document twice is the same as once, so an unknown outcome is tried again too.
//
// What concerns every document, a rejected token, a withdrawn permit or a
// missing index, halts the pool at once.
func (w *writer) write(t Target, first *gate.Pass, send func(context.Context) error) error {
	err := w.pace.again(w.pool.run, func() error {
		err := w.once(first, send)
		first = nil
		if searchapi.IsInternalError(err) {
			return w.explain(t, err)
		}
		return err
	}, func() { w.retries.Add(1) })
	if e, ok := errors.AsType[*dmapi.Error](err); ok && e.Unanswered() {
		w.unanswered.Add(1)
	}
	if forAll(err) {
		w.pool.halt(err)
	}
	return err
}

// enter waits until one more write may be sent.
func (w *writer) enter() (gate.Pass, error) {
	if w.pace.Limit != nil {
		if err := w.pace.Limit.Wait(w.pool.run); err != nil {
			return gate.Pass{}, fmt.Errorf("%w: %w", errNotBegun, err)
		}
	}
	pass, err := w.gate.Enter(w.pool.run)
	if err != nil {
		return gate.Pass{}, fmt.Errorf("%w: %w", errNotBegun, err)
	}
	return pass, nil
}

// once sends, with a pass or when it gets one.
func (w *writer) once(given *gate.Pass, send func(context.Context) error) error {
	var pass gate.Pass
	var err error
	if given != nil {
		pass = *given
	} else if pass, err = w.enter(); err != nil {
		return err
	}
	if w.pool.run.Err() != nil {
		pass.Leave(gate.Aside)
		return errNotBegun
	}
	err = send(w.pool.work)
	pass.Leave(outcome(err))
	return err
}

// errNotBegun: the pool was halted before the write was sent.
var errNotBegun = errors.New("not begun")

// explain looks whether the index is there at all when a write is answered
// "Internal error": without an index each document would be, and trying again
// for a minute would only hide it.
func (w *writer) explain(t Target, err error) error {
	if !w.looking.TryLock() {
		return err
	}
	defer w.looking.Unlock()
	if last, ok := w.looked[t.Name]; ok && time.Since(last) < statusEvery {
		return err
	}
	status, unknown := w.api.Status(w.pool.work)
	w.looked[t.Name] = time.Now()
	if unknown == nil && status.Resolve(t.Name) == "" {
		return &noIndex{t.Name}
	}
	return err
}

type noIndex struct{ name searchapi.Name }

func (e *noIndex) Error() string {
	return "there is no index or alias " + e.name.String() + ": every document would be answered \"Internal error\""
}
func (e *noIndex) Unwrap() error { return searchapi.ErrNoIndex }

// forAll tells whether an error concerns every document, not this one.
func forAll(err error) bool {
	if err == nil || errors.Is(err, errNotBegun) {
		return false
	}
	if errors.Is(err, searchapi.ErrNoIndex) {
		return true
	}
	e, ok := errors.AsType[*dmapi.Error](err)
	return ok && (e.Rejected() || e.Status == 0 && !e.Temporary() && !errors.Is(e, context.Canceled))
}

// temporary tells whether to try again.
func temporary(err error) bool {
	e, ok := errors.AsType[*dmapi.Error](err)
	return ok && e.Temporary()
}

// again calls f until it succeeds or fails for good, or has failed for as long
// as the pace allows and three times at least. Between two calls lies a pause
// that doubles; ctx done ends it, with the last error.
func (p Pace) again(ctx context.Context, f func() error, retry func()) error {
	started := time.Now()
	pause := p.RetryMin
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil || !temporary(err) {
			return err
		}
		if attempt >= 3 && time.Since(started) >= p.RetryFor {
			return err
		}
		if !sleep(ctx, jitter(pause)) {
			return err
		}
		pause = min(2*pause, p.RetryMax)
		if retry != nil {
			retry()
		}
	}
}

// jitter keeps those that failed together from coming back together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1) //nolint:gosec // not for secrets
}

// sleep waits, and tells whether it was left to.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// meter makes reports of progress.
type meter struct {
	started time.Time
	tell    func(runner.Progress)
	what    string
}

func newMeter(tell func(runner.Progress), what string) meter {
	return meter{time.Now(), tell, what}
}

func (m meter) elapsed() time.Duration { return time.Since(m.started) }

func (m meter) report(before, done, total int, note func() string) {
	if m.tell == nil {
		return
	}
	m.tell(runner.Progress{
		Done: before + done, Total: max(total, before+done), What: m.what,
		Elapsed: m.elapsed(), SinceStart: done, Note: note(),
	})
}

// note says how hard the search API is worked.
func (w *writer) note() string {
	note := fmt.Sprintf("%d at once", w.gate.Limit())
	if n := w.gate.Slots(); n > 0 {
		note += fmt.Sprintf(" to %d slots", n)
	}
	if limit := w.pace.Limit; limit != nil && limit.Limit() != rate.Inf {
		note += fmt.Sprintf(", at most %.0f/s", float64(limit.Limit()))
	}
	if n := w.retries.Load(); n > 0 {
		note += fmt.Sprintf(", %d retries", n)
	}
	return note
}
