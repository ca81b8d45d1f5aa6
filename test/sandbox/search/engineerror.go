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

// idTooLong has the id in its reason in 7.10; that 6.8 lacks it is read in older reports, and not measured.
func (e engine) idTooLong(id string) *engineError {
	named := "id [" + id + "]"
	if e.before7() {
		named = "id"
	}
	return refusal(400, "action_request_validation_exception", fmt.Sprintf("Validation Failed: 1: %s is too long, must be no longer than 512 bytes but was: %d;", named, len(id)))
}

// noSuchIndex has the index's name in its reason from version 7 on.
func (e engine) noSuchIndex(name string) *engineError {
	reason := "no such index"
	if !e.before7() {
		reason += " [" + name + "]"
	}
	return refusal(404, "index_not_found_exception", reason).about(name)
}
