package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// Back undoes steps in the order given, each as a result of its own, and retires
// the run. That order is the runbook's own: traffic first, names after. It asks
// all of them for their way back before its first write, and ends with an error of
// class Refused, nothing done, where one has none. It records that the run goes
// back before it undoes anything, so that no forward stage can start in between,
// and it can be run again after a crash at any point: each Undo reads the world anew.
//
// A bad verdict of the companion keeps nothing from being undone: the way back is
// the remedy. It is the error in the end, as a Blemish.
func (r *Runner) Back(ctx context.Context, order Runbook) error {
	defer r.letGo(ctx)
	defer r.endBeside()
	var blemish *Blemish
	for _, step := range order {
		none, err := r.undo(ctx, order, step)
		if err != nil && !errors.As(err, &blemish) || none {
			return err
		}
	}
	record, err := r.Journal.Record(ctx)
	if r.DryRun || err != nil || record == nil {
		return err
	}
	if err := r.Journal.Retire(r.permitted(ctx)); err != nil || blemish == nil {
		return err
	}
	return blemish
}

// undo undoes one step, and tells whether there was no run to undo it of.
func (r *Runner) undo(ctx context.Context, order Runbook, step Step) (none bool, err error) {
	result := r.begin(ctx, step)
	result.Back = true
	r.Observer.StageStarted(result)
	err = r.undone(ctx, order, step, result)
	r.end(ctx, result, step, err)
	return result.Run == "", err
}

func (r *Runner) undone(ctx context.Context, order Runbook, step Step, result *Result) error {
	record, err := r.Journal.Record(ctx)
	if err != nil {
		return r.failAs(result, ListUndo, "the run can be read", err)
	}
	if record == nil {
		return r.noRun(ctx, result)
	}
	result.Run = record.Run
	if !r.DryRun && !r.held {
		if err := r.hold(ctx, result); err != nil {
			return err
		}
		return r.undone(ctx, order, step, result)
	}
	if !record.Back && step.Name == order[0].Name {
		if err := r.passable(ctx, order, result); err != nil {
			return err
		}
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
	if err := r.besideBack(ctx, result, step, tasks); err != nil {
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
	if err := r.unmark(ctx, step, record, result); err != nil {
		return err
	}
	return r.verdictBack(ctx, order, step, result)
}

// noRun ends a rollback that has nothing to go back from: no run was begun, or the
// last one was rolled back. From one that came to its end there is no way back.
func (r *Runner) noRun(ctx context.Context, result *Result) error {
	ended, err := r.Journal.Ended(ctx)
	if err != nil {
		return r.failAs(result, ListCheck, "the run before can be read", err)
	}
	if ended != nil && !ended.Back {
		return r.failAs(result, ListCheck, "there is a way back from here", Refuse("there is none: run %s is complete, and what it replaced is deleted", ended.Run))
	}
	if r.Situation != nil {
		if now, err := r.Situation(ctx); err == nil && now.Blocked != "" {
			return r.failAs(result, ListCheck, "there is a run to go back from", Refuse("there is none: %s", now.Blocked))
		}
	}
	result.Verdict, result.Why = Nothing, "there is no run: nothing to go back from"
	r.note(result, ListUndo, "the stage is undone", Nothing, result.Why)
	return nil
}

// passable asks every step for its way back, before a run is turned that could
// then go neither way. What a later step refuses for another reason is left to its
// turn: it must not keep the traffic from going back.
func (r *Runner) passable(ctx context.Context, order Runbook, result *Result) error {
	for _, step := range order {
		_, err := step.Open().Undo(httpclient.WithoutPermit(ctx))
		var none *Irreversible
		switch {
		case errors.As(err, &none) && !none.Covered:
			return r.failAs(result, ListCheck, "there is a way back from here", Refuse("there is none: %d. %s: %w", step.Number, step.Name, err))
		case err != nil && none == nil && ClassOf(err) != Failed && ClassOf(err) != Refused:
			return r.failAs(result, ListCheck, "there is a way back from here", fmt.Errorf("%d. %s: %w", step.Number, step.Name, err))
		}
	}
	return nil
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

// unmark takes the mark of a step away, where it has one.
func (r *Runner) unmark(ctx context.Context, step Step, record *Record, result *Result) error {
	if _, marked := record.Marks[step.Name]; r.DryRun || !marked {
		return nil
	}
	if err := r.Journal.Unmark(r.permitted(ctx), step.Name); err != nil {
		return r.failAs(result, ListUndo, "the mark is taken away", err)
	}
	return nil
}
