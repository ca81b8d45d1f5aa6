package journal_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

var times = journal.LeaseSettings{Heartbeat: 30 * time.Second, StaleAfter: 120 * time.Second}

func newLease(s *space) *journal.Lease { return journal.NewLease(s, "search-api", times, nil) }

func who(build string) journal.Holder {
	return journal.Holder{Build: "https://jenkins.invalid/" + build, Run: "20261123-1542-k7wq", Process: "agent-1:" + build}
}

func take(t *testing.T, l *journal.Lease, build string) {
	t.Helper()
	if err := l.Acquire(t.Context(), who(build)); err != nil {
		t.Fatalf("build %s does not get the lease: %v", build, err)
	}
}

func refused(t *testing.T, err error, words string) {
	t.Helper()
	if runner.ClassOf(err) != runner.Refused || !strings.Contains(err.Error(), words) {
		t.Fatalf("got %v (class %d), want a refusal that says %q", err, runner.ClassOf(err), words)
	}
}

func TestALeaseWhoseHolderLivesIsRefusedAsSoonAsItsHeartbeatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpace()
		first := newLease(s)
		take(t, first, "41")
		defer first.Abandon()
		time.Sleep(10 * time.Second)
		began := time.Now()
		err := newLease(s).Acquire(t.Context(), who("42"))
		refused(t, err, "https://jenkins.invalid/41")
		if waited := time.Since(began); waited > times.Heartbeat {
			t.Errorf("it took %s to refuse, more than one heartbeat", waited)
		}
		if err := first.Permit(t.Context()); err != nil {
			t.Errorf("the holder may no longer write: %v", err)
		}
	})
}

func TestAStaleLeaseIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpace()
		dead := newLease(s)
		take(t, dead, "41")
		dead.Abandon()
		began := time.Now()
		second := newLease(s)
		var told []string
		ctx := httpclient.WithWaits(t.Context(), func(w httpclient.Wait) { told = append(told, w.String()) })
		if err := second.Acquire(ctx, who("42")); err != nil {
			t.Fatal(err)
		}
		defer second.Abandon()
		want := began.Add(times.StaleAfter).UTC().Format("waiting until 15:04:05 UTC") + ", for 2m0s"
		if len(told) != 1 || !strings.HasPrefix(told[0], "the lease is held by https://jenkins.invalid/41 since ") || !strings.HasSuffix(told[0], want) {
			t.Errorf("told %q, want who holds it, and %q", told, want)
		}
		if waited := time.Since(began); waited != times.StaleAfter {
			t.Errorf("taken over after %s, not %s", waited, times.StaleAfter)
		}
		if held, _ := second.Peek(t.Context()); held == nil || held.Build != who("42").Build {
			t.Errorf("the lease is held by %v", held)
		}
	})
}

func TestAHolderThatWasPausedCannotWriteAfterATakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpace()
		paused := newLease(s)
		take(t, paused, "41")
		// Its heartbeats do not get through: a process that is stopped sends none.
		s.on(func(op string) error {
			if strings.HasPrefix(op, "annotate guid-1 heartbeat") {
				return unavailable(op)
			}
			return nil
		})
		second := newLease(s)
		take(t, second, "42")
		defer second.Abandon()
		s.on(nil)
		lost := paused.Lost()
		refused(t, paused.Permit(t.Context()), "was taken over by https://jenkins.invalid/42")
		select {
		case <-lost:
		default:
			t.Error("Lost is not closed")
		}
		if err := paused.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if err := second.Permit(t.Context()); err != nil {
			t.Errorf("the release of a lost lease hit the new holder's: %v", err)
		}
		if held, _ := second.Peek(t.Context()); held == nil {
			t.Error("the release of a lost lease deleted the new holder's")
		}
	})
}

func TestOfTwoThatWaitForOneStaleLeaseExactlyOneGetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpace()
		dead := newLease(s)
		take(t, dead, "41")
		dead.Abandon()
		results := make(chan error)
		leases := []*journal.Lease{newLease(s), newLease(s)}
		for i, l := range leases {
			go func() { results <- l.Acquire(t.Context(), who([]string{"42", "43"}[i])) }()
		}
		won := 0
		for range leases {
			err := <-results
			if err == nil {
				won++
			} else {
				refused(t, err, "https://jenkins.invalid/4")
			}
		}
		if won != 1 {
			t.Fatalf("%d processes hold the lease", won)
		}
		may := 0
		for _, l := range leases {
			if l.Permit(t.Context()) == nil {
				may++
			}
			l.Abandon()
		}
		if may != 1 {
			t.Errorf("%d processes may write", may)
		}
	})
}

// The finder has seen the lease stand still, and the holder comes back just before
// it is deleted: one of the two must notice.
func TestAHolderThatComesBackDuringATakeoverAndTheFinderDoNotBothWrite(t *testing.T) {
	for _, moment := range []string{"annotate guid-1 taken-over-by", "delete guid-1"} {
		t.Run("right before "+moment, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSpace()
				holder := newLease(s)
				take(t, holder, "41")
				var awake atomic.Bool
				var back error
				s.on(func(op string) error {
					if op == moment {
						awake.Store(true)
						back = holder.Permit(t.Context())
					}
					if !awake.Load() && strings.HasPrefix(op, "annotate guid-1 heartbeat") {
						return unavailable(op)
					}
					return nil
				})
				finder := newLease(s)
				err := finder.Acquire(t.Context(), who("42"))
				defer finder.Abandon()
				defer holder.Abandon()
				if (back == nil) == (err == nil) {
					t.Errorf("the holder: %v, the finder: %v; one of them must be refused", back, err)
				}
			})
		})
	}
}

func TestALateWriterRenewsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpace()
		l := newLease(s)
		take(t, l, "41")
		defer l.Abandon()
		var beats atomic.Int32
		s.on(func(op string) error {
			if strings.HasPrefix(op, "annotate guid-1 heartbeat") {
				if beats.Add(1) <= 2 {
					return unavailable(op)
				}
			}
			return nil
		})
		time.Sleep(79 * time.Second)
		if err := l.Permit(t.Context()); err != nil || beats.Load() != 2 {
			t.Fatalf("within two thirds of the time: %v after %d heartbeats, want permission without another", err, beats.Load())
		}
		time.Sleep(2 * time.Second)
		if err := l.Permit(t.Context()); err != nil || beats.Load() != 3 {
			t.Fatalf("after two thirds of the time: %v after %d heartbeats, want permission after another", err, beats.Load())
		}
	})
}

func TestWhileTheLeaseCannotBeRenewedNothingIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpace()
		l := newLease(s)
		take(t, l, "41")
		defer l.Abandon()
		s.on(func(op string) error { return unavailable(op) })
		time.Sleep(81 * time.Second)
		if err := l.Permit(t.Context()); runner.ClassOf(err) != runner.Unavailable {
			t.Fatalf("got %v, want an error of class Unavailable", err)
		}
		s.on(nil)
		if err := l.Permit(t.Context()); err != nil {
			t.Fatalf("when the platform is back: %v", err)
		}
	})
}

func TestALeaseThatWasDeletedIsLostAtTheNextHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpace()
		l := newLease(s)
		take(t, l, "41")
		defer l.Abandon()
		if _, err := newLease(s).Break(t.Context(), who("41").Run, ""); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		<-l.Lost()
		if d := time.Since(began); d > times.Heartbeat {
			t.Errorf("noticed after %s", d)
		}
		refused(t, l.Permit(t.Context()), "the lease was taken")
	})
}

func TestTheLeaseIsDeletedOnlyForTheRunThatHoldsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpace()
		l := newLease(s)
		take(t, l, "41")
		defer l.Abandon()
		_, err := newLease(s).Break(t.Context(), "20261123-0000-aaaa", "")
		refused(t, err, who("41").Run)
		if held, err := l.Peek(t.Context()); err != nil || held == nil {
			t.Errorf("it was broken all the same: %v, %v", held, err)
		}
	})
}

// The process that begins a run holds the lease from before there is one.
func TestALeaseFromBeforeTheRunIsDeletedByTheRunsId(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, id := range []string{"20261123-0000-aaaa", who("41").Process} {
			s := newSpace()
			l := newLease(s)
			first := who("41")
			first.Run = ""
			if err := l.Acquire(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			defer l.Abandon()
			_, err := newLease(s).Break(t.Context(), "20261123-1111-bbbb", "20261123-0000-aaaa")
			refused(t, err, "not \"20261123-1111-bbbb\"")
			if _, err := newLease(s).Break(t.Context(), id, "20261123-0000-aaaa"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestAReleasedLeaseIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpace()
		first := newLease(s)
		take(t, first, "41")
		if err := first.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := first.Permit(t.Context()); !errors.Is(err, journal.ErrNotHeld) {
			t.Errorf("who released it may still write: %v", err)
		}
		began := time.Now()
		second := newLease(s)
		take(t, second, "42")
		defer second.Abandon()
		if time.Since(began) != 0 {
			t.Error("it was waited for")
		}
	})
}

func TestAnAbandonedLeaseIsNotReusedByItsOwnProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpace()
		l := newLease(s)
		take(t, l, "41")
		l.Abandon()
		began := time.Now()
		take(t, l, "41")
		defer l.Abandon()
		if waited := time.Since(began); waited != times.StaleAfter {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestWaitingForALeaseCanBeInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpace()
		dead := newLease(s)
		take(t, dead, "41")
		dead.Abandon()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(30*time.Second, cancel)
		err := newLease(s).Acquire(ctx, who("42"))
		if runner.ClassOf(err) != runner.Interrupted {
			t.Errorf("got %v", err)
		}
	})
}

func TestThreeHeartbeatsMustFitIntoTheTimeAfterWhichALeaseIsStale(t *testing.T) {
	if p := times.Problems(); len(p) != 0 {
		t.Errorf("the defaults: %v", p)
	}
	if p := (journal.LeaseSettings{Heartbeat: 30 * time.Second, StaleAfter: time.Minute}).Problems(); len(p) != 1 {
		t.Errorf("got %v", p)
	}
}
