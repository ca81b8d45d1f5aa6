// Package faults makes the sandbox fail on request, at an exact point: it numbers every write that reaches the sandbox,
// and holds, drops, delays or answers with an error the requests that were chosen.
//
// It is made for tests that kill a client at any one write, and check what the next client does. So a write that has
// arrived (its body has been read to the end) is never undone because its client has gone: the handler goes on with a
// context that does not end with the connection, as it does behind the web servers of the real APIs, whose workers only
// notice that a client has gone when they answer. A request whose body is incomplete is no write and has no effect.
//
// Write k is held by a fault {"kind":"hold","writes_only":true,"n":k}. While it is held, it has had no effect. Then it
// is released: "drop" (the connection is closed, and there is no effect) or "do" (it has its effect and is answered,
// whether or not the client is still there; by then the next client may have begun). "hold-after" is the same after the
// effect.
//
// If several faults would hit one request, delays add up, and of the others the one that was added first hits it. The
// rest stay due, and hit the next request that matches.
package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// Effects of a write.
const (
	EffectPending = "pending" // being worked on
	EffectHeld    = "held"    // waits before its effect
	EffectDropped = "dropped" // had no effect, and will have none
	EffectDone    = "done"    // had its effect
	EffectLate    = "late"    // had its effect after a hold or a delay
)

// A Write is one request that changes state.
type Write struct {
	N          int       `json:"n"`       // in order of arrival, from 1, over all places
	PlaceN     int       `json:"place_n"` // the same within its place
	Place      string    `json:"place"`
	App        string    `json:"app"`
	Method     string    `json:"method"`
	Path       string    `json:"path"`
	Query      string    `json:"query"`
	BodySHA256 string    `json:"body_sha256"`
	UserAgent  string    `json:"user_agent"`
	Status     int       `json:"status"` // 0: not answered, or not yet
	Effect     string    `json:"effect"`
	ClientGone bool      `json:"client_gone"` // the client had gone before it was answered
	At         time.Time `json:"at"`
}

// Errors of the engine's methods.
var (
	ErrUnknown     = errors.New("no such fault")
	ErrNothingHeld = errors.New("the fault holds nothing")
)

// Engine counts writes and applies faults. It is safe for use by several goroutines.
type Engine struct {
	clock *clock.Clock

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
	faults  []*armed
	lastID  int
	writes  []*Write
	perHere map[string]int
	closed  bool
}

// New returns an engine without faults.
func New(c *clock.Clock) *Engine {
	return &Engine{clock: c, changed: make(chan struct{}), perHere: map[string]int{}}
}

// Add arms a fault and returns its identifier.
func (e *Engine) Add(f Fault) (string, error) {
	a, err := arm(f)
	if err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastID++
	a.ID = "f" + strconv.Itoa(e.lastID)
	e.faults = append(e.faults, a)
	e.change()
	return a.ID, nil
}

// List returns all faults in the order they were added.
func (e *Engine) List() []Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	views := make([]Fault, len(e.faults))
	for i, a := range e.faults {
		views[i] = a.view()
	}
	return views
}

// Get returns one fault.
func (e *Engine) Get(id string) (Fault, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.find(id)
	if a == nil {
		return Fault{}, fmt.Errorf("%s: %w", id, ErrUnknown)
	}
	return a.view(), nil
}

// Remove disarms a fault; requests that it holds are dropped. An empty id removes all faults.
func (e *Engine) Remove(id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if id != "" && e.find(id) == nil {
		return fmt.Errorf("%s: %w", id, ErrUnknown)
	}
	e.faults = slices.DeleteFunc(e.faults, func(a *armed) bool {
		if id != "" && a.ID != id {
			return false
		}
		a.releaseAll(release{})
		return true
	})
	e.change()
	return nil
}

// Release ends the hold of a fault's requests: they are done, or dropped. It returns after that; with a delay (in real
// time, before the effect) it returns at once.
func (e *Engine) Release(ctx context.Context, id string, do bool, delay time.Duration) error {
	e.mu.Lock()
	a := e.find(id)
	if a == nil {
		e.mu.Unlock()
		return fmt.Errorf("%s: %w", id, ErrUnknown)
	}
	if len(a.held) == 0 {
		e.mu.Unlock()
		return fmt.Errorf("%s: %w", id, ErrNothingHeld)
	}
	released := a.releaseAll(release{do: do, delay: delay})
	e.change()
	e.mu.Unlock()
	if delay > 0 {
		return nil
	}
	for _, h := range released {
		select {
		case <-h.settled:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Wait returns the fault once it is in the state, or has passed it.
func (e *Engine) Wait(ctx context.Context, id, state string) (Fault, error) {
	order := []string{Armed, Held, Released, Done}
	want := slices.Index(order, state)
	if want < 0 {
		return Fault{}, fmt.Errorf("state %q is not one of armed, held, released, done", state)
	}
	for {
		e.mu.Lock()
		a, changed := e.find(id), e.changed
		var f Fault
		if a != nil {
			f = a.view()
		}
		e.mu.Unlock()
		if a == nil {
			return Fault{}, fmt.Errorf("%s: %w", id, ErrUnknown)
		}
		if slices.Index(order, f.State) >= want {
			return f, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return f, ctx.Err()
		}
	}
}

// Writes returns the writes numbered after the given number, in order of arrival.
func (e *Engine) Writes(after int) []Write { return e.WritesAt("", after) }

// WritesAt is Writes for one place; for all if place is empty.
func (e *Engine) WritesAt(place string, after int) []Write {
	e.mu.Lock()
	defer e.mu.Unlock()
	after = min(max(after, 0), len(e.writes))
	list := []Write{}
	for _, w := range e.writes[after:] {
		if place == "" || place == w.Place {
			list = append(list, *w)
		}
	}
	return list
}

// Count is how many writes have arrived.
func (e *Engine) Count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.writes)
}

// Close drops all requests that are held and removes all faults, for good: a server that is shutting down must not wait for
// a tester.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	_ = e.Remove("")
}

func (e *Engine) find(id string) *armed {
	for _, a := range e.faults {
		if a.ID == id {
			return a
		}
	}
	return nil
}

func (e *Engine) change() {
	close(e.changed)
	e.changed = make(chan struct{})
}

func (a *armed) releaseAll(r release) []*hold {
	held := a.held
	a.held = nil
	a.working += len(held)
	for _, h := range held {
		h.release <- r
	}
	return held
}
