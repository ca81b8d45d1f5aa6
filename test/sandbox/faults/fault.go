package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"time"
)

// The kinds of fault. "Before" and "after" are about the effect: after an error before it, nothing has
// changed; after an error after it, the client believes that something failed which has been done.
const (
	Hold        = "hold"         // reads the body, then waits until the request is released, before the effect
	HoldAfter   = "hold-after"   // has the effect, then waits until the request is released, before the answer
	ErrorBefore = "error-before" // answers Status, no effect
	ErrorAfter  = "error-after"  // has the effect, then answers Status
	DropBefore  = "drop-before"  // closes the connection, no effect
	DropAfter   = "drop-after"   // has the effect, then closes the connection
	Cut         = "cut"          // has the effect, and closes the connection in the middle of the answer
	Delay       = "delay"        // waits DelayMS, then goes on as usual
)

// The states of a fault.
const (
	Armed    = "armed"    // waits for a request that matches
	Held     = "held"     // holds at least one request
	Released = "released" // its request is in progress: no longer held, or of a kind that is not held
	Done     = "done"     // has hit as many requests as it was to
)

// A Fault is what goes wrong, where, and how often.
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

	// N is the first matching request that is hit, counted from 1 since the fault was added; 0 is the next one.
	N int `json:"n,omitempty"`
	// Times is how many requests are hit. 0 means one if N is given, otherwise all.
	Times int `json:"times,omitempty"`
	// Probability, unless it is 0, is the chance that a request which would be hit is hit; Seed makes it repeatable.
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`

	Kind    string            `json:"kind"`
	Status  int               `json:"status,omitempty"` // of the errors; 503 if 0
	Body    string            `json:"body,omitempty"`   // of the errors; if empty, what the place itself would send
	Headers map[string]string `json:"headers,omitempty"`
	DelayMS int               `json:"delay_ms,omitempty"` // real milliseconds, not scaled

	State   string `json:"state,omitempty"`
	Matched int    `json:"matched"` // requests that matched
	Hits    int    `json:"hits"`    // requests that were hit
	Writes  []int  `json:"writes"`  // numbers of the writes that were hit
}

// armed is a fault in use. It is guarded by the engine's lock.
type armed struct {
	Fault
	path, query, agent *regexp.Regexp
	rand               *rand.Rand
	held               []*hold
	coming             int // requests hit that are not yet held, but will be
	working            int // requests hit that are in progress, and not held or no longer held
}

// hold is one request that is held.
type hold struct {
	release chan release // buffered: a release does not wait for the request
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

// due counts a matching request and reports whether the fault is to hit it.
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
