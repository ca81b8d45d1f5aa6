package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
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
func (w *world) Permit(context.Context) error  { return nil }
func (w *world) Lost() <-chan struct{}         { return w.loss }
func (w *world) Release(context.Context) error { w.say("release lease"); return nil }
func (w *world) Abandon()                      { w.say("abandon lease") }

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
	undo   error
	abort  bool
}

func (t *toy) tasks(name string, do func(context.Context, *Observation) error) []Task {
	if do == nil {
		return nil
	}
	return []Task{{Name: t.name + " " + name, Do: do}}
}

func (t *toy) Check() []Task  { return t.tasks("check", t.check) }
func (t *toy) Verify() []Task { return t.tasks("verify", t.verify) }

func (t *toy) Plan(context.Context) ([]Task, error) {
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

func TestStagesRunInOrderUnderOneLeaseAndAreMarkedAfterVerify(t *testing.T) {
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

func TestAProcessKilledBeforeTheRunWasRetiredIsFollowedByOneThatRetiresIt(t *testing.T) {
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

func TestAStageRefusesUnlessAllEarlierOnesAreMarked(t *testing.T) {
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
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				b := book(&toy{w: w, name: "a", abort: true, verify: func(context.Context, *Observation) error { return c.err }})
				began := time.Now()
				err := w.runner(b, false).Run(t.Context(), b.Steps)
				if took := time.Since(began); err == nil || took != c.want {
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
		if ClassOf(err) != Refused || !strings.Contains(err.Error(), "2. b: the last copy is gone") {
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

func TestWhatWasNotBegunIsNotChanged(t *testing.T) {
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

func TestAFailureTellsWhatAPersonNeedsAtNight(t *testing.T) {
	w := newWorld()
	b := book(&toy{w: w, name: "a", apply: func(context.Context, *Observation) error { return errors.New("the broker said no") }})
	r := w.runner(b, false)
	r.Situation = func(context.Context) (Situation, error) {
		return Situation{Traffic: "blue", Detail: "search-api, 2 instances", Back: "nothing to go back from"}, nil
	}
	_ = r.Run(t.Context(), b.Steps)
	want := &Card{
		Failed: "1. a, apply: a apply: the broker said no", Traffic: "blue: search-api, 2 instances", NotChanged: []string{"a apply"},
		Again: "yes: it reads the current state and does only what is missing; if it fails in the same way again, roll back if possible: cutover toy rollback", Onward: "no: later stages refuse until this one is complete",
		Rollback: "nothing to go back from", Next: "cutover toy a", ByHand: "cf a",
	}
	if diff := cmp.Diff(want, w.results[0].Card); diff != "" {
		t.Errorf("card (-want +got):\n%s", diff)
	}
}

func newRequest(ctx context.Context) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, http.MethodPut, "http://127.0.0.1:1/", nil)
}

func TestWhatWaitsForACompleteStageWasUndoneByOthers(t *testing.T) {
	w := newWorld()
	waits := func(context.Context, *Observation) error { return &NotYet{Stage: "a", Why: "there is no app"} }
	b := book(&toy{w: w, name: "a"}, &toy{w: w, name: "b", check: waits})
	err := w.runner(b, false).Run(t.Context(), b.Steps)
	if ClassOf(err) != Refused || !strings.Contains(err.Error(), "there is no app, and 1. a is complete: somebody has undone it; to undo the rest: cutover toy rollback") {
		t.Errorf("got %v", err)
	}
	w = newWorld()
	b = book(&toy{w: w, name: "a", check: waits})
	if err := w.runner(b, false).Run(t.Context(), b.Steps); ClassOf(err) != Failed {
		t.Errorf("the stage that is not complete: %v", err)
	}
}
