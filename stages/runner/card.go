package runner

import (
	"cmp"
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
			c.ByHand = cmp.Or(c.ByHand, s.Next)
		}
	}
	c.Onward = "no: later stages refuse until this one is complete"
	c.Again, c.Next = r.advice(result, step, err)
	return c
}

// failed says in one line what failed, and how to do it by hand.
func failed(result *Result, err error) (text, byHand string) {
	stage := fmt.Sprintf("%d. %s", result.Number, result.Stage)
	f := result.firstFailure()
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

// advice says whether it is safe to run again, and the next command.
func (r *Runner) advice(result *Result, step Step, err error) (again, next string) {
	rollback := r.Command + " rollback"
	next = r.Command + " " + step.Name
	if result.Rollback {
		next = rollback
	}
	var b *breach
	switch class := ClassOf(err); {
	case class == Misconfigured:
		return "yes, once the setting is corrected", next
	case class == Refused:
		return "yes, it will refuse again until what it names has changed", r.Command + " status"
	case r.Runbook.reopened(r.at, err) != nil:
		first := r.Runbook.reopened(r.at, err)
		return fmt.Sprintf("yes, after %s, which is reopened and repairs what is wrong", first.Called()), r.Command + " " + first.Name
	case class == Unavailable:
		return "yes, once what it names answers again: it continues from here", next
	case class == Interrupted:
		return "yes: it continues from here", next
	case errors.As(err, &b):
		return "yes, once it is known why requests failed: it starts again at its first stage", r.Command + " switch"
	case result.Rollback:
		return "yes: it reads the current state and does only what is missing", next
	}
	return "yes: it reads the current state and does only what is missing; if it fails in the same way again, roll back if possible: " + rollback, next
}
