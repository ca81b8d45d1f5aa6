package indexer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/gate"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// readsAtOnce is how many single objects are read at once, at most.
const readsAtOnce = 4

// maxRounds is how often one object may have changed each time it is read again.
const maxRounds = 20

// CatchUp brings what was changed since a time into the targets.
//
// Audit events say which objects were changed, and not how. So each object
// named is read, then put where it belongs in an index or deleted where it does
// not, and then read again, until it is as it was written: what the application
// itself writes after its own change comes after ours then. An object that is
// of none of the targets' frameworks is passed over.
//
// Passes over the events go on until one finds nothing new. Each reads the last
// five minutes again, as events can become visible late (see Overlap); those
// that were handled are known by their ids.
//
// Briefs whose status changes with the clock alone have no event, and stay
// as they are until they are reindexed.
func CatchUp(ctx context.Context, source *dataapi.Client, target *searchapi.Client, o CatchUpOptions) (CatchUpReport, error) {
	o.Pace = o.Pace.withDefaults()
	o.MaxPasses = or(o.MaxPasses, 50)
	o.For = or(o.For, 15*time.Minute)
	c := newCatching(ctx, source, target, o)
	defer c.pool.close()
	err := c.passes()
	c.pool.wait()
	c.finish()
	if err != nil {
		return c.report, fmt.Errorf("catch up with what was changed since %s: %w", o.Since.UTC().Format(time.RFC3339), unanswered(err, c.report.Unanswered))
	}
	return c.report, nil
}

// catching is the state of a catch-up.
type catching struct {
	source *dataapi.Client
	o      CatchUpOptions
	pool   *pool
	writer *writer
	meter  meter
	// asked bounds the reads of single objects: the source serves people too.
	asked *gate.Gate

	handled map[int]bool
	// done and total count objects, for the progress.
	done, total int

	mu     sync.Mutex
	report CatchUpReport
}

func newCatching(ctx context.Context, source *dataapi.Client, target *searchapi.Client, o CatchUpOptions) *catching {
	p := newPool(ctx, o.Pace)
	return &catching{
		source: source, o: o, pool: p,
		writer:  newWriter(target, p, o.Pace),
		meter:   newMeter(o.Progress, "changed objects"),
		asked:   gate.Polite(readsAtOnce),
		handled: map[int]bool{},
		report:  CatchUpReport{Cursor: o.Since.Add(Overlap)},
	}
}

func (c *catching) passes() error {
	since := c.o.Since
	for {
		if c.report.Passes == c.o.MaxPasses || c.meter.elapsed() > c.o.For {
			return runner.Depend("changes kept coming: after %s in %s there were still new ones, %s so far",
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
		if back := latest.Add(-Overlap); back.After(since) {
			since = back
		}
	}
}

// pass handles the events since a time that were not handled before, and tells
// the time of the latest and whether there was any.
func (c *catching) pass(since time.Time) (latest time.Time, found bool, err error) {
	var events []dataapi.Event
	err = c.o.again(c.pool.run, func() (err error) {
		events, err = c.source.AuditEvents(c.pool.run, since)
		return err
	}, nil)
	if err != nil {
		return latest, false, c.because(err)
	}
	c.report.Passes++
	var names []named
	var ids []int
	for _, e := range events {
		latest = e.CreatedAt
		if n, ok := relevant(e); ok && !c.handled[e.ID] {
			names = append(names, n)
			ids = append(ids, e.ID)
		}
	}
	if len(names) == 0 {
		return latest, false, c.pool.err()
	}
	var all []object
	err = c.o.again(c.pool.run, func() (err error) {
		all, err = objects(c.pool.run, c.source, c.o.Targets, names)
		return err
	}, nil)
	if err != nil {
		return latest, false, c.because(err)
	}
	c.report.Events += len(ids)
	if err := c.objects(all); err != nil {
		return latest, false, err
	}
	for _, id := range ids {
		c.handled[id] = true
	}
	return latest, true, nil
}

// objects brings all of them up to date, and waits for that.
func (c *catching) objects(all []object) error {
	c.mu.Lock()
	c.total += len(all)
	c.report.Objects += len(all)
	c.mu.Unlock()
	for _, o := range all {
		if !c.pool.do(func() { c.object(o) }) {
			break
		}
	}
	c.pool.wait()
	if err := c.pool.err(); err != nil {
		return err
	}
	if len(c.report.Failed) > 0 {
		failed := make([]error, len(c.report.Failed))
		for i, f := range c.report.Failed {
			failed[i] = f
		}
		return fmt.Errorf("%d of %s failed: %w", len(failed), runner.Count(len(all), "object", "objects"), errors.Join(failed[:min(len(failed), 10)]...))
	}
	return nil
}

func (c *catching) object(o object) {
	err := c.sync(o)
	c.mu.Lock()
	if err != nil && c.pool.run.Err() == nil {
		c.report.Failed = append(c.report.Failed, Failure{o.id, err})
	}
	c.done++
	done, total := c.done, c.total
	c.mu.Unlock()
	c.meter.report(0, done, total, c.writer.note)
}

// sync writes one object as its source has it, and reads it again until that holds.
func (c *catching) sync(o object) error {
	d, err := c.read(o)
	if err != nil {
		return err
	}
	for range maxRounds {
		wrote, err := c.write(o, d)
		if err != nil || !wrote {
			return err
		}
		again, err := c.read(o)
		if err != nil {
			return err
		}
		if same(d, again) {
			return nil
		}
		d = again
	}
	return runner.Depend("it was changed each of the %d times it was read", maxRounds)
}

func (c *catching) read(o object) (d *dataapi.Document, err error) {
	err = c.o.again(c.pool.run, func() error {
		pass, err := c.asked.Enter(c.pool.run)
		if err != nil {
			return err
		}
		d, err = c.source.Document(c.pool.work, o.kind, o.id)
		pass.Leave(outcome(err))
		return err
	}, nil)
	return d, err
}

// write puts the object into the targets it belongs in, and deletes it from
// those it was in the past; false: it concerns none.
func (c *catching) write(o object, d *dataapi.Document) (wrote bool, err error) {
	for _, t := range c.o.Targets {
		switch {
		case t.Kind != o.kind || d != nil && !t.Has(d):
			continue
		case d != nil && d.IsIndexed():
			var pass gate.Pass
			if pass, err = c.writer.enter(); err == nil {
				err = c.writer.put(t, d, pass)
			}
			c.count(&c.report.Put, err)
		case c.o.Spare[o.id]:
			continue
		default:
			err = c.delete(t, o.id)
		}
		if err != nil {
			return true, err
		}
		wrote = true
	}
	if d != nil && !slices.ContainsFunc(c.o.Targets, func(t Target) bool { return t.Has(d) }) {
		c.count(&c.report.Foreign, nil)
	}
	return wrote, nil
}

func (c *catching) delete(t Target, id string) error {
	found, err := c.writer.delete(t, id)
	if found {
		c.count(&c.report.Deleted, err)
	} else {
		c.count(&c.report.Absent, err)
	}
	return err
}

func (c *catching) count(what *int, err error) {
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	*what++
}

func (c *catching) because(err error) error {
	if why := c.pool.err(); why != nil {
		return why
	}
	return err
}

func (c *catching) finish() {
	c.report.Retries = int(c.writer.retries.Load())
	c.report.Unanswered = int(c.writer.unanswered.Load())
	c.report.Elapsed = c.meter.elapsed()
}

// same tells whether two readings of an object show the same.
func same(a, b *dataapi.Document) bool {
	if a == nil || b == nil {
		return a == b
	}
	return bytes.Equal(a.Raw, b.Raw)
}
