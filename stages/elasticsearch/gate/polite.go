package gate

import (
	"time"
)

const (
	// minWindow is the least time between two changes of the limit while responses keep coming.
	minWindow = 100 * time.Millisecond
	// maxPause is the longest pause before a request.
	maxPause = 5 * time.Second
)

// Polite returns a gate for a server that has other clients: it allows at most
// ceiling concurrent requests, and fewer as soon as responses are slower than usual,
// down to one at a time with pauses in between.
func Polite(ceiling int) *Gate {
	p := &polite{ceiling: max(ceiling, 1)}
	return newGate(p, 1, p.windowSize(1))
}

// polite raises the limit by one while response times are as usual, and lowers it
// by a quarter when they are not.
type polite struct {
	ceiling int
	own     baseline // response times of the gate's own requests
	others  baseline // response times of other clients, if observed
	// observed are the last response times of other clients, at most three.
	observed   []time.Duration
	othersSlow bool
	wait       time.Duration
}

func (p *polite) workers() int         { return 0 }
func (p *polite) pause() time.Duration { return p.wait }

func (p *polite) windowSize(limit int) windowSize {
	if p.wait > 0 {
		return windowSize{responses: 1}
	}
	return windowSize{max(limit, 4), 2 * minWindow}
}

func (p *polite) next(m measurement) (int, windowSize) {
	limit := p.nextLimit(m)
	return limit, p.windowSize(limit)
}

func (p *polite) nextLimit(m measurement) int {
	if m.failing() {
		p.wait = min(max(2*p.wait, time.Second), maxPause)
		return max(1, m.limit/2)
	}
	if m.responseTime == 0 {
		return m.limit
	}
	slow := p.own.exceeded(m.responseTime, m.at) || p.othersSlow
	switch {
	case slow && m.limit == 1:
		p.wait = min(max(2*p.wait, m.responseTime), maxPause)
		return 1
	case slow:
		return m.limit - max(1, m.limit/4)
	case p.wait > 0:
		if p.wait /= 4; p.wait < m.responseTime {
			p.wait = 0
		}
		return m.limit
	}
	return min(m.limit+1, p.ceiling)
}

// ObserveOthers tells a polite gate the response time of a request by another
// client, or of one like it. Any other gate ignores it.
func (g *Gate) ObserveOthers(d time.Duration, o Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, ok := g.controller.(*polite)
	switch {
	case !ok || o == Ignored:
	case o == Overloaded:
		p.othersSlow = true
	default:
		p.observeOthers(d)
	}
}

func (p *polite) observeOthers(d time.Duration) {
	if p.observed = append(p.observed, d); len(p.observed) < 3 {
		return
	}
	// The median of three: one slow response is chance.
	a, b, c := p.observed[0], p.observed[1], p.observed[2]
	p.observed = p.observed[1:]
	p.othersSlow = p.others.exceeded(max(min(a, b), min(max(a, b), c)), time.Now())
}
