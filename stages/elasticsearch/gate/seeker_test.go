package gate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// server is one with workers and a queue, on the false clock of a test.
type server struct {
	mu      sync.Mutex
	cond    *sync.Cond
	workers int
	// jostle: who waits is not served in turn.
	jostle        bool
	tickets, turn int
	takes         func() time.Duration
	fails         bool

	busy    int
	counted time.Time
	sum     float64 // workers that were busy, times seconds
	most    int     // requests at once
	now     int
	served  int
}

func newServer(workers int, takes func() time.Duration) *server {
	s := &server{workers: workers, takes: takes, counted: time.Now()}
	s.cond = sync.NewCond(&s.mu)
	return s
}

func (s *server) step(by int) {
	now := time.Now()
	s.sum += float64(min(s.busy, s.workers)) * now.Sub(s.counted).Seconds()
	s.counted = now
	s.busy += by
}

func (s *server) serve() error {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	ticket := s.tickets
	s.tickets++
	for s.busy >= s.workers || !s.jostle && ticket != s.turn {
		s.cond.Wait()
	}
	s.turn++
	s.cond.Broadcast()
	s.step(+1)
	d, fails := s.takes(), s.fails
	s.mu.Unlock()
	spend(d)
	s.mu.Lock()
	s.step(-1)
	s.now--
	s.served++
	s.mu.Unlock()
	s.cond.Broadcast()
	if fails {
		return errors.New("overloaded")
	}
	return nil
}

// count is how many requests there were at once at most, since share was asked, and how many were served in all.
func (s *server) count() (most, served int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most, s.served
}

// share is how much of the workers' time was used in a while from now on.
func (s *server) share(d time.Duration) float64 {
	s.mu.Lock()
	s.step(0)
	s.sum = 0
	s.most = s.now
	s.mu.Unlock()
	spend(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step(0)
	return s.sum / d.Seconds() / float64(s.workers)
}

// feed sends requests through a gate until the context ends, from as many goroutines as there may ever be requests.
func feed(ctx context.Context, g *Gate, s *server) {
	for range 128 {
		go func() {
			for ctx.Err() == nil {
				p, err := g.Enter(ctx)
				if err != nil {
					return
				}
				o := Answered
				if s.serve() != nil {
					o = Overloaded
				}
				spend(time.Millisecond) // the way there and back
				p.Leave(o)
			}
		}()
	}
}

// spend lets time go by on the false clock.
func spend(d time.Duration) { <-time.After(d) }

func synctestRun(t *testing.T, name string, f func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// varied takes half as long to one and a half times.
func varied(d time.Duration) func() time.Duration {
	random := rand.New(rand.NewPCG(1, 2))
	return func() time.Duration { return d/2 + time.Duration(random.Int64N(int64(d))) }
}

func run(t *testing.T, g *Gate, s *server, what func()) {
	ctx, end := context.WithCancel(t.Context())
	feed(ctx, g, s)
	what()
	end()
	synctest.Wait()
	spend(time.Minute)
}

// The slots of a search API are found without being told, kept busy, and not queued before.
func TestItFindsTheWorkersAndKeepsThemBusy(t *testing.T) {
	for name, takes := range map[string]func(time.Duration) func() time.Duration{"always the same": always, "varied": varied} {
		for _, workers := range []int{1, 2, 3, 8, 20, 64} {
			synctestRun(t, fmt.Sprintf("%d workers, %s", workers, name), func(t *testing.T) {
				s, g := newServer(workers, takes(25*time.Millisecond)), Seek(128)
				run(t, g, s, func() {
					ramp := s.share(10 * time.Second)
					mostEver, _ := s.count()
					share := s.share(20 * time.Second)
					most, _ := s.count()
					t.Logf("%s, %d workers: %.1f %% busy (%.1f %% in the first 10 s), found %d, at most %d at once, %d ever",
						name, workers, 100*share, 100*ramp, g.Slots(), most, mostEver)
					if share < 0.975 {
						t.Errorf("%s, %d workers: %.1f %% busy", name, workers, 100*share)
					}
					might := workers + 4 + workers/12
					if name == "varied" {
						might += 2
					}
					if most := max(most, mostEver); most > might {
						t.Errorf("%s, %d workers: %d requests at once", name, workers, most)
					}
				})
			})
		}
	}
}

// Where who waits is not served in turn, some answers never come while others come at once.
func TestItIsNotFooledByAQueueWithoutOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newServer(8, always(25*time.Millisecond)), Seek(128)
		s.jostle = true
		run(t, g, s, func() {
			spend(10 * time.Second)
			share := s.share(10 * time.Second)
			if most, _ := s.count(); share < 0.97 || most > 16 {
				t.Errorf("%.1f %% busy, at most %d at once to 8 workers", 100*share, most)
			}
		})
	})
}

// A machine that has other work now and then makes answers late for a moment, also those of a sounding. That is no reason
// to think that there are more workers.
func TestItIsNotFooledByAMomentsWork(t *testing.T) {
	for _, every := range []time.Duration{3100 * time.Millisecond, 15100 * time.Millisecond} {
		synctestRun(t, every.String(), func(t *testing.T) {
			began := time.Now()
			s := newServer(20, func() time.Duration {
				if time.Since(began)%every < 200*time.Millisecond {
					return 40 * time.Millisecond
				}
				return 25 * time.Millisecond
			})
			g := Seek(128)
			run(t, g, s, func() {
				spend(10 * time.Second)
				share := s.share(time.Minute)
				if most, _ := s.count(); share < 0.97 || most > 24 {
					t.Errorf("%.1f %% busy, at most %d at once to 20 workers", 100*share, most)
				}
			})
		})
	}
}

// A server that becomes slower, or loses workers, or gets more of them, in the middle: both look the same from outside.
func TestItFollowsAServerThatChanges(t *testing.T) {
	for name, change := range map[string]func(*server){
		"twice as slow":        func(s *server) { s.takes = always(50 * time.Millisecond) },
		"ten times as slow":    func(s *server) { s.takes = always(250 * time.Millisecond) },
		"twice as fast":        func(s *server) { s.takes = always(12500 * time.Microsecond) },
		"half of the workers":  func(s *server) { s.workers /= 2 },
		"twice as many":        func(s *server) { s.workers *= 2 },
		"a quarter, and slow":  func(s *server) { s.workers /= 4; s.takes = always(50 * time.Millisecond) },
		"slower, and very few": func(s *server) { s.workers = 1; s.takes = always(100 * time.Millisecond) },
	} {
		synctestRun(t, name, func(t *testing.T) {
			s, g := newServer(16, always(25*time.Millisecond)), Seek(128)
			run(t, g, s, func() {
				spend(10 * time.Second)
				s.mu.Lock()
				s.step(0)
				change(s)
				s.mu.Unlock()
				spend(8 * time.Second)
				share := s.share(20 * time.Second)
				most, _ := s.count()
				t.Logf("%s: %.1f %% busy, found %d of %d, at most %d at once", name, 100*share, g.Slots(), s.workers, most)
				if share < 0.9 || most > s.workers+6 {
					t.Errorf("%s: %.1f %% of %d workers busy, at most %d at once", name, 100*share, s.workers, most)
				}
			})
		})
	}
}

// A server that says that it has enough is left alone, and found again when it is well.
func TestItBacksOffFromErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newServer(20, always(25*time.Millisecond)), Seek(128)
		run(t, g, s, func() {
			spend(10 * time.Second)
			s.mu.Lock()
			s.fails = true
			s.mu.Unlock()
			spend(2 * time.Second)
			if n := g.Limit(); n > 2 {
				t.Errorf("%d at once to a server that answers nothing but errors", n)
			}
			s.mu.Lock()
			s.fails = false
			s.mu.Unlock()
			spend(6 * time.Second)
			if share := s.share(5 * time.Second); share < 0.95 {
				t.Errorf("%.1f %% busy after it is well again", 100*share)
			}
		})
	})
}

// The ceiling holds whatever the server could do, and who waits can be called off.
func TestTheCeilingHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newServer(50, always(25*time.Millisecond)), Seek(5)
		run(t, g, s, func() {
			spend(10 * time.Second)
			if most, _ := s.count(); most != 5 {
				t.Errorf("%d at once, and 5 may be", most)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
			defer cancel()
			if p, err := g.Enter(ctx); err == nil {
				p.Leave(Aside)
				t.Log("let in at once")
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("called off: %v", err)
			}
		})
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.in != 0 || len(g.queue) != 0 {
			t.Errorf("%d are still counted in, %d wait", g.in, len(g.queue))
		}
	})
}
