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

const (
	// minRemovals may always be removed by default, however small the index is.
	minRemovals = 10
	// listedRemovals is how many ids the error lists if too many are to be removed.
	listedRemovals = 20
)

// Reindex puts all documents into an index that serves live traffic, removes those
// that the data API no longer has, and catches up with changes made meanwhile.
//
// A page is read only when all documents of the page before are acknowledged, so a
// document is put seconds after it was read; and Reindex ends with a catch-up from
// before the first page. So a document that is unpublished meanwhile does not come
// back from an old page.
//
// Candidates for removal are documents in the index that are not in the listing. The
// data API is asked for each: the document is removed only if there is none with its
// id, or if it has a status that is not indexed. If more than MaxRemovals would be
// removed, none is, as that is more than daily work explains: the ids are in the
// report, and the error has the class Refused.
func Reindex(ctx context.Context, source *dataapi.Client, target *searchapi.Client, o ReindexOptions) (ReindexReport, error) {
	o.Pace = o.Pace.withDefaults()
	r := &reindexing{source: source, target: target, o: o}
	began := time.Now()
	err := r.run(ctx)
	r.report.Elapsed = time.Since(began)
	if err != nil {
		return r.report, fmt.Errorf("reindex %s: %w", o.Target.Name, withUnanswered(err, r.report.Unanswered))
	}
	return r.report, nil
}

// reindexing is the state of a reindex.
type reindexing struct {
	source *dataapi.Client
	target *searchapi.Client
	o      ReindexOptions
	report ReindexReport
}

func (r *reindexing) run(ctx context.Context) error {
	start, err := r.serverTime(ctx)
	if err != nil {
		return err
	}
	listed, err := r.put(ctx)
	if err != nil {
		return err
	}
	if r.report.Total == 0 {
		return runner.Refuse("the data API lists no %s of %s: is a framework misspelt?",
			r.o.Target.Kind, strings.Join(r.o.Target.Frameworks, ", "))
	}
	if err := r.findGone(ctx, listed); err != nil {
		return err
	}
	return r.removeAndCatchUp(ctx, start)
}

// serverTime returns the time by the data API's clock, which its events have too.
func (r *reindexing) serverTime(ctx context.Context) (time.Time, error) {
	if _, err := r.source.Total(ctx, r.o.Target.Kind, r.o.Target.Frameworks); err != nil {
		return time.Time{}, err
	}
	if date := r.source.Date(); !date.IsZero() {
		return date, nil
	}
	return time.Now(), nil
}

// put puts all documents of the listing.
func (r *reindexing) put(ctx context.Context) (*filling, error) {
	f := newFilling(ctx, r.source, r.target, r.o.Target, FillOptions{
		Pace: r.o.Pace, Progress: r.o.Progress, MaxFailed: r.o.MaxFailed, Refused: r.o.Refused,
	})
	defer f.pool.close()
	err := f.run()
	r.report.FillReport = f.report
	return f, err
}

// findGone finds the documents that are in the index but not in the listing, and
// which of them the data API does not have, or not with a status that is indexed.
func (r *reindexing) findGone(ctx context.Context, listed *filling) error {
	t := r.o.Target
	listed.meter.doing("looking for documents that the data API does not have")
	candidates, err := r.candidates(ctx, listed)
	if err != nil {
		return err
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

// candidates returns the ids of the documents that are in the index but were not put.
func (r *reindexing) candidates(ctx context.Context, listed *filling) ([]string, error) {
	indexed, err := r.target.IDs(ctx, r.o.Target.Name, r.o.Target.DocType())
	if err != nil {
		return nil, err
	}
	r.report.Indexed, r.report.IDsComplete = indexed.Total, indexed.Complete
	var candidates []string
	for _, id := range indexed.IDs {
		if !listed.known.wasPut(id) {
			candidates = append(candidates, id)
		}
	}
	if indexed.Complete {
		return candidates, nil
	}
	more, err := r.skippedInIndex(ctx, indexed.IDs, listed)
	return append(candidates, more...), err
}

// skippedInIndex looks up single documents in an index whose ids could not all be
// listed: those that were listed with a status that is not indexed. It returns the ids
// of those that are in the index. The argument ids are those that were listed, sorted.
func (r *reindexing) skippedInIndex(ctx context.Context, ids []string, listed *filling) ([]string, error) {
	var more []string
	for _, id := range slices.Sorted(maps.Keys(listed.skipped)) {
		if _, known := slices.BinarySearch(ids, id); known {
			continue
		}
		_, found, err := r.target.Get(ctx, r.o.Target.Name, r.o.Target.DocType(), id)
		if err != nil {
			return nil, err
		}
		if found {
			more = append(more, id)
		}
	}
	return more, nil
}

// removeAndCatchUp removes what is gone, unless that is too much, and catches up with
// the changes since a time.
func (r *reindexing) removeAndCatchUp(ctx context.Context, since time.Time) error {
	refused := r.checkRemovals()
	known := map[string]bool{}
	maps.Copy(known, r.o.Refused)
	for _, f := range r.report.Failed {
		known[f.ID] = true
	}
	c := newCatching(ctx, r.source, r.target, CatchUpOptions{
		Pace: r.o.Pace, Targets: []Target{r.o.Target}, Since: since.Add(-Overlap), Progress: r.o.Progress, keep: map[string]bool{},
		MaxFailed: r.o.MaxFailed, Refused: known,
	}.withDefaults())
	defer c.pool.close()
	var err error
	if refused == nil {
		err = r.remove(c)
	} else {
		// The catch-up must not remove what was refused.
		for _, id := range r.report.Gone {
			c.o.keep[id] = true
		}
	}
	if err == nil {
		err = c.passes()
	}
	c.pool.wait()
	c.finish()
	r.report.CatchUp = c.report
	r.report.Failed = slices.DeleteFunc(r.report.Failed, func(f Failure) bool { return slices.Contains(c.report.Written, f.ID) })
	for _, f := range c.report.Failed {
		if !slices.ContainsFunc(r.report.Failed, func(one Failure) bool { return one.ID == f.ID }) {
			r.report.Failed = append(r.report.Failed, f)
		}
	}
	r.report.Unanswered += c.report.Unanswered
	if err != nil {
		return err
	}
	return refused
}

// checkRemovals refuses to remove more than MaxRemovals documents.
func (r *reindexing) checkRemovals() error {
	allowed := r.o.MaxRemovals
	if allowed == 0 {
		allowed = max(minRemovals, r.report.Indexed/100)
	}
	allowed = max(allowed, 0)
	gone := r.report.Gone
	if len(gone) <= allowed {
		return nil
	}
	shown := gone[:min(len(gone), listedRemovals)]
	more := ""
	if len(gone) > len(shown) {
		more = fmt.Sprintf(" and %d more", len(gone)-len(shown))
	}
	return runner.Refuse("gone from the data API: %s of %d; at most %d may be removed, so none was: %s%s",
		runner.Count(len(gone), "document", "documents"), r.report.Indexed, allowed, strings.Join(shown, ", "), more)
}

// remove deletes what is gone, unless it has come back meanwhile.
func (r *reindexing) remove(c *catching) error {
	gone := make([]object, len(r.report.Gone))
	for i, id := range r.report.Gone {
		gone[i] = object{r.o.Target.Kind, id}
	}
	if err := c.syncAll(gone, c.sync); err != nil {
		return err
	}
	r.report.Removed = r.report.Gone
	return nil
}
