package search

import (
	"slices"
	"sync"
	"time"
)

// slots are the workers of an instance, and the queue before them: first come, first served.
type slots struct {
	mu    sync.Mutex
	all   int
	held  int
	queue []chan struct{}

	writing int // held by PUTs and DELETEs of documents
	tally   Tally
	counted time.Time
}

// Tally is what an app's workers have done since its instances started. Times are sums over the workers: 8 workers that are
// busy for a second count as 8 s.
type Tally struct {
	Instances int `json:"instances"`
	Slots     int `json:"slots"`
	// Held, Writing and Queued are of now: busy workers, those that are busy with a PUT or DELETE of a document, and
	// requests that wait.
	Held    int `json:"held"`
	Writing int `json:"writing"`
	Queued  int `json:"queued"`

	BusySeconds    float64 `json:"busy_s"`
	WritingSeconds float64 `json:"writing_s"`
	QueuedSeconds  float64 `json:"queued_s"`

	// MostWriting and MostQueued are the peaks of one instance since the last ?forget.
	MostWriting int `json:"most_writing"`
	MostQueued  int `json:"most_queued"`

	Documents    int `json:"documents"` // PUTs and DELETEs that were answered
	Requests     int `json:"requests"`
	ServerErrors int `json:"server_errors"` // answers of 500 and more
}

// add adds the tally of another instance of the app.
func (t Tally) add(u Tally) Tally {
	return Tally{
		Instances: t.Instances + u.Instances, Slots: t.Slots + u.Slots,
		Held: t.Held + u.Held, Writing: t.Writing + u.Writing, Queued: t.Queued + u.Queued,
		BusySeconds: t.BusySeconds + u.BusySeconds, WritingSeconds: t.WritingSeconds + u.WritingSeconds, QueuedSeconds: t.QueuedSeconds + u.QueuedSeconds,
		MostWriting: max(t.MostWriting, u.MostWriting), MostQueued: max(t.MostQueued, u.MostQueued),
		Documents: t.Documents + u.Documents, Requests: t.Requests + u.Requests, ServerErrors: t.ServerErrors + u.ServerErrors,
	}
}

func newSlots(n int) *slots { return &slots{all: n, counted: time.Now()} }

// count adds the time since its last call to the sums. The caller holds mu.
func (s *slots) count() {
	now := time.Now()
	d := now.Sub(s.counted).Seconds()
	s.counted = now
	s.tally.BusySeconds += d * float64(s.held)
	s.tally.WritingSeconds += d * float64(s.writing)
	s.tally.QueuedSeconds += d * float64(len(s.queue))
}

// take waits for a slot. It returns false if the instance is killed meanwhile.
func (s *slots) take(writes bool, killed <-chan struct{}) bool {
	s.mu.Lock()
	s.count()
	if s.held < s.all && len(s.queue) == 0 {
		s.hold(writes)
		s.mu.Unlock()
		return true
	}
	turn := make(chan struct{})
	s.queue = append(s.queue, turn)
	s.tally.MostQueued = max(s.tally.MostQueued, len(s.queue))
	s.mu.Unlock()
	select {
	case <-turn: // next has already counted the slot as held
		s.mu.Lock()
		s.count()
		s.held--
		s.hold(writes)
		s.mu.Unlock()
		return true
	case <-killed:
		return false
	}
}

// hold counts a slot as held. The caller holds mu.
func (s *slots) hold(writes bool) {
	s.held++
	if writes {
		s.writing++
		s.tally.MostWriting = max(s.tally.MostWriting, s.writing)
	}
}

func (s *slots) release(writes bool, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count()
	s.held--
	s.tally.Requests++
	if writes {
		s.writing--
		s.tally.Documents++
	}
	if status >= 500 {
		s.tally.ServerErrors++
	}
	s.next()
}

// next gives free slots to the requests that wait longest. The caller holds mu.
func (s *slots) next() {
	for s.held < s.all && len(s.queue) > 0 {
		close(s.queue[0])
		s.queue = slices.Delete(s.queue, 0, 1)
		s.held++
	}
}

// resize changes how many slots there are. Requests that hold one keep it until they end.
func (s *slots) resize(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count()
	s.all = n
	s.next()
}

// view is the tally of now. With forget, the peaks start again.
func (s *slots) view(forget bool) Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count()
	t := s.tally
	t.Instances, t.Slots, t.Held, t.Writing, t.Queued = 1, s.all, s.held, s.writing, len(s.queue)
	if forget {
		s.tally.MostWriting, s.tally.MostQueued = s.writing, len(s.queue)
	}
	return t
}

// Workers is the tally of every running app, by the name that the app had when its container started. With forget, the
// peaks start again.
func (p *Program) Workers(forget bool) map[string]Tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]Tally{}
	for i := range p.running {
		all[i.app] = all[i.app].add(i.workers.slots.view(forget))
	}
	return all
}

// Change changes how many slots an instance has (0: no change), and how long a PUT and any other request take (negative: no
// change), for all instances that run and that will be started.
func (p *Program) Change(n int, put, read time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if put >= 0 {
		p.putTime.Store(int64(put))
	}
	if read >= 0 {
		p.readTime.Store(int64(read))
	}
	if n <= 0 {
		return
	}
	p.opts.Slots = n
	for i := range p.running {
		i.workers.slots.resize(n)
	}
}
