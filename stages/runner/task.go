package runner

import (
	"context"
	"fmt"
	"time"
)

// Task is one thing checked or done. It is one line of the log and one case of
// the JUnit report. Within a stage its name is unique.
type Task struct {
	// Name is what a person would say, without counts, dates or identifiers,
	// since Jenkins follows a case from build to build by its name:
	// "the live route reaches green".
	Name string
	// ByHand is the command a person would type for a change, or "".
	ByHand string
	// Shows is what a plan shows of a change, such as a diff; "" for nothing.
	Shows string
	// Wait is how long the task is polled until it holds. Zero: once in Check and
	// Apply, the runner's own deadline in Verify. Negative: no deadline.
	Wait time.Duration
	// Effect says what the task does to the world. The zero value is Proves: such a
	// task gets no permit to write, even between changes.
	Effect Effect
	// After, where set, is the stage without which the task cannot hold. While that
	// stage is not complete, After takes the place of the task's error, if that is of
	// class Failed or Refused and no NotYet itself.
	After *NotYet
	// Do checks or does it. What was measured goes into the observation, also
	// when it fails. A nil error means: it holds, or it is done.
	Do func(context.Context, *Observation) error
	// Assume is called instead of Do in a dry run, so that what is planned after the
	// task may rely on it, such as on a new name. It writes nothing. nil: nothing
	// relies on it.
	Assume func()
}

// Effect says what a task does to the world. A plan shows it as a sign.
type Effect int

// The effects.
const (
	// Proves: it changes nothing. No card lists it among the changes.
	Proves Effect = iota
	// Creates: something exists afterwards that did not.
	Creates
	// Changes: something that exists becomes different.
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
