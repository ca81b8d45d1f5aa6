package gate

import (
	"math"
	"time"
)

const (
	// pause is the least time between two limits.
	pause = 100 * time.Millisecond
	// soundings are at most so far apart; a sounding follows at once where answers take longer than expected, and where the
	// limit stops to grow, but not sooner than soonest.
	apart   = 15 * time.Second
	soonest = time.Second
)

// Seek returns a gate that finds out how many workers a server has and keeps them all busy, with two or three requests
// waiting so that none is idle between two. It never lets more than ceiling through at once.
func Seek(ceiling int) *Gate {
	s := &seeker{ceiling: max(ceiling, 1)}
	return newGate(s, 1, need{samples: 8})
}

// seeker holds limit = workers + spare, where workers = requests at once × alone ÷ time: time is what answers take now,
// and alone what they take where nobody waits. Where there is no queue the two are the same, and the limit grows by
// spare each time; where there is one, what is over is what waits. (The rule is that of the congestion control FAST TCP;
// Vegas counts the same queue.)
//
// What alone is may change: the server may become slower, which looks the same as fewer workers. So it is sounded: for a
// moment fewer requests are let through than there are workers, and what these take is alone.
type seeker struct {
	ceiling int
	alone   time.Duration
	// workers is the estimate, smoothed.
	workers float64
	// sounding: this window is one, and before is the window before it.
	sounding bool
	before   window
	sounded  time.Time
	// soundedAt is the limit at that time.
	soundedAt int
	// doubt is a time that a sounding told, and that is longer than alone. It may be chance, so the next one decides; until
	// then the limit stays.
	doubt time.Duration
}

func (s *seeker) slots() int { return int(math.Round(s.workers)) }

func (s *seeker) rest() time.Duration { return 0 }

// spare is how many requests more than workers there are to be.
func spare(workers float64) int {
	switch {
	case workers < 24:
		return 2
	case workers < 40:
		return 3
	}
	return int(workers / 12)
}

func (s *seeker) judge(w window) (int, need) {
	limit := min(s.next(w), s.ceiling)
	switch {
	case s.sounding:
		return limit, need{samples: max(2*limit, 6)}
	case limit > w.limit:
		// On the way up a round of answers is enough: what is wrong by chance is set right by the next.
		return limit, need{max(limit, 4), pause}
	}
	return limit, need{max(limit, 12), pause}
}

func (s *seeker) next(w window) int {
	if n := w.overloaded; n*10 > w.answered+n {
		s.sounding, s.doubt = false, 0
		s.workers = max(1, s.workers/2)
		return max(1, w.limit/2)
	}
	if s.sounding {
		return s.heard(w)
	}
	if w.time == 0 {
		return w.limit
	}
	if w.perEnd > w.time*13/10 {
		// It is too coarse for everyday use, since requests that were begun together end together.
		w.time = w.perEnd
	}
	s.learn(w)
	if w.inFlight < 0.8*float64(w.limit)-1 {
		// There was not enough to do: it tells nothing.
		return w.limit
	}
	now := w.inFlight * float64(s.alone) / float64(w.time)
	since := w.ended.Sub(s.sounded)
	want := int(math.Round(now)) + spare(now)
	longer := w.limit-want >= 2 && float64(want) < 0.85*float64(w.limit)
	grown := want <= w.limit && 4*w.limit > 5*s.soundedAt+4
	if since > apart || (longer || grown || s.doubt > 0) && since > soonest {
		s.before, s.sounding, s.soundedAt = w, true, w.limit
		return max(1, int(0.75*now))
	}
	if s.doubt > 0 {
		return w.limit
	}
	return s.follow(w, now)
}

// learn takes a time that is shorter than what is thought to be alone for what it is. One that is only little shorter
// may be chance, and counts a little.
func (s *seeker) learn(w window) {
	switch {
	case s.alone == 0:
		s.alone, s.sounded = w.time, w.ended
	case w.time < s.alone*8/10:
		s.alone = w.time
	case w.time < s.alone:
		s.alone += (w.time - s.alone) / 5
	}
}

// follow moves the limit towards an estimate.
func (s *seeker) follow(w window, now float64) int {
	crowded := float64(w.time) > 1.1*float64(s.alone)
	if crowded && s.workers > 0 {
		now = (s.workers + now) / 2
	}
	s.workers = now
	return min(int(math.Round(now))+spare(now), w.limit+spare(now))
}

// heard ends a sounding: what it measured is what answers take alone, and the window before it is seen in its light.
func (s *seeker) heard(w window) int {
	s.sounding, s.sounded = false, w.ended
	if w.time == 0 {
		return s.before.limit
	}
	if s.doubt == 0 && w.time > s.alone*21/20 {
		s.doubt = w.time
		return s.before.limit
	}
	if s.doubt > 0 {
		w.time, s.doubt = min(w.time, s.doubt), 0
	}
	if change := float64(w.time) / float64(s.alone); change > 0.8 && change < 1.2 {
		w.time = (s.alone + w.time) / 2
	}
	s.alone = w.time
	s.workers = s.before.inFlight * float64(s.alone) / float64(s.before.time)
	return min(s.before.limit, int(math.Round(s.workers))+spare(s.workers))
}
