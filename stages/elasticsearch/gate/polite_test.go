package gate

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// others are the requests of the public: so many a second, until the end of the test.
func others(ctx context.Context, s *server, every time.Duration, g *Gate) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		<-tick.C
		go func() {
			began := time.Now()
			_ = s.serve()
			if g != nil {
				g.Felt(time.Since(began), Answered)
			}
		}()
	}
}

// A search API that serves people keeps at least half of its workers for them, and more when their answers take longer.
func TestPoliteTakesHalfAndLessWhereOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newServer(8, always(50*time.Millisecond)), Polite(4)
		run(t, g, s, func() {
			ctx, end := context.WithCancel(t.Context())
			defer end()
			go others(ctx, s, 25*time.Millisecond, g) // a quarter of the workers
			spend(10 * time.Second)
			if n := g.Limit(); n != 4 {
				t.Errorf("%d at once beside a quarter of the workers, want 4", n)
			}
			_, before := s.count()
			busy, quit := context.WithCancel(t.Context())
			go others(busy, s, 7*time.Millisecond, nil) // with the first a little more than the workers can do
			spend(5 * time.Second)
			if n := g.Limit(); n != 1 {
				t.Errorf("%d at once where others wait, want 1", n)
			}
			quit()
			spend(30 * time.Second)
			if n := g.Limit(); n != 4 {
				t.Errorf("%d at once after the crowd has left, want 4", n)
			}
			if _, served := s.count(); served == before {
				t.Error("nothing was served")
			}
		})
	})
}

// Where only the others' requests are slow, because it is them that the server works hard for, we see it by theirs.
func TestPoliteFeelsWhatOthersWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newServer(8, always(50*time.Millisecond)), Polite(4)
		run(t, g, s, func() {
			feel := func(d time.Duration, o Outcome) {
				for range 40 {
					g.Felt(d, o)
					spend(100 * time.Millisecond)
				}
			}
			feel(20*time.Millisecond, Answered)
			if n := g.Limit(); n != 4 {
				t.Errorf("%d at once where all is well, want 4", n)
			}
			feel(60*time.Millisecond, Answered)
			if n := g.Limit(); n != 1 {
				t.Errorf("%d at once where others wait thrice as long, want 1", n)
			}
			feel(20*time.Millisecond, Answered)
			feel(20*time.Millisecond, Answered)
			if n := g.Limit(); n != 4 {
				t.Errorf("%d at once where all is well again, want 4", n)
			}
			feel(0, Overloaded)
			if n := g.Limit(); n != 1 {
				t.Errorf("%d at once where others get errors, want 1", n)
			}
		})
	})
}

// Below one at a time there are rests: a source that has become slow is asked less often.
func TestPoliteRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newServer(4, always(50*time.Millisecond)), Polite(1)
		run(t, g, s, func() {
			spend(10 * time.Second)
			s.share(10 * time.Second)
			_, calm := s.count()
			s.mu.Lock()
			s.takes = always(200 * time.Millisecond)
			s.mu.Unlock()
			spend(10 * time.Second)
			_, before := s.count()
			spend(time.Minute)
			_, after := s.count()
			slow := float64(after-before) / 60
			if fast := float64(calm) / 20; slow > fast/20 {
				t.Errorf("%.1f requests a second to a source that is slow, %.1f to one that is not", slow, fast)
			}
			s.mu.Lock()
			s.takes = always(50 * time.Millisecond)
			s.mu.Unlock()
			spend(3 * time.Minute)
			g.mu.Lock()
			d := g.control.rest()
			g.mu.Unlock()
			if d != 0 {
				t.Errorf("it still rests for %s after the source is well again", d)
			}
		})
	})
}

// Answers never take the same time twice. A source that is as it always is, is not spared: rests are for one that has
// become slow.
func TestPoliteIsNotPutOffByChance(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for name, takes := range map[string]func() time.Duration{
		"half to one and a half times": varied(100 * time.Millisecond),
		"one of twenty is late": func() time.Duration {
			if random.IntN(20) == 0 {
				return 500 * time.Millisecond
			}
			return 80*time.Millisecond + time.Duration(random.IntN(40))*time.Millisecond
		},
		"a long tail": func() time.Duration {
			return time.Duration(float64(80*time.Millisecond) * math.Exp(0.5*random.NormFloat64()))
		},
	} {
		synctestRun(t, name, func(t *testing.T) {
			s, g := newServer(4, takes), Polite(1)
			run(t, g, s, func() {
				spend(10 * time.Second)
				if share := 4 * s.share(10*time.Minute); share < 0.85 {
					t.Errorf("it asked for %.0f %% of the time that it might have", 100*share)
				}
			})
		})
	}
}
