package cloudfoundry

import (
	"sync"
	"time"
)

// recall keeps answers to reads for a while. A plan of twenty stages asks for the
// same few objects again and again: five times as often as there are different
// questions.
type recall struct {
	life time.Duration

	mu    sync.Mutex
	known map[string]answer
}

type answer struct {
	body []byte
	at   time.Time
}

// newRecall keeps nothing where life is zero.
func newRecall(life time.Duration) *recall { return &recall{life: life, known: map[string]answer{}} }

// of is the answer to a question that was asked lately.
func (r *recall) of(question string) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, is := r.known[question]
	if !is || time.Since(a.at) > r.life {
		return nil, false
	}
	return a.body, true
}

func (r *recall) keep(question string, body []byte) {
	if r.life <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[question] = answer{body, time.Now()}
}
