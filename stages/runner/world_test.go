package runner

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// world is what toy stages change, and the journal, lease and observer of the tests.
type world struct {
	record  *Record
	ended   *Record
	done    map[string]bool
	log     []string
	leased  bool
	loss    chan struct{}
	results []*Result
}

func newWorld() *world {
	return &world{record: &Record{Run: "r1", Complete: map[string]Completion{}}, done: map[string]bool{}, loss: make(chan struct{})}
}

func (w *world) say(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

func (w *world) Record(context.Context) (*Record, error) { return w.record, nil }

func (w *world) Complete(_ context.Context, stage string, c Completion) error {
	w.say("complete %s", stage)
	w.record.Complete[stage] = c
	return nil
}

func (w *world) Reopen(_ context.Context, stage string) error {
	delete(w.record.Complete, stage)
	return nil
}

func (w *world) GoBack(context.Context) error { w.say("go back"); w.record.Back = true; return nil }

func (w *world) Retire(context.Context) error {
	w.say("retire")
	w.record, w.ended = nil, w.record
	return nil
}

func (w *world) Ended(context.Context) (*Record, error) { return w.ended, nil }

func (w *world) Acquire(context.Context) error { w.say("acquire lease"); w.leased = true; return nil }

func (w *world) Permit(context.Context) error { return nil }

func (w *world) Lost() <-chan struct{} { return w.loss }

func (w *world) Release(context.Context) error { w.say("release lease"); return nil }

func (w *world) Abandon() { w.say("abandon lease") }

func (w *world) Observe(e Event) {
	switch e.Kind {
	case TaskProgress:
		w.say("progress")
	case StageDone:
		w.results = append(w.results, e.Result)
	}
}

// toy is a stage made of functions.
type toy struct {
	w      *world
	name   string
	check  func(context.Context, *Observation) error
	apply  func(context.Context, *Observation) error
	verify func(context.Context, *Observation) error
	plan   error
	undo   error
	abort  bool
}

func (t *toy) tasks(name string, do func(context.Context, *Observation) error) []Task {
	if do == nil {
		return nil
	}
	return []Task{{Name: t.name + " " + name, Do: do}}
}

func (t *toy) Check() []Task { return t.tasks("check", t.check) }

func (t *toy) Verify() []Task { return t.tasks("verify", t.verify) }

func (t *toy) Plan(context.Context) ([]Task, error) {
	if t.plan != nil {
		return nil, t.plan
	}
	if t.w.done[t.name] {
		return nil, nil
	}
	return []Task{{Name: t.name + " apply", Effect: Changes, ByHand: "cf " + t.name, Do: func(ctx context.Context, o *Observation) error {
		if t.apply != nil {
			if err := t.apply(ctx, o); err != nil {
				return err
			}
		}
		t.w.say("apply %s", t.name)
		t.w.done[t.name] = true
		return nil
	}}}, nil
}

func (t *toy) Undo(context.Context) ([]Task, error) {
	if t.undo != nil {
		return nil, t.undo
	}
	return []Task{{Name: t.name + " undo", Effect: Changes, Do: func(context.Context, *Observation) error {
		t.w.say("undo %s", t.name)
		delete(t.w.done, t.name)
		return nil
	}}}, nil
}

type abortable struct{ *toy }

func (a abortable) Abort(context.Context) ([]Task, error) {
	return []Task{{Name: a.name + " abort", Effect: Changes, Do: func(context.Context, *Observation) error {
		a.w.say("abort %s", a.name)
		return nil
	}}}, nil
}

// book is a runbook of toys, which are undone from the last to the first.
func book(toys ...*toy) Runbook {
	b := Runbook{Name: "toy"}
	for i, t := range toys {
		b.Rollback = append([]string{t.name}, b.Rollback...)
		b.Steps = append(b.Steps, Step{Number: i + 1, Name: t.name, Title: t.name, Open: func() Stage {
			if t.abort {
				return abortable{t}
			}
			return t
		}})
	}
	return b
}

func (w *world) runner(b Runbook, dry bool) *Runner {
	return &Runner{
		Options: Options{Environment: "test", DryRun: dry, Command: "cutover toy", Every: time.Second, VerifyFor: 10 * time.Second},
		Runbook: b, Journal: w, Lease: w, Observer: w,
	}
}

func wantLog(t *testing.T, w *world, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.log); diff != "" {
		t.Errorf("what happened (-want +got):\n%s", diff)
	}
}

// gated is a toy that decides itself whether it runs; looking one that only looks.
type gated struct {
	*toy
	admission Admission
}

func (g gated) Admit(record *Record, earlier []Step) Admission {
	g.w.say("gate of %s: run %t, %d earlier", g.name, record != nil, len(earlier))
	return g.admission
}

type looking struct{ *toy }

func (looking) OnlyLooks() {}
