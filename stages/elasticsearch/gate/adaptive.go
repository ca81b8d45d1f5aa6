package gate

import (
	"math"
	"time"
)

const (
	// probeEvery is the longest time between two probes.
	probeEvery = 15 * time.Second
	// probeGap is the shortest: a probe is due early when responses become slower than
	// expected, and when the limit stops growing.
	probeGap = time.Second
)

// Adaptive returns a gate that estimates how many workers a server has and keeps
// them all busy, with two or three requests more than workers so that no worker waits
// for its next request. It never allows more than ceiling concurrent requests.
func Adaptive(ceiling int) *Gate {
	return newGate(&adaptive{ceiling: max(ceiling, 1)}, 1, windowSize{responses: 8})
}

// adaptive keeps the limit at estimate + spare, where the estimate of the number of
// workers is
//
//	requests in flight × unloaded ÷ response time
//
// and unloaded is the response time without a queue. Without a queue both times are
// equal, and the limit grows by spare in each window; with one, the estimate leaves
// out the requests that wait. (This is the rule of the congestion control FAST TCP;
// Vegas counts the same queue.)
//
// A slower server looks the same as fewer workers, so unloaded is measured again in
// probes: a probe is a window in which fewer requests are allowed than there are
// workers.
type adaptive struct {
	ceiling  int
	unloaded time.Duration
	estimate float64 // of the number of workers, smoothed
	// probing: this window is a probe, and beforeProbe the window before it.
	probing     bool
	beforeProbe measurement
	lastProbe   time.Time
	// probedLimit is the limit before the last probe.
	probedLimit int
	// slowProbe is the response time of a probe that was longer than unloaded. It may
	// be chance, so the limit stays as it is until the next probe confirms it; 0: none.
	slowProbe time.Duration
}

func (a *adaptive) workers() int         { return int(math.Round(a.estimate)) }
func (a *adaptive) pause() time.Duration { return 0 }

// spare is how many more requests than workers are allowed.
func spare(workers float64) int {
	switch {
	case workers < 24:
		return 2
	case workers < 40:
		return 3
	}
	return int(workers / 12)
}

// withSpare is the limit for a number of workers.
func withSpare(workers float64) int { return int(math.Round(workers)) + spare(workers) }

func (a *adaptive) next(m measurement) (int, windowSize) {
	limit := min(a.nextLimit(m), a.ceiling)
	switch {
	case a.probing:
		return limit, windowSize{responses: max(2*limit, 6)}
	case limit > m.limit:
		// While the limit grows, few responses are enough: the next window corrects a
		// wrong measurement.
		return limit, windowSize{max(limit, 4), minWindow}
	}
	return limit, windowSize{max(limit, 12), minWindow}
}

func (a *adaptive) nextLimit(m measurement) int {
	if m.failing() {
		a.probing, a.slowProbe = false, 0
		a.estimate = max(1, a.estimate/2)
		return max(1, m.limit/2)
	}
	if a.probing {
		return a.endProbe(m)
	}
	if m.responseTime == 0 {
		return m.limit
	}
	if m.timePerRequest > m.responseTime*13/10 {
		// Too coarse for every window, since requests that began together end together.
		m.responseTime = m.timePerRequest
	}
	a.updateUnloaded(m)
	if m.inFlight < 0.8*float64(m.limit)-1 {
		// Too few requests were sent to measure anything.
		return m.limit
	}
	estimate := m.inFlight * float64(a.unloaded) / float64(m.responseTime)
	switch {
	case a.probeDue(m, withSpare(estimate)):
		a.beforeProbe, a.probing, a.probedLimit = m, true, m.limit
		return max(1, int(0.75*estimate))
	case a.slowProbe > 0:
		return m.limit
	}
	return a.adjust(m, estimate)
}

// probeDue reports whether to probe in the next window, given the limit that this
// one suggests.
func (a *adaptive) probeDue(m measurement, limit int) bool {
	slower := m.limit-limit >= 2 && float64(limit) < 0.85*float64(m.limit)
	stoppedGrowing := limit <= m.limit && 4*m.limit > 5*a.probedLimit+4
	since := m.at.Sub(a.lastProbe)
	return since > probeEvery || since > probeGap && (slower || stoppedGrowing || a.slowProbe > 0)
}

// updateUnloaded lowers unloaded to a shorter response time. One that is only a
// little shorter may be chance and counts for a fifth.
func (a *adaptive) updateUnloaded(m measurement) {
	switch {
	case a.unloaded == 0:
		a.unloaded, a.lastProbe = m.responseTime, m.at
	case m.responseTime < a.unloaded*8/10:
		a.unloaded = m.responseTime
	case m.responseTime < a.unloaded:
		a.unloaded += (m.responseTime - a.unloaded) / 5
	}
}

// adjust moves the limit towards a new estimate.
func (a *adaptive) adjust(m measurement, estimate float64) int {
	queued := float64(m.responseTime) > 1.1*float64(a.unloaded)
	if queued && a.estimate > 0 {
		estimate = (a.estimate + estimate) / 2
	}
	a.estimate = estimate
	return min(withSpare(estimate), m.limit+spare(estimate))
}

// endProbe sets unloaded from a probe and estimates the workers again from the
// window before it.
func (a *adaptive) endProbe(m measurement) int {
	before := a.beforeProbe
	a.probing, a.lastProbe = false, m.at
	if m.responseTime == 0 {
		return before.limit
	}
	if a.slowProbe == 0 && m.responseTime > a.unloaded*21/20 {
		a.slowProbe = m.responseTime
		return before.limit
	}
	measured := m.responseTime
	if a.slowProbe > 0 {
		measured, a.slowProbe = min(measured, a.slowProbe), 0
	}
	if change := float64(measured) / float64(a.unloaded); change > 0.8 && change < 1.2 {
		measured = (a.unloaded + measured) / 2
	}
	a.unloaded = measured
	a.estimate = before.inFlight * float64(a.unloaded) / float64(before.responseTime)
	return min(before.limit, withSpare(a.estimate))
}
