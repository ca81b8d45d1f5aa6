// Package dmapi is what the Digital Marketplace's search API and data API have
// in common: a bearer token, JSON answers, and the shape of their errors. Each
// API's own calls are in searchapi and dataapi.
package dmapi

import (
	"bytes"
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

// maxErrorBody bounds what is read of an answer that is an error.
const maxErrorBody = 64 << 10

// Options say where an API is and how it is asked.
type Options struct {
	// BaseURL is its address; a path is kept, a slash at the end is not.
	BaseURL string
	// Token is the bearer token, and TokenVariable the name of the setting
	// that it came from, for the message when it is rejected.
	Token         environ.Secret
	TokenVariable string
	// HTTP sends the requests: a client of package httpclient, which tries
	// reads again and asks for a permit before each write.
	HTTP *http.Client
	// Header goes with every request, such as X-Cf-App-Instance, which pins one
	// instance of an app.
	Header http.Header
}

// Client calls one API. It may be used by several goroutines.
type Client struct {
	system string
	base   string
	o      Options
	date   atomic.Int64
}

// New returns a client of the API that is called system ("search API").
func New(system string, o Options) *Client {
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	return &Client{system: system, base: strings.TrimRight(o.BaseURL, "/"), o: o}
}

// Request is one call.
type Request struct {
	// Op says in words what is attempted on what: "put document 1 into g-cloud-12".
	Op     string
	Method string
	// Path is escaped already, and begins with a slash.
	Path  string
	Query url.Values
	// Body is JSON, or nil for none.
	Body []byte
}

// Get reads one answer into the value that into points to.
func (c *Client) Get(ctx context.Context, op, path string, query url.Values, into any) error {
	body, err := c.Call(ctx, Request{Op: op, Method: http.MethodGet, Path: path, Query: query})
	if err != nil {
		return err
	}
	return c.Decode(op, body, into)
}

// Decode reads an answer's body. A body that is not what was expected is an
// error of the system's: something else answered at its address.
func (c *Client) Decode(op string, body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return c.Unreadable(op, err)
	}
	return nil
}

// Unreadable is the error of an answer that is not what was expected.
func (c *Client) Unreadable(op string, err error) error {
	return c.fault(op, fmt.Errorf("read the answer: %w", err))
}

// Call sends one request and returns the body of the answer. Any answer but a
// 2xx, and none, is an *Error.
func (c *Client) Call(ctx context.Context, r Request) ([]byte, error) {
	request, err := c.build(ctx, r)
	if err != nil {
		return nil, c.fault(r.Op, err)
	}
	resp, err := c.o.HTTP.Do(request)
	if err != nil {
		return nil, c.fault(r.Op, bare(err))
	}
	defer resp.Body.Close()
	c.note(resp.Header.Get("Date"))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		return nil, c.refused(r.Op, resp, body)
	}
	body, err := all(resp)
	if err != nil {
		return nil, c.fault(r.Op, bare(err))
	}
	if !isJSON(r.Method, body) {
		// A proxy's page, with whatever status, is no word of the API's.
		return nil, c.fault(r.Op, errors.New("read the answer: "+page(resp, body)))
	}
	return body, nil
}

// all reads a body, whose length is known as a rule.
func all(resp *http.Response) ([]byte, error) {
	var body bytes.Buffer
	body.Grow(int(max(resp.ContentLength, 0)) + bytes.MinRead)
	_, err := body.ReadFrom(resp.Body)
	return body.Bytes(), err
}

// isJSON tells an answer of the API's from a page. What was asked for is decoded next, which finds any other fault; an
// acknowledgement is read by nobody else.
func isJSON(method string, body []byte) bool {
	if method == http.MethodGet {
		text := bytes.TrimSpace(body)
		return len(text) > 0 && (text[0] == '{' || text[0] == '[')
	}
	return json.Valid(body)
}

func (c *Client) build(ctx context.Context, r Request) (*http.Request, error) {
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
		return nil, runner.Misconfigure("its address %q cannot be used", c.base)
	}
	maps.Copy(request.Header, c.o.Header)
	request.Header.Set("Accept", "application/json")
	if token := c.o.Token.Reveal(); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if r.Body != nil {
		// Both APIs compare this with two fixed texts, and answer 400 to any other.
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// Date is the time that the last answer carried; zero before the first.
// It is the server's clock, to the second.
func (c *Client) Date() time.Time {
	if unix := c.date.Load(); unix != 0 {
		return time.Unix(unix, 0).UTC()
	}
	return time.Time{}
}

func (c *Client) note(date string) {
	if t, err := http.ParseTime(date); err == nil {
		c.date.Store(t.Unix())
	}
}

// bare takes the address off a client's error: the operation names the object
// already, and addresses carry queries.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
