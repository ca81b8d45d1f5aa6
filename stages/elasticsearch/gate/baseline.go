package gate

import "time"

const (
	// baselineAge is for how long the lowest response time is remembered at least; at
	// most it is twice as long. A server that is slow for longer than that counts as a
	// slow server, not as one under load.
	baselineAge = 5 * time.Minute
	// smoothing is over how many response times the moving average goes.
	smoothing = 8
)

// baseline is the usual response time: the lowest moving average of the last
// minutes. Single response times vary too much, and the lowest of many is far below
// most.
type baseline struct {
	average time.Duration // exponential moving average
	count   int           // response times in it
	// lowest is the lowest average since the time since; before is the lowest of the
	// period before that. 0: none yet.
	before, lowest time.Duration
	since          time.Time
}

// exceeded adds a response time and reports whether the average is now clearly above
// the usual. If it is, the average starts again: the caller reacts by sending less,
// and the times that follow show the effect.
func (b *baseline) exceeded(d time.Duration, at time.Time) bool {
	if b.count++; b.count == 1 {
		b.average = d
	}
	b.average += (d - b.average) / smoothing
	if b.since.IsZero() {
		b.since = at
	}
	if at.Sub(b.since) > baselineAge {
		b.before, b.lowest, b.since = b.lowest, 0, at
	}
	if b.count >= smoothing && (b.lowest == 0 || b.average < b.lowest) {
		b.lowest = b.average
	}
	usual := b.usual()
	if usual == 0 || b.average <= usual*3/2+10*time.Millisecond {
		return false
	}
	b.count = 0
	return true
}

// usual is the lower of lowest and before, of those that are set.
func (b *baseline) usual() time.Duration {
	if b.lowest == 0 || 0 < b.before && b.before < b.lowest {
		return b.before
	}
	return b.lowest
}
