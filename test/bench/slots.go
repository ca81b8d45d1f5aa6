package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const green = "elasticsearch-migration"

// load is what a while of filling looked like.
type load struct {
	busy, rate, cpu     float64 // share of the slots; documents a second; milliseconds a document
	queued              float64 // requests waiting for a slot, on average
	connections, errors int
}

// filling runs build-indices on a search API with so many slots, and measures after it has settled.
func (b *bench) filling(ctx context.Context, slots int, https bool) (load, error) {
	documents := int(float64(slots) * 40 * (b.settle + b.window + 3*time.Second).Seconds())
	x, err := b.sandbox(ctx, https, "--instances=1", fmt.Sprintf("--slots=%d", slots), fmt.Sprintf("--documents=%d", max(documents, 500)))
	if err != nil {
		return load{}, err
	}
	defer x.end()
	if _, err := b.run(ctx, x, "run", "--to", "check-apps"); err != nil {
		return load{}, err
	}
	var forgotten tally
	if err := x.ask(ctx, "GET", "workers?forget", nil, &forgotten); err != nil {
		return load{}, err
	}
	r, err := b.begin(x, "build-indices")
	if err != nil {
		return load{}, err
	}
	defer r.stop()
	if err := sleep(ctx, b.settle, r); err != nil {
		return load{}, err
	}
	return b.measure(ctx, x, r, b.window)
}

// measure compares the sandbox's count now and a while later.
func (b *bench) measure(ctx context.Context, x *box, r *ran, d time.Duration) (load, error) {
	before, err := x.tally(ctx)
	if err != nil {
		return load{}, err
	}
	cpu := r.cpu()
	if err := sleep(ctx, d, r); err != nil {
		return load{}, err
	}
	after, err := x.tally(ctx)
	if err != nil {
		return load{}, err
	}
	cpu = r.cpu() - cpu
	seconds := after.At.Sub(before.At).Seconds()
	then, now := before.Apps[green], after.Apps[green]
	documents := float64(now.Documents - then.Documents)
	return load{
		busy:        (now.BusySeconds - then.BusySeconds) / seconds / float64(now.Slots),
		queued:      (now.QueuedSeconds - then.QueuedSeconds) / seconds,
		rate:        documents / seconds,
		cpu:         float64(cpu.Microseconds()) / 1000 / documents,
		connections: after.Connections.Most,
		errors:      now.ServerErrors,
	}, nil
}

// median is the middle one by how busy the slots were.
func median(all []load) load {
	slices.SortFunc(all, func(a, b load) int {
		if a.busy < b.busy {
			return -1
		}
		return 1
	})
	return all[len(all)/2]
}

// slotsBusy are the rows of the slots that are kept busy.
func (b *bench) slotsBusy(ctx context.Context) error {
	// The operator's Python script, recorded on another machine (two cores): share of the slots, documents a second.
	peer := map[string]string{
		"http 2": "80/s, 100 %", "http 8": "312/s, 97.5 %", "http 20": "310/s, 39 %",
		"https 8": "65/s, 20 %", "https 20": "69/s, 9 %",
	}
	for _, scheme := range []string{"http", "https"} {
		for _, slots := range []int{1, 2, 8, 20, 64} {
			if !b.wants(fmt.Sprintf("slots-%s-%d", scheme, slots)) {
				continue
			}
			var all []load
			for range b.runs {
				l, err := b.filling(ctx, slots, scheme == "https")
				if err != nil {
					return err
				}
				all = append(all, l)
			}
			l := median(all)
			must, ok := "97 % busy, no 5xx, at most slots + 4 connections, 1 ms of CPU a document", l.busy >= 0.97 && l.errors == 0 && l.connections <= slots+4 && l.cpu <= 1
			if slots == 64 {
				must, ok = "told", true
			}
			b.row(fmt.Sprintf("%d slots of 25 ms, %s", slots, scheme), must,
				fmt.Sprintf("%.1f %% busy, %.0f/s, %d × 5xx, %d connections, %.1f waiting, %.2f ms of CPU a document", 100*l.busy, l.rate, l.errors, l.connections, l.queued, l.cpu),
				peer[fmt.Sprintf("%s %d", scheme, slots)], ok)
		}
	}
	return nil
}
