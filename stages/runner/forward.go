package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// Run executes steps of the runbook in their order, each as a stage of its own with a
// result of its own, and stops at the first that does not succeed. Its error has the exit
// code's class; nil: all succeeded.
func (r *Runner) Run(ctx context.Context, steps []Step) error {
	defer r.release(ctx)
	r.watch = r.watching(steps)
	defer r.watch.end()
	for _, step := range steps {
		if _, err := r.stage(ctx, step, false, func(result *Result) error { return r.forward(ctx, step, result) }); err != nil {
			return err
		}
	}
	return nil
}

// forward runs one stage, from its admission to, after the last one, the end of the run.
func (r *Runner) forward(ctx context.Context, step Step, result *Result) error {
	stage := step.Open()
	var admission Admission
	_, act, err := r.underLease(ctx, result, func(record *Record) (_ bool, err error) {
		if admission, err = r.admit(ctx, step, stage, record); err != nil {
			return false, r.fail(result, ListCheck, "the run allows this stage", err)
		}
		return admission.Act, nil
	})
	if err != nil {
		return err
	}
	if !act {
		result.Verdict, result.Why = Skipped, admission.Why
		r.note(result, ListCheck, "the stage has to run", Skipped, admission.Why)
		return r.retire(ctx, step, result)
	}
	if err := r.inTurn(httpclient.WithoutPermit(ctx), result, ListCheck, r.Checks); err != nil {
		return err
	}
	if err := r.monitor(ctx, step, result); err != nil {
		return err
	}
	err = r.watch.during(ctx, step, func(ctx context.Context) error {
		return r.work(ctx, step, stage, result, admission.Completes)
	})
	if err != nil {
		return r.reopen(ctx, step, result, r.revert(ctx, result, err))
	}
	return r.retire(ctx, step, result)
}

// admit decides whether the stage runs, from the record alone.
func (r *Runner) admit(ctx context.Context, step Step, stage Stage, record *Record) (Admission, error) {
	if record != nil && record.Back {
		return Admission{}, Refuse("run %s is being rolled back: finish it with %s rollback", record.Run, r.Command)
	}
	earlier := r.Runbook.Between("", step.Name)
	earlier = earlier[:len(earlier)-1]
	if gate, is := stage.(Gate); is {
		return gate.Admit(record, earlier), nil
	}
	if record.IsComplete(step.Name) {
		c := record.Complete[step.Name]
		by := cmp.Or(c.Build, "somebody outside of Jenkins")
		return Admission{Why: "done by " + by + " at " + c.Ended.UTC().Format(time.RFC3339)}, nil
	}
	if record == nil && r.Runbook.IsLast(step) {
		ended, err := r.Journal.Ended(ctx)
		if err != nil {
			return Admission{}, fmt.Errorf("read the last run: %w", err)
		}
		if ended != nil && !ended.Back {
			return Admission{Why: "run " + ended.Run + " is complete, and ended with it"}, nil
		}
	}
	for _, s := range earlier {
		if !record.IsComplete(s.Name) && !r.DryRun {
			return Admission{}, Refuse("%s is not complete: run %s %s first", s.Called(), r.Command, s.Name)
		}
	}
	return Admission{Act: true, Completes: true}, nil
}

// work is a stage from its checks to its completion.
func (r *Runner) work(ctx context.Context, step Step, stage Stage, result *Result, completes bool) error {
	started, reading := time.Now().UTC(), httpclient.WithoutPermit(ctx)
	err := r.each(reading, result, ListCheck, stage.Check(), 0)
	var skip *Skip
	if errors.As(err, &skip) && result.firstFailure() == nil {
		result.Verdict, result.Why = Skipped, skip.Why
		return nil
	}
	if err != nil {
		return err
	}
	tasks, err := r.plan(reading, stage, result)
	if err != nil || r.DryRun {
		return err
	}
	if err := r.applied(ctx, stage, result, tasks, r.watch.verdict(step)); err != nil {
		return err
	}
	if _, looks := stage.(Looker); len(tasks) == 0 && !looks {
		result.Verdict = Nothing
	}
	if !completes {
		return nil
	}
	c := Completion{Verdict: Done, Build: r.Build, Started: started, Ended: time.Now().UTC(), Facts: result.facts()}
	if err := r.persist(ctx, func(ctx context.Context) error { return r.Journal.Complete(ctx, step.Name, c) }); err != nil {
		return r.fail(result, ListVerify, "record the stage as complete", err)
	}
	return nil
}

// plan asks the stage for its changes, which a dry run reports; it may have to wait for an
// earlier stage there.
func (r *Runner) plan(ctx context.Context, stage Stage, result *Result) ([]Task, error) {
	const name = "compute the changes"
	tasks, err := stage.Plan(ctx)
	err = because(ctx, r.notYet(ctx, nil, err))
	var waits *waiting
	switch {
	case errors.As(err, &waits):
		result.Verdict, result.Why = Waits, waits.why
		r.note(result, ListPlan, name, Waits, waits.why)
		return nil, nil
	case err != nil:
		return nil, r.fail(result, ListPlan, name, err)
	case r.DryRun && len(tasks) == 0:
		result.Verdict = Nothing
		r.note(result, ListPlan, "no changes are needed", Nothing, "already done")
	case r.DryRun:
		r.planned(result, ListApply, tasks)
	}
	return tasks, nil
}

// planned reports what a dry run would do.
func (r *Runner) planned(result *Result, list List, tasks []Task) {
	result.Verdict = Planned
	for _, t := range tasks {
		if t.Assume != nil {
			t.Assume()
		}
		r.add(result, TaskResult{List: list, Name: t.Name, Verdict: Planned, Said: t.ByHand, Detail: t.Shows, Effect: t.Effect})
	}
}

// applied applies and verifies, and aborts when either fails.
func (r *Runner) applied(ctx context.Context, stage Stage, result *Result, tasks, verdict []Task) error {
	err := r.change(ctx, result, ListApply, tasks, stage.Plan)
	if err == nil {
		err = r.each(httpclient.WithoutPermit(ctx), result, ListVerify, append(stage.Verify(), verdict...), r.VerifyFor)
	}
	aborter, is := stage.(Aborter)
	if err == nil || !is || ctx.Err() != nil || ClassOf(err) == Interrupted {
		return err
	}
	tasks, aerr := aborter.Abort(ctx)
	if aerr != nil {
		return errors.Join(err, r.fail(result, ListAbort, "compute what to abort", aerr))
	}
	return errors.Join(err, r.change(ctx, result, ListAbort, tasks, aborter.Abort))
}

// retire ends the run once the runbook's last step is complete. A process that was killed
// in between left the step complete: the next one skips it, and comes here all the same.
func (r *Runner) retire(ctx context.Context, step Step, result *Result) error {
	if r.DryRun || !r.Runbook.IsLast(step) {
		return nil
	}
	record, act, err := r.underLease(ctx, result, func(record *Record) (bool, error) {
		return record.IsComplete(step.Name) && !record.Back, nil
	})
	if err != nil || !act {
		return err
	}
	return r.inTurn(r.permitted(ctx), result, ListApply, []Task{{
		Name: "retire the run", Effect: Changes,
		Do: func(ctx context.Context, o *Observation) error {
			o.Say("run %s is complete", record.Run)
			return r.persist(ctx, r.Journal.Retire)
		},
	}})
}
