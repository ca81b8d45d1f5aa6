package indexer

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// checkpointAfter is after how many listed and acknowledged documents a checkpoint is
// due: as many are put again after a kill. A whole fill makes one or two hundred
// checkpoints, however fast it is.
const checkpointAfter = 200

// checkpointer records the cursor of a fill while it runs, in a goroutine of its own
// so that no write waits for it.
type checkpointer struct {
	f    *filling
	last Cursor
	done chan struct{}
	err  chan error
}

// startCheckpoints starts recording the cursor. The function it returns stops that,
// records the last cursor, and returns the first error.
func (f *filling) startCheckpoints() (stop func() error) {
	if f.o.Checkpoint == nil {
		return func() error { return nil }
	}
	c := &checkpointer{f: f, last: f.started, done: make(chan struct{}), err: make(chan error, 1)}
	go func() { c.err <- c.run() }()
	return func() error {
		close(c.done)
		if err := <-c.err; err != nil {
			return err
		}
		return c.record()
	}
}

// run records the cursor when it is due. An error halts the fill.
func (c *checkpointer) run() error {
	every := cmp.Or(c.f.o.CheckpointEvery, time.Second)
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-c.done:
			return nil
		case <-c.f.checkpointDue:
		case <-timer.C:
		}
		if err := c.record(); err != nil {
			c.f.pool.halt(err)
			return err
		}
		timer.Reset(every)
	}
}

func (c *checkpointer) record() error {
	cursor := c.f.takeCursor()
	if cursor == c.last {
		return nil
	}
	// Recording matters most when the process is about to end, so the caller's context
	// may be done already.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.f.pool.ctx), c.f.o.Grace)
	defer cancel()
	if err := c.f.o.Checkpoint(ctx, cursor); err != nil {
		return fmt.Errorf("record the progress (page %d): %w", cursor.Page, err)
	}
	c.last = cursor
	return nil
}

// takeCursor returns the cursor to record. A checkpoint that was due no longer is.
func (f *filling) takeCursor() Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recorded = f.report.Cursor.Listed
	select {
	case <-f.checkpointDue:
	default:
	}
	return f.report.Cursor
}

// requestCheckpoint makes a checkpoint due if enough documents were acknowledged
// since the last. The caller holds mu.
func (f *filling) requestCheckpoint() {
	if f.report.Cursor.Listed-f.recorded < checkpointAfter {
		return
	}
	select {
	case f.checkpointDue <- struct{}{}:
	default:
	}
}
