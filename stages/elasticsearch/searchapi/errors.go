package searchapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Errors that Elasticsearch has a name for. An error of this package that
// matches one of them (errors.Is) is an *Error as well (errors.As).
var (
	// ErrExists: an index of that name exists already.
	ErrExists = errors.New("the index exists already")
	// ErrNameTaken: the name of a new index is an alias, or the name of a new alias is an index.
	ErrNameTaken = errors.New("the name is in use")
	// ErrNoIndex: there is no index or alias of that name.
	ErrNoIndex = errors.New("there is no such index")
)

// withSentinel makes an *Error match the sentinel for the Elasticsearch
// exception in it. Only the exception's type is compared, as its text differs
// between versions ("no such index [x]", "no such index (x)").
func withSentinel(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	exception, _, _ := strings.Cut(e.Message, ":")
	switch exception {
	case "resource_already_exists_exception", "index_already_exists_exception":
		return &sentinelError{e, ErrExists}
	case "invalid_index_name_exception", "invalid_alias_name_exception":
		return &sentinelError{e, ErrNameTaken}
	case "index_not_found_exception":
		return &sentinelError{e, ErrNoIndex}
	}
	return err
}

// sentinelError is an *Error that also matches a sentinel.
type sentinelError struct {
	api      *Error
	sentinel error
}

func (e *sentinelError) Error() string       { return e.api.Error() }
func (e *sentinelError) Class() runner.Class { return e.api.Class() }
func (e *sentinelError) Unwrap() []error     { return []error{e.api, e.sentinel} }

// noDocument reports whether a 404 is about the document: its body is then
// Elasticsearch's own object, with found: false or result: not_found. Any other
// 404 (no index, no route) says nothing about the document.
func noDocument(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Status != http.StatusNotFound {
		return false
	}
	var detail struct {
		Found  *bool  `json:"found"`
		Result string `json:"result"`
	}
	if json.Unmarshal(e.Detail(), &detail) != nil {
		return false
	}
	return detail.Result == "not_found" || detail.Found != nil && !*detail.Found
}

// noMorePages reports whether a page is past the last one (404 "Page N does not
// exist for this search") or past the index's max_result_window (400 from
// Elasticsearch, with an exception that differs between versions).
func noMorePages(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.FromAPI() && (e.Status == http.StatusNotFound || e.Status == http.StatusBadRequest)
}

// IsInternalError reports whether an error is the search API's 500 "Internal
// error". For a document it means that the index does not exist, that the index
// was not created by the search API, or that Elasticsearch failed at the first of
// the two calls a write makes.
func IsInternalError(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusInternalServerError && strings.EqualFold(e.Message, "Internal error")
}
