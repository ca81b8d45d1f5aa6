// Package gate limits the number of concurrent requests to a server and adjusts
// the limit to the response times it measures.
//
// A server with n workers handles n concurrent requests as fast as one. Any more
// wait for a worker, which makes every response slower. So the response time under
// load, compared with the response time without a queue, shows how many workers
// there are; an adaptive gate keeps all of them busy (see Adaptive). Where other
// clients use the same workers, a polite gate lowers its limit when responses become
// slower than usual (see Polite).
package gate

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Outcome says what a request shows about the server.
type Outcome int

const (
	// Answered means that the response time counts.
	Answered Outcome = iota
	// Overloaded means 429, 5xx or no response. The server is overloaded or broken.
	Overloaded
	// Ignored means that the request was cancelled, refused or never sent. Its time says nothing
	// about the server.
	Ignored
)

// Gate limits concurrent requests. It is safe for concurrent use.
type Gate struct {
	controller controller

	mu       sync.Mutex
	limit    int
	inFlight int
	waiting  []chan struct{}
	window   window
}

// controller decides the limit. The gate's mutex guards it.
type controller interface {
	// next returns the limit and the size of the next window, given what the last one measured.
	next(measurement) (limit int, size windowSize)
	// workers is the estimated number of workers; 0 if there is no estimate.
	workers() int
	// pause is how long to wait before each request.
	pause() time.Duration
}

// windowSize is what a window must have seen before it is measured.
type windowSize struct {
	responses int
	atLeast   time.Duration
}

// window collects response times while the limit does not change.
type window struct {
	size windowSize
	// open is false after the limit was lowered, until no more requests than the new
	// limit are in flight: response times count from then on.
	open       bool
	began      time.Time
	lastChange time.Time // of the number of requests in flight
	load       float64   // requests in flight, times seconds
	ended      int       // requests
	times      []time.Duration
	overloaded int
}

// measurement summarises a window.
type measurement struct {
	at    time.Time // the end of the window
	limit int
	// inFlight is the mean number of concurrent requests.
	inFlight float64
	// responseTime is the mean of the requests that began and were answered in the
	// window; 0 if there were none.
	responseTime time.Duration
	// timePerRequest is the same by Little's law: the time in flight of all requests,
	// divided by those that ended. It includes requests that do not end because a
	// server without a queue order keeps serving others first; 0 if none ended.
	timePerRequest time.Duration
	// answered and overloaded count requests by Outcome.
	answered, overloaded int
}

func (w *window) measure(limit int, now time.Time) measurement {
	m := measurement{
		at: now, limit: limit, inFlight: w.load / now.Sub(w.began).Seconds(),
		answered: len(w.times), overloaded: w.overloaded,
	}
	var sum time.Duration
	for _, d := range w.times {
		sum += d
	}
	if len(w.times) > 0 {
		m.responseTime = sum / time.Duration(len(w.times))
	}
	if w.ended > 0 {
		m.timePerRequest = time.Duration(w.load / float64(w.ended) * float64(time.Second))
	}
	return m
}

// failing reports whether more than a tenth of the requests overloaded the server.
func (m measurement) failing() bool { return m.overloaded*10 > m.answered+m.overloaded }

func newGate(c controller, limit int, size windowSize) *Gate {
	g := &Gate{controller: c, limit: limit}
	g.window.size = size
	g.openWindow(time.Now())
	return g
}

// Enter waits until one more request may be sent. Unless it returns an error, the
// caller must call Leave on the Pass.
func (g *Gate) Enter(ctx context.Context) (Pass, error) {
	g.mu.Lock()
	if g.inFlight < g.limit && len(g.waiting) == 0 {
		g.changeInFlight(time.Now(), +1)
		g.mu.Unlock()
		return g.pass(ctx)
	}
	admitted := make(chan struct{})
	g.waiting = append(g.waiting, admitted)
	g.mu.Unlock()
	select {
	case <-admitted:
		return g.pass(ctx)
	case <-ctx.Done():
		g.giveUp(admitted)
		return Pass{}, context.Cause(ctx)
	}
}

// giveUp removes a cancelled request from the queue. If it was admitted meanwhile, its
// place goes to the next.
func (g *Gate) giveUp(admitted chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, admitted); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		return
	}
	g.changeInFlight(time.Now(), -1)
	g.admit()
}

// pass pauses, if the controller asks for it, and returns the pass of a request
// that was admitted.
func (g *Gate) pass(ctx context.Context) (Pass, error) {
	g.mu.Lock()
	d := g.controller.pause()
	g.mu.Unlock()
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			Pass{gate: g}.Leave(Ignored)
			return Pass{}, context.Cause(ctx)
		}
	}
	return Pass{g, time.Now()}, nil
}

// Pass is the permission to send one request.
type Pass struct {
	gate  *Gate
	began time.Time
}

// Leave ends the request and records its outcome.
func (p Pass) Leave(o Outcome) {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.changeInFlight(now, -1)
	w := &g.window
	w.ended++
	switch {
	case o == Overloaded:
		w.overloaded++
	case o == Answered && w.open && !p.began.Before(w.began):
		w.times = append(w.times, now.Sub(p.began))
	}
	if w.open {
		g.adjust(now)
	}
	g.admit()
}

// changeInFlight changes the number of requests in flight. The caller holds mu, as
// for all methods below.
func (g *Gate) changeInFlight(now time.Time, by int) {
	w := &g.window
	w.load += float64(g.inFlight) * now.Sub(w.lastChange).Seconds()
	w.lastChange = now
	g.inFlight += by
	if !w.open && g.inFlight <= g.limit {
		g.openWindow(now)
	}
}

// openWindow begins a window. Overloads since the last one count in it.
func (g *Gate) openWindow(now time.Time) {
	w := g.window
	g.window = window{size: w.size, open: true, began: now, lastChange: now, times: w.times[:0], overloaded: w.overloaded}
}

// adjust sets a new limit if the window has seen enough.
func (g *Gate) adjust(now time.Time) {
	w := &g.window
	span := now.Sub(w.began)
	if len(w.times)+w.overloaded < max(w.size.responses, 1) || span < w.size.atLeast || span <= 0 {
		return
	}
	m := w.measure(g.limit, now)
	w.overloaded = 0
	g.limit, w.size = g.controller.next(m)
	w.open = g.inFlight <= g.limit
	if w.open {
		g.openWindow(now)
	}
}

// admit lets waiting requests in up to the limit.
func (g *Gate) admit() {
	for g.inFlight < g.limit && len(g.waiting) > 0 {
		close(g.waiting[0])
		g.waiting = slices.Delete(g.waiting, 0, 1)
		g.changeInFlight(time.Now(), +1)
	}
}

// Workers returns the estimated number of the server's workers; 0 if there is no
// estimate.
func (g *Gate) Workers() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.controller.workers()
}

// Limit returns how many concurrent requests are allowed now.
func (g *Gate) Limit() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.limit
}
