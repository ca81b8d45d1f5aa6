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

// server has workers and a queue, on the fake clock of synctest.
type server struct {
	mu      sync.Mutex
	cond    *sync.Cond
	workers int
	// unordered: waiting requests are served in no order.
	unordered     bool
	tickets, turn int
	takes         func() time.Duration
	fails         bool

	busy        int
	lastChange  time.Time // of busy
	busySeconds float64   // busy workers, times seconds
	inFlight    int
	maxInFlight int
	served      int
}

func newServer(workers int, takes func() time.Duration) *server {
	s := &server{workers: workers, takes: takes, lastChange: time.Now()}
	s.cond = sync.NewCond(&s.mu)
	return s
}

func (s *server) changeBusy(by int) {
	now := time.Now()
	s.busySeconds += float64(min(s.busy, s.workers)) * now.Sub(s.lastChange).Seconds()
	s.lastChange = now
	s.busy += by
}

func (s *server) serve() error {
	s.mu.Lock()
	s.inFlight++
	s.maxInFlight = max(s.maxInFlight, s.inFlight)
	ticket := s.tickets
	s.tickets++
	for s.busy >= s.workers || !s.unordered && ticket != s.turn {
		s.cond.Wait()
	}
	s.turn++
	s.cond.Broadcast()
	s.changeBusy(+1)
	d, fails := s.takes(), s.fails
	s.mu.Unlock()
	sleep(d)
	s.mu.Lock()
	s.changeBusy(-1)
	s.inFlight--
	s.served++
	s.mu.Unlock()
	s.cond.Broadcast()
	if fails {
		return errors.New("overloaded")
	}
	return nil
}

// counts returns the most concurrent requests since the last call of busyShare, and how many were served in all.
func (s *server) counts() (maxInFlight, served int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.maxInFlight, s.served
}

// busyShare sleeps, and returns the share of the workers' time that was used meanwhile.
func (s *server) busyShare(d time.Duration) float64 {
	s.mu.Lock()
	s.changeBusy(0)
	s.busySeconds = 0
	s.maxInFlight = s.inFlight
	s.mu.Unlock()
	sleep(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changeBusy(0)
	return s.busySeconds / d.Seconds() / float64(s.workers)
}

// sendThrough sends requests through a gate until the context ends, from more goroutines than any gate here allows.
func sendThrough(ctx context.Context, g *Gate, s *server) {
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
				sleep(time.Millisecond) // the network
				p.Leave(o)
			}
		}()
	}
}

// sleep waits on the fake clock.
func sleep(d time.Duration) { <-time.After(d) }

func synctestRun(t *testing.T, name string, f func(*testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// varied returns times from half of d to one and a half of it.
func varied(d time.Duration) func() time.Duration {
	random := rand.New(rand.NewPCG(1, 2))
	return func() time.Duration { return d/2 + time.Duration(random.Int64N(int64(d))) }
}

// underLoad runs f while requests are sent through a gate to a server.
func underLoad(t *testing.T, g *Gate, s *server, f func()) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	sendThrough(ctx, g, s)
	f()
	end()
	synctest.Wait()
	sleep(time.Minute)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inFlight != 0 || len(g.waiting) != 0 {
		t.Errorf("%d still in flight, %d still waiting", g.inFlight, len(g.waiting))
	}
}

// The number of workers is found out; all of them are kept busy, with a short queue.
func TestAdaptiveFindsTheWorkersAndKeepsThemBusy(t *testing.T) {
	for name, takes := range map[string]func(time.Duration) func() time.Duration{"constant": always, "varied": varied} {
		for _, workers := range []int{1, 2, 3, 8, 20, 64} {
			synctestRun(t, fmt.Sprintf("%d workers, %s", workers, name), func(t *testing.T) {
				t.Helper()
				s, g := newServer(workers, takes(25*time.Millisecond)), Adaptive(128)
				underLoad(t, g, s, func() {
					ramp := s.busyShare(10 * time.Second)
					rampMax, _ := s.counts()
					share := s.busyShare(20 * time.Second)
					most, _ := s.counts()
					t.Logf("%s, %d workers: %.1f %% busy (%.1f %% in the first 10 s), found %d, at most %d in flight, %d in the first 10 s",
						name, workers, 100*share, 100*ramp, g.Workers(), most, rampMax)
					if share < 0.975 {
						t.Errorf("%s, %d workers: %.1f %% busy", name, workers, 100*share)
					}
					allowed := workers + 4 + workers/12
					if name == "varied" {
						allowed += 2
					}
					if most := max(most, rampMax); most > allowed {
						t.Errorf("%s, %d workers: %d requests in flight", name, workers, most)
					}
				})
			})
		}
	}
}

// Without an order in the queue, some responses never come while others are immediate.
func TestAdaptiveCopesWithAnUnorderedQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newServer(8, always(25*time.Millisecond)), Adaptive(128)
		s.unordered = true
		underLoad(t, g, s, func() {
			sleep(10 * time.Second)
			share := s.busyShare(10 * time.Second)
			if most, _ := s.counts(); share < 0.97 || most > 16 {
				t.Errorf("%.1f %% busy, at most %d in flight to 8 workers", 100*share, most)
			}
		})
	})
}

// Other work on the machine now and then makes responses slow for a moment, also those of a probe. The gate must not
// conclude that there are more workers.
func TestAdaptiveIgnoresShortSlowdowns(t *testing.T) {
	for _, every := range []time.Duration{3100 * time.Millisecond, 15100 * time.Millisecond} {
		synctestRun(t, every.String(), func(t *testing.T) {
			t.Helper()
			began := time.Now()
			s := newServer(20, func() time.Duration {
				if time.Since(began)%every < 200*time.Millisecond {
					return 40 * time.Millisecond
				}
				return 25 * time.Millisecond
			})
			g := Adaptive(128)
			underLoad(t, g, s, func() {
				sleep(10 * time.Second)
				share := s.busyShare(time.Minute)
				if most, _ := s.counts(); share < 0.97 || most > 24 {
					t.Errorf("%.1f %% busy, at most %d in flight to 20 workers", 100*share, most)
				}
			})
		})
	}
}

// A server becomes slower or faster, or its number of workers changes, which looks the same from outside.
func TestAdaptiveFollowsAServerThatChanges(t *testing.T) {
	for name, change := range map[string]func(*server){
		"twice as slow":                        func(s *server) { s.takes = always(50 * time.Millisecond) },
		"ten times as slow":                    func(s *server) { s.takes = always(250 * time.Millisecond) },
		"twice as fast":                        func(s *server) { s.takes = always(12500 * time.Microsecond) },
		"half the workers":                     func(s *server) { s.workers /= 2 },
		"twice the workers":                    func(s *server) { s.workers *= 2 },
		"a quarter of the workers, and slower": func(s *server) { s.workers /= 4; s.takes = always(50 * time.Millisecond) },
		"one worker, and slower":               func(s *server) { s.workers = 1; s.takes = always(100 * time.Millisecond) },
	} {
		synctestRun(t, name, func(t *testing.T) {
			t.Helper()
			s, g := newServer(16, always(25*time.Millisecond)), Adaptive(128)
			underLoad(t, g, s, func() {
				sleep(10 * time.Second)
				s.mu.Lock()
				s.changeBusy(0)
				change(s)
				s.mu.Unlock()
				sleep(8 * time.Second)
				share := s.busyShare(20 * time.Second)
				most, _ := s.counts()
				t.Logf("%s: %.1f %% busy, found %d of %d, at most %d in flight", name, 100*share, g.Workers(), s.workers, most)
				if share < 0.9 || most > s.workers+6 {
					t.Errorf("%s: %.1f %% of %d workers busy, at most %d in flight", name, 100*share, s.workers, most)
				}
			})
		})
	}
}

// An overloaded server gets few requests until it recovers.
func TestAdaptiveBacksOffFromErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newServer(20, always(25*time.Millisecond)), Adaptive(128)
		underLoad(t, g, s, func() {
			sleep(10 * time.Second)
			s.mu.Lock()
			s.fails = true
			s.mu.Unlock()
			sleep(2 * time.Second)
			if n := g.Limit(); n > 2 {
				t.Errorf("limit %d for a server that responds with nothing but errors", n)
			}
			s.mu.Lock()
			s.fails = false
			s.mu.Unlock()
			sleep(6 * time.Second)
			if share := s.busyShare(5 * time.Second); share < 0.95 {
				t.Errorf("%.1f %% busy after it has recovered", 100*share)
			}
		})
	})
}

// The ceiling holds however many workers there are, and a waiting request can be cancelled.
func TestAdaptiveNeverExceedsItsCeiling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newServer(50, always(25*time.Millisecond)), Adaptive(5)
		underLoad(t, g, s, func() {
			sleep(10 * time.Second)
			if most, _ := s.counts(); most != 5 {
				t.Errorf("%d in flight, want at most 5", most)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
			defer cancel()
			if p, err := g.Enter(ctx); err == nil {
				p.Leave(Ignored)
				t.Log("admitted without waiting")
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("cancelled: %v", err)
			}
		})
	})
}

// Requests that were cancelled or refused show nothing about the server.
func TestIgnoredRequestsDoNotChangeTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, g := range map[string]*Gate{"adaptive": Adaptive(128), "polite": Polite(4)} {
			for range 100 {
				p, err := g.Enter(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				sleep(10 * time.Millisecond)
				p.Leave(Ignored)
			}
			g.ObserveOthers(0, Ignored)
			if g.Limit() != 1 || g.Workers() != 0 {
				t.Errorf("%s: limit %d, %d workers", name, g.Limit(), g.Workers())
			}
		}
	})
}
