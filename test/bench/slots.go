package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/test/rig"
)

const green = "elasticsearch-migration"

// load is what was measured while an index was filled.
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
	if _, err := x.ResetSearchWorkers(ctx); err != nil {
		return load{}, err
	}
	p, err := b.begin(x, "build-indices")
	if err != nil {
		return load{}, err
	}
	defer p.Kill()
	if err := sleep(ctx, b.settle, p); err != nil {
		return load{}, err
	}
	return b.measure(ctx, x, p, b.window)
}

// measure compares the sandbox's counts now and after d.
func (b *bench) measure(ctx context.Context, x *box, p *rig.Process, d time.Duration) (load, error) {
	before, err := x.SearchWorkers(ctx)
	if err != nil {
		return load{}, err
	}
	used := cpu(p)
	if err := sleep(ctx, d, p); err != nil {
		return load{}, err
	}
	after, err := x.SearchWorkers(ctx)
	if err != nil {
		return load{}, err
	}
	used = cpu(p) - used
	seconds := after.At.Sub(before.At).Seconds()
	then, now := before.Apps[green], after.Apps[green]
	documents := float64(now.Documents - then.Documents)
	return load{
		busy:        (now.BusySeconds - then.BusySeconds) / seconds / float64(now.Slots),
		queued:      (now.QueuedSeconds - then.QueuedSeconds) / seconds,
		rate:        documents / seconds,
		cpu:         float64(used.Microseconds()) / 1000 / documents,
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

// script is what the operator's Python script achieved, recorded on another machine of two cores: documents a second, which
// share of the slots that is, and how many times as fast the program must be.
type script struct {
	rate  float64
	share string
	times float64
}

func scripts() map[string]script {
	return map[string]script{
		"http 2": {80, "100 %", 0}, "http 8": {312, "97.5 %", 0}, "http 20": {310, "39 %", 0},
		"https 8": {65, "20 %", 4.5}, "https 20": {69, "9 %", 10},
	}
}

// slotsBusy are the rows of how busy the slots are kept.
func (b *bench) slotsBusy(ctx context.Context) error {
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
			b.busyRow(slots, scheme, median(all))
		}
	}
	return nil
}

func (b *bench) busyRow(slots int, scheme string, l load) {
	must, ok := "97 % busy, no 5xx, at most slots + 4 connections, 1 ms of CPU a document", l.busy >= 0.97 && l.errors == 0 && l.connections <= slots+4 && l.cpu <= 1
	peer, beside := scripts()[fmt.Sprintf("%s %d", scheme, slots)], ""
	if peer.rate > 0 {
		beside = fmt.Sprintf("%.0f/s, %s: %.1f ×", peer.rate, peer.share, l.rate/peer.rate)
	}
	if peer.times > 0 {
		must += fmt.Sprintf(", %.1f × the script's rate", peer.times)
		ok = ok && l.rate >= peer.times*peer.rate
	}
	if slots == 64 {
		must, ok = "no limit", true
	}
	b.row(fmt.Sprintf("%d slots of 25 ms, %s", slots, scheme), must,
		fmt.Sprintf("%.1f %% busy, %.0f/s, %d × 5xx, %d connections, %.1f waiting, %.2f ms of CPU a document", 100*l.busy, l.rate, l.errors, l.connections, l.queued, l.cpu),
		beside, ok)
}
