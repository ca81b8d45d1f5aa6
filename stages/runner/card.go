package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// card says what a person needs to know now.
func (r *Runner) card(ctx context.Context, result *Result, step Step, err error) *Card {
	c := &Card{Traffic: "not known: it could not be read", Rollback: "not known"}
	c.Failed, c.ByHand = failed(result, err)
	c.Changed, c.NotChanged = result.changed()
	if r.Situation != nil {
		reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if s, serr := r.Situation(reading); serr == nil {
			c.Traffic, c.Rollback = strings.TrimSpace(s.Traffic+": "+s.Detail), s.Back
		}
	}
	c.Again, c.Onward, c.Next = r.advice(result, step, ClassOf(err))
	var b *breach
	if errors.As(err, &b) && ClassOf(err) == Failed {
		c.Again, c.Next = "yes, once it is known why requests failed: it starts again at its first stage", r.Command+" switch"
	}
	return c
}

// failed says in one line what failed, and how to do it by hand.
func failed(result *Result, err error) (text, byHand string) {
	stage := fmt.Sprintf("%d. %s", result.Number, result.Stage)
	f := result.FirstFailure()
	switch {
	case ClassOf(err) == Interrupted && f != nil:
		return fmt.Sprintf("nothing: %s was asked to stop, in %s: %s", stage, f.List, f.Name), ""
	case ClassOf(err) == Interrupted:
		return fmt.Sprintf("nothing: %s was asked to stop", stage), ""
	case f != nil:
		return fmt.Sprintf("%s, %s: %s: %s", stage, f.List, f.Name, f.Error), f.ByHand
	}
	return fmt.Sprintf("%s: %s", stage, err), ""
}

// changed are the names of the changes that were done, and of those that were not.
func (r *Result) changed() (done, not []string) {
	for _, t := range r.Tasks {
		switch {
		case t.Effect == Proves || t.List != ListApply && t.List != ListAbort && t.List != ListUndo:
		case t.Verdict == Done:
			done = append(done, t.Name)
		default:
			not = append(not, t.Name)
		}
	}
	return done, append(not, r.NotStarted...)
}

// advice says whether it is safe to run again and to go on, and the next command.
func (r *Runner) advice(result *Result, step Step, class Class) (again, onward, next string) {
	same := r.Command + " " + step.Name
	if result.Rollback {
		same = r.Command + " rollback"
	}
	onward = "no: later stages refuse until this one is complete"
	switch class {
	case Misconfigured:
		return "yes, once the setting is corrected", onward, same
	case Refused:
		return "yes, it will refuse again until what it names has changed", onward, r.Command + " status"
	case Unavailable:
		return "yes, once what it names answers again: it continues from here", onward, same
	case Interrupted:
		return "yes: it continues from here", onward, same
	}
	again = "yes: it reads the current state and does only what is missing"
	if !result.Rollback {
		again += "; if it fails in the same way again, roll back if possible: " + r.Command + " rollback"
	}
	return again, onward, same
}
