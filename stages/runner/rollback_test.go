package runner

import (
	"slices"
	"strings"
	"testing"
)

func TestARollbackUndoesInTheOrderGiven(t *testing.T) {
	w := newWorld()
	w.done = map[string]bool{"a": true, "b": true, "c": true}
	b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b", undo: &Irreversible{Why: "goes with a", Covered: true}}, &toy{w: w, name: "c"})
	b.Rollback = []string{"b", "a", "c"}
	if err := w.runner(b, false).Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantLog(t, w, "acquire lease", "go back", "undo a", "undo c", "retire", "release lease")
}

func TestARollbackDoesNothingWhereOneStepHasNoWayBack(t *testing.T) {
	for _, dry := range []bool{false, true} {
		w := newWorld()
		b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b", undo: &Irreversible{Why: "the last copy is gone"}})
		b.Rollback = []string{"a", "b"}
		err := w.runner(b, dry).Rollback(t.Context())
		if ClassOf(err) != Refused || !strings.Contains(err.Error(), "2. b: it cannot be undone, so there is no rollback from here: the last copy is gone") {
			t.Errorf("got %v", err)
		}
		if w.record.Back || slices.Contains(w.log, "undo a") {
			t.Errorf("it went back, or turned a run that cannot go back: %v", w.log)
		}
	}
}

func TestAStepThatRefusesDoesNotKeepTheOnesBeforeItFromBeingUndone(t *testing.T) {
	w := newWorld()
	b := book(&toy{w: w, name: "traffic"}, &toy{w: w, name: "names", undo: Refuse("the name is somebody else's")})
	b.Rollback = []string{"traffic", "names"}
	if err := w.runner(b, false).Rollback(t.Context()); ClassOf(err) != Refused {
		t.Errorf("got %v", err)
	}
	wantLog(t, w, "acquire lease", "go back", "undo traffic", "release lease")
}

func TestThereIsNoWayBackFromARunThatIsComplete(t *testing.T) {
	w := newWorld()
	w.record, w.ended = nil, &Record{Run: "r0"}
	b := book(&toy{w: w, name: "a"})
	if err := w.runner(b, false).Rollback(t.Context()); ClassOf(err) != Refused || !strings.Contains(err.Error(), "run r0 is complete") {
		t.Errorf("got %v", err)
	}
	w.ended.Back = true
	if err := w.runner(b, false).Rollback(t.Context()); err != nil {
		t.Errorf("after a rollback there is nothing to go back from, and that is no failure: %v", err)
	}
	wantLog(t, w)
}

// Killed half-way, a rollback leaves no stage complete that it has undone.
func TestAStageThatIsUndoneIsNoLongerComplete(t *testing.T) {
	w := newWorld()
	w.record.Complete = map[string]Completion{"a": {}, "b": {}}
	b := book(&toy{w: w, name: "a", undo: Refuse("the name is somebody else's")}, &toy{w: w, name: "b"})
	if err := w.runner(b, false).Rollback(t.Context()); ClassOf(err) != Refused {
		t.Errorf("got %v", err)
	}
	if !w.record.IsComplete("a") || w.record.IsComplete("b") || !w.record.Back {
		t.Errorf("the record is %+v", w.record)
	}
}
