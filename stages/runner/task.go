package runner

import (
	"context"
	"time"
)

// Task is one thing checked or done. It is one line of the log and one case of the JUnit
// report. Within a stage its name is unique.
type Task struct {
	// Name is what a person would say, without counts, dates or identifiers, since Jenkins
	// follows a case from build to build by its name: "the live route reaches green".
	Name string
	// ByHand is the command a person would type for a change, or "".
	ByHand string
	// Shows is what a plan shows of a change, such as a diff; "" for nothing.
	Shows string
	// Wait is how long the task is polled until it holds. Zero: once in Check and Apply,
	// the runner's own deadline in Verify. Negative: no deadline.
	Wait time.Duration
	// Effect says what the task does to the world. A task that Proves gets no permit to
	// write, even between changes.
	Effect Effect
	// After, where set, is the stage without which the task cannot hold. While that stage
	// is not complete, After takes the place of the task's error, if that is of class Failed
	// or Refused and no NotYet itself.
	After *NotYet
	// Do checks or does it. What was measured goes into the observation, also when it
	// fails. A nil error means: it holds, or it is done.
	Do func(context.Context, *Observation) error
	// Assume is called instead of Do in a dry run, so that what is planned after the task
	// may rely on it, such as on a new name. It writes nothing. nil: nothing relies on it.
	Assume func()
}

// Effect says what a task does to the world. A plan shows it as a sign.
type Effect string

// The effects.
const (
	// Proves: it changes nothing. No card lists it among the changes.
	Proves Effect = ""
	// Creates: something exists afterwards that did not.
	Creates Effect = "creates"
	// Changes: something that exists becomes different.
	Changes Effect = "changes"
	// Deletes: something is gone afterwards, or off, or stopped.
	Deletes Effect = "deletes"
)

// List names the part of a stage that a task belongs to. It is the last component of the
// JUnit class name.
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
