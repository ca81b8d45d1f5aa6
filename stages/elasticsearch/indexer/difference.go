package indexer

import (
	"context"
	"fmt"
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
	// More is true if the search stopped before all were found.
	More bool
}

// Empty reports whether no difference was found.
func (d Difference) Empty() bool { return len(d.Missing)+len(d.Stray) == 0 }

// Differences compares the ids in an index with the data API's listing, and asks for each
// that only one of them has, of both: the listings of either may be behind. It stops when
// it has found most of one kind. Documents with an event since a time are left out: a
// catch-up from then on handles them.
//
// It reads the whole listing, so it is for an index whose count is known to be wrong.
func Differences(ctx context.Context, source *dataapi.Client, target *searchapi.Client, t Target, since time.Time, most int) (Difference, error) {
	pace := Pace{}.withDefaults()
	indexed, err := target.IDs(ctx, t.Name, t.DocType())
	if err != nil {
		return Difference{}, err
	}
	listed := map[string]bool{}
	for _, list := range listings(source, t.Index) {
		for page, err := range pace.pagesAhead(ctx, list, 1) {
			if err != nil {
				return Difference{}, err
			}
			for _, d := range page.Documents {
				if d.IsIndexed() {
					listed[d.ID] = true
				}
			}
		}
	}
	var only []string
	for _, id := range indexed.IDs {
		if !listed[id] {
			only = append(only, id)
		}
		delete(listed, id)
	}
	for id := range listed {
		only = append(only, id)
	}
	slices.Sort(only)
	found, err := confirm(ctx, source, target, t, only, most)
	if err != nil || found.Empty() {
		return found, err
	}
	// After they were asked for: what was changed before that has its event by now.
	changed, err := changedSince(ctx, source, since, []Target{t})
	if err != nil {
		return Difference{}, err
	}
	isChanged := func(id string) bool { return slices.Contains(changed, object{t.Kind, id}) }
	found.Missing, found.Stray = slices.DeleteFunc(found.Missing, isChanged), slices.DeleteFunc(found.Stray, isChanged)
	return found, nil
}

// confirm asks both sides for each id.
func confirm(ctx context.Context, source *dataapi.Client, target *searchapi.Client, t Target, ids []string, most int) (Difference, error) {
	var found Difference
	for _, id := range ids {
		if len(found.Missing) == most || len(found.Stray) == most {
			found.More = true
			return found, nil
		}
		d, err := source.Document(ctx, t.Kind, id)
		if err != nil {
			return found, err
		}
		_, is, err := target.Get(ctx, t.Name, t.DocType(), id)
		if err != nil {
			return found, err
		}
		switch belongs := d != nil && t.Has(d) && d.IsIndexed(); {
		case belongs && !is:
			found.Missing = append(found.Missing, id)
		case is && !belongs:
			found.Stray = append(found.Stray, id)
		}
	}
	return found, nil
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
