// Package httpclient makes the HTTP clients of cutover: the one place where
// go-retryablehttp is configured, and where a write is asked for permission.
package httpclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// maxRetryAfter caps how long a server's Retry-After is obeyed. Cloud Foundry
// answers 429 with the whole reset interval, which can be an hour
// (cloud_controller_ng: middleware/rate_limiter.rb).
const maxRetryAfter = 60 * time.Second

// Options configure a client. The zero value is usable.
type Options struct {
	// UserAgent, where set, is asked for each request: it names the run, which may
	// begin after the client was made.
	UserAgent func() string
	// Timeout bounds one attempt, answer body included. Default 60 s.
	Timeout time.Duration
	// Attempts bounds the tries of one read. Default 5.
	Attempts int
	// WaitMin and WaitMax bound the pauses between tries. Defaults 200 ms and 5 s.
	WaitMin, WaitMax time.Duration
	// Dial, where set, is the host:port that is connected to whatever the
	// address says: one chosen router, or a rehearsal. The Host stays.
	Dial string
	// SkipTLSValidation accepts any certificate.
	SkipTLSValidation bool
	// FreshConnections closes each connection after its one request, so that
	// the next one may meet another router behind the load balancer.
	FreshConnections bool
	// MaxConnections bounds the connections to one host. Default 64.
	MaxConnections int
	// Thrifty opens no more connections to a host than there are requests to it.
	Thrifty bool
	// Log receives one debug line for each retry; nil for none.
	Log *slog.Logger
}

// New returns a client with two policies, chosen by the request's method.
//
// A read (GET, HEAD) is tried again on a connection error, an answer that breaks
// off, 429 and 5xx, with a growing pause or the server's Retry-After, capped at 60 s.
// A write is tried again on 429 alone, which says that nothing was done. After
// any other failure its effect is unknown, and only the caller can find out, by
// reading again.
//
// Either way the last answer is handed back with its body, not replaced by
// "giving up": the body is where servers say why.
//
// Every write first asks the permit in its context (see WithPermit); a write
// without permission is never sent.
func New(o Options) *http.Client { return NewOver(o, transport(o)) }

// NewOver returns the same client over another transport.
func NewOver(o Options, base http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: &byMethod{
			userAgent: o.UserAgent,
			read:      retrying(o, &whole{base: base}, retryRead),
			write:     retrying(o, base, retryWrite),
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func transport(o Options) http.RoundTripper {
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if o.Dial != "" {
				address = o.Dial
			}
			return dialer.DialContext(ctx, network, address)
		},
		ForceAttemptHTTP2:   o.Dial == "" && !o.FreshConnections,
		TLSHandshakeTimeout: 15 * time.Second,
		// nginx in front of the apps closes connections that were idle for
		// 30 s; letting go before that spares a reset on the next request.
		IdleConnTimeout:     25 * time.Second,
		MaxIdleConnsPerHost: or(o.MaxConnections, 64),
		MaxConnsPerHost:     or(o.MaxConnections, 64),
		DisableKeepAlives:   o.FreshConnections,
	}
	if o.Dial != "" {
		t.Proxy = nil
	}
	if o.SkipTLSValidation {
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for by CF_SKIP_SSL_VALIDATION
	}
	if o.Thrifty {
		thrift := &thrifty{base: t, hosts: map[string]*thriftyHost{}}
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			return thrift.dial(ctx, network, address, dial)
		}
		return thrift
	}
	return t
}

func retrying(o Options, base http.RoundTripper, policy retryablehttp.CheckRetry) http.RoundTripper {
	c := retryablehttp.NewClient()
	c.HTTPClient = &http.Client{
		Transport:     base,
		Timeout:       or(o.Timeout, 60*time.Second),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.RetryMax = or(o.Attempts, 5) - 1
	c.RetryWaitMin = or(o.WaitMin, 200*time.Millisecond)
	c.RetryWaitMax = or(o.WaitMax, 5*time.Second)
	c.CheckRetry = policy
	c.Backoff = backoff
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.Logger = nil
	if o.Log != nil {
		c.RequestLogHook = func(_ retryablehttp.Logger, r *http.Request, attempt int) {
			if attempt > 0 {
				o.Log.Debug("try again", "method", r.Method, "host", r.URL.Host, "path", r.URL.Path, "attempt", attempt+1)
			}
		}
	}
	return &patient{c}
}

// patient is retryablehttp's RoundTripper, but for the body: it reads that from memory where it lies, and makes no copy
// of it.
type patient struct{ client *retryablehttp.Client }

func (t *patient) RoundTrip(r *http.Request) (*http.Response, error) {
	length, again := r.ContentLength, r.GetBody
	if again == nil {
		return (&retryablehttp.RoundTripper{Client: t.client}).RoundTrip(r)
	}
	retried := &retryablehttp.Request{Request: r}
	if err := retried.SetBody(func() (io.Reader, error) { return again() }); err != nil {
		return nil, err
	}
	r.ContentLength = length
	resp, err := t.client.Do(retried)
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return resp, err
}

// whole hands back an answer once all of it is there, so that one that breaks off in
// the middle is a failure like any other, and a read is tried again. What is read
// here is pages and documents, never a stream.
//
// It is collected in a buffer that the next one uses again once the body is closed: a page is nearly a megabyte.
type whole struct {
	base    http.RoundTripper
	buffers sync.Pool
}

func (t *whole) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, _ := t.buffers.Get().(*bytes.Buffer)
	if body == nil {
		body = &bytes.Buffer{}
	}
	body.Reset()
	_, err = body.ReadFrom(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	resp.ContentLength = int64(body.Len())
	resp.Body = &collected{bytes.NewReader(body.Bytes()), func() { t.buffers.Put(body) }}
	return resp, nil
}

// collected is a body that is all there, until it is closed.
type collected struct {
	io.Reader
	back func()
}

func (c *collected) Close() error {
	if c.back != nil {
		c.Reader = strings.NewReader("")
		c.back()
		c.back = nil
	}
	return nil
}

func retryRead(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return true, nil
	}
	return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented, nil
}

func retryWrite(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return err == nil && resp.StatusCode == http.StatusTooManyRequests, nil
}

func backoff(minimum, maximum time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds >= 0 {
			return min(time.Duration(seconds)*time.Second, maxRetryAfter)
		}
	}
	floor := min(minimum<<min(attempt, 10), maximum)
	return retryablehttp.LinearJitterBackoff(floor, min(2*floor, maximum), 0, nil)
}

type byMethod struct {
	userAgent   func() string
	read, write http.RoundTripper
}

func (t *byMethod) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.userAgent != nil {
		r = r.Clone(r.Context())
		r.Header.Set("User-Agent", t.userAgent())
	}
	if IsRead(r.Method) || isHarmless(r.Context()) {
		return either(t.read.RoundTrip(r))
	}
	if err := permitted(r.Context()); err != nil {
		return nil, fmt.Errorf("%s %s not sent: %w", r.Method, r.URL.Path, err)
	}
	return finish(t.write, r)
}

// either drops the answer where there is an error as well, as net/http wants it:
// go-retryablehttp hands back both when the context ends after an answer.
func either(resp *http.Response, err error) (*http.Response, error) {
	if err != nil && resp != nil {
		resp.Body.Close()
		resp = nil
	}
	return resp, err
}

// IsRead tells whether a method promises to change nothing.
func IsRead(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// Bare strips the query from an address, for messages: queries carry filters
// of no interest and, with some servers, tokens.
func Bare(u *url.URL) string {
	c := *u
	c.RawQuery, c.User = "", nil
	return c.String()
}

// Body reads at most 64 KiB of an answer and closes it, for an error message.
func Body(resp *http.Response) string {
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return string(b)
}

func or[T comparable](v, standard T) T {
	var zero T
	if v == zero {
		return standard
	}
	return v
}
