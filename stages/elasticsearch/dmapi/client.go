// Package dmapi is the HTTP client that the Digital Marketplace's search API
// and data API share: a bearer token, JSON bodies and one shape of error. The
// calls of each API are in searchapi and dataapi.
package dmapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// maxErrorBody is how many bytes of an error response are read.
const maxErrorBody = 64 << 10

// Options say where an API is and how to authenticate.
type Options struct {
	// BaseURL is the API's address. A path in it is kept, a trailing slash is not.
	BaseURL string
	// Token is the bearer token. TokenVariable is the name of the environment
	// variable it came from, for the message when it is rejected.
	Token         environ.Secret
	TokenVariable string
	// HTTP sends the requests. It should come from package httpclient, which
	// retries reads and asks for a permit before each write.
	HTTP *http.Client
	// Header is sent with every request, for example X-Cf-App-Instance, which
	// sends the request to one instance of an app.
	Header http.Header
}

// Client calls one API. It is safe for concurrent use.
type Client struct {
	system string
	base   string
	o      Options
	date   atomic.Int64
}

// New returns a client of the API whose name in messages is system ("search API").
func New(system string, o Options) *Client {
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	return &Client{system: system, base: strings.TrimRight(o.BaseURL, "/"), o: o}
}

// Request is one call.
type Request struct {
	// Op says what is attempted on what, for messages: "put document 1 into g-cloud-12".
	Op     string
	Method string
	// Path is escaped and begins with a slash.
	Path  string
	Query url.Values
	// Body is JSON; nil for none.
	Body []byte
}

// Get decodes the response to a GET into the value that into points to.
func (c *Client) Get(ctx context.Context, op, path string, query url.Values, into any) error {
	body, err := c.Call(ctx, Request{Op: op, Method: http.MethodGet, Path: path, Query: query})
	if err != nil {
		return err
	}
	return c.Decode(op, body, into)
}

// Decode decodes a response body into the value that into points to.
func (c *Client) Decode(op string, body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return c.Unreadable(op, err)
	}
	return nil
}

// Unreadable returns the *Error for a 2xx response whose body is not what the
// API sends: as a rule, something else answered at its address.
func (c *Client) Unreadable(op string, err error) error {
	return c.noResponse(op, fmt.Errorf("read the response: %w", err))
}

// Call sends one request and returns the body of the response. No response, or
// any but a 2xx with a JSON body, is an *Error.
func (c *Client) Call(ctx context.Context, r Request) ([]byte, error) {
	request, err := c.newRequest(ctx, r)
	if err != nil {
		return nil, c.noResponse(r.Op, err)
	}
	resp, err := c.o.HTTP.Do(request)
	if err != nil {
		return nil, c.noResponse(r.Op, withoutURL(err))
	}
	defer resp.Body.Close()
	c.storeDate(resp.Header.Get("Date"))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		return nil, c.errorResponse(r.Op, resp, body)
	}
	body, err := readAll(resp)
	if err != nil {
		return nil, c.noResponse(r.Op, withoutURL(err))
	}
	if !isJSON(r.Method, body) {
		// A proxy's page does not come from the API, whatever its status.
		return nil, c.Unreadable(r.Op, errors.New(cmp.Or(describePage(resp, body), "it is empty")))
	}
	return body, nil
}

// readAll reads a body with one allocation where Content-Length is known.
func readAll(resp *http.Response) ([]byte, error) {
	var body bytes.Buffer
	body.Grow(int(max(resp.ContentLength, 0)) + bytes.MinRead)
	_, err := body.ReadFrom(resp.Body)
	return body.Bytes(), err
}

// isJSON reports whether a 2xx body is JSON. For a GET the first byte is
// enough, as the caller decodes the rest; nobody decodes the response to a write.
func isJSON(method string, body []byte) bool {
	if method == http.MethodGet {
		text := bytes.TrimSpace(body)
		return len(text) > 0 && (text[0] == '{' || text[0] == '[')
	}
	return json.Valid(body)
}

func (c *Client) newRequest(ctx context.Context, r Request) (*http.Request, error) {
	address := c.base + r.Path
	if len(r.Query) > 0 {
		address += "?" + r.Query.Encode()
	}
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, address, body)
	if err != nil {
		return nil, runner.Misconfigure("the API's address %q is not a valid URL", c.base)
	}
	maps.Copy(request.Header, c.o.Header)
	request.Header.Set("Accept", "application/json")
	if token := c.o.Token.Reveal(); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if r.Body != nil {
		// Both APIs compare this with two fixed strings and answer 400 to any other.
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// Date returns the Date header of the last response: the server's clock, in
// whole seconds. It is zero before the first response.
func (c *Client) Date() time.Time {
	if unix := c.date.Load(); unix != 0 {
		return time.Unix(unix, 0).UTC()
	}
	return time.Time{}
}

func (c *Client) storeDate(header string) {
	if t, err := http.ParseTime(header); err == nil {
		c.date.Store(t.Unix())
	}
}

// withoutURL removes the URL from an HTTP client's error: the operation already
// names the object, and query strings do not belong in messages.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
