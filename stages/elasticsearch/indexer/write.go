package indexer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/gate"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
)

const (
	// checkIndexEvery is how often at most to check whether the index exists.
	checkIndexEvery = 5 * time.Second
	// pulseEvery is the pause between two measurements of how long users wait.
	pulseEvery = 500 * time.Millisecond
)

// writer puts and deletes single documents, with retries.
type writer struct {
	api                 *searchapi.Client
	pool                *pool
	pace                Pace
	gate                *gate.Gate
	retries, unanswered atomic.Int64

	checking sync.Mutex
	checked  map[searchapi.Name]time.Time
}

func newWriter(api *searchapi.Client, p *pool, pace Pace) *writer {
	w := &writer{api: api, pool: p, pace: pace, checked: map[searchapi.Name]time.Time{}}
	if pace.Serving == nil {
		w.gate = gate.Adaptive(pace.Concurrency)
		return w
	}
	w.gate = gate.Polite(min(pace.Serving.Most, pace.Concurrency))
	if pace.Serving.Pulse != nil {
		go w.observeUsers()
	}
	return w
}

// observeUsers measures how long users of the search API wait, until the pool stops.
func (w *writer) observeUsers() {
	for {
		began := time.Now()
		err := w.pace.Serving.Pulse(w.pool.run)
		w.gate.ObserveOthers(time.Since(began), outcome(err))
		if !sleep(w.pool.run, pulseEvery) {
			return
		}
	}
}

// outcome is what the error of a request shows about the server.
func outcome(err error) gate.Outcome {
	switch {
	case err == nil:
		return gate.Answered
	case isTemporary(err):
		return gate.Overloaded
	}
	return gate.Ignored
}

// put puts one document. The pass, from enter, is for its first attempt.
func (w *writer) put(t Target, d *dataapi.Document, pass gate.Pass) error {
	return w.write(t, &pass, func(ctx context.Context) error {
		return w.api.Put(ctx, t.Name, t.DocType(), d.ID, d.Raw)
	})
}

// delete deletes one document and reports whether it existed.
func (w *writer) delete(t Target, id string) (found bool, err error) {
	err = w.write(t, nil, func(ctx context.Context) (err error) {
		found, err = w.api.Delete(ctx, t.Name, t.DocType(), id)
		return err
	})
	return found, err
}

// write retries one write until it is acknowledged or fails permanently. A PUT or
// DELETE of a document is idempotent, so one with an unknown outcome is retried too.
//
// An error that every document would meet halts the pool at once: a rejected token,
// a withdrawn permit, a missing index.
func (w *writer) write(t Target, pass *gate.Pass, send func(context.Context) error) error {
	attempt := func() error {
		err := w.attempt(pass, send)
		pass = nil
		if searchapi.IsInternalError(err) {
			return w.checkIndex(t, err)
		}
		return err
	}
	err := w.pace.retry(w.pool.run, attempt, func() { w.retries.Add(1) })
	if e, ok := errors.AsType[*dmapi.Error](err); ok && e.Unanswered() {
		w.unanswered.Add(1)
	}
	if concernsAll(err) {
		w.pool.halt(err)
	}
	return err
}

// enter waits until one more write may be sent.
func (w *writer) enter() (gate.Pass, error) {
	if w.pace.Limit != nil {
		if err := w.pace.Limit.Wait(w.pool.run); err != nil {
			return gate.Pass{}, fmt.Errorf("%w: %w", errNotSent, err)
		}
	}
	pass, err := w.gate.Enter(w.pool.run)
	if err != nil {
		return gate.Pass{}, fmt.Errorf("%w: %w", errNotSent, err)
	}
	return pass, nil
}

// attempt sends a write once, with the pass it is given or, if that is nil, a new one.
func (w *writer) attempt(pass *gate.Pass, send func(context.Context) error) error {
	if pass == nil {
		p, err := w.enter()
		if err != nil {
			return err
		}
		pass = &p
	}
	if w.pool.run.Err() != nil {
		pass.Leave(gate.Ignored)
		return errNotSent
	}
	err := send(w.pool.work)
	pass.Leave(outcome(err))
	return err
}

// errNotSent: the pool was stopped before the write was sent.
var errNotSent = errors.New("not sent")

// checkIndex checks whether the index exists after a write failed with err, an
// "Internal error". If it does not, every document fails like that, and retrying each
// for a minute would hide the cause.
func (w *writer) checkIndex(t Target, err error) error {
	if !w.checking.TryLock() {
		return err
	}
	defer w.checking.Unlock()
	if last, ok := w.checked[t.Name]; ok && time.Since(last) < checkIndexEvery {
		return err
	}
	status, statusErr := w.api.Status(w.pool.work)
	w.checked[t.Name] = time.Now()
	if statusErr == nil && status.Resolve(t.Name) == "" {
		return &noIndexError{t.Name}
	}
	return err
}

// noIndexError is a searchapi.ErrNoIndex found by checkIndex.
type noIndexError struct{ name searchapi.Name }

func (e *noIndexError) Error() string {
	return "there is no index or alias " + e.name.String() + ` (the search API answers "Internal error" to every document)`
}
func (e *noIndexError) Unwrap() error { return searchapi.ErrNoIndex }

// concernsAll reports whether every other document would meet this error too.
func concernsAll(err error) bool {
	if err == nil || errors.Is(err, errNotSent) {
		return false
	}
	if errors.Is(err, searchapi.ErrNoIndex) {
		return true
	}
	e, ok := errors.AsType[*dmapi.Error](err)
	return ok && (e.Rejected() || e.Status == 0 && !e.Temporary() && !errors.Is(e, context.Canceled))
}

// note describes the write concurrency for progress reports.
func (w *writer) note() string {
	note := fmt.Sprintf("up to %d at once", w.gate.Limit())
	if n := w.gate.Workers(); n > 0 {
		note += fmt.Sprintf(", %d slots", n)
	}
	if limit := w.pace.Limit; limit != nil && limit.Limit() != rate.Inf {
		note += fmt.Sprintf(", at most %.0f/s", float64(limit.Limit()))
	}
	if n := w.retries.Load(); n > 0 {
		note += fmt.Sprintf(", %d retries", n)
	}
	return note
}
