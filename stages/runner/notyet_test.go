package runner

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// failing returns what a task does that ends with err.
func failing(err error) func(context.Context, *Observation) error {
	return func(context.Context, *Observation) error { return err }
}

func TestWhatWaitsForAnEarlierStage(t *testing.T) {
	waits := &NotYet{Stage: "a", Why: "there is no app"}
	const undone = "there is no app, and 1. a is complete: somebody has undone it; to undo the rest: cutover toy rollback"
	for name, c := range map[string]struct {
		complete, dry bool
		err           error
		class         Class
		says          string
	}{
		"in a dry run it waits":                          {false, true, waits, Succeeded, "waits for 1. a: there is no app"},
		"also where that stage is complete":              {true, true, waits, Succeeded, "waits for 1. a: there is no app"},
		"else it is a failure":                           {false, false, waits, Failed, "there is no app (waits for a)"},
		"of a complete stage somebody has undone it":     {true, false, waits, Refused, undone},
		"another error is what it is":                    {true, false, errors.New("no"), Failed, "no"},
		"a NotYet stays one where more is said about it": {true, false, errors.Join(errors.New("no"), waits), Refused, undone},
	} {
		for part, with := range map[string]func(*toy){
			"check": func(b *toy) { b.check = failing(c.err) },
			"plan":  func(b *toy) { b.plan = c.err },
		} {
			t.Run(name+", "+part, func(t *testing.T) {
				w := newWorld()
				// The last stage is never run: the second one is not the end of the run.
				b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"}, &toy{w: w, name: "c"})
				b.Steps[1].Open = func() Stage {
					second := &toy{w: w, name: "b"}
					with(second)
					return gated{second, Admission{Act: true}}
				}
				if c.complete {
					w.record.Complete["a"] = Completion{}
				}
				err := w.runner(b, c.dry).Run(t.Context(), b.Steps[1:2])
				if ClassOf(err) != c.class {
					t.Errorf("class %v, want %v: %v", ClassOf(err), c.class, err)
				}
				if got := w.results[0].Tasks[len(w.results[0].Tasks)-1]; err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want %q", err, c.says)
				} else if err == nil && part == "check" {
					got = w.results[0].Tasks[0]
					if got.Verdict != Waits || got.Said != c.says || got.Error != "" {
						t.Errorf("the task is %+v", got)
					}
				} else if err == nil && (w.results[0].Verdict != Waits || w.results[0].Why != c.says || got.Verdict != Waits) {
					t.Errorf("the stage is %s: %s", w.results[0].Verdict, w.results[0].Why)
				}
			})
		}
	}
}

// After is for a task that cannot know itself that it is too early.
func TestATaskThatComesAfterAStage(t *testing.T) {
	after := &NotYet{Stage: "a", Why: "blue serves"}
	for name, c := range map[string]struct {
		complete, dry bool
		err           error
		want          string
		verdict       Verdict
	}{
		"holds":                                  {false, false, nil, "", Done},
		"fails before that stage is complete":    {false, false, errors.New("no"), "blue serves (waits for a)", Failure},
		"refuses before that stage is complete":  {false, false, Refuse("no"), "blue serves (waits for a)", Failure},
		"waits for it in a dry run":              {false, true, errors.New("no"), "waits for 1. a: blue serves", Waits},
		"fails by itself once it is complete":    {true, false, errors.New("no"), "no", Failure},
		"fails by itself then, in a dry run too": {true, true, errors.New("no"), "no", Failure},
		"cannot be determined":                   {false, false, Depend("no answer"), "no answer", Errored},
		"has a setting that is wrong":            {false, true, Misconfigure("TOKEN"), "TOKEN", Errored},
		"waits for another stage by itself":      {false, true, &NotYet{Stage: "b", Why: "nothing is built"}, "waits for 2. b: nothing is built", Waits},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"}, &toy{w: w, name: "c"})
			if c.complete {
				w.record.Complete["a"] = Completion{}
			}
			r := w.runner(b, c.dry)
			r.Checks = []Task{{Name: "it holds", After: after, Do: failing(c.err)}}
			r.Runbook.Steps[1].Open = func() Stage { return gated{&toy{w: w, name: "b"}, Admission{Act: true}} }
			err := r.Run(t.Context(), b.Steps[1:2])
			if (err != nil) != (c.verdict == Failure || c.verdict == Errored) {
				t.Errorf("got %v", err)
			}
			i := 0
			if !c.dry {
				i = 1 // After the lease.
			}
			got := w.results[0].Tasks[i]
			if said := got.Said + got.Error; got.Verdict != c.verdict || said != c.want {
				t.Errorf("%s: %q, want %s: %q", got.Verdict, said, c.verdict, c.want)
			}
		})
	}
}

// While it is polled, the stage that it waits for may become complete.
func TestATaskThatComesAfterAStageIsPolledUntilItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"})
		r := w.runner(b, false)
		r.Checks = []Task{{Name: "it holds", Wait: 5 * time.Second, After: &NotYet{Stage: "a", Why: "blue serves"}, Do: failing(Refuse("no"))}}
		began := time.Now()
		err := r.Run(t.Context(), b.Steps[:1])
		if took := time.Since(began); took != 5*time.Second || ClassOf(err) != Failed {
			t.Errorf("after %s: %v", took, err)
		}
	})
}
