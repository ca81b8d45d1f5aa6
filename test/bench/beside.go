package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

const live = "search-api"

// shared is what was measured while readers, and perhaps a reindex, used the live app.
type shared struct {
	readers sandbox.Tally
	busy    float64 // slots, on average
	writing float64 // slots that documents were written in, on average
	most    int     // of those at once
	errors  int     // answers of 500 and more
}

// beside is the row of a reindex of an app in use: readers keep half of its 8 slots busy, and then more.
func (b *bench) beside(ctx context.Context) error {
	if !b.wants("beside") {
		return nil
	}
	const slots, half, more = 8, 160, 290 // requests a second of 25 ms each
	x, err := b.sandbox(ctx, false, "--instances=1", fmt.Sprintf("--slots=%d", slots), "--documents=12000")
	if err != nil {
		return err
	}
	defer x.end()
	x.Env["SEARCH_API_WORKERS"] = fmt.Sprint(slots)
	if err := x.ChangeSearchCapacity(ctx, rig.SearchCapacity{ReadTime: "25ms"}); err != nil {
		return err
	}
	alone, err := b.share(ctx, x, nil, half)
	if err != nil {
		return err
	}
	p, err := b.begin(x, "reindex")
	if err != nil {
		return err
	}
	defer p.Kill()
	with, err := b.share(ctx, x, p, half)
	if err != nil {
		return err
	}
	crowd, err := b.share(ctx, x, p, more)
	if err != nil {
		return err
	}
	b.row("reindex while readers keep half of 8 slots busy", "never more than 4 slots, no 5xx, no failed request",
		fmt.Sprintf("%d slots at most, %.1f on average; readers: p99 %.0f ms, %.0f ms without a reindex, p50 %.0f ms, %.0f ms without, %d of %s failed",
			with.most, with.writing, with.readers.P99MS, alone.readers.P99MS, with.readers.P50MS, alone.readers.P50MS, with.readers.Failed, thousands(with.readers.Sent)),
		"", with.most <= slots/2 && with.writing > 0.5 && with.errors == 0 && with.readers.Failed == 0)
	b.row("the same while readers keep 7 of the slots busy", "fewer slots than before",
		fmt.Sprintf("%.1f slots on average; readers: p99 %.0f ms, p50 %.0f ms, %d of %s failed", crowd.writing, crowd.readers.P99MS, crowd.readers.P50MS, crowd.readers.Failed, thousands(crowd.readers.Sent)),
		"", crowd.writing < with.writing && crowd.most <= slots/2 && crowd.errors == 0 && crowd.readers.Failed == 0)
	return nil
}

// share starts readers at a rate, lets the program settle, and measures. p is the reindex; nil where there is none.
func (b *bench) share(ctx context.Context, x *box, p *rig.Process, rate float64) (s shared, err error) {
	if err := x.StartReaders(ctx, rate); err != nil {
		return s, err
	}
	if err := sleep(ctx, b.settle/2, p); err != nil {
		return s, err
	}
	if err := x.StartReaders(ctx, rate); err != nil { // counts from zero again
		return s, err
	}
	before, err := x.ResetSearchWorkers(ctx)
	if err != nil {
		return s, err
	}
	if err := sleep(ctx, b.window, p); err != nil {
		return s, err
	}
	after, err := x.SearchWorkers(ctx)
	if err != nil {
		return s, err
	}
	if s.readers, err = x.Readers(ctx); err != nil {
		return s, err
	}
	was, is := before.Apps[live], after.Apps[live]
	seconds := after.At.Sub(before.At).Seconds()
	s.busy = (is.BusySeconds - was.BusySeconds) / seconds
	s.writing = (is.WritingSeconds - was.WritingSeconds) / seconds
	s.most, s.errors = is.MostWriting, is.ServerErrors-was.ServerErrors
	if float64(s.readers.Sent) < 0.5*rate*seconds {
		return s, errors.New("the machine is too busy to send the readers' requests")
	}
	return s, nil
}
