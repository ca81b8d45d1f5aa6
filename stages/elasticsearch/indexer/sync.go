package indexer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const (
	// maxRounds is how often one object is written if it has changed each time it is
	// read again.
	maxRounds = 20
	// listedFailures is how many failures the error lists.
	listedFailures = 10
)

// syncAll syncs objects concurrently, each with sync, and waits for all of them.
func (c *catching) syncAll(all []object, sync func(object) error) error {
	c.mu.Lock()
	c.total += len(all)
	c.report.Objects += len(all)
	c.mu.Unlock()
	for _, o := range all {
		if !c.pool.start(func() { c.syncOne(o, sync) }) {
			break
		}
	}
	c.pool.wait()
	if err := c.pool.err(); err != nil {
		return err
	}
	failed := c.notAllowed()
	if len(failed) == 0 {
		return nil
	}
	var failures []error
	for _, f := range failed[:min(len(failed), listedFailures)] {
		failures = append(failures, f)
	}
	return fmt.Errorf("%d of %s failed, and the search API may refuse at most %d: %w", len(failed), runner.Count(len(all), "object", "objects"), c.o.MaxFailed, errors.Join(failures...))
}

// notAllowed are the failures that end the catch-up: what the search API refuses is
// allowed if it refused it before, and of others as many as MaxFailed.
func (c *catching) notAllowed() []Failure {
	var others, refused []Failure
	for _, f := range c.report.Failed {
		switch {
		case !isRefused(f.Err):
			others = append(others, f)
		case !c.o.Refused[f.ID]:
			refused = append(refused, f)
		}
	}
	if len(refused) > c.o.MaxFailed {
		return append(others, refused...)
	}
	return others
}

// isRefused reports whether the search API refused a document for what is in it.
func isRefused(err error) bool {
	e, ok := errors.AsType[*dmapi.Error](err)
	return ok && e.FromAPI() && !e.Temporary() && !e.Rejected()
}

// syncOne syncs one object and records whether it failed, and the progress.
func (c *catching) syncOne(o object, sync func(object) error) {
	err := sync(o)
	c.mu.Lock()
	if c.pool.run.Err() == nil {
		c.ended(o, err)
	}
	c.done++
	done, total := c.done, c.total
	c.mu.Unlock()
	c.meter.report(done, total)
}

// ended records how an object ended. A later pass may end it otherwise.
func (c *catching) ended(o object, err error) {
	same := func(f Failure) bool { return f.ID == o.id }
	c.report.Failed = slices.DeleteFunc(c.report.Failed, same)
	c.report.Written = slices.DeleteFunc(c.report.Written, func(id string) bool { return id == o.id })
	if err != nil {
		f, ok := errors.AsType[Failure](err)
		if !ok {
			f = Failure{ID: o.id, Err: err}
		}
		c.report.Failed = append(c.report.Failed, f)
	} else if c.o.Refused[o.id] {
		c.report.Written = append(c.report.Written, o.id)
	}
}

// sync writes one object as the data API has it, until it has not changed since.
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
		now, err := c.read(o)
		if err != nil {
			return err
		}
		if unchanged(d, now) {
			return nil
		}
		d = now
	}
	return runner.Depend("it had changed again each of the %d times it was written", maxRounds)
}

// unchanged reports whether two readings of an object are the same; nil is an object
// that does not exist.
func unchanged(a, b *dataapi.Document) bool {
	if a == nil || b == nil {
		return a == b
	}
	return bytes.Equal(a.Raw, b.Raw)
}

func (c *catching) read(o object) (d *dataapi.Document, err error) {
	err = c.o.retry(c.pool.run, func() error {
		pass, err := c.reads.Enter(c.pool.run)
		if err != nil {
			return err
		}
		d, err = c.source.Document(c.pool.work, o.kind, o.id)
		pass.Leave(outcome(err))
		return err
	}, nil)
	return d, err
}

// write puts an object into the targets it belongs in and deletes it from those it no
// longer belongs in. It returns false if the object concerns no target.
func (c *catching) write(o object, d *dataapi.Document) (wrote bool, err error) {
	for _, t := range c.o.Targets {
		switch {
		case t.Kind != o.kind || d != nil && !t.Has(d):
			continue
		case d != nil && d.IsIndexed():
			err = c.put(t, d)
		case c.o.keep[o.id]:
			continue
		default:
			err = c.delete(t, o.id)
		}
		if err != nil {
			return true, Failure{t.Alias, o.id, err}
		}
		wrote = true
	}
	if d != nil && !isOf(c.o.Targets, d) {
		c.count(&c.report.Foreign)
	}
	return wrote, nil
}

func (c *catching) put(t Target, d *dataapi.Document) error {
	pass, err := c.writer.enter()
	if err != nil {
		return err
	}
	if err := c.writer.put(t, d, pass); err != nil {
		return err
	}
	c.count(&c.report.Put)
	return nil
}

func (c *catching) delete(t Target, id string) error {
	found, err := c.writer.delete(t, id)
	switch {
	case err != nil:
		return err
	case found:
		c.count(&c.report.Deleted)
	default:
		c.count(&c.report.Absent)
	}
	return nil
}

// count adds one to a counter of the report.
func (c *catching) count(counter *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*counter++
}
