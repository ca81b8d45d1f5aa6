package rig

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// AddFault arms a fault and returns its id.
func (c Control) AddFault(ctx context.Context, f faults.Fault) (id string, err error) {
	made, err := ask[faults.Fault](ctx, c, http.MethodPost, "/_sandbox/faults", f)
	return made.ID, err
}

// Count arms a fault that changes nothing and counts the requests that match f; Fault reports its Hits.
func (c Control) Count(ctx context.Context, f faults.Fault) (id string, err error) {
	f.Kind = faults.Delay
	return c.AddFault(ctx, f)
}

// Fault is a fault as it stands: its state, and the requests and writes that it has hit.
func (c Control) Fault(ctx context.Context, id string) (faults.Fault, error) {
	return ask[faults.Fault](ctx, c, http.MethodGet, "/_sandbox/faults/"+id, nil)
}

// AwaitHeld waits until the fault holds a request, or has done so. It is an error if that takes longer than limit.
func (c Control) AwaitHeld(ctx context.Context, id string, limit time.Duration) error {
	path := fmt.Sprintf("/_sandbox/faults/%s?wait=held&timeout_ms=%d", id, limit.Milliseconds())
	return c.Call(ctx, http.MethodGet, path, nil, nil)
}

// What becomes of a request that a fault holds.
const (
	// Do lets it have its effect, although nobody may be waiting for the answer any more.
	Do = "do"
	// Drop closes its connection: it never has an effect.
	Drop = "drop"
)

// Release lets go of the request that a fault holds, with Do or Drop, and returns when that has been done.
func (c Control) Release(ctx context.Context, id, action string) error {
	return c.Call(ctx, http.MethodPost, "/_sandbox/faults/"+id+"/release", map[string]any{"action": action}, nil)
}

// RemoveFault disarms a fault; a request that it holds is dropped.
func (c Control) RemoveFault(ctx context.Context, id string) error {
	return c.Call(ctx, http.MethodDelete, "/_sandbox/faults/"+id, nil, nil)
}

// Writes are all requests so far that change the platform or an index, in the order in which they arrived.
func (c Control) Writes(ctx context.Context) ([]faults.Write, error) {
	return ask[[]faults.Write](ctx, c, http.MethodGet, "/_sandbox/writes", nil)
}

// RemoveFaults disarms all faults; what they hold is dropped.
func (c Control) RemoveFaults(ctx context.Context) error {
	return c.Call(ctx, http.MethodDelete, "/_sandbox/faults", nil, nil)
}
