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
	steps := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"}, &toy{w: w, name: "c"}, &toy{w: w, name: "d"})
	r := w.runner(false)
	r.Beside = &Beside{First: 2, Last: 3, Companion: &companion{w: w, breach: make(chan error)}}
	if err := r.Run(t.Context(), steps, steps); err != nil {
		t.Fatal(err)
	}
	wantLog(t, w, "take lease", "apply a", "mark a", "companion starts", "apply b", "mark b", "apply c", "verdict", "mark c", "apply d", "mark d", "retire",
		"companion ends", "release lease")
}

func TestABreachStopsTheStageAndPutsTheWorldBack(t *testing.T) {
	for name, c := range map[string]struct {
		retreat func(*world) ([]Task, error)
		code    int
		want    []string
	}{
		"the old app is put back": {
			func(w *world) ([]Task, error) {
				return []Task{{Name: "back", Effect: Changes, Do: func(context.Context, *Observation) error { w.say("put back"); return nil }}}, nil
			}, 1, []string{"take lease", "companion starts", "apply a", "mark a", "put back", "companion ends", "release lease"},
		},
		"or both stay": {
			func(*world) ([]Task, error) { return nil, Refuse("blue is sick") },
			3, []string{"take lease", "companion starts", "apply a", "mark a", "companion ends", "release lease"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			breach := make(chan error)
			steps := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b", abort: true, apply: func(ctx context.Context, _ *Observation) error {
				breach <- errors.New("a reader failed")
				<-ctx.Done()
				return ctx.Err()
			}})
			r := w.runner(false)
			r.Beside = &Beside{First: 1, Last: 2, Companion: &companion{w: w, breach: breach}, Retreat: func(context.Context) ([]Task, error) { return c.retreat(w) }}
			err := r.Run(t.Context(), steps, steps)
			if got := ClassOf(err).ExitCode(); got != c.code || !strings.Contains(err.Error(), "a reader failed") {
				t.Errorf("exit code %d: %v", got, err)
			}
			wantLog(t, w, c.want...)
			if _, marked := w.record.Marks["a"]; marked != (c.code == 3) {
				t.Errorf("the mark of the stage before is there: %t", marked)
			}
			if f := w.results[1].FirstFailure(); f == nil || !strings.Contains(f.Error, "a reader failed") {
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
		"nothing failed": {companion{}, nil, []string{"companion starts", "undo c", "undo b", "verdict", "undo a"}, 0},
		"something failed": {
			companion{bad: errors.New("a reader failed")}, nil,
			[]string{"companion starts", "undo c", "undo b", "verdict", "undo a"}, 1,
		},
		"it cannot start": {
			companion{sick: errors.New("nobody answers")}, nil,
			[]string{"companion starts", "undo c", "undo b", "undo a"}, 0,
		},
		"the traffic is where it was": {companion{}, &Irreversible{Why: "nothing moved", Covered: true}, []string{"undo a"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			steps := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b", undo: c.undo}, &toy{w: w, name: "c", undo: c.undo})
			r := w.runner(false)
			companion := c.companion
			companion.w = w
			r.Beside = &Beside{First: 2, Last: 3, Companion: &companion}
			err := r.Back(t.Context(), Runbook{steps[2], steps[1], steps[0]})
			var blemish *Blemish
			if is := errors.As(err, &blemish); is != (c.code == 1) || err != nil && ClassOf(err).ExitCode() != c.code {
				t.Errorf("got %v", err)
			}
			wantLog(t, w, append(append([]string{"take lease", "turn back"}, c.want...), "retire", "release lease")...)
			failed := slices.ContainsFunc(w.results, func(r *Result) bool { return r.Verdict == Failure })
			if failed != (c.code == 1) {
				t.Error("the reports do not tell the verdict")
			}
		})
	}
}
