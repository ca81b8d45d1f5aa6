package indexer

import (
	"context"
	"fmt"
	"time"
)

// checkpoints hands the cursor over now and then, beside the writing, which is
// not to wait for it. The function returned ends that, hands over the last
// cursor, and returns the first error.
func (f *filling) checkpoints() (stop func() error) {
	if f.o.Checkpoint == nil {
		return func() error { return nil }
	}
	last := f.started
	hand := func() error {
		f.mu.Lock()
		cursor := f.report.Cursor
		f.mu.Unlock()
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
	ended, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		ticker := time.NewTicker(or(f.o.CheckpointEvery, time.Second))
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				failed <- nil
				return
			case <-ticker.C:
				if err := hand(); err != nil {
					f.pool.halt(err)
					failed <- err
					return
				}
			}
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
