package main

import (
	"context"
	"fmt"
	"time"

	"github.com/digitalmarketplace/cutover/test/rig"
)

const (
	// adapt is how long the program has after the search API has changed.
	adapt = 10 * time.Second
	// glance is how long one measurement takes while the program adapts.
	glance = 500 * time.Millisecond
)

// change is a change of the search API while the program fills an index.
type change struct {
	name, what string
	slots      int
	before     rig.SearchCapacity // what differs at first from slots of 25 ms
	after      rig.SearchCapacity
}

func changes() []change {
	return []change{
		{name: "change-slower", what: "8 slots, 25 ms become 50 ms", slots: 8, after: rig.SearchCapacity{PutTime: "50ms"}},
		{name: "change-fewer", what: "16 slots become 8", slots: 16, after: rig.SearchCapacity{Slots: 8}},
		{
			name: "change-faster", what: "8 slots, 50 ms become 25 ms", slots: 8,
			before: rig.SearchCapacity{PutTime: "50ms"}, after: rig.SearchCapacity{PutTime: "25ms"},
		},
		{name: "change-more", what: "8 slots become 16", slots: 8, after: rig.SearchCapacity{Slots: 16}},
	}
}

// changed are the rows of a search API that changes while the program fills an index.
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
	if err := x.ChangeSearchCapacity(ctx, c.before); err != nil {
		return err
	}
	if _, err := b.run(ctx, x, "run", "--to", "check-apps"); err != nil {
		return err
	}
	p, err := b.begin(x, "build-indices")
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := sleep(ctx, b.settle, p); err != nil {
		return err
	}
	if err := x.ChangeSearchCapacity(ctx, c.after); err != nil {
		return err
	}
	back, err := b.recovers(ctx, x, p)
	if err != nil {
		return err
	}
	l, err := b.measure(ctx, x, p, b.window)
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

// recovers returns how long it took until the slots were busy and the queue short for good; -1 if that did not happen within
// the time for it.
func (b *bench) recovers(ctx context.Context, x *box, p *rig.Process) (time.Duration, error) {
	back := time.Duration(-1)
	began := time.Now()
	for time.Since(began) < adapt {
		l, err := b.measure(ctx, x, p, glance)
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
