package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A proof that an earlier stage's work is wrong opens the way to repair it: that stage
// and those between are no longer complete, and it is the next command.
func TestAProofReopensAnEarlierStage(t *testing.T) {
	wrong := &Reopen{Stage: "b", Why: "document 7 is missing"}
	undone := &NotYet{Stage: "a", Why: "there is no app"}
	for name, c := range map[string]struct {
		err     error
		part    string
		reopens Range
		dry     bool
		// complete are the stages that still are.
		complete []string
		class    Class
		next     string
	}{
		"in a verification":                  {err: wrong, part: "verify", complete: []string{"a"}, class: Failed, next: "cutover toy b"},
		"in a check":                         {err: wrong, part: "check", complete: []string{"a"}, class: Failed, next: "cutover toy b"},
		"wrapped":                            {err: fmt.Errorf("green: %w", errors.Join(errors.New("no"), wrong)), part: "verify", complete: []string{"a"}, class: Failed, next: "cutover toy b"},
		"the earliest of several":            {err: errors.Join(wrong, &Reopen{Stage: "a", Why: "no app"}), part: "check", class: Failed, next: "cutover toy a"},
		"where an earlier stage was undone":  {err: undone, part: "check", class: Failed, next: "cutover toy a"},
		"where something does not answer":    {err: errors.Join(Depend("no answer"), wrong), part: "check", complete: []string{"a"}, class: Failed, next: "cutover toy b"},
		"not while something is refused":     {err: errors.Join(wrong, Refuse("a stranger")), part: "check", complete: []string{"a", "b", "c"}, class: Refused, next: "cutover toy status"},
		"not in a dry run":                   {err: wrong, part: "check", dry: true, complete: []string{"a", "b", "c"}, class: Failed, next: "cutover toy b"},
		"not itself":                         {err: &Reopen{Stage: "d", Why: "no"}, part: "verify", complete: []string{"a", "b", "c"}, class: Failed, next: "cutover toy d"},
		"not what cannot be run again":       {err: &Reopen{Stage: "a", Why: "no"}, part: "check", reopens: Range{"b", "d"}, complete: []string{"a", "b", "c"}, class: Failed, next: "cutover toy d"},
		"not from where nothing is reopened": {err: undone, part: "check", reopens: Range{"a", "c"}, complete: []string{"a", "b", "c"}, class: Refused, next: "cutover toy status"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				last := &toy{w: w, name: "d"}
				if do := failing(c.err); c.part == "check" {
					last.check = do
				} else {
					last.verify = do
				}
				b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"}, &toy{w: w, name: "c"}, last, &toy{w: w, name: "e"})
				b.Reopens = Range{"a", "d"}
				if c.reopens != (Range{}) {
					b.Reopens = c.reopens
				}
				for _, s := range []string{"a", "b", "c"} {
					w.record.Complete[s] = Completion{}
				}
				began := time.Now()
				err := w.runner(b, c.dry).Run(t.Context(), b.Steps[3:4])
				if ClassOf(err) != c.class {
					t.Errorf("class %v, want %v: %v", ClassOf(err), c.class, err)
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("it was polled for %s: waiting cannot help", took)
				}
				var complete []string
				for s := range w.record.Complete {
					complete = append(complete, s)
				}
				slices.Sort(complete)
				if diff := cmp.Diff(c.complete, complete); diff != "" {
					t.Errorf("complete (-want +got):\n%s", diff)
				}
				if next := w.results[0].Card.Next; next != c.next {
					t.Errorf("next is %q, want %q", next, c.next)
				}
			})
		})
	}
}

// Killed in between, the run still asks for an earlier stage first.
func TestTheLastIsReopenedFirst(t *testing.T) {
	w := newWorld()
	b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"}, &toy{w: w, name: "c", check: failing(&Reopen{Stage: "a", Why: "no"})}, &toy{w: w, name: "d"})
	b.Reopens = Range{"a", "c"}
	w.record.Complete["a"], w.record.Complete["b"] = Completion{}, Completion{}
	r := w.runner(b, false)
	r.Journal = failingJournal{w}
	_ = r.Run(t.Context(), b.Steps[2:3])
	if !w.record.IsComplete("a") || w.record.IsComplete("b") {
		t.Errorf("complete are %v", w.record.Complete)
	}
}

// failingJournal withdraws one completion, and then no more.
type failingJournal struct{ *world }

func (j failingJournal) Reopen(ctx context.Context, stage string) error {
	if stage == "a" {
		return errors.New("the platform does not answer")
	}
	return j.world.Reopen(ctx, stage)
}
