package search

import (
	"context"
	"slices"
	"time"
)

const (
	// refreshInterval and searchIdle are index.refresh_interval and index.search.idle.after, both at their defaults: the
	// mappings set neither (Elasticsearch 7.10, index modules).
	refreshInterval = time.Second
	searchIdle      = 30 * time.Second
	// forced is how long a search waits for the refresh of an idle index (0.8 to 0.9 s were measured).
	forced = 850 * time.Millisecond
)

// tick does the refreshes that the engine would have done by itself by now: one each second, but none from 30 s after the
// last search (or the creation) on, so that num_docs does not change although documents are written. Elasticsearch 6 never
// goes idle. The caller holds mu.
func (x *index) tick() {
	interval := x.clock.Scale(refreshInterval)
	now := x.clock.Now()
	if interval <= 0 {
		x.refresh(now)
		return
	}
	end := now
	if idle := x.searched.Add(x.clock.Scale(searchIdle)); x.idles && idle.Before(end) {
		end = idle
	}
	if n := end.Sub(x.refreshed) / interval; n > 0 {
		x.refresh(x.refreshed.Add(n * interval))
	}
}

// refresh makes everything written visible. The caller holds mu.
func (x *index) refresh(at time.Time) {
	x.refreshed = at
	if len(x.hidden) == 0 {
		return
	}
	x.generation++
	if len(x.hidden) > 100 { // then sorting again is faster
		x.order = nil
	}
	if x.order != nil {
		x.reorder()
	}
	x.visible = x.count
	clear(x.hidden)
}

// reorder updates the sorted list with what was hidden, which is faster than sorting it again.
func (x *index) reorder() {
	order := slices.Clone(x.order) // a search may still read the old list
	for id, before := range x.hidden {
		if before == untouched {
			before = x.untouchedDocument(id)
		}
		if before != nil {
			if i, ok := slices.BinarySearchFunc(order, entry{before.order, id}, compareEntries); ok {
				order = slices.Delete(order, i, i+1)
			}
		}
		if d := x.get(id); d != nil {
			e := entry{d.order, id}
			i, _ := slices.BinarySearchFunc(order, e, compareEntries)
			order = slices.Insert(order, i, e)
		}
	}
	x.order = order
}

// numDocs is the number in _status: the documents of refreshed segments.
func (x *index) numDocs() (docs, bytes int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tick()
	return x.visible, x.bytes
}

// beforeSearch is called before a search. An idle index is refreshed first, and the search waits for that.
func (x *index) beforeSearch(ctx context.Context) error {
	x.mu.Lock()
	x.tick()
	now := x.clock.Now()
	idle := x.idles && now.Sub(x.searched) >= x.clock.Scale(searchIdle) && len(x.hidden) > 0
	x.searched = now
	if !idle {
		x.mu.Unlock()
		return nil
	}
	x.mu.Unlock()
	if err := x.clock.Sleep(ctx, forced); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.refresh(x.clock.Now())
	return nil
}
