package indexer

import (
	"context"
	"fmt"
	"sync"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/gate"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// maxScans is how often a listing is read, if it changes each time, before that is
// an error.
const maxScans = 6

// filling puts the documents of the listings, for a fill or a reindex.
type filling struct {
	source  *dataapi.Client
	target  Target
	o       FillOptions
	pool    *pool
	writer  *writer
	meter   *meter
	started Cursor
	// readAhead reads one page ahead. Without it, a page is read when all documents of
	// the page before are acknowledged.
	readAhead bool

	mu     sync.Mutex
	report FillReport
	known  known
	// skipped are the ids of listed documents that are not indexed.
	skipped map[string]bool
	// open are the pages that are not complete, in order. The cursor is before the first.
	open    []*openPage
	handled int
	// recorded is Listed of the cursor at the last checkpoint; checkpointDue asks for
	// another.
	recorded      int
	checkpointDue chan struct{}
}

func newFilling(ctx context.Context, source *dataapi.Client, target *searchapi.Client, t Target, o FillOptions) *filling {
	o.Pace = o.Pace.withDefaults()
	m := newMeter(o.Progress, "documents")
	o.trouble = m.trouble
	p := newPool(ctx, o.Pace)
	w := newWriter(target, p, o.Pace)
	m.note = w.note
	m.begin(o.From.Listed)
	return &filling{
		source: source, target: t, o: o, pool: p,
		writer:   w,
		meter:    m,
		started:  o.From,
		report:   FillReport{Before: o.From.Put, Cursor: o.From},
		known:    newKnown(),
		skipped:  map[string]bool{},
		recorded: o.From.Listed, checkpointDue: make(chan struct{}, 1),
	}
}

// run puts all documents, waits for them, and completes the report.
func (f *filling) run() error {
	err := f.scans()
	f.pool.wait()
	if err == nil {
		err = f.pool.err()
	}
	f.finish(err == nil)
	return err
}

// scans reads the listings until they did not change while they were read.
func (f *filling) scans() error {
	for scan := 1; ; scan++ {
		distinct, total, err := f.scan(scan)
		if err != nil {
			return err
		}
		f.report.Distinct, f.report.Total = distinct, total
		if distinct == total {
			return nil
		}
		if scan == maxScans {
			return runner.Depend("the listing of %s keeps changing: after reading it %s, %s of %d",
				f.target.Alias, runner.Count(scan, "time", "times"),
				runner.Count(distinct, "distinct document was seen", "distinct documents were seen"), total)
		}
		f.report.Rescans++
	}
}

// scan reads all pages once. Only the first scan starts at the cursor and moves it.
func (f *filling) scan(number int) (distinct, total int, err error) {
	first, from := number == 1, 1
	if first && f.started.Page > 1 {
		from, distinct = f.started.Page, f.started.Listed
	}
	pages := f.o.pages
	if f.readAhead {
		pages = f.o.pagesAhead
	}
	for _, list := range listings(f.source, f.target.Index) {
		listed := 0
		for page, err := range pages(f.pool.run, list, from) {
			if err != nil {
				f.pool.wait()
				return 0, 0, f.pool.cause(err)
			}
			listed = page.Total
			distinct += f.markSeen(page, number)
			if err := f.page(page, first, total+listed); err != nil {
				return 0, 0, err
			}
		}
		total += listed
	}
	f.pool.wait()
	return distinct, total, f.pool.err()
}

// markSeen returns how many documents of a page this scan had not seen before.
func (f *filling) markSeen(page dataapi.Page, scan int) (distinct int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range page.Documents {
		if f.known.markSeen(d.ID, scan) {
			distinct++
		}
	}
	return distinct
}

// page starts to put the documents of one page.
func (f *filling) page(page dataapi.Page, movesCursor bool, total int) error {
	o := f.openPage(page, movesCursor)
	defer f.settle(o)
	for i := range page.Documents {
		d := &page.Documents[i]
		if !f.needsPut(d) {
			f.progress(total)
			continue
		}
		f.addPending(o)
		// Wait for the gate here, before the job starts, so that pages are not read long
		// before their documents are put.
		var pass gate.Pass
		admitted := func() (err error) { pass, err = f.writer.enter(); return err }
		if !f.pool.startWhen(admitted, func() { f.document(o, d, pass); f.progress(total) }) {
			f.giveUp(o)
			return f.pool.err()
		}
	}
	if !f.readAhead {
		f.pool.wait()
	}
	return f.pool.err()
}

// needsPut reports whether a document is indexed and this version was not put yet.
func (f *filling) needsPut(d *dataapi.Document) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !d.IsIndexed() {
		if !f.skipped[d.ID] {
			f.skipped[d.ID] = true
			f.report.Skipped++
		}
		return false
	}
	delete(f.skipped, d.ID)
	return !f.known.isCurrent(d.ID, d.Raw)
}

// document puts one document of a page.
func (f *filling) document(o *openPage, d *dataapi.Document, pass gate.Pass) {
	defer f.settle(o)
	err := f.writer.put(f.target, d, pass)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		o.put++
		if f.known.markPut(d.ID, d.Raw) {
			f.report.Documents++
		}
		return
	}
	o.failed = true
	if f.pool.run.Err() != nil {
		// The document did not fail: the pool was stopped.
		return
	}
	f.report.Failed = append(f.report.Failed, Failure{f.target.Alias, d.ID, err})
	if failed := notKnown(f.report.Failed, f.o.Refused); len(failed) > f.o.MaxFailed {
		f.pool.halt(fmt.Errorf("%s failed, and at most %d may; the first: %w", runner.Count(len(failed), "document", "documents"), f.o.MaxFailed, failed[0]))
	}
}

// notKnown are the failures but for what the search API refused before.
func notKnown(failed []Failure, refused map[string]bool) (all []Failure) {
	for _, f := range failed {
		if !refused[f.ID] || !isRefused(f.Err) {
			all = append(all, f)
		}
	}
	return all
}

func (f *filling) progress(total int) {
	f.mu.Lock()
	f.handled++
	handled := f.handled
	f.mu.Unlock()
	f.meter.report(f.started.Listed+handled, total)
}

// finish completes the report.
func (f *filling) finish(succeeded bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.report.Retries = int(f.writer.retries.Load())
	f.report.Unanswered = int(f.writer.unanswered.Load())
	f.report.Slots = f.writer.gate.Workers()
	f.report.Elapsed = f.meter.elapsed()
	if succeeded && len(f.report.Failed) == 0 {
		f.report.Cursor = Cursor{
			Page:   f.report.Cursor.Page,
			Listed: f.report.Distinct,
			Put:    f.report.Before + f.report.Documents,
			Done:   true,
		}
	}
}
