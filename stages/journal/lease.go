package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// LeaseSettings are the times of a lease.
type LeaseSettings struct {
	Heartbeat  time.Duration `env:"LEASE_HEARTBEAT, default=30s" help:"How often the holder of the lease renews it."`
	StaleAfter time.Duration `env:"LEASE_STALE_AFTER, default=120s" help:"How long a lease must go without a heartbeat before it is taken over."`
}

// Problems says what is wrong with them. Three heartbeats must fit into
// StaleAfter, so that two may get lost.
func (s LeaseSettings) Problems() environ.Problems {
	if s.Heartbeat > 0 && s.StaleAfter >= 3*s.Heartbeat {
		return nil
	}
	return environ.Problems{{Variable: "LEASE_STALE_AFTER", What: fmt.Sprintf("must be at least three times LEASE_HEARTBEAT (%s), not %s", s.Heartbeat, s.StaleAfter)}}
}

// Lease is the right to write, held by one process at a time.
//
// It is the service instance cutover-<app>-lease. The process that creates it holds it, and
// shows that it is alive by a heartbeat: a counter, with the platform's own time. A process
// that finds one waits for its heartbeat. If that changes, the lease is refused; if it does
// not for StaleAfter on the finder's own clock, it is taken over:
//
//  1. the finder writes its name on it and reads it once more;
//  2. if the heartbeat has still not changed, it deletes the object by its GUID, which
//     cannot hit a lease that another process has created meanwhile;
//  3. it creates one of its own by name, which only one of several processes can.
//
// A holder that was late reads its lease after renewing it, and stops if there is a name
// on it. So either the finder sees the heartbeat, or the holder the name.
type Lease struct {
	platform Platform
	app      string
	settings LeaseSettings
	log      *slog.Logger

	mu sync.Mutex
	// owner identifies this tenure. It is the object's run label, so that a create whose
	// response was lost is known as this process's own.
	owner string
	held  *tenure
}

// NewLease returns the lease of an app, not yet held. It does no I/O.
func NewLease(platform Platform, app string, s LeaseSettings, log *slog.Logger) *Lease {
	if s.Heartbeat <= 0 {
		s.Heartbeat = 30 * time.Second
	}
	if s.StaleAfter <= 0 {
		s.StaleAfter = 4 * s.Heartbeat
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Lease{platform: platform, app: app, settings: s, log: log, owner: newOwner()}
}

func newOwner() string { return "lease-" + rand.Text() }

func (l *Lease) name() string { return LongestName(l.app) }

// LongestName is the longest name that this package gives an object for an app: the
// lease's.
func LongestName(app string) string { return "cutover-" + app + "-lease" }

func (l *Lease) mine() string { l.mu.Lock(); defer l.mu.Unlock(); return l.owner }

// writing is a context for the lease's own writes, which need no permit: the lease is what
// permits all others.
func writing(ctx context.Context) context.Context {
	return httpclient.WithPermit(ctx, func(context.Context) error { return nil })
}

// tenure returns what is held, or nil.
func (l *Lease) tenure() *tenure {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

// end stops the heartbeat. From here on this process treats the lease as another's: it may
// be about to be taken over.
func (l *Lease) end() *tenure {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.held
	l.held, l.owner = nil, newOwner()
	if t != nil {
		t.stop()
	}
	return t
}

// Release gives the lease back. It deletes its own by GUID, never another's.
func (l *Lease) Release(ctx context.Context) error {
	t := l.end()
	if t == nil || t.isLost() != nil {
		return nil
	}
	select {
	case <-t.done:
	case <-ctx.Done():
	}
	if err := l.platform.DeleteServiceInstance(writing(ctx), t.guid); err != nil {
		return fmt.Errorf("release the lease of %s: %w", l.app, err)
	}
	return nil
}

// Abandon stops the heartbeat and leaves the lease to go stale, so that the next
// process waits: a write of this process may still be executed.
func (l *Lease) Abandon() { l.end() }

// Lost is closed when the lease is known to be lost. It is nil while none is held.
func (l *Lease) Lost() <-chan struct{} {
	if t := l.tenure(); t != nil {
		return t.lost
	}
	return nil
}

// ErrNotHeld is the error of Permit while the lease is not held.
var ErrNotHeld = errors.New("the lease is not held")

// Permit is called before each write. If the last successful heartbeat is older than two
// thirds of StaleAfter, it renews the lease first.
func (l *Lease) Permit(ctx context.Context) error {
	t := l.tenure()
	if t == nil {
		return ErrNotHeld
	}
	if err := t.isLost(); err != nil {
		return err
	}
	if t.fresh(l.settings.StaleAfter * 2 / 3) {
		return nil
	}
	if err := l.renew(ctx, t, l.settings.StaleAfter*2/3); err != nil {
		return fmt.Errorf("renew the lease of %s: %w", l.app, err)
	}
	return nil
}
