package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/google/go-cmp/cmp"
)

func TestStagesRunInOrderUnderOneLeaseAndAreCompleteAfterVerify(t *testing.T) {
	w := newWorld()
	verified := func(name string) func(context.Context, *Observation) error {
		return func(context.Context, *Observation) error { w.say("verify %s", name); return nil }
	}
	b := book(&toy{w: w, name: "a", verify: verified("a")}, &toy{w: w, name: "b", verify: verified("b")})
	if err := w.runner(b, false).Run(t.Context(), b.Steps); err != nil {
		t.Fatal(err)
	}
	wantLog(t, w, "acquire lease", "apply a", "verify a", "complete a", "apply b", "verify b", "complete b", "retire", "release lease")
}

func TestTheRunIsRetiredAfterTheLastStepAlone(t *testing.T) {
	w := newWorld()
	b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"})
	if err := w.runner(b, false).Run(t.Context(), b.Steps[:1]); err != nil {
		t.Fatal(err)
	}
	wantLog(t, w, "acquire lease", "apply a", "complete a", "release lease")
}

func TestARunThatAKilledProcessDidNotRetireIsRetiredByTheNext(t *testing.T) {
	w := newWorld()
	w.record.Complete = map[string]Completion{"a": {}, "b": {}}
	b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"})
	for range 2 { // The second comes after the end.
		if err := w.runner(b, false).Run(t.Context(), b.Steps[1:]); err != nil {
			t.Fatal(err)
		}
	}
	wantLog(t, w, "acquire lease", "retire", "release lease")
	if r := w.results[1]; r.Verdict != Skipped || !strings.Contains(r.Why, "run r1 is complete") {
		t.Errorf("verdict %q, why %q", r.Verdict, r.Why)
	}
}

func TestACompleteStageIsSkippedWithoutLeaseCheckOrVerify(t *testing.T) {
	w := newWorld()
	w.record.Complete["a"] = Completion{Build: "build 41"}
	never := func(context.Context, *Observation) error { t.Error("asked"); return nil }
	b := book(&toy{w: w, name: "a", check: never, verify: never}, &toy{w: w, name: "b"})
	if err := w.runner(b, false).Run(t.Context(), b.Steps[:1]); err != nil {
		t.Fatal(err)
	}
	wantLog(t, w)
	if r := w.results[0]; r.Verdict != Skipped || !strings.Contains(r.Why, "build 41") {
		t.Errorf("verdict %q, why %q", r.Verdict, r.Why)
	}
}

func TestAStageRefusesUnlessAllEarlierOnesAreComplete(t *testing.T) {
	w := newWorld()
	b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"})
	err := w.runner(b, false).Run(t.Context(), b.Steps[1:])
	if ClassOf(err) != Refused || !strings.Contains(err.Error(), "cutover toy a first") {
		t.Errorf("got %v", err)
	}
	wantLog(t, w)
}

func TestADryRunPlansAndWritesNothing(t *testing.T) {
	w := newWorld()
	w.record = nil
	b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b", check: func(context.Context, *Observation) error {
		return &NotYet{"a", "there is no a"}
	}})
	if err := w.runner(b, true).Run(t.Context(), b.Steps); err != nil {
		t.Fatal(err)
	}
	wantLog(t, w)
	if got := w.results[1].Tasks[0].Verdict; got != Waits {
		t.Errorf("a check that waits for an earlier stage is %q", got)
	}
	if got := w.results[0].Tasks[0]; got.Verdict != Planned || got.Said != "cf a" {
		t.Errorf("planned: %+v", got)
	}
}

func TestAllChecksAreRunAndNothingIsChangedWhenOneFails(t *testing.T) {
	w := newWorld()
	a := &toy{w: w, name: "a"}
	b := book(a)
	b.Steps[0].Open = func() Stage { return manyChecks{a} }
	err := w.runner(b, false).Run(t.Context(), b.Steps)
	if err == nil || !strings.Contains(err.Error(), "one") || !strings.Contains(err.Error(), "three") {
		t.Errorf("not all failures are reported: %v", err)
	}
	wantLog(t, w, "acquire lease", "release lease")
}

type manyChecks struct{ *toy }

func (manyChecks) Check() []Task {
	var all []Task
	for _, name := range []string{"one", "two", "three"} {
		all = append(all, Task{Name: name, Do: func(context.Context, *Observation) error {
			if name == "two" {
				return nil
			}
			return errors.New(name + " does not hold")
		}})
	}
	return all
}

func TestVerifyIsPolledUntilItHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		asked := 0
		b := book(&toy{w: w, name: "a", verify: func(context.Context, *Observation) error {
			if asked++; asked < 4 {
				return errors.New("not yet")
			}
			return nil
		}})
		if err := w.runner(b, false).Run(t.Context(), b.Steps); err != nil || asked != 4 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	})
}

func TestVerifyEndsAtItsDeadlineOrWhenWaitingCannotHelp(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want time.Duration
	}{
		"the deadline passes": {errors.New("no"), 10 * time.Second},
		"it is final":         {Final(errors.New("no")), 0},
		"it is refused":       {Refuse("no"), 0},
		"it may pass":         {MayPass(Refuse("no")), 10 * time.Second},
		"it is misconfigured": {MayPass(Misconfigure("no")), 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				b := book(&toy{w: w, name: "a", abort: true, verify: func(context.Context, *Observation) error { return c.err }})
				began := time.Now()
				err := w.runner(b, false).Run(t.Context(), b.Steps)
				if took := time.Since(began); ClassOf(err) != ClassOf(c.err) || took != c.want {
					t.Errorf("%v after %s", err, took)
				}
				wantLog(t, w, "acquire lease", "apply a", "abort a", "release lease")
			})
		})
	}
}

func TestAnInterruptedStageIsNotAborted(t *testing.T) {
	w := newWorld()
	ctx, cancel := context.WithCancel(t.Context())
	b := book(&toy{w: w, name: "a", abort: true, apply: func(ctx context.Context, _ *Observation) error {
		cancel()
		return ctx.Err()
	}}, &toy{w: w, name: "b"})
	err := w.runner(b, false).Run(ctx, b.Steps)
	if got := ClassOf(err).ExitCode(); got != 130 {
		t.Errorf("exit code %d for %v", got, err)
	}
	if got, want := w.results[0].Card.Failed, "nothing: 1. a was asked to stop, in apply: a apply"; got != want {
		t.Errorf("the card says %q, want %q", got, want)
	}
	wantLog(t, w, "acquire lease", "release lease")
}

func TestAnUnansweredWriteLeavesTheLeaseToGoStale(t *testing.T) {
	w := newWorld()
	b := book(&toy{w: w, name: "a", apply: func(context.Context, *Observation) error {
		return fmt.Errorf("put: %w", httpclient.ErrUnanswered)
	}})
	if err := w.runner(b, false).Run(t.Context(), b.Steps); err == nil {
		t.Fatal("no error")
	}
	wantLog(t, w, "acquire lease", "abandon lease")
}

func TestLookingGetsNoPermitAndDoingGetsOne(t *testing.T) {
	w := newWorld()
	c := httpclient.New(httpclient.Options{})
	write := func(ctx context.Context, _ *Observation) error {
		req, _ := newRequest(ctx)
		_, err := c.Do(req)
		return err
	}
	b := book(&toy{w: w, name: "a", check: write})
	if err := w.runner(b, false).Run(t.Context(), b.Steps); !errors.Is(err, httpclient.ErrNoPermit) {
		t.Errorf("a check could write: %v", err)
	}
	b = book(&toy{w: w, name: "b", apply: write})
	if err := w.runner(b, false).Run(t.Context(), b.Steps); err == nil || errors.Is(err, httpclient.ErrNoPermit) {
		t.Errorf("apply could not write: %v", err)
	}
}

func TestAPanicIsAFailureWithAReport(t *testing.T) {
	w := newWorld()
	b := book(&toy{w: w, name: "a", check: func(context.Context, *Observation) error { panic("oops") }})
	err := w.runner(b, false).Run(t.Context(), b.Steps)
	if err == nil || !strings.Contains(err.Error(), "oops") || len(w.results) != 1 || w.results[0].Card == nil {
		t.Errorf("%v, %d results", err, len(w.results))
	}
	wantLog(t, w, "acquire lease", "release lease")
}

func TestACheckCanSkipItsStage(t *testing.T) {
	w := newWorld()
	b := book(&toy{w: w, name: "a", check: func(context.Context, *Observation) error { return &Skip{"both serve"} }})
	if err := w.runner(b, false).Run(t.Context(), b.Steps); err != nil {
		t.Fatal(err)
	}
	if r := w.results[0]; r.Verdict != Skipped || r.Why != "both serve" || r.ExitCode != 0 {
		t.Errorf("%+v", r)
	}
	wantLog(t, w, "acquire lease", "release lease")
}

func newRequest(ctx context.Context) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, http.MethodPut, "http://127.0.0.1:1/", nil)
}

// The verdict is known, and a person waits for it.
func TestOnceOneTaskHasFailedTheOthersAreNotPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		a := &toy{w: w, name: "a"}
		b := book(a)
		b.Steps[0].Open = func() Stage { return twoProofs{a} }
		began := time.Now()
		if err := w.runner(b, false).Run(t.Context(), b.Steps); err == nil || time.Since(began) != 10*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

type twoProofs struct{ *toy }

func (twoProofs) Verify() []Task {
	return []Task{{Name: "one", Do: failing(errors.New("no"))}, {Name: "two", Wait: time.Hour, Do: failing(errors.New("no"))}}
}

func TestATaskThatTakesLongReportsWhyItDoesNotHoldYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		tries := 0
		b := book(&toy{w: w, name: "a", verify: func(_ context.Context, o *Observation) error {
			if tries++; tries == 1 {
				o.Set("instances", 1)
				o.Detail("the first try")
			}
			if tries < 4 {
				o.Progress(Progress{What: "looking"})
				return errors.New("1 of 2 instances run")
			}
			o.Say("2 of 2 instances")
			return nil
		}})
		said := &progress{}
		r := w.runner(b, false)
		r.ReportEvery, r.Observer = 1500*time.Millisecond, Observers{w, said}
		if err := r.Run(t.Context(), b.Steps); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"a verify after 1.5s: 1 of 2 instances run", "a verify after 3s: 1 of 2 instances run"}, said.all); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
		if got := w.results[0].Tasks[2]; got.Said != "2 of 2 instances" || got.Detail != "" || len(got.Facts) > 0 {
			t.Errorf("the result has what an earlier try measured: %+v", got)
		}
	})
}

// progress notes the progress of tasks.
type progress struct{ all []string }

func (p *progress) Observe(e Event) {
	if e.Kind == TaskProgress {
		p.all = append(p.all, fmt.Sprintf("%s after %s: %s", e.Task, e.Elapsed, e.Said))
		if e.Progress != nil {
			p.all = append(p.all, "still "+e.Progress.What)
		}
	}
}
