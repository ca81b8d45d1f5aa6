package journal

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// tenure is the time from one Acquire to its end.
type tenure struct {
	guid string
	lost chan struct{}
	stop context.CancelFunc
	done chan struct{}
	// turn allows one renewal at a time; a channel, because a context can end the wait for it.
	turn chan struct{}

	mu        sync.Mutex
	beat      int
	confirmed time.Time // when the last renewal that was answered was sent
	failure   error     // why it is lost
}

// keep is the heartbeat.
func (l *Lease) keep(ctx context.Context, t *tenure) {
	defer close(t.done)
	ticker := time.NewTicker(l.settings.Heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.lost:
			return
		case <-ticker.C:
		}
		if err := l.renew(ctx, t, 0); err != nil && ctx.Err() == nil && t.isLost() == nil {
			l.log.Warn("a heartbeat of the lease failed", "error", err)
		}
	}
}

// renew sends one heartbeat, unless another goroutine has done so within enough.
func (l *Lease) renew(ctx context.Context, t *tenure, enough time.Duration) error {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.turn }()
	if err := t.isLost(); err != nil {
		return err
	}
	if enough > 0 && t.fresh(enough) {
		return nil
	}
	ctx, cancel := context.WithTimeout(writing(ctx), l.settings.StaleAfter/3)
	defer cancel()
	sent := time.Now()
	beat, at := strconv.Itoa(t.next()), l.platform.Now().UTC().Format(time.RFC3339)
	err := l.platform.SetMetadata(ctx, cloudfoundry.ServiceInstanceKind, t.guid, nil, map[string]*string{keyBeat: &beat, keyHeartbeatAt: &at})
	if err == nil && !t.fresh(l.settings.StaleAfter*2/3) {
		err = l.stillHeld(ctx, t)
	}
	if cloudfoundry.IsNotFound(err) || errors.Is(err, errTakenOver) {
		return l.lose(ctx, t)
	}
	if err != nil {
		return err
	}
	t.confirm(sent)
	return nil
}

var errTakenOver = errors.New("another process is taking the lease over")

// stillHeld reads a lease that was renewed late: another process may have written its name
// on it, and is then about to delete it.
func (l *Lease) stillHeld(ctx context.Context, t *tenure) error {
	now, err := l.look(ctx, t.guid)
	if err != nil {
		return err
	}
	if now.taker != "" {
		return errTakenOver
	}
	return nil
}

// lose ends the tenure, and says who holds the lease now.
func (l *Lease) lose(ctx context.Context, t *tenure) error {
	// The context of the renewal may have ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	by := "another process"
	if now, err := l.Peek(ctx); err == nil && now != nil && now.GUID != t.guid {
		by = now.String()
	}
	return t.lose(runner.Refuse("the lease was taken over by %s", by))
}

func (t *tenure) lose(why error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failure == nil {
		t.failure = why
		close(t.lost)
	}
	return t.failure
}

func (t *tenure) isLost() error { t.mu.Lock(); defer t.mu.Unlock(); return t.failure }

func (t *tenure) next() int { t.mu.Lock(); defer t.mu.Unlock(); t.beat++; return t.beat }

func (t *tenure) confirm(sent time.Time) { t.mu.Lock(); defer t.mu.Unlock(); t.confirmed = sent }

// fresh reports whether the last renewal was sent less than d ago, by the monotonic clock
// and by the wall clock: the former stops while a machine is suspended.
func (t *tenure) fresh(d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	return now.Sub(t.confirmed) < d && now.Round(0).Sub(t.confirmed.Round(0)) < d
}
