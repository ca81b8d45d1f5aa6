package indexer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
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
	retries, unanswered atomic.Int64

	looking sync.Mutex
	looked  map[searchapi.Name]time.Time
}

func newWriter(api *searchapi.Client, p *pool, pace Pace) *writer {
	return &writer{api: api, pool: p, pace: pace, looked: map[searchapi.Name]time.Time{}}
}

func (w *writer) put(t Target, d *dataapi.Document) error {
	return w.write(t, func(ctx context.Context) error {
		return w.api.Put(ctx, t.Name, t.DocType(), d.ID, d.Raw)
	})
}

func (w *writer) delete(t Target, id string) (found bool, err error) {
	err = w.write(t, func(ctx context.Context) (err error) {
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
func (w *writer) write(t Target, send func(context.Context) error) error {
	err := w.pace.again(w.pool.run, func() error {
		if w.pool.run.Err() != nil {
			return errNotBegun
		}
		if w.pace.Limit != nil {
			if err := w.pace.Limit.Wait(w.pool.run); err != nil {
				return fmt.Errorf("%w: %w", errNotBegun, err)
			}
		}
		err := send(w.pool.work)
		if searchapi.InternalError(err) {
			return w.explain(t, err)
		}
		return err
	}, func() { w.retries.Add(1) })
	if e := dmapi.As(err); e != nil && e.Unanswered() {
		w.unanswered.Add(1)
	}
	if forAll(err) {
		w.pool.halt(err)
	}
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
	e := dmapi.As(err)
	return e != nil && (e.Rejected() || e.Status == 0 && !e.Temporary() && !errors.Is(e, context.Canceled))
}

// temporary tells whether to try again.
func temporary(err error) bool {
	e := dmapi.As(err)
	return e != nil && e.Temporary()
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

func (m meter) report(before, done, total int) {
	if m.tell == nil {
		return
	}
	m.tell(runner.Progress{
		Done: before + done, Total: max(total, before+done), What: m.what,
		Elapsed: m.elapsed(), SinceStart: done,
	})
}
