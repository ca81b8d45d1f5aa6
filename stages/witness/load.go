package witness

import (
	"slices"
	"time"
)

const (
	// slowRate is how many requests a second are sent in the first half of the baseline,
	// so that what the witness itself costs shows in the second half.
	slowRate = 5
	// window is how many responses are compared with as many of the baseline, or fewer.
	window = 20
	// fewest is how many responses the baseline has at least, for a comparison.
	fewest = 5
	// leastRate is what the rate is never halved below.
	leastRate = 1
	// noise is a difference that is none: below it a response time may double by chance.
	noise = 5 * time.Millisecond
)

// load sees by the response times whether the witness's own requests slow the address
// down, and halves their rate then. Errors are not its business: they are a breach.
type load struct {
	rate float64
	// unloaded are the response times at slowRate; recent those since the last change of
	// the rate, at most window of them.
	unloaded, recent []time.Duration
	// open are the requests without a response. Once the rate was halved none is sent until
	// those of the rate before have ended, which would else slow down the next ones.
	open     int
	draining bool
}

// send reports whether the next request may be sent, and counts it.
func (l *load) send() bool {
	if l.draining && l.open > 0 {
		return false
	}
	l.draining = false
	l.open++
	return true
}

// ended takes one response time into account, and reports whether the rate was halved.
// While requests fail, response times say nothing of load.
func (l *load) ended(took time.Duration, slow, failed bool) bool {
	l.open--
	if failed || l.draining {
		l.recent = l.recent[:0]
		return false
	}
	if slow {
		l.unloaded = append(l.unloaded, took)
		return false
	}
	l.recent = append(l.recent, took)
	if len(l.recent) < window {
		return false
	}
	now := median(l.recent)
	l.recent = l.recent[:0]
	if len(l.unloaded) < fewest || l.rate <= leastRate {
		return false
	}
	before := median(l.unloaded)
	if now < 2*before || now-before < noise {
		return false
	}
	l.rate, l.draining = max(l.rate/2, leastRate), true
	return true
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
