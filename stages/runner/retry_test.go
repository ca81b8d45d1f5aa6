package runner

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// A change that was answered with an error is read back: what it did is done, what it did not do is tried again for RetryFor.
func TestAChangeThatWasAnsweredWithAnErrorIsReadBack(t *testing.T) {
	type outcome struct {
		Class Class
		Took  time.Duration
		Tasks []string
		Tries int
	}
	lost := Depend("answered 502")
	unanswered := fmt.Errorf("%w (%w)", lost, httpclient.ErrUnanswered)
	for name, c := range map[string]struct {
		errs []error
		// done says that the first try had its effect all the same.
		done bool
		want outcome
	}{
		"it had its effect":                       {[]error{lost}, true, outcome{Succeeded, time.Second, []string{"done a apply"}, 1}},
		"it had none":                             {[]error{lost, lost}, false, outcome{Succeeded, 2 * time.Second, []string{"done a apply"}, 3}},
		"it never succeeds":                       {nil, false, outcome{Unavailable, 30 * time.Second, []string{"error a apply"}, 31}},
		"it was not answered":                     {[]error{unanswered}, false, outcome{Unavailable, time.Second, []string{"error a apply"}, 1}},
		"it was not answered, but had its effect": {[]error{unanswered}, true, outcome{Succeeded, time.Second, []string{"done a apply"}, 1}},
		"it took too long":                        {[]error{context.DeadlineExceeded}, false, outcome{Unavailable, 0, []string{"error a apply"}, 1}},
		"it was refused":                          {[]error{Refuse("no")}, false, outcome{Refused, 0, []string{"failed a apply"}, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				var got outcome
				a := &toy{w: w, name: "a", apply: func(context.Context, *Observation) error {
					got.Tries++
					if c.done {
						w.done["a"] = true
					}
					if c.errs == nil {
						return lost
					}
					if got.Tries <= len(c.errs) {
						return c.errs[got.Tries-1]
					}
					return nil
				}}
				r := w.runner(book(a, &toy{w: w, name: "b"}), false)
				r.RetryFor = 30 * time.Second
				began := time.Now()
				got.Class = ClassOf(r.Run(t.Context(), r.Runbook.Steps[:1]))
				got.Took = time.Since(began)
				result := w.results[0]
				for _, task := range result.Tasks {
					if task.List == ListApply {
						got.Tasks = append(got.Tasks, string(task.Verdict)+" "+task.Name)
					}
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
				if complete := w.record.IsComplete("a"); complete != (c.want.Class == Succeeded) || complete && len(result.NotStarted) > 0 {
					t.Errorf("complete: %t, not started: %q", complete, result.NotStarted)
				}
			})
		})
	}
}

// flaky answers the first request of each kind with an error.
type flaky struct {
	*world
	failed map[string]bool
}

func (f flaky) once(what string) error {
	if f.failed[what] {
		return nil
	}
	f.failed[what] = true
	return Depend("%s: answered 502", what)
}

func (f flaky) Complete(ctx context.Context, stage string, c Completion) error {
	if err := f.once("complete"); err != nil {
		return err
	}
	return f.world.Complete(ctx, stage, c)
}

func (f flaky) Reopen(ctx context.Context, stage string) error {
	if err := f.once("reopen"); err != nil {
		return err
	}
	return f.world.Reopen(ctx, stage)
}

func (f flaky) GoBack(ctx context.Context) error {
	if err := f.once("go back"); err != nil {
		return err
	}
	return f.world.GoBack(ctx)
}

func (f flaky) Retire(ctx context.Context) error {
	if err := f.once("retire"); err != nil {
		return err
	}
	return f.world.Retire(ctx)
}

func (f flaky) Acquire(ctx context.Context) error {
	if err := f.once("acquire"); err != nil {
		return err
	}
	return f.world.Acquire(ctx)
}

func TestARecordThatWasAnsweredWithAnErrorIsWrittenAgain(t *testing.T) {
	for name, run := range map[string]func(*testing.T, *Runner) error{
		"forward":  func(t *testing.T, r *Runner) error { t.Helper(); return r.Run(t.Context(), r.Runbook.Steps) },
		"rollback": func(t *testing.T, r *Runner) error { t.Helper(); return r.Rollback(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				f := flaky{w, map[string]bool{}}
				r := w.runner(book(&toy{w: w, name: "a"}), false)
				r.Journal, r.Lease, r.RetryFor = f, f, 30*time.Second
				if name == "rollback" {
					w.record.Complete["a"] = Completion{}
				}
				if err := run(t, r); err != nil {
					t.Fatal(err)
				}
				want := map[string]bool{"acquire": true, "complete": true, "retire": true}
				if name == "rollback" {
					want = map[string]bool{"acquire": true, "go back": true, "reopen": true, "retire": true}
				}
				if diff := cmp.Diff(want, f.failed); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}
