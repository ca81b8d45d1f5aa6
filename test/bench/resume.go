package main

import (
	"context"
	"fmt"
	"time"

	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

const (
	// production is how many services production has, and killedAfter how many of them are put when the process is killed.
	production, killedAfter = 36_311, 30_000
	// resumeMost is the limit for the next process: the rest, and a little.
	resumeMost = 7_000
)

// resumed is the row of a fill that is killed and resumed by another process.
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
	defer killed.Kill()
	if err := b.untilPut(ctx, x, killed, killedAfter); err != nil {
		return err
	}
	killed.Kill()
	before, err := b.untilIdle(ctx, x)
	if err != nil {
		return err
	}
	// The killed process's lease is stale sooner than after two minutes.
	x.Env["LEASE_HEARTBEAT"], x.Env["LEASE_STALE_AFTER"] = "1s", "4s"
	if _, err := b.run(ctx, x, "build-indices"); err != nil {
		return err
	}
	after, err := x.SearchWorkers(ctx)
	if err != nil {
		return err
	}
	put, again := before.Apps[green].Documents, after.Apps[green].Documents-before.Apps[green].Documents
	b.row(fmt.Sprintf("%s documents, killed after %s", thousands(production), thousands(killedAfter)),
		fmt.Sprintf("less than %s PUTs by the next process", thousands(resumeMost)),
		fmt.Sprintf("%s by the first, %s by the next, of the latter %s for the second time", thousands(put), thousands(again), thousands(put+again-production-briefs)),
		"begins from the start", again < resumeMost)
	return nil
}

// untilPut waits until so many documents were put.
func (b *bench) untilPut(ctx context.Context, x *box, p *rig.Process, documents int) error {
	for {
		w, err := x.SearchWorkers(ctx)
		if err != nil || w.Apps[green].Documents >= documents {
			return err
		}
		if err := sleep(ctx, 5*time.Millisecond, p); err != nil {
			return err
		}
	}
}

// untilIdle waits until green has no request under way, and returns the count.
func (b *bench) untilIdle(ctx context.Context, x *box) (sandbox.Workers, error) {
	for {
		w, err := x.SearchWorkers(ctx)
		if err != nil {
			return w, err
		}
		if a := w.Apps[green]; a.Held == 0 && a.Queued == 0 {
			return w, nil
		}
		if err := sleep(ctx, 20*time.Millisecond, nil); err != nil {
			return w, err
		}
	}
}
