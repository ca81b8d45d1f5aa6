package gate

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// sendOthers sends the requests of other clients until the context ends. A gate, if there is one, observes them.
func sendOthers(ctx context.Context, s *server, every time.Duration, g *Gate) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		<-tick.C
		go func() {
			began := time.Now()
			_ = s.serve()
			if g != nil {
				g.ObserveOthers(time.Since(began), Answered)
			}
		}()
	}
}

// The limit goes down while other clients have to wait, and up again afterwards.
func TestPoliteYieldsToOtherClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newServer(8, always(50*time.Millisecond)), Polite(4)
		underLoad(t, g, s, func() {
			ctx, end := context.WithCancel(t.Context())
			defer end()
			go sendOthers(ctx, s, 25*time.Millisecond, g) // a quarter of the workers
			sleep(10 * time.Second)
			if n := g.Limit(); n != 4 {
				t.Errorf("limit %d while others use a quarter of the workers, want 4", n)
			}
			_, before := s.counts()
			busy, quit := context.WithCancel(t.Context())
			go sendOthers(busy, s, 7*time.Millisecond, nil) // together a little more than the workers can handle
			sleep(5 * time.Second)
			if n := g.Limit(); n != 1 {
				t.Errorf("limit %d while others wait, want 1", n)
			}
			quit()
			sleep(30 * time.Second)
			if n := g.Limit(); n != 4 {
				t.Errorf("limit %d after the load is gone, want 4", n)
			}
			if _, served := s.counts(); served == before {
				t.Error("nothing was served")
			}
		})
	})
}

// The server may be slow only for the requests of other clients.
func TestPoliteYieldsToObservedResponseTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newServer(8, always(50*time.Millisecond)), Polite(4)
		underLoad(t, g, s, func() {
			observe := func(d time.Duration, o Outcome) {
				for range 40 {
					g.ObserveOthers(d, o)
					sleep(100 * time.Millisecond)
				}
			}
			observe(20*time.Millisecond, Answered)
			if n := g.Limit(); n != 4 {
				t.Errorf("limit %d while others are served fast, want 4", n)
			}
			observe(60*time.Millisecond, Answered)
			if n := g.Limit(); n != 1 {
				t.Errorf("limit %d while others wait three times as long, want 1", n)
			}
			observe(20*time.Millisecond, Answered)
			observe(20*time.Millisecond, Answered)
			if n := g.Limit(); n != 4 {
				t.Errorf("limit %d after others are served fast again, want 4", n)
			}
			observe(0, Overloaded)
			if n := g.Limit(); n != 1 {
				t.Errorf("limit %d while others get errors, want 1", n)
			}
		})
	})
}

// Below one request at a time there are pauses: a server that became slow gets fewer requests.
func TestPolitePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newServer(4, always(50*time.Millisecond)), Polite(1)
		underLoad(t, g, s, func() {
			sleep(10 * time.Second)
			s.busyShare(10 * time.Second)
			_, calm := s.counts()
			s.mu.Lock()
			s.takes = always(200 * time.Millisecond)
			s.mu.Unlock()
			sleep(10 * time.Second)
			_, before := s.counts()
			sleep(time.Minute)
			_, after := s.counts()
			slow := float64(after-before) / 60
			if fast := float64(calm) / 20; slow > fast/20 {
				t.Errorf("%.1f requests a second while the server is slow, %.1f before that", slow, fast)
			}
			s.mu.Lock()
			s.takes = always(50 * time.Millisecond)
			s.mu.Unlock()
			sleep(3 * time.Minute)
			g.mu.Lock()
			d := g.controller.pause()
			g.mu.Unlock()
			if d != 0 {
				t.Errorf("it still pauses for %s after the server has recovered", d)
			}
		})
	})
}

// Response times vary. There are no pauses for a server that is as fast as usual.
func TestPoliteIgnoresRandomVariation(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for name, takes := range map[string]func() time.Duration{
		"half to one and a half times": varied(100 * time.Millisecond),
		"one of twenty is slow": func() time.Duration {
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
			t.Helper()
			s, g := newServer(4, takes), Polite(1)
			underLoad(t, g, s, func() {
				sleep(10 * time.Second)
				if share := 4 * s.busyShare(10*time.Minute); share < 0.85 {
					t.Errorf("a request was in flight for %.0f %% of the time", 100*share)
				}
			})
		})
	}
}
