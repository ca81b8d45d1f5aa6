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

// maxMessage is how much of an error's text is worth a line: engine errors can
// quote a whole document.
const maxMessage = 400

// Error is what an API answered instead of a 2xx, or why it did not answer.
//
// The bodies of a 401 and of a 403 about the token are never part of it: both
// APIs echo the token that was offered (search API: app/authentication.py,
// abort(403, incoming_token); the data API puts words before it).
type Error struct {
	// System is the API's name: "search API".
	System string
	// Op is what was attempted on what.
	Op string
	// Status is the HTTP status; 0 where no answer came.
	Status int
	// Message is the API's own words, cut to a sane length.
	Message string
	// Router is what Cloud Foundry's router said when it answered in the app's
	// place (X-Cf-RouterError: "unknown_route", "endpoint_failure", …).
	Router string
	// Err is why no answer came; nil where one did.
	Err error

	token string
	said  json.RawMessage
	html  bool
}

func (e *Error) Error() string {
	switch {
	case e.Status == 0:
		return fmt.Sprintf("%s: %s: %s", e.System, e.Op, e.Message)
	case e.token != "":
		return fmt.Sprintf("%s: %s: %d: the token in %s was not accepted", e.System, e.Op, e.Status, e.token)
	case e.Router != "":
		return fmt.Sprintf("%s: %s: %d: the router answered in its place: %s", e.System, e.Op, e.Status, e.Router)
	case e.Message == "":
		return fmt.Sprintf("%s: %s: %d %s", e.System, e.Op, e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%s: %s: %d: %s", e.System, e.Op, e.Status, e.Message)
}

// Unwrap returns why no answer came.
func (e *Error) Unwrap() error { return e.Err }

// Class tells the operator what to do about it: a rejected token is a setting;
// 429, 5xx, a block of the whole cluster, the router's own answers and no
// answer are a dependency's failure, which may be over at the next try; any
// other answer says no.
func (e *Error) Class() runner.Class {
	var classified runner.Classified
	switch {
	case e.token != "":
		return runner.Misconfigured
	case e.Status == 0 && errors.As(e.Err, &classified):
		return classified.Class()
	case e.Status == 0 && errors.Is(e.Err, context.Canceled):
		return runner.Interrupted
	case e.Status == 0 && errors.Is(e.Err, httpclient.ErrNoPermit):
		return runner.Failed
	case e.Temporary():
		return runner.Unavailable
	}
	return runner.Failed
}

// Temporary tells whether the same request may succeed later. A request that
// was not sent for want of a permit, or was called off, is not.
func (e *Error) Temporary() bool {
	if e.Status == 0 {
		var classified runner.Classified
		return !errors.Is(e.Err, httpclient.ErrNoPermit) && !errors.Is(e.Err, context.Canceled) && !errors.As(e.Err, &classified)
	}
	return e.Router != "" || e.Status == http.StatusTooManyRequests || e.Status >= 500 || e.Blocked()
}

// Rejected tells whether the token was not accepted.
func (e *Error) Rejected() bool { return e.token != "" }

// Blocked tells whether the engine refuses to write: a read-only cluster
// answers 403, a full disk 429 or 403 by its version.
func (e *Error) Blocked() bool { return strings.Contains(e.Message, "cluster_block_exception") }

// Unanswered tells whether the request may have had, or may yet have, its
// effect: it was sent and no worker's answer came back.
func (e *Error) Unanswered() bool {
	if e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout {
		return true
	}
	if e.Status != 0 || errors.Is(e.Err, httpclient.ErrNoPermit) {
		return false
	}
	var classified runner.Classified
	var dial *net.OpError
	return !errors.As(e.Err, &classified) && !(errors.As(e.Err, &dial) && dial.Op == "dial")
}

// Said is the JSON value of the answer's "error" or "message"; nil where the
// answer was not the API's own, or may hold the token.
func (e *Error) Said() json.RawMessage { return e.said }

// HTML tells whether the answer was a page, so not from the API itself.
func (e *Error) HTML() bool { return e.html }

// As finds the *Error in err, or returns nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// fault is a request that got no answer that can be used.
func (c *Client) fault(op string, err error) *Error {
	return &Error{System: c.system, Op: op, Message: c.line(err.Error()), Err: err}
}

// refused reads an answer that is not a 2xx.
func (c *Client) refused(op string, resp *http.Response, body []byte) *Error {
	e := &Error{System: c.system, Op: op, Status: resp.StatusCode, Router: cut(resp.Header.Get("X-Cf-RouterError"))}
	said, isJSON := value(body)
	e.html = !isJSON
	switch {
	case e.Router != "":
	case isJSON && (resp.StatusCode == http.StatusUnauthorized ||
		resp.StatusCode == http.StatusForbidden && !strings.Contains(string(said), "cluster_block_exception")):
		e.token = cmp.Or(c.o.TokenVariable, "the settings")
	case !isJSON && (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden):
		e.Message = "answered by something in front of the API, not by the API: is this machine's address on its allow-list?"
	case !isJSON:
		e.Message = c.line(page(resp, body))
	default:
		e.said, e.Message = said, c.line(words(said))
	}
	return e
}

// line makes one line of a server's text, without the token, wherever the
// server has echoed it.
func (c *Client) line(text string) string {
	if token := c.o.Token.Reveal(); token != "" {
		text = strings.ReplaceAll(text, token, "***")
	}
	return cut(text)
}

// value returns what an error body has to say: "error" in most answers,
// "message" in a /_status.
func value(body []byte) (json.RawMessage, bool) {
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

// words makes one line of a value that may be a text, a list of texts or an
// engine's object.
func words(said json.RawMessage) string {
	var text string
	if json.Unmarshal(said, &text) == nil {
		return text
	}
	var list []string
	if json.Unmarshal(said, &list) == nil {
		return strings.Join(list, "; ")
	}
	if string(said) == "null" {
		return ""
	}
	return string(said)
}

// page makes one line of an answer that is not JSON: a proxy's page, by its title.
func page(resp *http.Response, body []byte) string {
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return "redirected elsewhere; is the address right?"
	}
	text := string(body)
	if _, after, found := strings.Cut(text, "<title>"); found {
		if title, _, closed := strings.Cut(after, "</title>"); closed {
			return "a page, not JSON: " + title
		}
	}
	return text
}

// cut makes one line of at most maxMessage bytes.
func cut(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + " …"
}
