package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// adapt is how long the program has after the search API has changed.
	adapt = 10 * time.Second
	// glance is a stretch of time for which a share of the slots is told.
	glance = 500 * time.Millisecond
)

// change is something that happens to the search API in mid-run, as the control API is told of it.
type change struct {
	name, what string
	slots      int
	before     map[string]any // the search API at first, where not 16 slots of 25 ms
	after      map[string]any
}

func changes() []change {
	return []change{
		{name: "change-slower", what: "8 slots, 25 ms become 50 ms", slots: 8, after: map[string]any{"put_time": "50ms"}},
		{name: "change-fewer", what: "16 slots become 8", slots: 16, after: map[string]any{"slots": 8}},
		{name: "change-faster", what: "8 slots, 50 ms become 25 ms", slots: 8,
			before: map[string]any{"put_time": "50ms"}, after: map[string]any{"put_time": "25ms"}},
		{name: "change-more", what: "8 slots become 16", slots: 8, after: map[string]any{"slots": 16}},
	}
}

// changed are the rows of a search API that becomes another in mid-run.
func (b *bench) changed(ctx context.Context) error {
	for _, c := range changes() {
		if !b.wants(c.name) {
			continue
		}
		if err := b.changing(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

func (b *bench) changing(ctx context.Context, c change) error {
	x, err := b.sandbox(ctx, false, "--instances=1", fmt.Sprintf("--slots=%d", c.slots),
		fmt.Sprintf("--documents=%d", int(16*40*(b.settle+adapt+b.window+5*time.Second).Seconds())))
	if err != nil {
		return err
	}
	defer x.end()
	var ignored tally
	if c.before != nil {
		if err := x.ask(ctx, "POST", "workers", c.before, &ignored); err != nil {
			return err
		}
	}
	if _, err := b.run(ctx, x, "run", "--to", "check-apps"); err != nil {
		return err
	}
	r, err := b.begin(x, "build-indices")
	if err != nil {
		return err
	}
	defer r.stop()
	if err := sleep(ctx, b.settle, r); err != nil {
		return err
	}
	if err := x.ask(ctx, "POST", "workers", c.after, &ignored); err != nil {
		return err
	}
	back, err := b.recovers(ctx, x, r)
	if err != nil {
		return err
	}
	l, err := b.measure(ctx, x, r, b.window)
	if err != nil {
		return err
	}
	after := "not"
	if back >= 0 {
		after = fmt.Sprintf("after %.1f s", back.Seconds())
	}
	b.row(c.what, "90 % of the new limit and no more than 5 waiting within 10 s, no 5xx",
		fmt.Sprintf("%s; then %.1f %% busy, %.1f waiting, %d × 5xx", after, 100*l.busy, l.queued, l.errors),
		"", back >= 0 && l.busy >= 0.9 && l.errors == 0)
	return nil
}

// recovers watches for as long as the program has, and tells how long it took until the slots were busy and the queue
// short for good; -1: they never were.
func (b *bench) recovers(ctx context.Context, x *box, r *ran) (time.Duration, error) {
	back := time.Duration(-1)
	began := time.Now()
	for time.Since(began) < adapt {
		l, err := b.measure(ctx, x, r, glance)
		switch {
		case err != nil:
			return 0, err
		case l.busy < 0.9 || l.queued > 5:
			back = -1
		case back < 0:
			back = time.Since(began)
		}
	}
	return back, nil
}
