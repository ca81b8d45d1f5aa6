package runner

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatWasNotStartedIsNotChanged(t *testing.T) {
	w := newWorld()
	a := &toy{w: w, name: "a"}
	b := book(a)
	b.Steps[0].Open = func() Stage { return twoChanges{a} }
	_ = w.runner(b, false).Run(t.Context(), b.Steps)
	if diff := cmp.Diff([]string{"one", "two"}, w.results[0].Card.NotChanged); diff != "" {
		t.Errorf("not changed (-want +got):\n%s", diff)
	}
}

func TestACardListsChangesAndNoProofs(t *testing.T) {
	w := newWorld()
	a := &toy{w: w, name: "a"}
	b := book(a)
	b.Steps[0].Open = func() Stage { return provedChanges{a} }
	_ = w.runner(b, false).Run(t.Context(), b.Steps)
	card := w.results[0].Card
	if diff := cmp.Diff([][]string{{"one"}, {"two", "three"}}, [][]string{card.Changed, card.NotChanged}); diff != "" {
		t.Errorf("changed, not changed (-want +got):\n%s", diff)
	}
}

type provedChanges struct{ *toy }

func (provedChanges) Plan(context.Context) ([]Task, error) {
	well := func(context.Context, *Observation) error { return nil }
	no := func(context.Context, *Observation) error { return errors.New("no") }
	return []Task{
		{Name: "one", Effect: Changes, Do: well},
		{Name: "it is seen", Do: well},
		{Name: "two", Effect: Changes, Do: no},
		{Name: "it is seen again", Do: well},
		{Name: "three", Effect: Changes, Do: well},
	}, nil
}

type twoChanges struct{ *toy }

func (twoChanges) Plan(context.Context) ([]Task, error) {
	no := func(context.Context, *Observation) error { return errors.New("no") }
	return []Task{{Name: "one", Effect: Changes, Do: no}, {Name: "two", Effect: Changes, Do: no}}, nil
}

func TestTheCardOfAFailure(t *testing.T) {
	w := newWorld()
	b := book(&toy{w: w, name: "a", apply: func(context.Context, *Observation) error { return errors.New("the broker said no") }})
	r := w.runner(b, false)
	r.Situation = func(context.Context) (Situation, error) {
		return Situation{Traffic: "blue", Detail: "search-api, 2 instances", Back: "nothing to roll back"}, nil
	}
	_ = r.Run(t.Context(), b.Steps)
	want := &Card{
		Failed: "1. a, apply: a apply: the broker said no", Traffic: "blue: search-api, 2 instances", NotChanged: []string{"a apply"},
		Again: "yes: it reads the current state and does only what is missing; if it fails in the same way again, roll back if possible: cutover toy rollback", Onward: "no: later stages refuse until this one is complete",
		Rollback: "nothing to roll back", Next: "cutover toy a", ByHand: "cf a",
	}
	if diff := cmp.Diff(want, w.results[0].Card); diff != "" {
		t.Errorf("card (-want +got):\n%s", diff)
	}
}

// What leads out of a situation is what a person does by hand, unless the failed task has its own.
func TestACardSaysWhatLeadsOutOfTheSituation(t *testing.T) {
	w := newWorld()
	a := &toy{w: w, name: "a"}
	b := book(a)
	b.Steps[0].Open = func() Stage { return provedChanges{a} }
	r := w.runner(b, false)
	r.Situation = func(context.Context) (Situation, error) {
		return Situation{Traffic: "nobody", Detail: "api is stopped", Next: "cf start api"}, nil
	}
	_ = r.Run(t.Context(), b.Steps)
	if card := w.results[0].Card; card.ByHand != "cf start api" || card.Traffic != "nobody: api is stopped" {
		t.Errorf("%+v", card)
	}
}
