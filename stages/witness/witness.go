// Package witness requests a live address continuously while the apps behind it change,
// and counts what failed.
package witness

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Options say what is requested, and how.
type Options struct {
	// URL is requested with GET, which must not change anything.
	URL string
	// Kept keeps its connections; Fresh opens one for each request. Neither may retry by
	// itself: each attempt counts.
	Kept, Fresh *http.Client
	// Rate is how many requests a second, half of them over each client. It is halved
	// where they slow the address down to twice its response time in the first half of
	// the baseline, in which there are few.
	Rate float64
	// Baseline is how long it requests before the first change; After is how long at least
	// it continues after the last one.
	Baseline, After time.Duration
	// Timeout is how long a request may take before it counts as failed. Default 10 s.
	Timeout time.Duration
	// Who returns which app sent a response, or ""; nil: that cannot be determined.
	Who func(*http.Response, []byte) string
	// Log is told of each change of the rate; nil: nobody is.
	Log *slog.Logger
}

// Phases of the change.
const (
	Before = "before"
	During = "during"
	After  = "after"
)

// maxFailing is the share of failed requests in the baseline above which the address is
// not healthy enough to be changed.
const maxFailing = 0.01

// Witness requests the address and counts. It is a runner.Companion.
type Witness struct {
	o       Options
	mu      sync.Mutex
	tally   Tally
	load    load
	began   time.Time
	phase   string
	changed time.Time
	breach  chan error
	stop    context.CancelFunc
	over    sync.WaitGroup
}

// New returns a witness that has not started.
func New(o Options) *Witness {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	return &Witness{o: o, phase: Before, breach: make(chan error, 1), tally: newTally(), load: load{rate: o.Rate}}
}

// Start starts the requests and returns when the baseline is complete. The channel then
// reports the first failure beyond the baseline's share. The witness continues until Stop
// or End, even if the context ends.
func (w *Witness) Start(ctx context.Context) (<-chan error, error) {
	asking, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop, w.began = stop, time.Now()
	w.over.Go(func() { w.ask(asking) })
	select {
	case <-ctx.Done():
		w.end()
		return nil, ctx.Err()
	case <-time.After(w.o.Baseline):
	}
	if err := w.firstAnswer(ctx); err != nil {
		w.end()
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	base := w.tally
	if base.Failed > 0 && float64(base.Failed) > maxFailing*float64(base.Sent) {
		stop()
		return nil, fmt.Errorf("%s failed %d of %s before anything was changed: %s", w.o.URL, base.Failed, runner.Count(base.Sent, "request", "requests"), base.Failures[0])
	}
	w.tally.baseline(base.Sent, base.Failed)
	return w.breach, nil
}

// firstAnswer waits for one request to end, if the baseline was too short for that.
func (w *Witness) firstAnswer(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for w.Tally().Sent == 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// Enter says that the change has started (During) or ended (After).
func (w *Witness) Enter(phase string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.phase != phase {
		w.phase, w.changed = phase, time.Now()
	}
}

// Stop returns a task that continues until After has passed since the last change, then
// ends the witness and gives its verdict.
func (w *Witness) Stop() []runner.Task {
	return []runner.Task{{Name: "the live address answered all the time", Do: func(ctx context.Context, o *runner.Observation) error {
		w.mu.Lock()
		rest := w.o.After - time.Since(w.changed)
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(rest, 0)):
		}
		w.End()
		t := w.Tally()
		t.report(o)
		return t.Err(w.o.URL)
	}}}
}

// End ends it at once. It may have ended before.
func (w *Witness) End() { w.end() }

func (w *Witness) end() {
	if w.stop != nil {
		w.stop()
	}
	w.over.Wait()
}

// Tally returns what was counted so far.
func (w *Witness) Tally() Tally {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tally.clone()
}

func (w *Witness) ask(ctx context.Context) {
	pause := w.pause()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	var requests sync.WaitGroup
	defer requests.Wait()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if next := w.pause(); next != pause {
			pause = next
			tick.Reset(pause)
		}
		if !w.send() {
			continue
		}
		client, kind := w.o.Kept, "a kept connection"
		if n%2 == 1 {
			client, kind = w.o.Fresh, "a fresh connection"
		}
		requests.Go(func() { w.once(ctx, client, kind) })
	}
}

func (w *Witness) send() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.load.send() }

// slow reports whether a moment is in the first half of the baseline, and that is long
// enough to learn anything from few requests.
func (w *Witness) slow(at time.Time) bool {
	half := w.o.Baseline / 2
	return half*slowRate >= fewest*time.Second && at.Sub(w.began) < half
}

// pause is the time between two requests as things stand.
func (w *Witness) pause() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	rate := w.load.rate
	if w.slow(time.Now()) {
		rate = min(rate, slowRate)
	}
	return time.Duration(float64(time.Second) / max(rate, 0.01))
}

// feel halves the rate if the last responses took too long. w.mu is held.
func (w *Witness) feel(began time.Time, took time.Duration, err error) {
	if w.load.ended(took, w.slow(began), err != nil) {
		w.tally.slowed = w.load.rate
		if w.o.Log != nil {
			w.o.Log.Warn("the live address answers twice as slowly as before: the witness halves its rate", "requests a second", w.load.rate)
		}
	}
}

// once sends one request and counts it.
func (w *Witness) once(ctx context.Context, client *http.Client, kind string) {
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.o.Timeout)
	defer cancel()
	began := time.Now()
	who, err := w.get(asking, client)
	took := time.Since(began)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tally.add(w.phase, who, took, began, kind, err)
	w.feel(began, took, err)
	if err != nil && w.tally.beyond() {
		select {
		case w.breach <- fmt.Errorf("the live address failed at %s over %s: %w", began.UTC().Format("15:04:05.000"), kind, err):
		default:
		}
	}
}

func (w *Witness) get(ctx context.Context, client *http.Client) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.o.URL, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", fmt.Errorf("read the response: %w", err)
	}
	if fault := resp.Header.Get("X-Cf-RouterError"); fault != "" {
		return "", fmt.Errorf("answered %d %s from the router", resp.StatusCode, fault)
	}
	if resp.StatusCode >= 400 {
		return "", fmt.Errorf("answered %d", resp.StatusCode)
	}
	if w.o.Who == nil {
		return "", nil
	}
	return w.o.Who(resp, body), nil
}
