package main

import (
	"context"
	"errors"
	"fmt"
)

const live = "search-api"

// people are the readers of the live app, as the sandbox tells of them.
type people struct {
	Sent   int     `json:"sent"`
	Failed int     `json:"failed"`
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
}

// shared is what a while of people and perhaps of a reindex looked like.
type shared struct {
	people
	busy    float64 // slots, on average
	writing float64 // slots that documents were written in
	most    int     // of those at once
	errors  int
}

// beside is the row of a reindex of what people use: 8 slots, of which half are busy with their requests, and then more.
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
	x.ready.Env["SEARCH_API_WORKERS"] = fmt.Sprint(slots)
	var ignored tally
	if err := x.ask(ctx, "POST", "workers", map[string]any{"read_time": "25ms"}, &ignored); err != nil {
		return err
	}
	alone, err := b.share(ctx, x, nil, half)
	if err != nil {
		return err
	}
	r, err := b.begin(x, "reindex")
	if err != nil {
		return err
	}
	defer r.stop()
	with, err := b.share(ctx, x, r, half)
	if err != nil {
		return err
	}
	crowd, err := b.share(ctx, x, r, more)
	if err != nil {
		return err
	}
	b.row("reindex beside people who keep half of 8 slots busy", "never more than 4 slots, no 5xx, nobody's request failed",
		fmt.Sprintf("%d slots at most, %.1f on average; people: p99 %.0f ms, %.0f ms without a reindex, p50 %.0f ms, %.0f ms without, %d of %s failed",
			with.most, with.writing, with.P99, alone.P99, with.P50, alone.P50, with.Failed, thousands(with.Sent)),
		"", with.most <= slots/2 && with.writing > 0.5 && with.errors == 0 && with.Failed == 0)
	b.row("the same, when people keep 7 of the slots busy", "fewer slots than before",
		fmt.Sprintf("%.1f slots on average; people: p99 %.0f ms, p50 %.0f ms, %d of %s failed", crowd.writing, crowd.P99, crowd.P50, crowd.Failed, thousands(crowd.Sent)),
		"", crowd.writing < with.writing && crowd.most <= slots/2 && crowd.errors == 0 && crowd.Failed == 0)
	return nil
}

// share lets people come at a rate, lets all of it settle, and measures; r is nil where nothing is reindexed.
func (b *bench) share(ctx context.Context, x *box, r *ran, rate float64) (s shared, err error) {
	if r == nil {
		r = &ran{ended: make(chan struct{})}
	}
	came := func() error { return x.ask(ctx, "POST", "load", map[string]any{"rate": rate}, &s.people) }
	if err := came(); err != nil {
		return s, err
	}
	if err := sleep(ctx, b.settle/2, r); err != nil {
		return s, err
	}
	if err := came(); err != nil { // what was until now is forgotten
		return s, err
	}
	var before, after tally
	if err := x.ask(ctx, "GET", "workers?forget", nil, &before); err != nil {
		return s, err
	}
	if err := sleep(ctx, b.window, r); err != nil {
		return s, err
	}
	if after, err = x.tally(ctx); err != nil {
		return s, err
	}
	if err := x.ask(ctx, "GET", "load", nil, &s.people); err != nil {
		return s, err
	}
	was, is := before.Apps[live], after.Apps[live]
	seconds := after.At.Sub(before.At).Seconds()
	s.busy = (is.BusySeconds - was.BusySeconds) / seconds
	s.writing = (is.WritingSeconds - was.WritingSeconds) / seconds
	s.most, s.errors = is.MostWriting, is.ServerErrors-was.ServerErrors
	if float64(s.Sent) < 0.5*rate*seconds {
		return s, errors.New("the machine is too busy to send what people ask for")
	}
	return s, nil
}
