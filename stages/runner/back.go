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
		if err := r.undo(ctx, all[i]); err != nil {
			return err
		}
	}
	if r.DryRun {
		return nil
	}
	return r.Journal.Retire(r.permitted(ctx))
}

func (r *Runner) undo(ctx context.Context, step Step) error {
	result := r.begin(ctx, step)
	result.Back = true
	r.Observer.StageStarted(result)
	err := r.undone(ctx, step, result)
	r.end(ctx, result, step, err)
	return err
}

func (r *Runner) undone(ctx context.Context, step Step, result *Result) error {
	record, err := r.Journal.Record(ctx)
	if err != nil {
		return r.failAs(result, ListUndo, "the run can be read", err)
	}
	if record == nil {
		return r.failAs(result, ListUndo, "there is a run to go back from", Refuse("there is no run: nothing to go back from"))
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
		return r.planned(result, tasks, nil)
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
