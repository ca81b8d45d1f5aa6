// Package cloudfoundry is the Cloud Foundry that the stages need: apps, routes,
// service instances, bindings and logs of one space, over go-cfclient.
//
// go-cfclient logs in, keeps the token and gives the types. Requests are made
// here, because its typed calls lose the HTTP status, its updates send fields
// that nobody asked for (the rename of a service instance wipes its tags), and its
// pollers neither hear a context nor outlive one failed read.
//
// Every create is safe to repeat. Where a name is taken, or where it is not known
// whether the request was carried out (no answer, or 5xx), the object is read
// by its name and taken as ours if it carries the same label RunLabel. Deletes of
// what is gone succeed. Writes need a permit in their context (see httpclient).
//
// Lookups by name return nil, without an error, where there is nothing of that
// name; lookups by GUID return an error for which IsNotFound holds.
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

// RunLabel marks every object that a run makes; its value is the run's id.
const RunLabel = "cutover-run"

// Options of a client. The zero value is usable.
type Options struct {
	// UserAgent goes with every request.
	UserAgent func() string
	// Log receives a debug line for each retry, and a warning for each that the
	// platform sends along with a job.
	Log *slog.Logger
	// Poll is the pause between two looks at something that takes time. Default 3 s,
	// as the cf command's.
	Poll time.Duration
	// Recall is for how long an answer to a read counts, in a process that writes
	// nothing. By default each is asked for anew.
	Recall time.Duration
}

// Client talks to one space of a Cloud Foundry. It is safe for use by several
// goroutines.
type Client struct {
	settings Settings
	options  Options
	redact   *environ.Redactor
	session  *session
	links    links
	clock    *clock
	recall   *recall

	mu     sync.Mutex
	target *Target
}

// Open finds the platform's parts (GET /) and logs in. A rejected login is an
// error of class Misconfigured that names the variable.
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
	if at, err := url.Parse(s.API); err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, runner.Misconfigure("CF_API is not the address of an API: %q", s.API)
	}
	s.API = strings.TrimRight(s.API, "/")
	c := &Client{
		settings: s, options: o,
		redact: environ.NewRedactor(s.Password.Reveal(), s.ClientSecret.Reveal()),
		clock:  &clock{},
		recall: newRecall(o.Recall),
	}
	base := httpclient.New(httpclient.Options{
		UserAgent: o.UserAgent, SkipTLSValidation: s.SkipSSLValidation, Log: o.Log,
	}).Transport
	found, err := discover(ctx, s.API, c.transport(base))
	if err != nil {
		return nil, fmt.Errorf("find the parts of %s: %w", s.API, err)
	}
	c.links = found
	c.session = newSession(s, o, found, func() *transport { return c.transport(base) })
	if _, err := c.session.get(ctx); err != nil {
		return nil, fmt.Errorf("log in to %s: %w", s.API, err)
	}
	return c, nil
}

func (c *Client) transport(base http.RoundTripper) *transport {
	return &transport{base: base, api: c.settings.API, clock: c.clock, redact: c.redact}
}

// Now is the platform's own time: the Date of its last answer, and what has
// passed since. The clocks of two build agents need not agree; both ask this one.
func (c *Client) Now() time.Time { return c.clock.now() }

// clock keeps the platform's time.
type clock struct {
	mu   sync.Mutex
	date time.Time
	at   time.Time
}

func (c *clock) set(h http.Header) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.date, c.at = date, time.Now()
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Now().UTC()
	}
	return c.date.Add(time.Since(c.at)).UTC()
}
