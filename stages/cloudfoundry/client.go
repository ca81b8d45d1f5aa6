// Package cloudfoundry is a client for the Cloud Foundry API, limited to what the
// stages need: apps, routes, service instances, bindings and logs of one space.
//
// go-cfclient logs in, renews the token and supplies the types. The requests are
// made here, because go-cfclient's typed calls lose the HTTP status, its updates
// send fields that the caller did not set (renaming a service instance wipes its
// tags), and its pollers ignore the context and give up after one failed read.
//
// Every create is safe to repeat. If the name is taken, or if it is not known
// whether the request was executed (no response, or 5xx), the object is looked
// up by name; it counts as created by this run if its RunLabel has the same value.
// Deleting an object that is already gone succeeds. Writes need a permit in their
// context (see httpclient).
//
// Lookups by name return nil without an error if nothing has that name. Lookups by
// GUID return an error for which IsNotFound is true.
//
// API: https://v3-apidocs.cloudfoundry.org.
package cloudfoundry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// RunLabel is the label on every object that a run creates; its value is the run's ID.
const RunLabel = "cutover-run"

// Options of a client. The zero value is usable.
type Options struct {
	// UserAgent returns the User-Agent for each request.
	UserAgent func() string
	// Log receives a debug line for each retry, and a warning for each warning in
	// the platform's jobs.
	Log *slog.Logger
	// Poll is the longest pause between two reads while waiting. Default 3 s, like
	// the cf command.
	Poll time.Duration
	// CacheFor is how long the response to a read is reused, in a process that
	// writes nothing. Default: every read is sent.
	CacheFor time.Duration
}

// Client works in one space of a Cloud Foundry. It is safe for use by several
// goroutines.
type Client struct {
	Apps     *Apps
	Services *Services
	Routes   *Routes
	Space    *Space

	settings Settings
	options  Options
	redact   *environ.Redactor
	session  *session
	links    links
	clock    *clock
	cache    *readCache
	domains  domainNames

	mu     sync.Mutex
	target *Target
}

// Apps are the apps of the space, with their processes, instances, droplets and logs.
type Apps struct{ client *Client }

// Services are the service instances of the space, their bindings, keys and plans.
type Services struct{ client *Client }

// Routes are the routes of the space.
type Routes struct{ client *Client }

// Space is the space itself: its quota, audit events, labels and network policies, and
// the platform's time.
type Space struct{ client *Client }

// Open reads the addresses of the platform's other APIs (GET /) and logs in. A
// rejected login is an error of class Misconfigured that names the variable.
func Open(ctx context.Context, s Settings, o Options) (*Client, error) {
	if problems := s.Problems(); len(problems) > 0 {
		return nil, runner.Misconfigure("%w", problems)
	}
	if o.Poll <= 0 {
		o.Poll = 3 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if u, err := url.Parse(s.API); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, runner.Misconfigure("CF_API is not an http or https URL: %q", s.API)
	}
	s.API = strings.TrimRight(s.API, "/")
	c := &Client{
		settings: s, options: o,
		redact: environ.NewRedactor(s.Password.Reveal(), s.ClientSecret.Reveal()),
		clock:  &clock{},
		cache:  newReadCache(o.CacheFor),
	}
	c.Apps, c.Services, c.Routes, c.Space = &Apps{c}, &Services{c}, &Routes{c}, &Space{c}
	base := httpclient.New(httpclient.Options{
		UserAgent: o.UserAgent, SkipTLSValidation: s.SkipSSLValidation, Log: o.Log,
	}).Transport
	found, err := discover(ctx, s.API, c.transport(base))
	if err != nil {
		return nil, fmt.Errorf("read the links of %s: %w", s.API, err)
	}
	c.links = found
	c.session = newSession(s, found, func() *transport { return c.transport(base) })
	if _, err := c.session.get(ctx); err != nil {
		return nil, fmt.Errorf("log in to %s: %w", s.API, err)
	}
	return c, nil
}

func (c *Client) transport(base http.RoundTripper) *transport {
	return &transport{base: base, api: c.settings.API, clock: c.clock, redact: c.redact}
}

// Now is the platform's time: the Date of its last response plus the time since
// then. The clocks of two build agents may differ, so both use this one.
func (c *Space) Now() time.Time { return c.client.clock.now() }

type clock struct {
	mu sync.Mutex
	// date is the last Date header, received is our time when it arrived.
	date, received time.Time
}

func (c *clock) set(h http.Header) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.date, c.received = date, time.Now()
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.received.IsZero() {
		return time.Now().UTC()
	}
	return c.date.Add(time.Since(c.received)).UTC()
}
