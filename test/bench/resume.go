package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// production is how many services it has, and gone how many of them are put when the first process is killed.
	production, gone = 36_311, 30_000
	// twice is what the next process sends less than: what is left, and a little.
	twice = 7_000
)

// resumed is the row of a fill that is killed, and gone on with by another process.
func (b *bench) resumed(ctx context.Context) error {
	if !b.wants("resume") {
		return nil
	}
	x, err := b.sandbox(ctx, false, "--instances=1", "--slots=20", "--put-time=0", fmt.Sprintf("--documents=%d", production))
	if err != nil {
		return err
	}
	defer x.end()
	if _, err := b.run(ctx, x, "run", "--to", "check-apps"); err != nil {
		return err
	}
	killed, err := b.begin(x, "build-indices")
	if err != nil {
		return err
	}
	defer killed.stop()
	before, err := b.untilPut(ctx, x, killed, gone)
	if err != nil {
		return err
	}
	killed.stop()
	if err := b.quiet(ctx, x, &before); err != nil {
		return err
	}
	// What the killed process held is taken over sooner than in two minutes.
	x.ready.Env["LEASE_HEARTBEAT"], x.ready.Env["LEASE_STALE_AFTER"] = "1s", "4s"
	if _, err := b.run(ctx, x, "build-indices"); err != nil {
		return err
	}
	after, err := x.tally(ctx)
	if err != nil {
		return err
	}
	put, again := before.Apps[green].Documents, after.Apps[green].Documents-before.Apps[green].Documents
	b.row(fmt.Sprintf("%s documents, killed after %s", thousands(production), thousands(gone)),
		fmt.Sprintf("less than %s PUTs by the next process", thousands(twice)),
		fmt.Sprintf("%s by the first, %s by the next, of the latter %s for the second time", thousands(put), thousands(again), thousands(put+again-production-briefs)),
		"begins from the start", again < twice)
	return nil
}

// untilPut waits until so many documents were put.
func (b *bench) untilPut(ctx context.Context, x *box, r *ran, documents int) (tally, error) {
	for {
		t, err := x.tally(ctx)
		if err != nil || t.Apps[green].Documents >= documents {
			return t, err
		}
		if err := sleep(ctx, 5*time.Millisecond, r); err != nil {
			return t, err
		}
	}
}

// quiet waits until no request is under way, and counts again.
func (b *bench) quiet(ctx context.Context, x *box, t *tally) (err error) {
	for {
		if *t, err = x.tally(ctx); err != nil {
			return err
		}
		if a := t.Apps[green]; a.Held == 0 && a.Queued == 0 {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
