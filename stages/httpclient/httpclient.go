// Package httpclient creates the HTTP clients of cutover. It is the only place that
// configures go-retryablehttp, and the place where every write needs a permit.
package httpclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Options configure a client. The zero value is usable.
type Options struct {
	// UserAgent, if set, is called for each request: it names the run, which may
	// start after the client was created.
	UserAgent func() string
	// Timeout limits one attempt, including its response body. Default 60 s.
	Timeout time.Duration
	// Attempts limits the attempts of one read. Default 5.
	Attempts int
	// WaitMin and WaitMax limit the pauses between attempts. Defaults 200 ms and 5 s.
	WaitMin, WaitMax time.Duration
	// Dial, if set, is the host:port to connect to, whatever the host of the URL: one
	// particular router, or a sandbox. The Host header stays.
	Dial string
	// SkipTLSValidation accepts any certificate.
	SkipTLSValidation bool
	// FreshConnections closes each connection after one request, so that the next
	// request may reach another router behind the load balancer.
	FreshConnections bool
	// MaxConnections limits the connections to one host. Default 64.
	MaxConnections int
	// NoSpareConnections never opens more connections to a host than there are
	// requests to it.
	NoSpareConnections bool
	// Log, if set, receives a debug line for each retry, and a line for each long pause
	// that nobody else is told of (see WithWaits).
	Log *slog.Logger
}

const defaultTimeout = 60 * time.Second

// New returns a client that treats reads and writes differently.
//
// A read (GET, HEAD) is retried after a connection error, an incomplete response, 429
// and 5xx (but not 501), with growing pauses or after the server's Retry-After, which
// is limited to 60 s. A write is retried only after 429, which means that nothing was
// done. After any other failure its effect is unknown, and only the caller can find
// out, by reading.
//
// After the last attempt the server's response is returned with its body, instead of
// an error "giving up": the body is where servers say why.
//
// Every attempt of a write first asks the permit in its context (see WithPermit): the
// lease may be lost during a long pause. Without a permit it is not sent.
func New(o Options) *http.Client { return NewOver(o, transport(o)) }

// NewOver is New with another transport in place of the network.
func NewOver(o Options, base http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: &byMethod{
			userAgent: o.UserAgent,
			read:      retrying(o, &buffering{base: base}, cmp.Or(o.Timeout, defaultTimeout), retryRead),
			write:     retrying(o, &writing{base: base, timeout: cmp.Or(o.Timeout, defaultTimeout)}, 0, retryWrite),
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
		// nginx in front of the apps closes connections that were idle for 30 s. Closing
		// them earlier avoids a reset on the next request.
		IdleConnTimeout:     25 * time.Second,
		MaxIdleConnsPerHost: cmp.Or(o.MaxConnections, 64),
		MaxConnsPerHost:     cmp.Or(o.MaxConnections, 64),
		DisableKeepAlives:   o.FreshConnections,
	}
	if o.Dial != "" {
		t.Proxy = nil
	}
	if o.SkipTLSValidation {
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // CF_SKIP_SSL_VALIDATION asks for it.
	}
	if o.NoSpareConnections {
		limit := &connectionLimit{base: t, hosts: map[string]*hostCount{}}
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			return limit.dial(ctx, network, address, dial)
		}
		return limit
	}
	return t
}

// byMethod separates reads from writes.
type byMethod struct {
	userAgent   func() string
	read, write http.RoundTripper
}

func (t *byMethod) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.userAgent != nil {
		r = r.Clone(r.Context())
		r.Header.Set("User-Agent", t.userAgent())
	}
	if isRead(r) {
		return responseOrError(t.read.RoundTrip(r))
	}
	return responseOrError(t.write.RoundTrip(r))
}

// isRead reports whether a request changes nothing on the server.
func isRead(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || isMarkedAsRead(r.Context())
}
