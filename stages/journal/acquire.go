package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Acquire acquires the lease. It waits only to find out whether another holder is alive;
// an error of class Refused says who that is.
func (l *Lease) Acquire(ctx context.Context, who Holder) error {
	if err := l.acquire(ctx, who); err != nil {
		return fmt.Errorf("acquire the lease of %s: %w", l.app, err)
	}
	return nil
}

func (l *Lease) acquire(ctx context.Context, who Holder) error {
	for range 3 {
		err := l.create(ctx, who)
		if err == nil || !cloudfoundry.IsNameTaken(err) {
			return err
		}
		held, err := l.Peek(ctx)
		if err != nil {
			return err
		}
		if held == nil {
			continue // It was released just now.
		}
		gone, err := l.outwait(ctx, *held)
		if err != nil {
			return err
		}
		if gone {
			continue
		}
		if err := l.takeOver(ctx, *held); err != nil {
			return err
		}
		if err := l.create(ctx, who); !cloudfoundry.IsNameTaken(err) {
			return err
		}
		if winner, err := l.Peek(ctx); err == nil && winner != nil {
			return runner.Refuse("another process was faster: %s", winner)
		}
		return runner.Refuse("another process was faster")
	}
	return runner.Refuse("other processes acquired and released it three times")
}

// create makes the lease and starts its heartbeat.
func (l *Lease) create(ctx context.Context, who Holder) error {
	sent := time.Now()
	now := l.platform.Now().UTC().Format(time.RFC3339)
	annotations := map[string]string{keySince: now, keyBeat: "0", keyHeartbeatAt: now}
	for key, value := range map[string]string{keyBuild: cut(who.Build, maxBuild), keyRun: who.Run, keyProcess: who.Process} {
		if value != "" {
			annotations[key] = value
		}
	}
	made, err := l.platform.CreateUserProvided(writing(ctx), l.name(), map[string]string{cloudfoundry.RunLabel: l.mine()}, annotations)
	if err != nil {
		return err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	t := &tenure{
		guid: made.GUID, confirmed: sent, stop: stop,
		lost: make(chan struct{}), done: make(chan struct{}), turn: make(chan struct{}, 1),
	}
	l.mu.Lock()
	l.held = t
	l.mu.Unlock()
	go l.keep(background, t)
	return nil
}

// outwait watches a lease that another process holds. It returns an error of class Refused
// as soon as the heartbeat changes, true when the lease is gone, and false when the
// heartbeat has not changed for StaleAfter.
func (l *Lease) outwait(ctx context.Context, held Held) (gone bool, err error) {
	began, said := time.Now(), time.Time{}
	for {
		waited := time.Since(began)
		if waited >= l.settings.StaleAfter {
			return false, nil
		}
		if said.IsZero() || time.Since(said) >= 10*time.Second {
			said = time.Now()
			l.log.Info("the lease is held: waiting for its holder's heartbeat", "holder", held.String(),
				"waited", waited.Round(time.Second), "taken over after", l.settings.StaleAfter)
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(min(l.settings.StaleAfter-waited, max(l.settings.Heartbeat/10, 20*time.Millisecond))):
		}
		now, err := l.look(ctx, held.GUID)
		switch {
		case cloudfoundry.IsNotFound(err):
			return true, nil
		case runner.ClassOf(err) == runner.Unavailable && err != nil:
			// A heartbeat that cannot be read is not a stale one.
			began = time.Now()
		case err != nil:
			return false, err
		case now.beat != held.beat:
			return false, runner.Refuse("it is held by %s", now)
		}
	}
}

// takeOver deletes a stale lease, unless its heartbeat changes after all.
func (l *Lease) takeOver(ctx context.Context, stale Held) error {
	l.log.Warn("the lease is stale: taking it over", "holder", stale.String())
	ctx, me := writing(ctx), l.mine()
	err := l.platform.SetMetadata(ctx, cloudfoundry.ServiceInstanceKind, stale.GUID, nil, map[string]*string{keyTaker: &me})
	if cloudfoundry.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	now, err := l.look(ctx, stale.GUID)
	switch {
	case cloudfoundry.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case now.beat != stale.beat:
		return runner.Refuse("it is held by %s", now)
	}
	return l.platform.DeleteServiceInstance(ctx, stale.GUID)
}
