package runner

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// companion is a companion of the tests.
type companion struct {
	w      *world
	breach chan error
	// sick is why it cannot start, bad its verdict.
	sick, bad error
}

func (c *companion) Start(context.Context) (<-chan error, error) {
	c.w.say("companion starts")
	return c.breach, c.sick
}

func (c *companion) Stop() []Task {
	return []Task{{Name: "verdict", Do: func(context.Context, *Observation) error { c.w.say("verdict"); return c.bad }}}
}
func (c *companion) End() { c.w.say("companion ends") }

func TestACompanionStartsBeforeItsFirstStageAndItsVerdictJoinsTheLast(t *testing.T) {
	w := newWorld()
	book := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"}, &toy{w: w, name: "c"}, &toy{w: w, name: "d"})
	r := w.runner(book, false)
	r.Monitor = &Monitor{Range: Range{"b", "c"}, Companion: &companion{w: w, breach: make(chan error)}}
	if err := r.Run(t.Context(), book.Steps); err != nil {
		t.Fatal(err)
	}
	wantLog(t, w, "acquire lease", "apply a", "complete a", "companion starts", "apply b", "complete b", "apply c", "verdict", "complete c", "apply d", "complete d", "retire",
		"companion ends", "release lease")
}

func TestABreachStopsTheStageAndPutsTheWorldBack(t *testing.T) {
	for name, c := range map[string]struct {
		revert func(*world) ([]Task, error)
		code   int
		want   []string
	}{
		"blue is mapped again": {
			func(w *world) ([]Task, error) {
				return []Task{{Name: "back", Effect: Changes, Do: func(context.Context, *Observation) error { w.say("put back"); return nil }}}, nil
			}, 1, []string{"acquire lease", "companion starts", "apply a", "complete a", "put back", "companion ends", "release lease"},
		},
		"or both stay": {
			func(*world) ([]Task, error) { return nil, Refuse("blue is sick") },
			3,
			[]string{"acquire lease", "companion starts", "apply a", "complete a", "companion ends", "release lease"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			breach := make(chan error)
			book := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b", abort: true, apply: func(ctx context.Context, _ *Observation) error {
				breach <- errors.New("a reader failed")
				<-ctx.Done()
				return ctx.Err()
			}})
			r := w.runner(book, false)
			r.Monitor = &Monitor{Range: Range{"a", "b"}, Companion: &companion{w: w, breach: breach}, Revert: func(context.Context) ([]Task, error) { return c.revert(w) }}
			err := r.Run(t.Context(), book.Steps)
			if got := ClassOf(err).ExitCode(); got != c.code || !strings.Contains(err.Error(), "a reader failed") {
				t.Errorf("exit code %d: %v", got, err)
			}
			wantLog(t, w, c.want...)
			if _, complete := w.record.Complete["a"]; complete != (c.code == 3) {
				t.Errorf("the stage before is complete: %t", complete)
			}
			if f := w.results[1].firstFailure(); f == nil || !strings.Contains(f.Error, "a reader failed") {
				t.Errorf("the first cause is not first: %+v", f)
			}
		})
	}
}

func TestOnTheWayBackTheVerdictComesAfterTheTrafficAndStopsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		companion companion
		undo      error
		want      []string
		code      int
	}{
		"nothing failed": {companion{}, nil, []string{"companion starts", "undo c", "undo b", "verdict", "undo a", "retire", "companion ends"}, 0},
		"something failed": {
			companion{bad: errors.New("a reader failed")},
			nil,
			[]string{"companion starts", "undo c", "undo b", "verdict", "undo a", "retire", "companion ends"},
			1,
		},
		"it cannot start": {
			companion{sick: errors.New("nobody answers")},
			nil,
			[]string{"companion starts", "undo c", "undo b", "undo a", "retire"},
			0,
		},
		"the traffic is where it was": {companion{}, &Irreversible{Why: "nothing moved", Covered: true}, []string{"undo a", "retire"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			book := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b", undo: c.undo}, &toy{w: w, name: "c", undo: c.undo})
			r := w.runner(book, false)
			companion := c.companion
			companion.w = w
			r.Monitor = &Monitor{Range: Range{"b", "c"}, Companion: &companion}
			err := r.Rollback(t.Context())
			var breach *BreachDuringRollback
			if is := errors.As(err, &breach); is != (c.code == 1) || err != nil && ClassOf(err).ExitCode() != c.code {
				t.Errorf("got %v", err)
			}
			wantLog(t, w, append(append([]string{"acquire lease", "go back"}, c.want...), "release lease")...)
			failed := slices.ContainsFunc(w.results, func(r *Result) bool { return r.Verdict == Failure })
			if failed != (c.code == 1) {
				t.Error("the reports do not tell the verdict")
			}
		})
	}
}

// Nothing is changed yet: the live address must be healthy before it is.
func TestAStageDoesNotBeginWhereTheCompanionCannotStart(t *testing.T) {
	w := newWorld()
	book := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"})
	r := w.runner(book, false)
	r.Monitor = &Monitor{Range: Range{"a", "b"}, Companion: &companion{w: w, sick: errors.New("nobody answers")}}
	if err := r.Run(t.Context(), book.Steps); ClassOf(err) != Failed {
		t.Errorf("got %v", err)
	}
	wantLog(t, w, "acquire lease", "companion starts", "release lease")
}

// A breach that is reported when a stage has just ended stops the next one.
func TestABreachBetweenTwoStagesIsNotLost(t *testing.T) {
	for range 20 { // Which of two channels is read first is chance.
		w := newWorld()
		breach := make(chan error, 1)
		book := book(&toy{w: w, name: "a", verify: func(context.Context, *Observation) error {
			breach <- errors.New("a reader failed")
			return nil
		}}, &toy{w: w, name: "b", apply: func(ctx context.Context, _ *Observation) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		r := w.runner(book, false)
		r.Monitor = &Monitor{Range: Range{"a", "b"}, Companion: &companion{w: w, breach: breach}, Revert: func(context.Context) ([]Task, error) {
			return []Task{{Name: "revert", Effect: Changes, Do: func(context.Context, *Observation) error { w.say("revert"); return nil }}}, nil
		}}
		err := r.Run(t.Context(), book.Steps)
		if err == nil || !strings.Contains(err.Error(), "a reader failed") || !slices.Contains(w.log, "revert") {
			t.Fatalf("got %v, %v", err, w.log)
		}
	}
}

// A process that does not come to the end of the range gives the verdict all the same.
func TestTheVerdictJoinsTheLastStageThatIsRun(t *testing.T) {
	w := newWorld()
	book := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"}, &toy{w: w, name: "c"})
	r := w.runner(book, false)
	r.Monitor = &Monitor{Range: Range{"a", "c"}, Companion: &companion{w: w, breach: make(chan error)}}
	if err := r.Run(t.Context(), book.Steps[:2]); err != nil {
		t.Fatal(err)
	}
	wantLog(t, w, "acquire lease", "companion starts", "apply a", "complete a", "apply b", "verdict", "complete b", "companion ends", "release lease")
}

func TestADryRunStartsNoCompanion(t *testing.T) {
	w := newWorld()
	book := book(&toy{w: w, name: "a"})
	r := w.runner(book, true)
	r.Monitor = &Monitor{Range: Range{"a", "a"}, Companion: &companion{w: w}}
	if err := r.Run(t.Context(), book.Steps); err != nil {
		t.Fatal(err)
	}
	wantLog(t, w)
}
