// Package gate lets as many requests at once through to a server as it has workers, and finds that number by how long
// the answers take; or, where the server serves others, as few as leaves them alone.
//
// A server with n workers answers n requests at once as fast as one. One more waits for a worker, and all take longer by
// that. So the time that answers take, against what they take where nobody waits, tells how many workers there are
// (seeker). Where others use the same workers, the number at once goes down when answers take longer than they did
// (polite).
package gate

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Outcome is what became of a request.
type Outcome int

const (
	// Answered: its time counts.
	Answered Outcome = iota
	// Overloaded: 429, 5xx or no answer in time. The server had enough, or is sick.
	Overloaded
	// Aside: refused, called off or failed on the way. Its time says nothing about the server.
	Aside
)

// Gate bounds the requests at once. It may be used by several goroutines.
type Gate struct {
	control control

	mu    sync.Mutex
	limit int
	in    int
	queue []chan struct{}
	w     collected
}

// control decides how many may be at once.
type control interface {
	// judge is told what a window looked like. It returns the limit from now on, and what the next window needs.
	judge(window) (limit int, next need)
	// slots is how many workers are known of; 0: none yet.
	slots() int
	// rest is how long to wait before each request.
	rest() time.Duration
}

// window is a stretch of time in which the limit did not change.
type window struct {
	limit int
	// inFlight is how many requests there were on average.
	inFlight float64
	// time is the mean of what answers took to requests that were begun in the window; 0 where there was none.
	time time.Duration
	// perEnd is how long requests were under way, for each that ended: the same as time, by Little's law, but for who
	// waits for ever while others pass by, and is not seen to end.
	perEnd time.Duration
	// answered and overloaded count them.
	answered, overloaded int
	ended                time.Time
}

// need is how long a window goes on.
type need struct {
	samples int
	atLeast time.Duration
}

// collected is the window that is under way.
type collected struct {
	need need
	// open: as few requests are under way as may be, so that the times from now on are those of the limit.
	open       bool
	began      time.Time
	last       time.Time
	area       float64 // requests times seconds
	left       int     // requests that ended
	times      []time.Duration
	overloaded int
}

func newWindow(limit int, c *collected, span time.Duration, now time.Time) window {
	w := window{limit: limit, inFlight: c.area / span.Seconds(), answered: len(c.times), overloaded: c.overloaded, ended: now}
	var sum time.Duration
	for _, d := range c.times {
		sum += d
	}
	if len(c.times) > 0 {
		w.time = sum / time.Duration(len(c.times))
	}
	if c.left > 0 {
		w.perEnd = time.Duration(c.area / float64(c.left) * float64(time.Second))
	}
	return w
}

func newGate(c control, limit int, n need) *Gate {
	g := &Gate{control: c, limit: limit}
	g.w.need = n
	g.settle(time.Now())
	return g
}

// Enter waits until one more request may be sent. Who enters must Leave.
func (g *Gate) Enter(ctx context.Context) (Pass, error) {
	g.mu.Lock()
	if g.in < g.limit && len(g.queue) == 0 {
		g.step(time.Now(), +1)
		g.mu.Unlock()
		return g.rest(ctx)
	}
	turn := make(chan struct{})
	g.queue = append(g.queue, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return g.rest(ctx)
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		if i := slices.Index(g.queue, turn); i >= 0 {
			g.queue = slices.Delete(g.queue, i, i+1)
			return Pass{}, context.Cause(ctx)
		}
		g.step(time.Now(), -1) // it was let in meanwhile
		g.let()
		return Pass{}, context.Cause(ctx)
	}
}

// rest waits before a request that was let in, where the server is to be spared.
func (g *Gate) rest(ctx context.Context) (Pass, error) {
	g.mu.Lock()
	d := g.control.rest()
	g.mu.Unlock()
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			Pass{g, time.Time{}}.Leave(Aside)
			return Pass{}, context.Cause(ctx)
		}
	}
	return Pass{g, time.Now()}, nil
}

// Pass is one request's way through.
type Pass struct {
	gate  *Gate
	began time.Time
}

// Leave tells what became of the request.
func (p Pass) Leave(o Outcome) {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.step(now, -1)
	g.w.left++
	switch {
	case !g.w.open || p.began.Before(g.w.began):
		// It was begun under another limit.
	case o == Answered:
		g.w.times = append(g.w.times, now.Sub(p.began))
	}
	if o == Overloaded {
		g.w.overloaded++
	}
	if g.w.open {
		g.close(now)
	}
	g.let()
}

// step changes the number of requests under way.
func (g *Gate) step(now time.Time, by int) {
	g.w.area += float64(g.in) * now.Sub(g.w.last).Seconds()
	g.w.last = now
	g.in += by
	if !g.w.open && g.in <= g.limit {
		g.settle(now)
	}
}

// settle begins a window.
func (g *Gate) settle(now time.Time) {
	g.w = collected{need: g.w.need, open: true, began: now, last: now, times: g.w.times[:0], overloaded: g.w.overloaded}
}

// close ends the window when it has seen enough.
func (g *Gate) close(now time.Time) {
	span := now.Sub(g.w.began)
	if len(g.w.times)+g.w.overloaded < max(g.w.need.samples, 1) || span < g.w.need.atLeast || span <= 0 {
		return
	}
	seen := newWindow(g.limit, &g.w, span, now)
	g.w.overloaded = 0
	g.limit, g.w.need = g.control.judge(seen)
	g.w.open = g.in <= g.limit
	if g.w.open {
		g.settle(now)
	}
}

// let lets in who waits, as far as there is room. The caller holds mu.
func (g *Gate) let() {
	for g.in < g.limit && len(g.queue) > 0 {
		close(g.queue[0])
		g.queue = slices.Delete(g.queue, 0, 1)
		g.step(time.Now(), +1)
	}
}

// Slots is how many workers the server is thought to have; 0 where that is not known.
func (g *Gate) Slots() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.control.slots()
}

// Limit is how many requests there may be at once now.
func (g *Gate) Limit() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.limit
}
