package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// Journal keeps the run where a later build, on another agent, finds it.
type Journal interface {
	// Record returns what is recorded, or nil where there is no run.
	Record(context.Context) (*Record, error)
	// Mark records that a stage is complete; it is written after Verify.
	Mark(ctx context.Context, stage string, m Mark) error
	// Unmark takes the mark away, after the stage was undone.
	Unmark(ctx context.Context, stage string) error
	// TurnBack records that the run goes back, before the first write of a rollback.
	TurnBack(context.Context) error
	// Retire ends the run, and takes our marks off what stays of it. It can be done
	// again after a crash at any point.
	Retire(context.Context) error
	// Ended returns what is recorded of the run that was retired last, or nil.
	Ended(context.Context) (*Record, error)
}

// Lease is the right to write, held by one process at a time.
type Lease interface {
	// Take takes it or says who has it. It waits only for one that went stale.
	Take(context.Context) error
	// Permit is asked before each write; an error: the lease is lost.
	Permit(context.Context) error
	// Lost is closed when the lease is known to be lost.
	Lost() <-chan struct{}
	// Release gives it back.
	Release(context.Context) error
	// Abandon lets it go stale: a write of ours may still be done late.
	Abandon()
}

// Observer is told what happens, as it happens. Reports are observers.
type Observer interface {
	StageStarted(*Result)
	// TaskStarted tells what is about to be asked or done.
	TaskStarted(*Result, List, string)
	// Progress reports on a task that takes long; since is how long it has taken.
	Progress(r *Result, task string, since time.Duration, p *Progress, said string)
	// TaskDone is called after each task; the result holds it as its last.
	TaskDone(*Result)
	StageDone(*Result)
}

// Options say how stages are run.
type Options struct {
	Environment, Runbook, App string
	Version, Build            string
	// Of is the number of the runbook's last step.
	Of     int
	DryRun bool
	// VerifyFor and Every are the deadline and the pace of polling.
	VerifyFor, Every time.Duration
	// ReportEvery is the pace of progress lines. Default 20 s.
	ReportEvery time.Duration
	// Situation reads where live traffic is.
	Situation func(context.Context) (Situation, error)
	// Command is the command line without the stage: "cutover elasticsearch".
	Command string
	// Approved, where set, is each stage's first check: that the world is the one
	// whose plan was approved, or on the way of that plan.
	Approved func(context.Context, *Observation) error
}

// Runner executes stages.
type Runner struct {
	Options
	Journal  Journal
	Lease    Lease
	Observer Observer
	// Beside, where set, runs beside a range of the steps.
	Beside *Beside

	held bool
	book Runbook
}

// Run executes steps in their order, each as a stage of its own with a result of
// its own, and stops at the first that does not succeed. all is the whole
// runbook, for the order. It returns the exit code's error, or nil.
func (r *Runner) Run(ctx context.Context, all, steps Runbook) error {
	defer r.letGo(ctx)
	defer r.endBeside()
	r.book = all
	for _, step := range steps {
		if err := r.forward(ctx, all, step); err != nil {
			return err
		}
	}
	return nil
}

// forward runs one stage.
func (r *Runner) forward(ctx context.Context, all []Step, step Step) error {
	result := r.begin(ctx, step)
	r.Observer.StageStarted(result)
	err := r.caught(result, func() error { return r.stage(ctx, all, step, result) })
	r.end(ctx, result, step, err)
	return err
}

// caught turns a panic into an error, so that a fault of the program leaves a
// report and a card as any other failure does.
func (r *Runner) caught(result *Result, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = r.failAs(result, ListCheck, "the program works", fmt.Errorf("a fault of the program: %v\n%s", p, debug.Stack()))
		}
	}()
	return do()
}

func (r *Runner) stage(ctx context.Context, all []Step, step Step, result *Result) error {
	admission, err := r.admit(ctx, all, step, result)
	if err != nil {
		return r.failAs(result, ListCheck, "the run allows this stage", err)
	}
	if !admission.Act {
		r.note(result, ListCheck, "the stage is wanted", Skipped, admission.Why)
		result.Verdict, result.Why = Skipped, admission.Why
		return r.retire(ctx, all, step, result)
	}
	if !r.DryRun && !r.held {
		// Who waited for the lease looks again: the one before may have done it all.
		if err := r.hold(ctx, result); err != nil {
			return err
		}
		return r.stage(ctx, all, step, result)
	}
	if r.Approved != nil {
		check := Task{Name: "the world is the one that was approved", Do: r.Approved}
		if err := r.inTurn(httpclient.WithoutPermit(ctx), result, ListCheck, []Task{check}); err != nil {
			return err
		}
	}
	working, err := r.accompanied(ctx, result, step)
	if err != nil {
		return err
	}
	if err := r.retreat(ctx, result, r.work(working, step, result, admission)); err != nil {
		return err
	}
	return r.retire(ctx, all, step, result)
}

// work is a stage from its checks to its mark.
func (r *Runner) work(ctx context.Context, step Step, result *Result, admission Admission) error {
	started := time.Now()
	stage := step.Open()
	looking := httpclient.WithoutPermit(ctx)
	err := r.each(looking, result, ListCheck, stage.Check(), 0)
	var skip *Skip
	if errors.As(err, &skip) && result.FirstFailure() == nil {
		result.Verdict, result.Why = Skipped, skip.Why
		return nil
	}
	if err != nil {
		return err
	}
	tasks, err := stage.Plan(looking)
	err = r.undoneByOthers(looking, err)
	if r.DryRun {
		return r.planned(result, ListApply, tasks, err)
	}
	if err != nil {
		return r.failAs(result, ListPlan, "the difference can be read", because(ctx, err))
	}
	if err := r.change(ctx, stage, result, tasks, r.verdict(step)); err != nil {
		return err
	}
	if len(tasks) == 0 && !step.Looks {
		result.Verdict = Nothing
	}
	if admission.Mark {
		if err := r.Journal.Mark(r.permitted(ctx), step.Name, r.mark(result, started)); err != nil {
			return r.failAs(result, ListVerify, "the stage is marked as complete", err)
		}
	}
	return nil
}

// change applies and verifies, and aborts when either fails.
func (r *Runner) change(ctx context.Context, stage Stage, result *Result, tasks, verdict []Task) error {
	err := r.inTurn(r.permitted(ctx), result, ListApply, tasks)
	if err == nil {
		err = r.each(httpclient.WithoutPermit(ctx), result, ListVerify, append(stage.Verify(), verdict...), r.VerifyFor)
	}
	if err == nil || ctx.Err() != nil || ClassOf(err) == Interrupted {
		return err
	}
	if aborter, ok := stage.(Aborter); ok {
		back, aerr := aborter.Abort(ctx)
		if aerr != nil {
			return errors.Join(err, r.failAs(result, ListAbort, "the way back can be read", aerr))
		}
		err = errors.Join(err, r.inTurn(r.permitted(ctx), result, ListAbort, back))
	}
	return err
}

// admit decides whether the stage runs, from the record alone.
func (r *Runner) admit(ctx context.Context, all []Step, step Step, result *Result) (Admission, error) {
	record, err := r.Journal.Record(ctx)
	if err != nil {
		return Admission{}, err
	}
	if record != nil {
		result.Run = record.Run
	}
	var earlier []Step
	for _, s := range all {
		if s.Number < step.Number {
			earlier = append(earlier, s)
		}
	}
	if record != nil && record.Back {
		return Admission{}, Refuse("run %s goes back: finish it with %s rollback", record.Run, r.Command)
	}
	if step.Gate != nil {
		return step.Gate(record, earlier), nil
	}
	if record != nil {
		if m, is := record.Marks[step.Name]; is {
			return Admission{Why: "done by " + orUnknown(m.Build) + " at " + m.Ended.UTC().Format(time.RFC3339)}, nil
		}
	}
	if record == nil && isLast(all, step) {
		ended, err := r.Journal.Ended(ctx)
		if err != nil {
			return Admission{}, fmt.Errorf("read the run before: %w", err)
		}
		if ended != nil && !ended.Back {
			return Admission{Why: "run " + ended.Run + " is complete, and ended with it"}, nil
		}
	}
	if missing := firstUnmarked(record, earlier); missing != nil && !r.DryRun {
		return Admission{}, Refuse("%d. %s is not complete: run %s %s first", missing.Number, missing.Name, r.Command, missing.Name)
	}
	return Admission{Act: true, Mark: true}, nil
}

func firstUnmarked(record *Record, steps []Step) *Step {
	for i := range steps {
		if record == nil {
			return &steps[i]
		}
		if _, is := record.Marks[steps[i].Name]; !is {
			return &steps[i]
		}
	}
	return nil
}

// planned reports what a dry run would do.
func (r *Runner) planned(result *Result, list List, tasks []Task, err error) error {
	var wait *NotYet
	if errors.As(err, &wait) {
		result.Verdict, result.Why = Waits, r.waits(wait)
		r.note(result, ListPlan, "the difference can be read", Waits, result.Why)
		return nil
	}
	if err != nil {
		return r.failAs(result, ListPlan, "the difference can be read", err)
	}
	result.Verdict = Planned
	for _, t := range tasks {
		result.Tasks = append(result.Tasks, TaskResult{
			List: list, Name: t.Name, Verdict: Planned, Said: t.ByHand, Detail: t.Shows, Effect: t.Effect, Started: time.Now().UTC(),
		})
		if t.Assume != nil {
			t.Assume()
		}
		r.Observer.TaskDone(result)
	}
	if len(tasks) == 0 {
		result.Verdict = Nothing
		r.note(result, ListPlan, "the difference is empty", Nothing, "already done")
	}
	return nil
}

// waits says what a stage waits for: "waits for 2. create-service: there is no …".
func (r *Runner) waits(n *NotYet) string {
	if step := r.book.Named(n.Stage); step != nil {
		return fmt.Sprintf("waits for %d. %s: %s", step.Number, step.Name, n.Why)
	}
	return n.Error()
}

// hold takes the lease, which is also the proof that we may write.
func (r *Runner) hold(ctx context.Context, result *Result) error {
	return r.inTurn(ctx, result, ListCheck, []Task{{
		Name: "this process holds the lease", Effect: Changes,
		Do: func(ctx context.Context, o *Observation) error {
			if err := r.Lease.Take(ctx); err != nil {
				return err
			}
			r.held = true
			o.Say("taken")
			return nil
		},
	}})
}

func (r *Runner) letGo(ctx context.Context) {
	if !r.held {
		return
	}
	r.held = false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	// An error leaves the lease to go stale, which the next process waits out.
	_ = r.Lease.Release(ctx)
}

func (r *Runner) permitted(ctx context.Context) context.Context {
	return httpclient.WithPermit(ctx, r.Lease.Permit)
}

func (r *Runner) mark(result *Result, started time.Time) Mark {
	m := Mark{Verdict: Done, Build: r.Build, Started: started.UTC(), Ended: time.Now().UTC()}
	for _, t := range result.Tasks {
		m.Facts = append(m.Facts, t.Facts...)
	}
	return m
}

func orUnknown(build string) string {
	if build == "" {
		return "somebody outside of Jenkins"
	}
	return build
}
