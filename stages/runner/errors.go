package runner

import (
	"context"
	"errors"
	"fmt"
)

// Class says what an error means for the operator; it decides the exit code.
type Class int

// The classes, in the order of their weight: of several errors the heaviest decides.
const (
	// Succeeded is the class of no error. Exit code 0.
	Succeeded Class = iota
	// Failed: a check or verification said no. Exit code 1.
	Failed
	// Unavailable: something we depend on failed, and running again is safe. Exit code 4.
	Unavailable
	// Refused: the state is not for us to touch. Exit code 3.
	Refused
	// Misconfigured: a setting is missing, wrong, or a credential was rejected. Exit code 2.
	Misconfigured
	// Interrupted: the process was asked to stop, and the run can go on. Exit code 130.
	Interrupted
)

// ExitCode is the exit code of the process for errors of this class.
func (c Class) ExitCode() int {
	return map[Class]int{Succeeded: 0, Failed: 1, Unavailable: 4, Refused: 3, Misconfigured: 2, Interrupted: 130}[c]
}

// Classified is an error that knows its own class. Clients of remote systems
// implement it on their error types; the runner imports none of them.
type Classified interface {
	error
	Class() Class
}

type classified struct {
	error
	class Class
}

func (e classified) Class() Class  { return e.class }
func (e classified) Unwrap() error { return e.error }

// Refuse says that the state is not for us to touch: exit code 3.
func Refuse(format string, args ...any) error {
	return classified{fmt.Errorf(format, args...), Refused}
}

// Misconfigure says that a setting is wrong: exit code 2. Name the variable.
func Misconfigure(format string, args ...any) error {
	return classified{fmt.Errorf(format, args...), Misconfigured}
}

// Depend says that a system we depend on failed and that a retry is safe: exit code 4.
func Depend(format string, args ...any) error {
	return classified{fmt.Errorf(format, args...), Unavailable}
}

// ClassOf returns the class of an error. Of joined errors the heaviest counts; an
// error that has no class is Failed.
func ClassOf(err error) Class {
	if err == nil {
		return Succeeded
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		heaviest := Failed
		for _, e := range joined.Unwrap() {
			heaviest = max(heaviest, ClassOf(e))
		}
		return heaviest
	}
	if c, ok := err.(Classified); ok { //nolint:errorlint // It walks the tree itself, one error at a time.
		return c.Class()
	}
	switch err { //nolint:errorlint // As above.
	case context.Canceled:
		return Interrupted
	case context.DeadlineExceeded:
		return Unavailable
	}
	return max(Failed, ClassOf(errors.Unwrap(err)))
}

// NotYet is a check that does not hold only because an earlier stage has not run.
// In a dry run it is "waits for 2. create-service: there is no …", not a failure.
type NotYet struct {
	// Stage is the name of the stage that it waits for, Why says what is missing.
	Stage, Why string
}

func (e *NotYet) Error() string { return fmt.Sprintf("%s (waits for %s)", e.Why, e.Stage) }

// Skip is what a check returns where the stage must not run now and that is no
// failure: the stage is skipped, with exit code 0, and says why.
type Skip struct{ Why string }

func (e *Skip) Error() string { return e.Why }

// Final wraps a verification's error that waiting cannot resolve.
func Final(err error) error { return &final{err} }

type final struct{ error }

func (e *final) Unwrap() error { return e.error }

// IsFinal reports whether waiting cannot help.
func IsFinal(err error) bool {
	var f *final
	return errors.As(err, &f) || len(reopenings(err)) > 0
}

// MayPass wraps a refusal that waiting may resolve: it is polled like a failure, and
// refuses once the deadline has passed.
func MayPass(err error) error { return &passing{err} }

type passing struct{ error }

func (e *passing) Unwrap() error { return e.error }

// waitingHelps reports whether an error may be gone the next time.
func waitingHelps(err error) bool {
	var p *passing
	return !IsFinal(err) && (ClassOf(err) < Refused || ClassOf(err) == Refused && errors.As(err, &p))
}

// Irreversible is what Undo returns where the stage cannot be undone by itself.
type Irreversible struct {
	Why string
	// Covered reports that nothing is missing all the same: undoing an earlier stage
	// undoes this one too, or there was nothing to undo. Where it is false there is no
	// rollback.
	Covered bool
}

func (e *Irreversible) Error() string { return e.Why }
