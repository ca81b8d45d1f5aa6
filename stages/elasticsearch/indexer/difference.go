package indexer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
)

// Difference is how the documents of an index differ from those that the data API has.
type Difference struct {
	// Missing are the ids of documents that belong in the index and are not there, Stray
	// those of documents that are there and do not belong. Each was asked for by itself, at
	// both sides.
	Missing, Stray []string
	// Listed is how many documents the data API lists for the index.
	Listed int
	// More is true if the search stopped before all were found.
	More bool
}

// Empty reports whether no difference was found.
func (d Difference) Empty() bool { return len(d.Missing)+len(d.Stray) == 0 }

// Differences compares the ids in an index with the data API's listing, and asks both
// sides for each that only one of them has: the listings of either may be behind. It stops
// when it has found most of one kind. Documents with an event since a time are left out: a
// catch-up from then on handles them.
func Differences(ctx context.Context, source *dataapi.Client, target *searchapi.Client, t Target, since time.Time, most int) (Difference, error) {
	indexed, err := target.IDs(ctx, t.Name, t.DocType())
	if err != nil {
		return Difference{}, err
	}
	listed, err := listedIDs(ctx, source, t)
	if err != nil {
		return Difference{}, err
	}
	changed, err := changedSince(ctx, source, since, []Target{t})
	if err != nil {
		return Difference{}, err
	}
	found := Difference{Listed: len(listed)}
	var only []candidate
	for _, id := range indexed.IDs {
		if !listed[id] {
			only = append(only, candidate{id, true})
		}
		delete(listed, id)
	}
	for _, id := range slices.Sorted(maps.Keys(listed)) {
		only = append(only, candidate{id, false})
	}
	isChanged := func(id string) bool { return slices.Contains(changed, object{t.Kind, id}) }
	only = slices.DeleteFunc(only, func(c candidate) bool { return isChanged(c.id) })
	if err := found.confirm(ctx, source, target, t, only, most); err != nil || found.Empty() {
		return found, err
	}
	// What was changed before they were asked for has its event by now.
	if changed, err = changedSince(ctx, source, since, []Target{t}); err != nil {
		return Difference{}, err
	}
	found.Missing, found.Stray = slices.DeleteFunc(found.Missing, isChanged), slices.DeleteFunc(found.Stray, isChanged)
	return found, nil
}

// listedIDs are the ids of the documents that belong in an index, by the data API's listing.
func listedIDs(ctx context.Context, source *dataapi.Client, t Target) (map[string]bool, error) {
	// A comparison is polled as a whole, so that a page need not be waited for.
	pace, ids := Pace{RetryFor: time.Nanosecond}.withDefaults(), map[string]bool{}
	for _, list := range listings(source, t.Index) {
		for page, err := range pace.pagesAhead(ctx, list, 1) {
			if err != nil {
				return nil, err
			}
			for _, d := range page.Documents {
				if d.IsIndexed() {
					ids[d.ID] = true
				}
			}
		}
	}
	return ids, nil
}

// candidate is a document that one side alone lists: the index, or the data API.
type candidate struct {
	id      string
	indexed bool
}

// confirm asks both sides for each candidate.
func (d *Difference) confirm(ctx context.Context, source *dataapi.Client, target *searchapi.Client, t Target, all []candidate, most int) error {
	for _, c := range all {
		if len(d.Missing) == most || len(d.Stray) == most {
			d.More = true
			return nil
		}
		_, is, err := target.Get(ctx, t.Name, t.DocType(), c.id)
		if err != nil {
			return err
		}
		if is != c.indexed {
			continue
		}
		document, err := source.Document(ctx, t.Kind, c.id)
		if err != nil {
			return err
		}
		switch belongs := document != nil && t.Has(document) && document.IsIndexed(); {
		case belongs && !is:
			d.Missing = append(d.Missing, c.id)
		case is && !belongs:
			d.Stray = append(d.Stray, c.id)
		}
	}
	return nil
}

// Repair makes documents of an index what the data API says, by their ids: it puts those
// that belong in it and deletes the others, those of other frameworks too.
func Repair(ctx context.Context, source *dataapi.Client, target *searchapi.Client, t Target, ids []string, o CatchUpOptions) (CatchUpReport, error) {
	o.Targets = []Target{t}
	c := newCatching(ctx, source, target, o.withDefaults())
	defer c.pool.close()
	var all []object
	for _, id := range ids {
		all = append(all, object{t.Kind, id})
	}
	err := c.syncAll(all, func(o object) error {
		d, err := c.read(o)
		if err != nil {
			return err
		}
		if d != nil && !t.Has(d) {
			return c.delete(t, o.id)
		}
		return c.sync(o)
	})
	c.finish()
	if err != nil {
		return c.report, fmt.Errorf("repair %s: %w", t.Name, withUnanswered(err, c.report.Unanswered))
	}
	return c.report, nil
}
