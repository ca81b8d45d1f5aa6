// Package runner says what a stage is and is the one executor of stages: it
// checks, plans, applies, verifies and undoes them, and reports what happened.
//
// A stage decides what; the runner alone decides whether, and does it. Dry run,
// skipping of what is complete, resuming, the lease, the marks and the reports
// are written here once and in no stage. The package knows no Cloud Foundry and
// no XML: what it needs it declares as small interfaces (Journal, Lease, Observer).
package runner

import (
	"context"
	"fmt"
	"time"
)

// Task is one thing asked or done. It is one line of the log and one case of
// the JUnit report.
type Task struct {
	// Name is what a person would say, without counts, dates or identifiers,
	// since Jenkins follows a case from build to build by its name:
	// "the live route reaches the new app".
	Name string
	// ByHand is the command a person would type for a change, or "".
	ByHand string
	// Shows is what a plan shows of a change, such as a diff; "" for nothing.
	Shows string
	// Wait is how long the task is polled until it holds. Zero: once in Check and
	// Apply, the runner's own deadline in Verify. Negative: no deadline.
	Wait time.Duration
	// Effect says what the task does to the world. The zero value is Proves: such a
	// task gets no permit to write, also where it is applied between changes.
	Effect Effect
	// After, where set, is what the task waits for: where it does not hold while
	// that stage is not complete, this takes the place of its error.
	After *NotYet
	// Do asks or does it. What was measured goes into the observation, also
	// when it fails. A nil error means: it holds, or it is done.
	Do func(context.Context, *Observation) error
	// Assume takes Do's place in a dry run: what is planned after it may take it
	// for done, such as a name that is given. It writes nothing; nil: nothing follows.
	Assume func()
}

// Effect says what a task does to the world. A plan marks it with its sign.
type Effect int

// The effects.
const (
	// Proves: it changes nothing. No card lists it among the changes.
	Proves Effect = iota
	// Creates: something is there afterwards that was not.
	Creates
	// Changes: something that is there becomes different.
	Changes
	// Deletes: something is gone afterwards, or off, or stopped.
	Deletes
)

// String is the effect's name in reports.
func (e Effect) String() string { return [...]string{"proves", "creates", "changes", "deletes"}[e] }

// MarshalText writes the name, for JSON.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads the name.
func (e *Effect) UnmarshalText(text []byte) error {
	for one := Proves; one <= Deletes; one++ {
		if one.String() == string(text) {
			*e = one
			return nil
		}
	}
	return fmt.Errorf("%q is not an effect", text)
}

// Stage is one step of a runbook.
//
// Check and Verify build lists and do no I/O themselves. Plan and Undo may read,
// and must not write: a write from them is refused by the HTTP client.
type Stage interface {
	// Check returns the preconditions. All are run and all failures reported;
	// nothing is changed when one fails.
	Check() []Task
	// Plan reads live state and returns the difference to the wanted state as
	// tasks, in order. Empty means: already done. Every task must be safe to
	// repeat after a crash at any point of it.
	Plan(context.Context) ([]Task, error)
	// Verify returns the postconditions. Each is polled until it holds, its
	// deadline passes, or it says that waiting cannot help (see Final).
	Verify() []Task
	// Undo reads live state and returns the way back, as tasks. A stage that
	// has none returns Irreversible with the reason.
	Undo(context.Context) ([]Task, error)
}

// Aborter is a stage that has something to do at once when it fails before its
// commit point, such as mapping a route back. The runner calls it after a failed
// Apply or Verify, never after an interruption.
type Aborter interface {
	Abort(context.Context) ([]Task, error)
}

// Step ties a stage to its place in the runbook.
type Step struct {
	// Number is the step's number in the runbook.
	Number int
	// Name is the command: "map-live-route".
	Name string
	// Title is the heading: "Map the live route".
	Title string
	// Help is the stage's paragraph of the runbook, shown by --help.
	Help string
	// Looks is a stage that only looks: it never has anything to do but to verify.
	Looks bool
	// Gate, where set, replaces the rule that a stage runs once, after all
	// earlier ones: it decides from the record (nil: there is no run). The rule
	// is not asked in a dry run.
	Gate func(record *Record, earlier []Step) Admission
	// Open builds the stage. It does no I/O.
	Open func() Stage
}

// WayBack says what going back costs after one of the steps from First to Last, and
// where it ends.
type WayBack struct {
	First int    `json:"after"`
	Last  int    `json:"to"`
	Cost  string `json:"cost"`
	End   string `json:"end"`
}

// Admission is what a step's Gate decides.
type Admission struct {
	// Act tells whether the stage acts; if not, it is skipped and Why says why.
	Act bool
	Why string
	// Mark tells whether the stage, once done, completes its step of the run.
	Mark bool
}

// List names the part of a stage that a task belongs to. It is the last
// component of the JUnit class name.
type List string

// The parts of a stage, in the order in which they are run.
const (
	ListCheck  List = "check"
	ListPlan   List = "plan"
	ListApply  List = "apply"
	ListVerify List = "verify"
	ListAbort  List = "abort"
	ListUndo   List = "undo"
)
