package gate

import (
	"time"
)

const (
	// longRest is the longest rest between two requests.
	longRest = 5 * time.Second
	// memory is how long the shortest time is remembered, at least; at most it is twice as long. A server that is slow
	// for longer than that is a slow server.
	memory = 5 * time.Minute
)

// Polite returns a gate to a server that serves others: at most so many at once, and fewer as soon as answers take
// longer than they did, down to one at a time with rests between.
func Polite(most int) *Gate {
	p := &polite{most: max(most, 1)}
	return newGate(p, 1, p.need(1))
}

// polite has a limit that goes up by one while all is well, and down by a quarter when it is not.
type polite struct {
	most  int
	own   usual // what our requests take
	pulse usual // what the requests of others take, where that is known
	felt  []time.Duration
	hurts bool
	rests time.Duration
}

func (p *polite) slots() int          { return 0 }
func (p *polite) rest() time.Duration { return p.rests }

func (p *polite) need(limit int) need {
	if p.rests > 0 {
		return need{samples: 1}
	}
	return need{max(limit, 4), 2 * pause}
}

func (p *polite) judge(w window) (int, need) {
	limit := p.next(w)
	return limit, p.need(limit)
}

func (p *polite) next(w window) int {
	if n := w.overloaded; n*10 > w.answered+n {
		p.rests = min(max(2*p.rests, time.Second), longRest)
		return max(1, w.limit/2)
	}
	if w.time == 0 {
		return w.limit
	}
	strained := p.own.exceeded(w.time, w.ended) || p.hurts
	switch {
	case strained && w.limit == 1:
		p.rests = min(max(2*p.rests, w.time), longRest)
		return 1
	case strained:
		return w.limit - max(1, w.limit/4)
	case p.rests > 0:
		if p.rests /= 4; p.rests < w.time {
			p.rests = 0
		}
		return w.limit
	}
	return min(w.limit+1, p.most)
}

// Felt tells a polite gate how long a request of others took just now, or one like it. A gate of another kind does not
// mind.
func (g *Gate) Felt(d time.Duration, o Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, is := g.control.(*polite)
	if !is || o == Aside {
		return
	}
	if o == Overloaded {
		p.hurts = true
		return
	}
	// The middle one of three: a single late answer is chance.
	if p.felt = append(p.felt, d); len(p.felt) < 3 {
		return
	}
	a, b, c := p.felt[0], p.felt[1], p.felt[2]
	p.felt = p.felt[1:]
	p.hurts = p.pulse.exceeded(max(min(a, b), min(max(a, b), c)), time.Now())
}

// usual is the shortest time of the last minutes, of times that are smoothed: no two answers take the same, and the
// shortest of many is much shorter than most.
type usual struct {
	smooth           time.Duration
	smoothed         int // times in it
	before, shortest time.Duration
	since            time.Time
}

// calm is how many times make a smooth one.
const calm = 8

// exceeded tells whether a time is clearly longer than usual, and remembers it. Where it was, those that come next are
// judged without it: something is done about it, and they tell of that.
func (u *usual) exceeded(d time.Duration, at time.Time) bool {
	if u.smoothed++; u.smoothed == 1 {
		u.smooth = d
	}
	u.smooth += (d - u.smooth) / calm
	if u.since.IsZero() {
		u.since = at
	}
	if at.Sub(u.since) > memory {
		u.before, u.shortest, u.since = u.shortest, 0, at
	}
	if u.smoothed >= calm && (u.shortest == 0 || u.smooth < u.shortest) {
		u.shortest = u.smooth
	}
	is := u.shortest
	if is == 0 || 0 < u.before && u.before < is {
		is = u.before
	}
	if is == 0 || u.smooth <= is*3/2+10*time.Millisecond {
		return false
	}
	u.smoothed = 0
	return true
}
