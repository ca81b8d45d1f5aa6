package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// Rollback undoes the runbook's stages in the runbook's own order, each as a result of its
// own, and retires the run. It asks all of them for their Undo before its first write, and
// ends with an error of class Refused, nothing done, where one cannot be undone. It records
// that the run is rolled back before it undoes anything, so that no forward stage can start
// in between, and it can be run again after a crash at any point: each Undo reads the world
// anew.
//
// A breach stops nothing, since a rollback is the remedy. It is the error in the end, as
// BreachDuringRollback.
func (r *Runner) Rollback(ctx context.Context) error {
	defer r.release(ctx)
	steps := r.Runbook.RollbackSteps()
	r.watch = r.watching(steps)
	defer r.watch.end()
	var breach *BreachDuringRollback
	for i, step := range steps {
		result, err := r.stage(ctx, step, true, func(result *Result) error { return r.undo(ctx, step, i == 0, result) })
		if err != nil && !errors.As(err, &breach) || result.Run == "" {
			return err
		}
	}
	if r.DryRun {
		return nil
	}
	if err := r.persist(ctx, r.Journal.Retire); err != nil || breach == nil {
		return err
	}
	return breach
}

// undo undoes one stage. Where there is no run it does nothing, and the result names none.
func (r *Runner) undo(ctx context.Context, step Step, first bool, result *Result) error {
	record, act, err := r.underLease(ctx, result, func(record *Record) (bool, error) { return record != nil, nil })
	if err != nil {
		return err
	}
	if !act {
		return r.withoutRun(ctx, result)
	}
	if first && !record.Back {
		if err := r.reversible(ctx, result); err != nil {
			return err
		}
	}
	tasks, why, err := undoing(ctx, step)
	switch {
	case err != nil:
		return r.fail(result, ListUndo, "compute what to undo", err)
	case r.DryRun && why == "":
		r.planned(result, ListUndo, tasks)
		return nil
	case !r.DryRun:
		err = r.undone(ctx, step, record, result, tasks)
	}
	if err == nil && why != "" {
		r.nothingToUndo(result, why)
	}
	return err
}

// undoing asks a stage how to undo it; why says why there is nothing to undo.
func undoing(ctx context.Context, step Step) (tasks []Task, why string, err error) {
	tasks, err = step.Open().Undo(httpclient.WithoutPermit(ctx))
	var none *Irreversible
	switch {
	case errors.As(err, &none) && none.Covered:
		return nil, none.Why, nil
	case none != nil:
		return nil, "", Refuse("%w", err)
	case err == nil && len(tasks) == 0:
		return nil, "nothing is left of it", nil
	}
	return tasks, "", err
}

// undone carries out what undoes a stage, and records that it is no longer complete.
func (r *Runner) undone(ctx context.Context, step Step, record *Record, result *Result, tasks []Task) error {
	if !record.Back {
		if err := r.persist(ctx, r.Journal.GoBack); err != nil {
			return r.fail(result, ListUndo, "record that the run is rolled back", err)
		}
	}
	if len(tasks) > 0 {
		if err := r.monitor(ctx, step, result); err != nil {
			return err
		}
	}
	left := func(ctx context.Context) ([]Task, error) {
		tasks, _, err := undoing(ctx, step)
		return tasks, err
	}
	if err := r.change(ctx, result, ListUndo, tasks, left); err != nil {
		return err
	}
	if record.IsComplete(step.Name) {
		if err := r.persist(ctx, func(ctx context.Context) error { return r.Journal.Reopen(ctx, step.Name) }); err != nil {
			return r.fail(result, ListUndo, "reopen the stage", err)
		}
	}
	err := r.each(ctx, result, ListVerify, r.watch.verdict(step), 0)
	if err != nil && ctx.Err() == nil {
		return &BreachDuringRollback{err}
	}
	return err
}

func (r *Runner) nothingToUndo(result *Result, why string) {
	result.Verdict, result.Why = Nothing, why
	r.note(result, ListUndo, "undo the stage", Nothing, why)
}

// withoutRun ends a rollback that has no run to roll back: none was begun, or the last one
// was rolled back. One that is complete cannot be rolled back.
func (r *Runner) withoutRun(ctx context.Context, result *Result) error {
	const name = "there is a run to roll back"
	result.Run = ""
	ended, err := r.Journal.Ended(ctx)
	if err != nil {
		return r.fail(result, ListCheck, "read the last run", err)
	}
	if ended != nil && !ended.Back {
		return r.fail(result, ListCheck, name, Refuse("run %s is complete and cannot be rolled back: what it replaced is deleted", ended.Run))
	}
	if r.Situation != nil {
		if now, err := r.Situation(ctx); err == nil && now.Blocked != "" {
			return r.fail(result, ListCheck, name, Refuse("there is none: %s", now.Blocked))
		}
	}
	r.nothingToUndo(result, "there is no run to roll back")
	return nil
}

// reversible asks every stage for its Undo, before a run is turned that could then go
// neither way. What a later stage refuses or finds not to hold is left to its turn: it must
// not keep the traffic from being moved back.
func (r *Runner) reversible(ctx context.Context, result *Result) error {
	for _, step := range r.Runbook.RollbackSteps() {
		_, _, err := undoing(ctx, step)
		var none *Irreversible
		if class := ClassOf(err); errors.As(err, &none) || class != Succeeded && class != Failed && class != Refused {
			return r.fail(result, ListCheck, "every stage can be undone", fmt.Errorf("%s: %w", step.Called(), err))
		}
	}
	return nil
}
