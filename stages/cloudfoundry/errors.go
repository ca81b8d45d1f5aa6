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
	"slices"
	"strings"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Error is an error response of the platform, or the reason why there was no response.
// go-cfclient's errors have no HTTP status and only the first of several errors;
// this one has the status and all of them.
type Error struct {
	// Op is the request: "POST /v3/apps".
	Op string
	// Status is the HTTP status; 0 if there was no response.
	Status int
	// Code and Title belong to the first error: 10008, "CF-UnprocessableEntity".
	Code  int
	Title string
	// Detail holds the details of all errors, separated by "; ".
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
		fmt.Fprintf(&b, ": %s (%d", e.text(), e.Status)
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

func (e *Error) text() string {
	return cmp.Or(strings.TrimSuffix(e.Detail, "."), strings.ToLower(http.StatusText(e.Status)))
}

func (e *Error) Unwrap() error { return e.cause }

// Class returns what the error means for the operator: a rejected credential is a
// wrong setting, a missing permission is a refusal, and no response, 429 or 5xx is
// an outage after which a retry may succeed.
func (e *Error) Class() runner.Class {
	switch {
	case e.Status == 0:
		return noResponseClass(e.cause)
	case e.Status == http.StatusUnauthorized:
		return runner.Misconfigured
	case e.Status == http.StatusForbidden:
		return runner.Refused
	case e.Status == http.StatusTooManyRequests, e.Status >= 500:
		return runner.Unavailable
	}
	return runner.Failed
}

// noResponseClass returns the class of a request without a response: it was not sent
// because there was no permit to write, we were asked to stop, or the platform could
// not be reached.
func noResponseClass(cause error) runner.Class {
	var classified runner.Classified
	switch {
	case errors.Is(cause, httpclient.ErrNoPermit):
		return runner.Failed
	case errors.As(cause, &classified):
		return classified.Class()
	case errors.Is(cause, context.Canceled):
		return runner.Interrupted
	}
	return runner.Unavailable
}

// IsNotFound reports whether the object does not exist.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// IsNameTaken reports whether an object with that name (a route with that address, a
// binding of that app and service) already exists. The v3 API answers 422 with code
// 10008, which it also uses for other faults; only the text differs
// (cloud_controller_ng: app/models/services/service_instance.rb, app/actions/app_create.rb,
// app/actions/route_create.rb, app/actions/service_credential_binding_app_create.rb).
func IsNameTaken(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusUnprocessableEntity {
		return false
	}
	detail := strings.ToLower(e.Detail)
	return slices.ContainsFunc([]string{"name is taken", "already exists", "already bound", "name must be unique"},
		func(text string) bool { return strings.Contains(detail, text) })
}

// isAmbiguous reports whether a write may or may not have been carried out: it was
// sent, and there was no response or a 5xx.
func isAmbiguous(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	if e.Status != 0 {
		return e.Status >= 500
	}
	var notSent runner.Classified
	return !errors.Is(e.cause, httpclient.ErrNoPermit) && !errors.As(e.cause, &notSent)
}

// isTemporary reports whether the request may succeed when it is retried.
func isTemporary(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Class() == runner.Unavailable
}

// statusError turns an error response into an Error and closes its body. A body that
// is not from the Cloud Controller or UAA, such as a proxy's error page, is left out.
func statusError(op string, resp *http.Response) *Error {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	e := &Error{Op: op, Status: resp.StatusCode}
	var parsed struct {
		// The Cloud Controller's.
		resource.CloudFoundryErrors
		// UAA's, and other components'.
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Message     string `json:"message"`
	}
	if json.Unmarshal(body, &parsed) != nil {
		return e
	}
	if len(parsed.Errors) > 0 {
		e.Code, e.Title, e.Detail = parsed.Errors[0].Code, parsed.Errors[0].Title, details(parsed.Errors)
		return e
	}
	e.Title, e.Detail = parsed.Error, cmp.Or(parsed.Description, parsed.Message)
	return e
}

func details(all []resource.CloudFoundryError) string {
	texts := convert(all, func(e resource.CloudFoundryError) string {
		return cmp.Or(strings.TrimSuffix(e.Detail, "."), e.Title)
	})
	return strings.Join(texts, "; ")
}

// brokerError is the error of an operation that a service broker has failed.
func (c *Services) brokerError(o Operation) error {
	return fmt.Errorf("%s failed, the service broker reported: %s", o.Type, c.client.redact.Redact(o.Description))
}

// asError turns an error of go-cfclient or net/http into an *Error. The URL that
// they put before the cause is dropped: it is in Op already.
func asError(op string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	return &Error{Op: op, cause: err}
}
