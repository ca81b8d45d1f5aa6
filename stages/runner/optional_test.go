package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAGateDecidesInsteadOfTheRule(t *testing.T) {
	for name, c := range map[string]struct {
		admission Admission
		want      []string
		verdict   Verdict
	}{
		"it skips": {Admission{Why: "both apps serve"}, []string{"gate of b: run true, 1 earlier"}, Skipped},
		"it runs, and is not complete": {
			Admission{Act: true},
			[]string{"gate of b: run true, 1 earlier", "acquire lease", "gate of b: run true, 1 earlier", "apply b", "release lease"}, Done,
		},
		"it runs, and is complete": {
			Admission{Act: true, Completes: true},
			[]string{"gate of b: run true, 1 earlier", "acquire lease", "gate of b: run true, 1 earlier", "apply b", "complete b", "release lease"}, Done,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"}, &toy{w: w, name: "c"})
			b.Steps[1].Open = func() Stage { return gated{&toy{w: w, name: "b"}, c.admission} }
			if err := w.runner(b, false).Run(t.Context(), b.Steps[1:2]); err != nil {
				t.Fatal(err)
			}
			wantLog(t, w, c.want...)
			if r := w.results[0]; r.Verdict != c.verdict || r.Why != c.admission.Why {
				t.Errorf("%s: %s", r.Verdict, r.Why)
			}
		})
	}
}

func TestAStageThatOnlyLooksIsDoneWithoutAChange(t *testing.T) {
	for want, open := range map[Verdict]func(*toy) Stage{
		Nothing: func(t *toy) Stage { return t },
		Done:    func(t *toy) Stage { return looking{t} },
	} {
		w := newWorld()
		a := &toy{w: w, name: "a"}
		w.done["a"] = true // Nothing to change.
		b := book(a)
		b.Steps[0].Open = func() Stage { return open(a) }
		if err := w.runner(b, false).Run(t.Context(), b.Steps); err != nil || w.results[0].Verdict != want {
			t.Errorf("%s, want %s: %v", w.results[0].Verdict, want, err)
		}
	}
}

// They run before the stage's own checks, under the lease, and without a permit.
func TestExtraChecksAreRunFirstInEveryStage(t *testing.T) {
	w := newWorld()
	check := func(name string) func(context.Context, *Observation) error {
		return func(context.Context, *Observation) error { w.say("check %s", name); return nil }
	}
	b := book(&toy{w: w, name: "a", check: check("a")}, &toy{w: w, name: "b", check: check("b")}, &toy{w: w, name: "c"})
	r := w.runner(b, false)
	r.Checks = []Task{{Name: "first", Do: check("first")}, {Name: "second", Do: check("second")}}
	if err := r.Run(t.Context(), b.Steps[:2]); err != nil {
		t.Fatal(err)
	}
	wantLog(t, w, "acquire lease", "check first", "check second", "check a", "apply a", "complete a",
		"check first", "check second", "check b", "apply b", "complete b", "release lease")

	w = newWorld()
	r = w.runner(b, false)
	r.Checks = []Task{{Name: "first", Do: failing(errors.New("another plan was approved"))}, {Name: "second", Do: check("second")}}
	if err := r.Run(t.Context(), b.Steps[:1]); ClassOf(err) != Failed {
		t.Errorf("got %v", err)
	}
	wantLog(t, w, "acquire lease", "release lease")
}

// While one process waits for the lease, another may complete the stage.
func TestAStageIsAdmittedAgainUnderTheLease(t *testing.T) {
	w := newWorld()
	b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"})
	r := w.runner(b, false)
	r.Lease = slowLease{w, func() { w.record.Complete["a"] = Completion{Build: "build 41"} }}
	if err := r.Run(t.Context(), b.Steps[:1]); err != nil || w.results[0].Verdict != Skipped {
		t.Errorf("%s: %v", w.results[0].Verdict, err)
	}
	wantLog(t, w, "acquire lease", "release lease")

	w = newWorld()
	r = w.runner(b, false)
	r.Lease = slowLease{w, func() { w.record, w.ended = nil, &Record{Run: "r1", Back: true} }}
	if err := r.Rollback(t.Context()); err != nil || len(w.results) != 1 || w.results[0].Run != "" {
		t.Errorf("a run that another process has rolled back: %v, %d results", err, len(w.results))
	}
	wantLog(t, w, "acquire lease", "release lease")
}

type slowLease struct {
	*world
	meanwhile func()
}

func (l slowLease) Acquire(ctx context.Context) error {
	l.meanwhile()
	return l.world.Acquire(ctx)
}

func TestNoErrorIsNoFailure(t *testing.T) {
	if c := ClassOf(nil); c != Succeeded || c.ExitCode() != 0 {
		t.Errorf("no error is of class %d, exit code %d", c, c.ExitCode())
	}
	for want, err := range map[int]error{
		1: fmt.Errorf("a: %w", errors.New("b")), 4: Depend("a"), 3: errors.Join(errors.New("a"), Refuse("b")), 2: Misconfigure("a"),
		130: fmt.Errorf("a: %w", context.Canceled),
	} {
		if got := ClassOf(err).ExitCode(); got != want {
			t.Errorf("%v: exit code %d, want %d", err, got, want)
		}
	}
}

// kinds notes the events in their order.
type kinds struct{ all []string }

func (k *kinds) Observe(e Event) {
	name := []string{"stage started", "task started", "progress", "task done", "stage done"}[e.Kind]
	switch e.Kind {
	case TaskStarted:
		name += ": " + e.Task
	case TaskDone:
		name += ": " + e.Result.Tasks[len(e.Result.Tasks)-1].Name
	}
	k.all = append(k.all, name)
}

func TestEveryObserverIsNotifiedOfEveryEvent(t *testing.T) {
	w := newWorld()
	first, second := &kinds{}, &kinds{}
	b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"})
	r := w.runner(b, false)
	r.Observer = Observers{first, second}
	if err := r.Run(t.Context(), b.Steps[:1]); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"stage started", "task started: acquire the lease", "task done: acquire the lease", "task started: a apply", "task done: a apply", "stage done",
	}
	if diff := cmp.Diff(want, first.all); diff != "" || !slices.Equal(first.all, second.all) {
		t.Errorf("events (-want +got):\n%s\nthe second got %v", diff, second.all)
	}
}

func TestStagesBetween(t *testing.T) {
	w := newWorld()
	b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b"}, &toy{w: w, name: "c"})
	for _, c := range []struct {
		first, last string
		want        []string
	}{
		{"", "", []string{"a", "b", "c"}},
		{"b", "", []string{"b", "c"}},
		{"", "b", []string{"a", "b"}},
		{"b", "b", []string{"b"}},
		{"c", "a", nil},
		{"x", "", nil},
		{"", "x", nil},
	} {
		var got []string
		for _, s := range b.Between(c.first, c.last) {
			got = append(got, s.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("from %q to %q: %v, want %v", c.first, c.last, got, c.want)
		}
	}
	if b.Has(Range{}, "a") {
		t.Error("no range has a stage")
	}
}
