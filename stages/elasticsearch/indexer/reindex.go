package indexer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Removals may always be as many as this, however small the index.
const minRemovals = 10

// Reindex brings all documents into an index that is live, removes what is
// gone from the source, and catches up with what was changed meanwhile.
//
// A page is read only when all documents of the page before are acknowledged,
// so that what is put is seconds old; and a catch-up from before the first page
// ends it. So a document that is unpublished while this runs is not brought
// back by what was read before.
//
// To remove are documents that are in the index and not in the listing. Each of
// them is asked for by itself, and is gone only where the source has none of
// that id, or one with a status that is not indexed. Where more are gone than may be
// removed, none is: something other than daily work is the reason. They are
// listed in the report, and the error has the class Refused.
func Reindex(ctx context.Context, source *dataapi.Client, target *searchapi.Client, o ReindexOptions) (ReindexReport, error) {
	o.Pace = o.Pace.withDefaults()
	r := &reindexing{source: source, target: target, o: o, meter: newMeter(nil, "")}
	err := r.all(ctx)
	r.report.Elapsed = r.meter.elapsed()
	if err != nil {
		return r.report, fmt.Errorf("reindex %s: %w", o.Target.Name, unanswered(err, r.report.Unanswered))
	}
	return r.report, nil
}

type reindexing struct {
	source *dataapi.Client
	target *searchapi.Client
	o      ReindexOptions
	meter  meter
	report ReindexReport
}

func (r *reindexing) all(ctx context.Context) error {
	// The source's own clock says from when on to catch up.
	if _, err := r.source.Total(ctx, r.o.Target.Kind, r.o.Target.Frameworks); err != nil {
		return err
	}
	start := r.source.Date()
	if start.IsZero() {
		start = time.Now()
	}
	listed, err := r.documents(ctx)
	if err != nil {
		return err
	}
	if r.report.Total == 0 {
		return runner.Refuse("the source lists no %s of %s: is a framework misspelt?",
			r.o.Target.Kind, strings.Join(r.o.Target.Frameworks, ", "))
	}
	if err := r.candidates(ctx, listed); err != nil {
		return err
	}
	refused := r.limit()
	c := newCatching(ctx, r.source, r.target, CatchUpOptions{
		Pace: r.o.Pace, Targets: []Target{r.o.Target}, Since: start.Add(-Overlap),
		MaxPasses: 50, For: 15 * time.Minute, Spare: map[string]bool{},
	})
	defer c.pool.close()
	if refused == nil {
		err = r.remove(c)
	} else {
		for _, id := range r.report.Gone {
			c.o.Spare[id] = true
		}
	}
	if err == nil {
		err = c.passes()
	}
	c.pool.wait()
	c.finish()
	r.report.CatchUp = c.report
	r.report.Unanswered += c.report.Unanswered
	if err != nil {
		return err
	}
	return refused
}

// documents puts all documents of the listing.
func (r *reindexing) documents(ctx context.Context) (*filling, error) {
	f := newFilling(ctx, r.source, r.target, r.o.Target, FillOptions{
		Pace: r.o.Pace, Progress: r.o.Progress, MaxFailed: r.o.MaxFailed,
	})
	defer f.pool.close()
	err := f.scans()
	f.pool.wait()
	if err == nil {
		err = f.pool.err()
	}
	f.finish(err == nil)
	r.report.FillReport = f.report
	return f, err
}

// candidates finds what is in the index and not in the listing, and which of
// that is gone from the source.
func (r *reindexing) candidates(ctx context.Context, listed *filling) error {
	t := r.o.Target
	indexed, err := r.target.IDs(ctx, t.Name, t.DocType())
	if err != nil {
		return err
	}
	r.report.Indexed, r.report.Listable = indexed.Total, indexed.Complete
	var candidates []string
	for _, id := range indexed.IDs {
		if !listed.known.wasPut(id) {
			candidates = append(candidates, id)
		}
	}
	if !indexed.Complete {
		more, err := r.unlisted(ctx, indexed.IDs, listed)
		if err != nil {
			return err
		}
		candidates = append(candidates, more...)
	}
	r.report.Candidates = len(candidates)
	for _, id := range candidates {
		d, err := r.source.Document(ctx, t.Kind, id)
		if err != nil {
			return err
		}
		if d == nil || !d.IsIndexed() {
			r.report.Gone = append(r.report.Gone, id)
		}
	}
	return nil
}

// unlisted asks an index that could not be listed whole for each document that
// the source lists and that does not belong.
func (r *reindexing) unlisted(ctx context.Context, known []string, listed *filling) ([]string, error) {
	var found []string
	for _, id := range slices.Sorted(maps.Keys(listed.skipped)) {
		if _, is := slices.BinarySearch(known, id); is {
			continue
		}
		_, is, err := r.target.Get(ctx, r.o.Target.Name, r.o.Target.DocType(), id)
		if err != nil {
			return nil, err
		}
		if is {
			found = append(found, id)
		}
	}
	return found, nil
}

// limit refuses to remove more than may be.
func (r *reindexing) limit() error {
	most := r.o.MaxRemovals
	if most == 0 {
		most = max(minRemovals, r.report.Indexed/100)
	}
	gone := len(r.report.Gone)
	if gone <= max(most, 0) {
		return nil
	}
	shown := r.report.Gone[:min(gone, 20)]
	more := ""
	if gone > len(shown) {
		more = fmt.Sprintf(" and %d more", gone-len(shown))
	}
	return runner.Refuse("%s of %d gone from the source, and %d may be removed: none was: %s%s",
		runner.Count(gone, "document", "documents"), r.report.Indexed, max(most, 0), strings.Join(shown, ", "), more)
}

// remove deletes what is gone, unless it is back by then.
func (r *reindexing) remove(c *catching) error {
	all := make([]object, len(r.report.Gone))
	for i, id := range r.report.Gone {
		all[i] = object{r.o.Target.Kind, id}
	}
	if err := c.objects(all); err != nil {
		return err
	}
	r.report.Removed = r.report.Gone
	return nil
}
