package report

import (
	"context"
	"time"

	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Lease reports who has the right to write, and releases it for a person.
type Lease struct {
	Lease *journal.Lease
	Run   *upgrade.Run
	// StaleAfter is how long a heartbeat may stand still before the next process
	// takes the lease over.
	StaleAfter time.Duration
	// Now is the platform's clock: heartbeats are by it.
	Now func() time.Time
}

// Status reads who holds the lease.
func (l *Lease) Status(ctx context.Context) (LeaseStatus, error) {
	held, err := l.Lease.Peek(ctx)
	if err != nil || held == nil {
		return LeaseStatus{}, err
	}
	return leaseStatus(held, l.Now(), l.StaleAfter), nil
}

func leaseStatus(held *journal.Held, now time.Time, staleAfter time.Duration) LeaseStatus {
	// The heartbeat and the platform's clock are both in whole seconds.
	const rounding = 2 * time.Second
	age := func(since time.Time) int { return int(max(now.Sub(since), 0).Seconds()) }
	return LeaseStatus{
		Held: true, Build: held.Build, Process: held.Process, Run: held.Run,
		Since: held.Since.UTC(), Age: age(held.Since),
		Heartbeat: held.Heartbeat.UTC(), HeartbeatAge: age(held.Heartbeat),
		Stale: now.Sub(held.Heartbeat) > staleAfter+rounding,
	}
}

// Holder says for people who holds the lease: "nobody", or a build or process with
// the times of the lease.
func (l *Lease) Holder(ctx context.Context) (string, error) {
	return holder(l.Lease.Peek(ctx))
}

// Unlock deletes the lease of the run that is named, and returns who held it. It
// refuses to delete another run's.
func (l *Lease) Unlock(ctx context.Context, run string) (string, error) {
	if _, err := l.Run.Load(ctx); err != nil {
		return "", err
	}
	return holder(l.Lease.Break(ctx, run, l.Run.ID()))
}

func holder(held *journal.Held, err error) (string, error) {
	switch {
	case err != nil:
		return "", err
	case held == nil:
		return "nobody", nil
	}
	return held.String(), nil
}
