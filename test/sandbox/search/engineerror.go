package search

import "fmt"

// engineError is what elasticsearch-py raises: an answer of the engine with an error, or none at all.
type engineError struct {
	status int    // 0 if there was no answer
	code   string // then "N/A" or "TIMEOUT"
	// message is what _get_an_error_message makes of it: a string, an object, or nil for an answer that is not JSON.
	message any
	// index is what the engine names beside its reason; the old build shows it.
	index string
}

func (e *engineError) Error() string {
	return fmt.Sprintf("engine: %d%s: %v", e.status, e.code, e.message)
}

func (e *engineError) statusCode() string {
	if e.status == 0 {
		return e.code
	}
	return fmt.Sprint(e.status)
}

// refusal is an error whose root cause has a type and a reason.
func refusal(status int, kind, reason string) *engineError {
	return &engineError{status: status, message: kind + ": " + reason}
}

func (e *engineError) about(index string) *engineError {
	e.index = index
	return e
}

// noSuchIndex: the reason has the name from version 7 on.
func (e engine) noSuchIndex(name string) *engineError {
	reason := "no such index"
	if !e.before7() {
		reason += " [" + name + "]"
	}
	return refusal(404, "index_not_found_exception", reason).about(name)
}
