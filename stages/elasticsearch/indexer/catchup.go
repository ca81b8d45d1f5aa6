package indexer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/gate"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// maxReads is the maximum number of concurrent reads of single objects.
const maxReads = 8

// CatchUp brings the targets up to date with what changed since a time.
//
// Audit events say which objects changed, but not how. So each object that an event
// names is read, put into the targets that it belongs in or deleted from those that it
// does not, and read again, until it has not changed since it was written. The second
// read sees every change that was committed before it; after a later change, the
// application's own write to the index comes after this one. An object that is of no
// target's frameworks is skipped.
//
// CatchUp reads the events again, in passes, until one pass finds nothing new. Each
// pass begins five minutes before the latest event, as events may become visible late
// (see Overlap), and skips the events that were handled, by this catch-up or by an
// earlier one (see CatchUpOptions). The newest are handled first.
//
// A brief whose status changes only by the clock has no event. It stays as it is until
// it is reindexed.
func CatchUp(ctx context.Context, source *dataapi.Client, target *searchapi.Client, o CatchUpOptions) (CatchUpReport, error) {
	c := newCatching(ctx, source, target, o.withDefaults())
	defer c.pool.close()
	err := c.passes()
	c.pool.wait()
	c.finish()
	if err != nil {
		return c.report, fmt.Errorf("catch up with what changed since %s: %w", o.Since.UTC().Format(time.RFC3339), withUnanswered(err, c.report.Unanswered))
	}
	return c.report, nil
}

// catching is the state of a catch-up.
type catching struct {
	source *dataapi.Client
	o      CatchUpOptions
	pool   *pool
	writer *writer
	meter  *meter
	// reads limits the reads of single objects: the data API serves live traffic too.
	reads *gate.Gate

	// handled are the events that this catch-up has handled.
	handled Handled
	// done and total count objects, for progress reports.
	done, total int

	mu     sync.Mutex
	report CatchUpReport
}

func newCatching(ctx context.Context, source *dataapi.Client, target *searchapi.Client, o CatchUpOptions) *catching {
	m := newMeter(o.Progress, "changed objects caught up with")
	o.trouble = m.trouble
	p := newPool(ctx, o.Pace)
	w := newWriter(target, p, o.Pace)
	m.note = w.note
	return &catching{
		source: source, o: o, pool: p,
		writer: w,
		meter:  m,
		reads:  gate.Polite(maxReads),
		report: CatchUpReport{Cursor: o.Since.Add(Overlap)},
	}
}

func (c *catching) passes() error {
	since := c.o.Since
	for {
		if c.report.Passes == c.o.MaxPasses || c.meter.elapsed() > c.o.For {
			return runner.Depend("changes keep coming: there were new ones in each of %s in %s, %s so far",
				runner.Count(c.report.Passes, "pass", "passes"), c.meter.elapsed().Round(time.Second), runner.Count(c.report.Objects, "object", "objects"))
		}
		latest, found, err := c.pass(since)
		if err != nil {
			return err
		}
		if latest.After(c.report.Cursor) {
			c.report.Cursor = latest
		}
		if !found {
			return nil
		}
		if next := latest.Add(-Overlap); next.After(since) {
			since = next
		}
	}
}

// pass handles the events since a time that were not handled before. It returns the
// time of the latest event, and whether it found any to handle.
func (c *catching) pass(since time.Time) (latest time.Time, found bool, err error) {
	c.meter.doing("catching up: reading what was changed")
	var events []dataapi.Event
	err = c.o.retry(c.pool.run, func() (err error) {
		events, err = c.source.AuditEvents(c.pool.run, since)
		return err
	}, nil)
	if err != nil {
		return latest, false, c.pool.cause(err)
	}
	c.report.Passes++
	unsettled := c.source.Date().Add(-settle)
	var changes []change
	// recent counts the changes of an object of which an older version may be on its way.
	recent := map[object]int{}
	for _, e := range slices.Backward(events) {
		s, ok := subjectOf(e)
		if !ok {
			c.handled.add(e.ID, true)
			continue
		}
		if s.supplier == 0 && e.CreatedAt.After(unsettled) {
			recent[s.object]++
		}
		if !c.isHandled(e.ID) {
			changes = append(changes, change{e.ID, s})
		}
	}
	if len(events) > 0 {
		latest = events[len(events)-1].CreatedAt
	}
	if len(changes) == 0 {
		c.report.Handled = c.handledSince(events, latest.Add(-Overlap))
		return latest, false, c.pool.err()
	}
	return latest, true, c.handle(changes, recent)
}

// change is an event that is to be handled.
type change struct {
	id      int
	subject subject
}

// isHandled reports whether an event is not to be handled any more.
func (c *catching) isHandled(id int) bool {
	return c.handled.has(id) || c.o.Handled.settled[id]
}

// handledSince are those of the events since a time, which all were handled.
func (c *catching) handledSince(events []dataapi.Event, since time.Time) (all Handled) {
	for _, e := range events {
		switch {
		case e.CreatedAt.Before(since):
		case c.handled.has(e.ID):
			all.add(e.ID, c.handled.settled[e.ID])
		default:
			all.add(e.ID, c.o.Handled.settled[e.ID])
		}
	}
	return all
}

// handle syncs the objects that events are about.
func (c *catching) handle(changes []change, recent map[object]int) error {
	var subjects []subject
	for _, one := range changes {
		subjects = append(subjects, one.subject)
	}
	var all []object
	var of map[subject][]object
	err := c.o.retry(c.pool.run, func() (err error) {
		all, of, err = objects(c.pool.run, c.source, c.o.Targets, subjects)
		return err
	}, nil)
	if err != nil {
		return c.pool.cause(err)
	}
	c.report.Events += len(changes)
	if err := c.syncAll(all, c.sync); err != nil {
		return err
	}
	for _, one := range changes {
		c.handled.add(one.id, c.isSettled(one.subject, of[one.subject], recent))
	}
	return nil
}

// isSettled reports whether no older version of an event's objects may be written any
// more. A change of a supplier's name is written by nobody else. The first catch-up
// follows a fill, which may have read any of the objects before.
func (c *catching) isSettled(s subject, all []object, recent map[object]int) bool {
	allowed := 1
	if s.supplier != 0 || c.o.Handled.settled == nil {
		allowed = 0
	}
	return !slices.ContainsFunc(all, func(o object) bool { return recent[o] > allowed })
}

// finish completes the report.
func (c *catching) finish() {
	c.report.Retries = int(c.writer.retries.Load())
	c.report.Unanswered = int(c.writer.unanswered.Load())
	c.report.Elapsed = c.meter.elapsed()
}
