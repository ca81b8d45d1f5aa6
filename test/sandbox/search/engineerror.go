package search

import "fmt"

// engineError is an exception of elasticsearch-py: an error that the engine has answered, or a missing answer.
type engineError struct {
	status int    // 0 if there was no answer
	code   string // "N/A" or "TIMEOUT" if there was no answer
	// message is what _get_an_error_message returns: a string, an object, or nil if the answer is not JSON.
	message any
	// index is the index in the engine's error, which the old build shows.
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

// refusal is an error that has a root cause with a type and a reason.
func refusal(status int, kind, reason string) *engineError {
	return &engineError{status: status, message: kind + ": " + reason}
}

func (e *engineError) about(index string) *engineError {
	e.index = index
	return e
}

// noSuchIndex has the index's name in its reason from version 7 on.
func (e engine) noSuchIndex(name string) *engineError {
	reason := "no such index"
	if !e.before7() {
		reason += " [" + name + "]"
	}
	return refusal(404, "index_not_found_exception", reason).about(name)
}
