package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// LeaseSettings are the times of a lease.
type LeaseSettings struct {
	Heartbeat  time.Duration `env:"LEASE_HEARTBEAT, default=30s" help:"How often the holder of the lease says that it is alive."`
	StaleAfter time.Duration `env:"LEASE_STALE_AFTER, default=120s" help:"How long a lease must stand still before it is taken over."`
}

// Problems says what is wrong with them. Three heartbeats must fit into
// StaleAfter, so that two may get lost.
func (s LeaseSettings) Problems() environ.Problems {
	if s.Heartbeat > 0 && s.StaleAfter >= 3*s.Heartbeat {
		return nil
	}
	return environ.Problems{{Variable: "LEASE_STALE_AFTER", What: fmt.Sprintf("must be at least three times LEASE_HEARTBEAT (%s), not %s", s.Heartbeat, s.StaleAfter)}}
}

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

	beat, owner, taker string
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

// Lease is the right to write, held by one process at a time.
//
// It is the service instance cutover-<app>-lease. Who makes it has it, and shows
// that it lives by a heartbeat: a counter, with the platform's own time. Who finds
// one waits for its heartbeat. If it moves, the lease is refused; if it stands
// still for StaleAfter on the finder's own clock, it is taken over:
//
//  1. the finder writes its name on it and reads it once more;
//  2. if the heartbeat has still not moved, it deletes the object by its GUID, which
//     cannot hit a lease that somebody else has made meanwhile;
//  3. it makes one of its own by name, of which only one of many can succeed.
//
// A holder that was late reads its lease after renewing it, and stops if there is
// a name on it. So either the finder sees the heartbeat, or the holder the name.
type Lease struct {
	platform Platform
	app      string
	settings LeaseSettings
	log      *slog.Logger
	// owner tells this process from all others. It is the object's run label, so
	// that a create whose answer was lost is known as ours, and nobody else's.
	owner string

	mu   sync.Mutex
	held *tenure
}

// tenure is the time from one Acquire to its end.
type tenure struct {
	guid string
	lost chan struct{}
	stop context.CancelFunc
	done chan struct{}
	// turn lets one renewal at a time; a channel, because waiting for it hears a context.
	turn chan struct{}

	mu        sync.Mutex
	beat      int
	confirmed time.Time // when the last renewal that was answered was sent
	failure   error     // why it is lost
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
	return &Lease{platform: platform, app: app, settings: s, log: log, owner: "lease-" + rand.Text()}
}

func (l *Lease) name() string { return "cutover-" + l.app + "-lease" }

// writing is a context for the lease's own writes, which need no permit: they are
// what gives it.
func writing(ctx context.Context) context.Context {
	return httpclient.WithPermit(ctx, func(context.Context) error { return nil })
}

// Acquire takes the lease. It waits only to find out whether another holder is
// alive; an error of class Refused says who that is.
func (l *Lease) Acquire(ctx context.Context, who Holder) error {
	if err := l.acquire(ctx, who); err != nil {
		return fmt.Errorf("take the lease of %s: %w", l.app, err)
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
			continue // It was released in this moment.
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
	return runner.Refuse("it was taken and released by others again and again")
}

// create makes the lease and starts its heartbeat.
func (l *Lease) create(ctx context.Context, who Holder) error {
	sent := time.Now()
	now := l.platform.Now().UTC().Format(time.RFC3339)
	annotations := map[string]string{keySince: now, keyBeat: "0", keyHeartbeatAt: now}
	for key, value := range map[string]string{keyBuild: who.Build, keyRun: who.Run, keyProcess: who.Process} {
		if value != "" {
			annotations[key] = value
		}
	}
	made, err := l.platform.CreateUserProvided(writing(ctx), l.name(), map[string]string{cloudfoundry.RunLabel: l.owner}, annotations)
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

// outwait watches a lease that another process holds. It returns an error of class
// Refused as soon as the heartbeat moves, true when the lease is gone, and false
// when it has stood still for StaleAfter.
func (l *Lease) outwait(ctx context.Context, held Held) (gone bool, err error) {
	began, said := time.Now(), time.Time{}
	for {
		waited := time.Since(began)
		if waited >= l.settings.StaleAfter {
			return false, nil
		}
		if said.IsZero() || time.Since(said) >= 10*time.Second {
			said = time.Now()
			l.log.Info("the lease is held: waiting whether its holder is alive", "holder", held.String(),
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
			// What cannot be seen does not stand still.
			began = time.Now()
		case err != nil:
			return false, err
		case now.beat != held.beat:
			return false, runner.Refuse("it is held by %s", now)
		}
	}
}

// takeOver deletes a lease that stood still, unless it moved after all.
func (l *Lease) takeOver(ctx context.Context, stale Held) error {
	l.log.Warn("the lease stood still: taking it over", "holder", stale.String())
	ctx = writing(ctx)
	err := l.platform.SetMetadata(ctx, cloudfoundry.ServiceInstances, stale.GUID, nil, map[string]*string{keyTaker: &l.owner})
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

// Peek tells who holds the lease; nil where nobody does.
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
		beat: a[keyBeat], owner: s.Run(), taker: a[keyTaker],
	}
}

// Break deletes the lease whoever holds it, for a person who knows that its holder
// is gone. The id of its run must be given, or the name of its process where it
// has no run, as proof that the right one is meant. It returns the lease that was
// broken, or nil where there was none.
//
// A holder that is alive all the same stops at its next heartbeat.
func (l *Lease) Break(ctx context.Context, id string) (*Held, error) {
	held, err := l.Peek(ctx)
	if err != nil || held == nil {
		return nil, err
	}
	known := held.Run
	if known == "" {
		known = held.Process
	}
	if known == "" || id != known {
		return held, runner.Refuse("the lease of %s is of %q, not %q: it is held by %s", l.app, known, id, held)
	}
	if err := l.platform.DeleteServiceInstance(writing(ctx), held.GUID); err != nil {
		return held, fmt.Errorf("break the lease of %s: %w", l.app, err)
	}
	return held, nil
}

// tenure returns what is held, or nil.
func (l *Lease) tenure() *tenure {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

func (l *Lease) end() *tenure {
	l.mu.Lock()
	t := l.held
	l.held = nil
	l.mu.Unlock()
	if t != nil {
		t.stop()
		<-t.done
	}
	return t
}

// Release gives the lease back. It deletes its own by GUID, never another's.
func (l *Lease) Release(ctx context.Context) error {
	t := l.end()
	if t == nil || t.isLost() != nil {
		return nil
	}
	if err := l.platform.DeleteServiceInstance(writing(ctx), t.guid); err != nil {
		return fmt.Errorf("release the lease of %s: %w", l.app, err)
	}
	return nil
}

// Abandon stops the heartbeat and leaves the lease to go stale, so that the next
// process waits: a write of ours may still be carried out.
func (l *Lease) Abandon() { l.end() }

// Lost is closed when the lease is known to be lost. While none is held it is nil.
func (l *Lease) Lost() <-chan struct{} {
	if t := l.tenure(); t != nil {
		return t.lost
	}
	return nil
}

// ErrNotHeld is what Permit says while the lease is not held.
var ErrNotHeld = errors.New("the lease is not held")

// Permit is asked before each write. When the last heartbeat that was answered is
// older than two thirds of StaleAfter, it renews the lease first.
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

// renew sends one heartbeat, unless another goroutine has done so within the last
// enough.
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
	err := l.platform.SetMetadata(ctx, cloudfoundry.ServiceInstances, t.guid, nil, map[string]*string{keyBeat: &beat, keyHeartbeatAt: &at})
	if err == nil && !t.fresh(l.settings.StaleAfter*2/3) {
		err = l.stillOurs(ctx, t)
	}
	if cloudfoundry.IsNotFound(err) {
		return l.lose(ctx, t)
	}
	if err != nil {
		return err
	}
	t.confirm(sent)
	return nil
}

// stillOurs reads a lease that was renewed late: another process may have written
// its name on it, and then it is about to delete it.
func (l *Lease) stillOurs(ctx context.Context, t *tenure) error {
	now, err := l.look(ctx, t.guid)
	if err != nil {
		return err
	}
	if now.taker != "" {
		return &cloudfoundry.Error{Op: "renew", Status: 404, Detail: "another process takes the lease over"}
	}
	return nil
}

// lose ends the tenure, and says who has the lease now.
func (l *Lease) lose(ctx context.Context, t *tenure) error {
	by := "another process"
	if now, err := l.Peek(ctx); err == nil && now != nil && now.GUID != t.guid {
		by = now.String()
	}
	return t.lose(runner.Refuse("the lease was taken by %s", by))
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

// fresh tells whether the last renewal was sent less than d ago, by the monotonic
// clock and by the wall clock: the former stands still while a machine is suspended.
func (t *tenure) fresh(d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	return now.Sub(t.confirmed) < d && now.Round(0).Sub(t.confirmed.Round(0)) < d
}
