// Package runner says what a stage is and is the one executor of stages: it checks,
// plans, applies, verifies and undoes them, and reports what happened.
//
// A stage decides what; the runner alone decides whether, and does it. Dry run, skipping
// of what is complete, resuming, the lease, recording a stage as complete and the reports
// are written here once and in no stage. The package knows no Cloud Foundry and no XML:
// what it needs it declares as small interfaces (Journal, Lease, Observer).
package runner

import "context"

// Stage is what one step of a runbook does. A stage may also be a Gate, a Looker or an
// Aborter.
//
// Check and Verify build lists and do no I/O themselves. Plan and Undo may read, and must
// not write: the HTTP client refuses a write from them.
type Stage interface {
	// Check returns the preconditions. All are run and all failures reported; nothing is
	// changed when one fails.
	Check() []Task
	// Plan reads live state and returns the difference to the wanted state as tasks, in
	// order. Empty means: already done. Every task must be safe to repeat after a crash at
	// any point of it.
	Plan(context.Context) ([]Task, error)
	// Verify returns the postconditions. Each is polled until it holds, its deadline
	// passes, or it says that waiting cannot help (see Final).
	Verify() []Task
	// Undo reads live state and returns the tasks that undo the stage. A stage that cannot
	// be undone returns Irreversible with the reason.
	Undo(context.Context) ([]Task, error)
}

// Gate is a stage that decides itself whether it runs, instead of the rule that a stage
// runs once, after all earlier ones.
type Gate interface {
	// Admit decides from the record (nil: there is no run) and the steps before.
	Admit(record *Record, earlier []Step) Admission
}

// Looker is a stage that only looks: it never plans a change, only verifies.
type Looker interface{ OnlyLooks() }

// Aborter is a stage that has something to do at once when it fails before its commit
// point, such as mapping a route back. The runner calls it after a failed Apply or Verify,
// never after an interruption.
type Aborter interface {
	Abort(context.Context) ([]Task, error)
}

// Admission says whether a stage runs.
type Admission struct {
	// Act reports whether the stage runs; if not, it is skipped and Why says why.
	Act bool
	Why string
	// Completes reports whether the stage, once it has run, is complete in the run.
	Completes bool
}
