package cloudfoundry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Error is what the platform said, or why it said nothing. go-cfclient's errors
// have no HTTP status and keep the first of several errors only; this keeps both.
type Error struct {
	// Op is the request: "POST /v3/apps".
	Op string
	// Status is the HTTP status; 0 where there was no answer.
	Status int
	// Code and Title are of the first error: 10008, "CF-UnprocessableEntity".
	Code  int
	Title string
	// Detail is the words of all errors, "; " between them.
	Detail string

	cause   error
	setting string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	switch {
	case e.cause != nil:
		fmt.Fprintf(&b, ": %s", e.cause)
	default:
		fmt.Fprintf(&b, ": %s (%d", e.words(), e.Status)
		if e.Title != "" {
			fmt.Fprintf(&b, " %s", e.Title)
		}
		b.WriteString(")")
	}
	if e.setting != "" {
		fmt.Fprintf(&b, ": see %s", e.setting)
	}
	return b.String()
}

func (e *Error) words() string {
	if e.Detail != "" {
		return strings.TrimSuffix(e.Detail, ".")
	}
	return strings.ToLower(http.StatusText(e.Status))
}

func (e *Error) Unwrap() error { return e.cause }

// Class tells what the error means for the operator. A rejected credential is a
// setting; a missing right is a refusal; silence and 5xx pass.
func (e *Error) Class() runner.Class {
	switch {
	case e.Status == 0:
		return silenceClass(e.cause)
	case e.Status == http.StatusUnauthorized:
		return runner.Misconfigured
	case e.Status == http.StatusForbidden:
		return runner.Refused
	case e.Status == http.StatusTooManyRequests, e.Status >= 500:
		return runner.Unavailable
	}
	return runner.Failed
}

// silenceClass is the class of a request without an answer: the lease or the
// program's own rule kept it back, or somebody asked us to stop, or else the
// platform could not be reached.
func silenceClass(cause error) runner.Class {
	var own runner.Classified
	switch {
	case errors.Is(cause, httpclient.ErrNoPermit):
		return runner.Failed
	case errors.As(cause, &own):
		return own.Class()
	case errors.Is(cause, context.Canceled):
		return runner.Interrupted
	}
	return runner.Unavailable
}

// IsNotFound tells that the object is gone or was never there.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// IsNameTaken tells that an object of that name, address or pair exists. In v3
// that is 422 with code 10008, told from all other faults by its words alone
// (cloud_controller_ng: app/models/services/service_instance.rb, app/actions/app_create.rb,
// app/actions/route_create.rb, app/actions/service_credential_binding_app_create.rb).
func IsNameTaken(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusUnprocessableEntity {
		return false
	}
	for _, words := range []string{"name is taken", "already exists", "already bound", "name must be unique"} {
		if strings.Contains(strings.ToLower(e.Detail), words) {
			return true
		}
	}
	return false
}

// isAmbiguous tells that a write may or may not have been done: it was sent, and
// then there was no answer, or a 5xx.
func isAmbiguous(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	if e.Status != 0 {
		return e.Status >= 500
	}
	var own runner.Classified
	return !errors.Is(e.cause, httpclient.ErrNoPermit) && !errors.As(e.cause, &own)
}

// isPassing tells that a read may succeed when it is tried again.
func isPassing(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Class() == runner.Unavailable
}

// wrongStatus makes an error of an answer and closes its body. Bodies that are
// neither the Cloud Controller's nor UAA's, such as a proxy's page, are left out.
func wrongStatus(op string, resp *http.Response) *Error {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	e := &Error{Op: op, Status: resp.StatusCode}
	var said struct {
		resource.CloudFoundryErrors
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Message     string `json:"message"`
	}
	if json.Unmarshal(body, &said) != nil {
		return e
	}
	if len(said.Errors) > 0 {
		e.Code, e.Title, e.Detail = said.Errors[0].Code, said.Errors[0].Title, details(said.Errors)
		return e
	}
	e.Title, e.Detail = said.Error, cmp.Or(said.Description, said.Message)
	return e
}

func details(all []resource.CloudFoundryError) string {
	words := make([]string, len(all))
	for i, one := range all {
		words[i] = strings.TrimSuffix(one.Detail, ".")
		if words[i] == "" {
			words[i] = one.Title
		}
	}
	return strings.Join(words, "; ")
}

// asError makes one *Error of what go-cfclient and net/http wrapped. The address
// that they put before the cause is in Op already.
func asError(op string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err
	}
	return &Error{Op: op, cause: err}
}
