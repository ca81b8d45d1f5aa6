package search

import "fmt"

// engineError is what elasticsearch-py raises: an answer of the engine with an error, or none at all.
type engineError struct {
	status int    // 0 if there was no answer
	code   string // then "N/A" or "TIMEOUT"
	// message is what _get_an_error_message makes of it: a string, an object, or nil for an answer that is not JSON.
	message any
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

func noSuchIndex(name string) *engineError {
	return refusal(404, "index_not_found_exception", "no such index ["+name+"]")
}
