package journal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Holder is who wants the lease.
type Holder struct {
	// Build is the address of the build.
	Build string
	// Run is the id of the run; "" where there is none yet.
	Run string
	// Process is host and process id, for people.
	Process string
}

// Held is a lease that somebody holds.
type Held struct {
	Holder
	GUID      string
	Since     time.Time
	Heartbeat time.Time
	// Rate is what an operator wrote there (see the annotation rate of a run), for work
	// without a run.
	Rate string

	beat, taker string
}

func (h Held) String() string {
	who := h.Build
	if who == "" {
		who = h.Process
	}
	return fmt.Sprintf("%s since %s (last heartbeat %s)", who, h.Since.Format(time.RFC3339), h.Heartbeat.Format(time.RFC3339))
}

// The annotations of a lease.
const (
	keyBuild       = "build"
	keyRun         = "run"
	keyProcess     = "process"
	keySince       = "since"
	keyBeat        = "heartbeat"
	keyHeartbeatAt = "heartbeat-at"
	keyTaker       = "taken-over-by"
)

// Peek returns who holds the lease; nil if nobody does.
func (l *Lease) Peek(ctx context.Context) (*Held, error) {
	found, err := l.platform.ServiceInstanceByName(ctx, l.name())
	if err != nil || found == nil {
		return nil, err
	}
	held := heldOf(found)
	return &held, nil
}

func (l *Lease) look(ctx context.Context, guid string) (Held, error) {
	found, err := l.platform.ServiceInstance(ctx, guid)
	if err != nil {
		return Held{}, err
	}
	return heldOf(found), nil
}

func heldOf(s *cloudfoundry.ServiceInstance) Held {
	a := s.Annotations
	since, _ := time.Parse(time.RFC3339, a[keySince])
	at, _ := time.Parse(time.RFC3339, a[keyHeartbeatAt])
	return Held{
		Holder: Holder{Build: a[keyBuild], Run: a[keyRun], Process: a[keyProcess]},
		GUID:   s.GUID, Since: since, Heartbeat: at,
		Rate: a["rate"],
		beat: a[keyBeat], taker: a[keyTaker],
	}
}

// Break deletes the lease, whoever holds it, for a person who knows that its holder is
// gone. The id of its run must be given as proof that the right one is meant. A lease that
// was acquired before its process started a run has none: then the id is that of begun,
// the run that has started since, or the name of the process. It returns the lease that
// was deleted, or nil if there was none.
//
// A holder that is still alive stops at its next heartbeat.
func (l *Lease) Break(ctx context.Context, id, begun string) (*Held, error) {
	held, err := l.Peek(ctx)
	if err != nil || held == nil {
		return nil, err
	}
	known := []string{held.Run}
	if held.Run == "" {
		known = []string{held.Process, begun}
	}
	if id == "" || !slices.Contains(known, id) {
		return held, runner.Refuse("the lease of %s is of %q, not %q: it is held by %s", l.app, known[0], id, held)
	}
	if err := l.platform.DeleteServiceInstance(writing(ctx), held.GUID); err != nil {
		return held, fmt.Errorf("delete the lease of %s: %w", l.app, err)
	}
	return held, nil
}
