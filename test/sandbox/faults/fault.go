package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"time"
)

// The kinds of fault. "Before" and "after" are about the effect: an error before it leaves the world as it was, an
// error after it tells the client that something failed which has in truth been done.
const (
	Hold        = "hold"         // keeps the request, its body read, before the effect, until it is released
	HoldAfter   = "hold-after"   // has the effect, and keeps the answer until it is released
	ErrorBefore = "error-before" // answers Status, no effect
	ErrorAfter  = "error-after"  // has the effect, then answers Status
	DropBefore  = "drop-before"  // closes the connection, no effect
	DropAfter   = "drop-after"   // has the effect, then closes the connection
	Cut         = "cut"          // has the effect, and breaks off in the middle of the answer
	Delay       = "delay"        // waits DelayMS, then goes on as if nothing had been
)

// The states of a fault.
const (
	Armed    = "armed"    // waits for its request
	Held     = "held"     // keeps at least one request
	Released = "released" // its request is being worked on: let go, or of a kind that is not held
	Done     = "done"     // has happened as often as it was to
)

// A Fault says what shall go wrong, where, and how often.
type Fault struct {
	ID string `json:"id,omitempty"`

	// Which requests match. Empty matches all; Path, Query and UserAgent are regular expressions, not anchored.
	Place      string `json:"place,omitempty"`
	App        string `json:"app,omitempty"`
	Method     string `json:"method,omitempty"`
	Path       string `json:"path,omitempty"`
	Query      string `json:"query,omitempty"`
	UserAgent  string `json:"user_agent,omitempty"`
	WritesOnly bool   `json:"writes_only,omitempty"`

	// N is the first matching request that is hit, counted from 1 at the moment the fault was added; 0 is the next one.
	N int `json:"n,omitempty"`
	// Times is how many requests are hit. 0 is one where N is given, else every one.
	Times int `json:"times,omitempty"`
	// Probability, where it is not 0, is the chance that a request which would be hit is hit; Seed makes it repeatable.
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`

	Kind    string            `json:"kind"`
	Status  int               `json:"status,omitempty"` // of the errors; 503 if 0
	Body    string            `json:"body,omitempty"`   // of the errors; what the place itself would say if empty
	Headers map[string]string `json:"headers,omitempty"`
	DelayMS int               `json:"delay_ms,omitempty"` // real milliseconds, not scaled: the tester chose them

	State   string `json:"state,omitempty"`
	Matched int    `json:"matched"` // requests that matched
	Hits    int    `json:"hits"`    // requests that were hit
	Writes  []int  `json:"writes"`  // numbers of the writes that were hit
}

// armed is a fault at work. All is guarded by the engine's lock.
type armed struct {
	Fault
	path, query, agent *regexp.Regexp
	rand               *rand.Rand
	held               []*hold
	coming             int // requests hit that will be held, but are not yet
	working            int // requests hit that are being worked on, and are not (or no longer) held
}

// hold is one request that is being kept.
type hold struct {
	release chan release // buffered: whoever releases does not wait for the request
	settled chan struct{}
}

type release struct {
	do    bool
	delay time.Duration
}

func arm(f Fault) (*armed, error) {
	a := &armed{Fault: f}
	a.State, a.Matched, a.Hits, a.Writes = "", 0, 0, []int{}
	switch f.Kind {
	case Hold, HoldAfter, ErrorBefore, ErrorAfter, DropBefore, DropAfter, Cut, Delay:
	default:
		return nil, fmt.Errorf("kind %q is not one of hold, hold-after, error-before, error-after, drop-before, drop-after, cut, delay", f.Kind)
	}
	if f.Probability < 0 || f.Probability > 1 {
		return nil, fmt.Errorf("probability %v is not between 0 and 1", f.Probability)
	}
	if f.N < 0 || f.Times < 0 || f.DelayMS < 0 {
		return nil, fmt.Errorf("n, times and delay_ms cannot be negative")
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return nil, fmt.Errorf("status %d is not between 200 and 599", f.Status)
	}
	if f.Status == 0 {
		a.Status = http.StatusServiceUnavailable
	}
	if f.N > 0 && f.Times == 0 {
		a.Times = 1
	}
	for _, p := range []struct {
		to   **regexp.Regexp
		from string
	}{{&a.path, f.Path}, {&a.query, f.Query}, {&a.agent, f.UserAgent}} {
		re, err := regexp.Compile(p.from)
		if err != nil {
			return nil, err
		}
		*p.to = re
	}
	a.rand = rand.New(rand.NewPCG(f.Seed, f.Seed))
	return a, nil
}

func (a *armed) matches(place, app string, write bool, r *http.Request) bool {
	return (a.Place == "" || a.Place == place) &&
		(a.App == "" || a.App == app) &&
		(a.Method == "" || a.Method == r.Method) &&
		(!a.WritesOnly || write) &&
		a.path.MatchString(r.URL.Path) && a.query.MatchString(r.URL.RawQuery) && a.agent.MatchString(r.UserAgent())
}

// due counts a matching request and says whether it is to be hit.
func (a *armed) due() bool {
	a.Matched++
	if a.spent() || a.Matched < a.N {
		return false
	}
	return a.Probability == 0 || a.rand.Float64() < a.Probability
}

func (a *armed) spent() bool { return a.Times > 0 && a.Hits >= a.Times }

func (a *armed) state() string {
	switch {
	case len(a.held) > 0:
		return Held
	case a.coming > 0:
		return Armed
	case a.working > 0:
		return Released
	case a.spent():
		return Done
	}
	return Armed
}

func (a *armed) view() Fault {
	f := a.Fault
	f.State = a.state()
	f.Writes = append([]int{}, a.Writes...)
	return f
}
