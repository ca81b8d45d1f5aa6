package indexer

import (
	"context"
	"fmt"
	"time"
)

// checkpointAfter is how many documents are listed and acknowledged at most without a checkpoint: as many are put again by
// who goes on after a kill. A hundred or two of requests is what a whole fill adds by it, however fast it is.
const checkpointAfter = 200

// checkpoints hands the cursor over now and then, beside the writing, which is
// not to wait for it. The function returned ends that, hands over the last
// cursor, and returns the first error.
func (f *filling) checkpoints() (stop func() error) {
	if f.o.Checkpoint == nil {
		return func() error { return nil }
	}
	last := f.started
	hand := func() error {
		cursor := f.record()
		if cursor == last {
			return nil
		}
		// A cursor is worth most when the process is about to end.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(f.pool.ctx), f.o.Grace)
		defer cancel()
		if err := f.o.Checkpoint(ctx, cursor); err != nil {
			return fmt.Errorf("record how far it has come (page %d): %w", cursor.Page, err)
		}
		last = cursor
		return nil
	}
	every := or(f.o.CheckpointEvery, time.Second)
	ended, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		timer := time.NewTimer(every)
		defer timer.Stop()
		for {
			select {
			case <-ended:
				failed <- nil
				return
			case <-f.far:
			case <-timer.C:
			}
			if err := hand(); err != nil {
				f.pool.halt(err)
				failed <- err
				return
			}
			timer.Reset(every)
		}
	}()
	return func() error {
		close(ended)
		if err := <-failed; err != nil {
			return err
		}
		return hand()
	}
}

// record is how far it has come; what asked for a checkpoint has it now.
func (f *filling) record() Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recorded = f.report.Cursor.Listed
	select {
	case <-f.far:
	default:
	}
	return f.report.Cursor
}

// moved asks for a checkpoint where many documents were acknowledged since the last. The caller holds mu.
func (f *filling) moved() {
	if f.report.Cursor.Listed-f.recorded < checkpointAfter {
		return
	}
	select {
	case f.far <- struct{}{}:
	default:
	}
}
