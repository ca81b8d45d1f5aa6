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

// maxScans is how often a listing that moves is read before that is an error.
const maxScans = 6

// Fill brings all documents of a target's frameworks into its index, which is
// new and serves nobody: what belongs in it is put, and nothing is deleted.
//
// What is changed after its page was read is not in the index until a CatchUp
// from before the fill began.
//
// A document is put until it is acknowledged. One that fails is named in the
// report, and the fill goes on until more than MaxFailed have failed. The
// cursor never passes a document that is not acknowledged, so a fill that goes
// on from it misses nothing; a few may be put twice, which is the same as once.
//
// When the context is done, no further document is begun; those in flight are
// awaited for the pace's Grace; the cursor is written; and the error has the
// class Interrupted.
//
// At the end as many different documents were seen as the listing says it has.
// Where not, it moved while it was read, and is read again; what was put as
// it is now is not put again.
func Fill(ctx context.Context, source *dataapi.Client, target *searchapi.Client, t Target, o FillOptions) (FillReport, error) {
	if o.From.Done {
		return FillReport{Before: o.From.Put, Distinct: o.From.Listed, Total: o.From.Listed, Cursor: o.From}, nil
	}
	if t.Kind == dataapi.Briefs {
		// A listing by status can have moved since; and briefs are few.
		o.From = Cursor{}
	}
	f := newFilling(ctx, source, target, t, o)
	f.readAhead = true
	defer f.pool.close()
	stop := f.checkpoints()
	err := f.scans()
	f.pool.wait()
	if err == nil {
		err = f.pool.err()
	}
	f.finish(err == nil)
	if checkpointed := stop(); err == nil {
		err = checkpointed
	}
	if err != nil {
		return f.report, fmt.Errorf("fill %s: %w", t.Name, unanswered(err, f.report.Unanswered))
	}
	return f.report, nil
}

// filling is the state of a fill, or of the listing part of a reindex.
type filling struct {
	source  *dataapi.Client
	target  Target
	o       FillOptions
	pool    *pool
	writer  *writer
	meter   meter
	started Cursor
	// readAhead reads one page ahead. Without it, a page is read only when all
	// of the page before are acknowledged.
	readAhead bool

	mu     sync.Mutex
	report FillReport
	known  known
	// skipped are the ids of documents that were listed and do not belong.
	skipped map[string]bool
	// open are the pages begun, in order; the first of them is where to go on.
	open    []*openPage
	handled int
	// recorded is how far it had come at the last checkpoint; far asks for another.
	recorded int
	far      chan struct{}
}

// openPage is a page whose documents are not all acknowledged yet.
type openPage struct {
	number, listed, left, put int
	// failed: not all are, and will not be. hop: the cursor may pass it.
	failed, hop bool
}

func newFilling(ctx context.Context, source *dataapi.Client, target *searchapi.Client, t Target, o FillOptions) *filling {
	o.Pace = o.Pace.withDefaults()
	p := newPool(ctx, o.Pace)
	return &filling{
		source: source, target: t, o: o, pool: p,
		writer:  newWriter(target, p, o.Pace),
		meter:   newMeter(o.Progress, "documents"),
		started: o.From,
		report:  FillReport{Before: o.From.Put, Cursor: o.From},
		known:   newKnown(),
		skipped: map[string]bool{},
		far:     make(chan struct{}, 1), recorded: o.From.Listed,
	}
}

// scans reads the listings until they held still.
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
			return runner.Depend("the listing of %s does not hold still: %s seen of %d, reading it %s",
				f.target.Alias, runner.Count(distinct, "different document was", "different documents were"), total, runner.Count(scan, "time", "times"))
		}
		f.report.Rescans++
	}
}

// scan reads all pages once. Only the first scan goes on from the cursor, and
// only it moves the cursor.
func (f *filling) scan(number int) (distinct, total int, err error) {
	first, from := number == 1, 1
	if first && f.started.Page > 1 {
		from, distinct = f.started.Page, f.started.Listed
	}
	for _, list := range listers(f.source, f.target.Index) {
		sum := 0
		pages := f.o.sequence
		if f.readAhead {
			pages = f.o.ahead
		}
		for page, err := range pages(f.pool.run, list, from) {
			if err != nil {
				f.pool.wait()
				return 0, 0, f.because(err)
			}
			sum = page.Total
			distinct += f.see(page, number)
			if err := f.page(page, first, total+sum); err != nil {
				return 0, 0, err
			}
		}
		total += sum
	}
	f.pool.wait()
	return distinct, total, f.pool.err()
}

// see counts the documents of a page that were not seen before in this scan.
func (f *filling) see(page dataapi.Page, scan int) (different int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range page.Documents {
		if f.known.see(d.ID, scan) {
			different++
		}
	}
	return different
}

// because prefers the reason why the pool was stopped to what came of that.
func (f *filling) because(err error) error {
	if why := f.pool.err(); why != nil {
		return why
	}
	return err
}

// page puts the documents of one page.
func (f *filling) page(page dataapi.Page, moves bool, total int) error {
	f.mu.Lock()
	f.report.Pages++
	// The last page may get further documents: the cursor does not pass it.
	o := &openPage{number: page.Number, listed: len(page.Documents), left: 1, hop: moves && !page.Last}
	f.open = append(f.open, o)
	f.mu.Unlock()
	defer f.settle(o)
	for i := range page.Documents {
		d := &page.Documents[i]
		if !f.wanted(d) {
			f.progress(total)
			continue
		}
		f.mu.Lock()
		o.left++
		f.mu.Unlock()
		// Who waits, waits here: so no more is read than is soon put.
		var pass gate.Pass
		admitted := func() (err error) { pass, err = f.writer.enter(); return err }
		if !f.pool.doWhen(admitted, func() { f.document(o, d, pass); f.progress(total) }) {
			f.mu.Lock()
			o.failed = true
			f.mu.Unlock()
			f.settle(o)
			return f.pool.err()
		}
	}
	if !f.readAhead {
		f.pool.wait()
	}
	return f.pool.err()
}

// wanted tells whether a document is to be put: it belongs in the index, and
// was not put before as it is now.
func (f *filling) wanted(d *dataapi.Document) bool {
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
	return !f.known.is(d.ID, d.Raw)
}

func (f *filling) document(o *openPage, d *dataapi.Document, pass gate.Pass) {
	err := f.writer.put(f.target, d, pass)
	defer f.settle(o)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		o.put++
		if f.known.put(d.ID, d.Raw) {
			f.report.Documents++
		}
		return
	}
	o.failed = true
	if f.pool.run.Err() != nil {
		// The document did not fail: it was given up with all the others.
		return
	}
	f.report.Failed = append(f.report.Failed, Failure{d.ID, err})
	if n := len(f.report.Failed); n > f.o.MaxFailed {
		f.pool.halt(fmt.Errorf("%s failed, %d may; the first: %w", runner.Count(n, "document", "documents"), f.o.MaxFailed, f.report.Failed[0]))
	}
}

// settle counts one document of a page off, and moves the cursor over the
// pages at the front that are done.
func (f *filling) settle(o *openPage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o.left--
	for len(f.open) > 0 && f.open[0].left == 0 && !f.open[0].failed {
		done := f.open[0]
		f.open = f.open[1:]
		if done.hop {
			f.report.Cursor.Page = done.number + 1
			f.report.Cursor.Listed += done.listed
			f.report.Cursor.Put += done.put
		}
	}
	f.moved()
}

func (f *filling) progress(total int) {
	f.mu.Lock()
	f.handled++
	handled := f.handled
	f.mu.Unlock()
	f.meter.report(f.started.Listed, handled, total, f.writer.note)
}

// finish completes the report.
func (f *filling) finish(done bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.report.Retries = int(f.writer.retries.Load())
	f.report.Unanswered = int(f.writer.unanswered.Load())
	f.report.Slots, f.report.AtOnce = f.writer.gate.Slots(), f.writer.gate.Limit()
	f.report.Elapsed = f.meter.elapsed()
	if done && len(f.report.Failed) == 0 {
		f.report.Cursor = Cursor{
			Page:   f.report.Cursor.Page,
			Listed: f.report.Distinct,
			Put:    f.report.Before + f.report.Documents,
			Done:   true,
		}
	}
}
