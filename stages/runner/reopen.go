package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Reopen is what a check or a proof returns where it shows that the work of an earlier
// stage is wrong, or was undone by others, and that stage repairs it when it is run again.
//
// The runner then withdraws the completion of that stage, and of those between, which
// prove their work again; the card's next command is that stage. Waiting cannot help.
// Where the runbook does not let that stage run again at this point (Runbook.Reopens), it
// is a failure as any other.
type Reopen struct {
	// Stage is the name of the earlier stage, Why says what is wrong.
	Stage, Why string
}

func (e *Reopen) Error() string { return e.Why }

// mayReopen reports whether a stage may reopen an earlier one.
func (b Runbook) mayReopen(at, earlier string) bool {
	return b.Has(b.Reopens, at) && b.Has(b.Reopens, earlier) && b.index(earlier) < b.index(at)
}

// reopened is the earliest step that an error of a stage reopens; nil where it reopens none, as while
// something is refused or a setting is wrong: what is missing may be so for that reason.
func (b Runbook) reopened(at string, err error) *Step {
	if ClassOf(err) >= Refused {
		return nil
	}
	var earliest *Step
	for _, e := range reopenings(err) {
		if s := b.Named(e.Stage); s != nil && b.mayReopen(at, s.Name) && (earliest == nil || b.index(s.Name) < b.index(earliest.Name)) {
			earliest = s
		}
	}
	return earliest
}

// reopenings are all of an error: several checks may find something wrong.
func reopenings(err error) []*Reopen {
	var all []*Reopen
	switch e := err.(type) { //nolint:errorlint // It walks the tree itself, one error at a time.
	case nil:
	case *Reopen:
		all = append(all, e)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			all = append(all, reopenings(one)...)
		}
	default:
		all = reopenings(errors.Unwrap(err))
	}
	return all
}

// reopen withdraws what a stage's error reopens, from the last to the first: stopped in
// between, the run still says that what comes before it must be run first.
func (r *Runner) reopen(ctx context.Context, step Step, result *Result, err error) error {
	first := r.Runbook.reopened(r.at, err)
	if first == nil || r.DryRun || ctx.Err() != nil {
		return err
	}
	steps := slices.Clone(r.Runbook.Between(first.Name, step.Name))
	slices.Reverse(steps)
	var tasks []Task
	for _, s := range steps[1:] {
		tasks = append(tasks, Task{Name: "reopen " + s.Name, Effect: Changes, Do: func(ctx context.Context, o *Observation) error {
			o.Say("it is no longer complete")
			if err := r.Journal.Reopen(ctx, s.Name); err != nil {
				return fmt.Errorf("reopen %s: %w", s.Called(), err)
			}
			return nil
		}})
	}
	if failed := r.inTurn(r.permitted(ctx), result, ListAbort, tasks); failed != nil {
		return errors.Join(err, failed)
	}
	// What could not be determined besides is a consequence.
	return classified{err, Failed}
}
