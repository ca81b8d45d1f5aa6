package runner

import (
	"context"
	"errors"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// Back undoes steps from the last to the first, each as a result of its own, and
// retires the run. It records that the run goes back before its first write, so
// that no forward stage can start in between, and it can be run again after a
// crash at any point: each Undo reads the world anew. It ends early, with an
// error of class Refused, at a stage that has no way back.
func (r *Runner) Back(ctx context.Context, all []Step) error {
	defer r.letGo(ctx)
	for i := len(all) - 1; i >= 0; i-- {
		if none, err := r.undo(ctx, all[i]); err != nil || none {
			return err
		}
	}
	if record, err := r.Journal.Record(ctx); r.DryRun || err != nil || record == nil {
		return err
	}
	return r.Journal.Retire(r.permitted(ctx))
}

// undo undoes one step, and tells whether there was no run to undo it of.
func (r *Runner) undo(ctx context.Context, step Step) (none bool, err error) {
	result := r.begin(ctx, step)
	result.Back = true
	r.Observer.StageStarted(result)
	err = r.undone(ctx, step, result)
	r.end(ctx, result, step, err)
	return result.Run == "", err
}

func (r *Runner) undone(ctx context.Context, step Step, result *Result) error {
	record, err := r.Journal.Record(ctx)
	if err != nil {
		return r.failAs(result, ListUndo, "the run can be read", err)
	}
	if record == nil {
		result.Verdict, result.Why = Nothing, "there is no run: nothing to go back from"
		r.note(result, ListUndo, "the stage is undone", Nothing, result.Why)
		return nil
	}
	result.Run = record.Run
	if !r.DryRun && !r.held {
		if err := r.hold(ctx, result); err != nil {
			return err
		}
		return r.undone(ctx, step, result)
	}
	tasks, err := step.Open().Undo(httpclient.WithoutPermit(ctx))
	var none *Irreversible
	if errors.As(err, &none) && !none.Covered {
		return r.failAs(result, ListUndo, "the stage is undone", Refuse("no way back from here: %w", err))
	}
	if err != nil && none == nil {
		return r.failAs(result, ListUndo, "the way back can be read", err)
	}
	if r.DryRun && none == nil {
		return r.planned(result, ListUndo, tasks, nil)
	}
	if err := r.turnBack(ctx, record, result); err != nil {
		return err
	}
	if err := r.inTurn(r.permitted(ctx), result, ListUndo, tasks); err != nil {
		return err
	}
	if len(tasks) == 0 {
		why := "nothing is left of it"
		if none != nil {
			why = none.Why
		}
		result.Verdict, result.Why = Nothing, why
		r.note(result, ListUndo, "the stage is undone", Nothing, why)
	}
	return r.unmark(ctx, step, result)
}

// turnBack records that the run goes back, before the first write of a rollback.
func (r *Runner) turnBack(ctx context.Context, record *Record, result *Result) error {
	if r.DryRun || record.Back {
		return nil
	}
	if err := r.Journal.TurnBack(r.permitted(ctx)); err != nil {
		return r.failAs(result, ListUndo, "the run is recorded as going back", err)
	}
	return nil
}

func (r *Runner) unmark(ctx context.Context, step Step, result *Result) error {
	if r.DryRun {
		return nil
	}
	if err := r.Journal.Unmark(r.permitted(ctx), step.Name); err != nil {
		return r.failAs(result, ListUndo, "the mark is taken away", err)
	}
	return nil
}
