package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// begin makes the result of a stage, with what its header says: the run, and
// where live traffic is. What cannot be read is left out here, and told by the
// stage's own checks.
func (r *Runner) begin(ctx context.Context, step Step) *Result {
	result := &Result{
		Environment: r.Environment, Runbook: r.Runbook, App: r.App, Number: step.Number, Of: r.Of,
		Stage: step.Name, Title: step.Title, Build: r.Build, Version: r.Version, DryRun: r.DryRun,
		Verdict: Running, Started: time.Now().UTC(),
	}
	if record, err := r.Journal.Record(ctx); err == nil && record != nil {
		result.Run = record.Run
	}
	if r.Situation != nil {
		if s, err := r.Situation(ctx); err == nil {
			result.Traffic = s.Traffic
		}
	}
	return result
}

// end gives the stage its verdict and, where it failed, its card.
func (r *Runner) end(ctx context.Context, result *Result, step Step, err error) {
	result.Duration = time.Since(result.Started)
	switch {
	case err != nil:
		result.Verdict = verdictOf(err)
		result.ExitCode = ClassOf(err).ExitCode()
		if outstanding(err) && r.held {
			r.Lease.Abandon()
			r.held = false
		}
		result.Card = r.card(ctx, result, step, err)
	case result.Verdict == Running:
		result.Verdict = Done
	}
	r.Observer.StageDone(result)
}

// retire ends the run once the runbook's last step is marked. A process that was
// killed in between left the mark: the next one finds the step complete, and
// comes here all the same.
func (r *Runner) retire(ctx context.Context, all []Step, step Step, result *Result) error {
	if r.DryRun || !isLast(all, step) {
		return nil
	}
	record, err := r.Journal.Record(ctx)
	if err != nil {
		return r.failAs(result, ListVerify, "the run can be read", err)
	}
	if record == nil || record.Back {
		return nil
	}
	if _, is := record.Marks[step.Name]; !is {
		return nil
	}
	if !r.held {
		if err := r.hold(ctx, result); err != nil {
			return err
		}
		return r.retire(ctx, all, step, result)
	}
	return r.inTurn(r.permitted(ctx), result, ListApply, []Task{{
		Name: "retire the run", Effect: Changes,
		Do: func(ctx context.Context, o *Observation) error {
			o.Say("run %s is complete", record.Run)
			return r.Journal.Retire(ctx)
		},
	}})
}

func isLast(all []Step, step Step) bool { return len(all) > 0 && all[len(all)-1].Name == step.Name }

// card says what a person needs to know now.
func (r *Runner) card(ctx context.Context, result *Result, step Step, err error) *Card {
	c := &Card{Traffic: "not known: it could not be read", Back: "not known"}
	f := result.FirstFailure()
	switch {
	case ClassOf(err) == Interrupted:
		c.Failed = fmt.Sprintf("nothing: %d. %s was asked to stop", result.Number, result.Stage)
		if f != nil {
			c.Failed += fmt.Sprintf(", in %s: %s", f.List, f.Name)
		}
	case f != nil:
		c.Failed = fmt.Sprintf("%d. %s, %s: %s: %s", result.Number, result.Stage, f.List, f.Name, f.Error)
		c.ByHand = f.ByHand
	default:
		c.Failed = fmt.Sprintf("%d. %s: %s", result.Number, result.Stage, err)
	}
	for _, t := range result.Tasks {
		if t.Effect == Proves || t.List != ListApply && t.List != ListAbort && t.List != ListUndo {
			continue
		}
		if t.Verdict == Done {
			c.Changed = append(c.Changed, t.Name)
		} else {
			c.NotChanged = append(c.NotChanged, t.Name)
		}
	}
	c.NotChanged = append(c.NotChanged, result.NotBegun...)
	if r.Situation != nil {
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if s, serr := r.Situation(asking); serr == nil {
			c.Traffic, c.Back = strings.TrimSpace(s.Traffic+": "+s.Detail), s.Back
		}
	}
	c.Again, c.Onward, c.Next = r.advice(result, step, ClassOf(err))
	if errors.Is(err, errBreach) && ClassOf(err) == Failed {
		c.Again, c.Next = "yes, once it is known why requests failed: it begins anew with its first step", r.Command+" "+r.Beside.Command
	}
	return c
}

// advice says whether it is safe to run again and to go on, and the next command.
func (r *Runner) advice(result *Result, step Step, class Class) (again, onward, next string) {
	same := r.Command + " " + step.Name
	if result.Back {
		same = r.Command + " rollback"
	}
	onward = "no: later stages refuse until this one is complete"
	switch class {
	case Misconfigured:
		return "yes, after the setting is mended", onward, same
	case Refused:
		return "yes, it will refuse again until what it names has changed", onward, r.Command + " status"
	case Unavailable:
		return "yes, once what it names answers again: it goes on from here", onward, same
	case Interrupted:
		return "yes: it goes on from here", onward, same
	}
	again = "yes: it reads the world anew and does only what is missing"
	if !result.Back {
		again += "; where it fails in the same way again, go back if there is a way: " + r.Command + " rollback"
	}
	return again, onward, same
}
