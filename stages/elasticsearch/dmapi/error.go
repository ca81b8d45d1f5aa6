package dmapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// maxMessage is how many bytes of an error's text are kept: Elasticsearch
// errors can quote a whole document.
const maxMessage = 400

// Error is a response other than a 2xx, or the reason why there was no usable
// response.
//
// It never holds the body of a 401, nor of a 403 about the token: both APIs
// echo the token they were sent (search API: app/authentication.py,
// abort(403, incoming_token); the data API puts words before it).
type Error struct {
	// System is the API's name: "search API".
	System string
	// Op is what was attempted on what.
	Op string
	// Status is the HTTP status; 0 if there was no usable response.
	Status int
	// Message is the API's own error text, at most maxMessage bytes on one line.
	Message string
	// Router is the X-Cf-RouterError header ("unknown_route",
	// "endpoint_failure", …), set when Cloud Foundry's router answered instead
	// of the app.
	Router string
	// Err is why there was no usable response; nil if there was one.
	Err error

	rejectedToken string // where the rejected token came from; "" if it was not rejected
	detail        json.RawMessage
	html          bool
}

func (e *Error) Error() string {
	what := e.Message
	switch {
	case e.Status == 0:
		return fmt.Sprintf("%s: %s: %s", e.System, e.Op, what)
	case e.rejectedToken != "":
		what = fmt.Sprintf("the token in %s was not accepted", e.rejectedToken)
	case e.Router != "":
		what = "from the Cloud Foundry router, not from the app: " + e.Router
	case what == "":
		return fmt.Sprintf("%s: %s: %d %s", e.System, e.Op, e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%s: %s: %d: %s", e.System, e.Op, e.Status, what)
}

// Unwrap returns why there was no usable response.
func (e *Error) Unwrap() error { return e.Err }

// Class implements runner.Classified. A rejected token is a setting
// (Misconfigured). 429, 5xx, a cluster block, the router's own responses and no
// response are a dependency's failure that a retry may not meet (Unavailable).
// Any other response is final (Failed).
func (e *Error) Class() runner.Class {
	switch classified, ok := errors.AsType[runner.Classified](e.Err); {
	case e.rejectedToken != "":
		return runner.Misconfigured
	case ok:
		return classified.Class()
	case errors.Is(e.Err, context.Canceled):
		return runner.Interrupted
	case e.Temporary():
		return runner.Unavailable
	}
	return runner.Failed
}

// Temporary reports whether the same request may succeed later. One that was
// cancelled, or not sent for want of a permit, will not.
func (e *Error) Temporary() bool {
	if e.Status == 0 {
		_, classified := errors.AsType[runner.Classified](e.Err)
		return !classified && !errors.Is(e.Err, httpclient.ErrNoPermit) && !errors.Is(e.Err, context.Canceled)
	}
	return e.Router != "" || e.Status == http.StatusTooManyRequests || e.Status >= 500 || e.blocked()
}

// blocked reports whether Elasticsearch refuses writes: a read-only cluster
// answers 403; a full disk answers 429 or 403, depending on the version.
func (e *Error) blocked() bool { return isClusterBlock(e.Message) }

func isClusterBlock(text string) bool { return strings.Contains(text, "cluster_block_exception") }

// Rejected reports whether the API rejected the token.
func (e *Error) Rejected() bool { return e.rejectedToken != "" }

// Unanswered reports whether the request may have taken effect, or may still:
// it was sent, and no response from a worker came back.
func (e *Error) Unanswered() bool {
	if e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout {
		return true
	}
	if e.Status != 0 || errors.Is(e.Err, httpclient.ErrNoPermit) {
		return false
	}
	_, classified := errors.AsType[runner.Classified](e.Err)
	network, ok := errors.AsType[*net.OpError](e.Err)
	return !classified && !(ok && network.Op == "dial")
}

// FromAPI reports whether the API itself sent this response: not the Cloud
// Foundry router, and not something in front of the API that answers in HTML.
func (e *Error) FromAPI() bool { return e.Status != 0 && e.Router == "" && !e.html }

// Detail returns the JSON value of the response's "error" or "message"; nil if
// the API did not send the response, or if it rejected the token. It is for
// decoding, not for messages: unlike Message, a token in it is not masked.
func (e *Error) Detail() json.RawMessage { return e.detail }

// noResponse returns the error of a request without a usable response.
func (c *Client) noResponse(op string, err error) *Error {
	return &Error{System: c.system, Op: op, Message: c.message(err.Error()), Err: err}
}

// errorResponse returns the error for a response that is not a 2xx.
func (c *Client) errorResponse(op string, resp *http.Response, body []byte) *Error {
	e := &Error{System: c.system, Op: op, Status: resp.StatusCode, Router: truncate(resp.Header.Get("X-Cf-RouterError"))}
	detail, parsed := errorDetail(body)
	e.html = !parsed
	denied := resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden
	switch {
	case e.Router != "":
	case !parsed && denied:
		e.Message = "answered by something in front of the API, not by the API: is this machine's address on its allow-list?"
	case !parsed:
		e.Message = c.message(describePage(resp, body))
	case denied && !(resp.StatusCode == http.StatusForbidden && isClusterBlock(string(detail))):
		e.rejectedToken = cmp.Or(c.o.TokenVariable, "the settings")
	default:
		e.detail, e.Message = detail, c.message(detailText(detail))
	}
	return e
}

// message makes one line of a server's text and masks the token in it.
func (c *Client) message(text string) string {
	if token := c.o.Token.Reveal(); token != "" {
		text = strings.ReplaceAll(text, token, "***")
	}
	return truncate(text)
}

// errorDetail returns the member of an error body that explains it: "error" in
// most responses, "message" in a /_status. The body may not be JSON.
func errorDetail(body []byte) (detail json.RawMessage, ok bool) {
	var b struct {
		Error   json.RawMessage `json:"error"`
		Message json.RawMessage `json:"message"`
	}
	if json.Unmarshal(body, &b) != nil {
		return nil, false
	}
	if len(b.Error) > 0 && string(b.Error) != "null" {
		return b.Error, true
	}
	return b.Message, true
}

// detailText returns the text of a detail, which may be a string, a list of
// strings or one of Elasticsearch's objects.
func detailText(detail json.RawMessage) string {
	var text string
	if json.Unmarshal(detail, &text) == nil {
		return text // "" for null
	}
	var list []string
	if json.Unmarshal(detail, &list) == nil {
		return strings.Join(list, "; ")
	}
	return string(detail)
}

// describePage describes a response that is not JSON: an HTML page by its title.
func describePage(resp *http.Response, body []byte) string {
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return "redirected: is the address right?"
	}
	text := string(body)
	if _, after, found := strings.Cut(text, "<title>"); found {
		if title, _, closed := strings.Cut(after, "</title>"); closed {
			return "an HTML page, not JSON: " + title
		}
	}
	return strings.TrimSpace(text)
}

// truncate makes one line of at most maxMessage bytes, and marks what it cut off.
func truncate(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + " …"
}
