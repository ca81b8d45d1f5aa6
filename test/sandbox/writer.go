package sandbox

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data"
)

// editor makes an edit, or one of a random kind. data.API is one.
type editor interface {
	Do(context.Context, data.Edit) (data.Edited, error)
	RandomEdit(context.Context) (data.Edited, error)
}

// WriterTally is what the live writer has done since it was started.
type WriterTally struct {
	Running  bool           `json:"running"`
	Rate     float64        `json:"rate"`
	Edits    int            `json:"edits"`
	ByKind   map[string]int `json:"by_kind"`
	Unheard  int            `json:"unheard"`  // edits that did not reach the live index
	Failures []string       `json:"failures"` // the first 20 reasons for that
}

// liveWriter is the suppliers, buyers and administrators, who go on working during an upgrade.
type liveWriter struct {
	edits editor
	life  context.Context // edits in progress are finished unless it is done: there are no half edits in reality

	mu     sync.Mutex
	tally  WriterTally
	cancel context.CancelFunc
	gone   *sync.WaitGroup
}

// start stops the writers that run, clears the tally, and makes about rate edits a second from now on.
func (w *liveWriter) start(rate float64) error {
	if rate <= 0 || math.IsNaN(rate) || rate > 1_000 {
		return fmt.Errorf("rate %v is not between 0 and 1000", rate)
	}
	w.stop()
	ctx, cancel := context.WithCancel(w.life)
	group := &sync.WaitGroup{}
	w.mu.Lock()
	w.tally = WriterTally{Running: true, Rate: rate, ByKind: map[string]int{}, Failures: []string{}}
	w.cancel, w.gone = cancel, group
	w.mu.Unlock()

	const writers = 4 // more than one, so that one that retries its call of the index does not hold up the rest
	every := time.Duration(writers / rate * float64(time.Second))
	for i := range writers {
		group.Go(func() { w.write(ctx, every, every*time.Duration(i)/writers) })
	}
	return nil
}

func (w *liveWriter) write(ctx context.Context, every, first time.Duration) {
	tick := time.NewTimer(first)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		begun := time.Now()
		e, err := w.edits.RandomEdit(w.life)
		w.count(e, err)
		tick.Reset(every - time.Since(begun))
	}
}

func (w *liveWriter) count(e data.Edited, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	reason := e.IndexError
	if err != nil {
		reason = err.Error()
	} else {
		w.tally.Edits++
		w.tally.ByKind[e.Kind]++
	}
	if reason == "" {
		return
	}
	w.tally.Unheard++
	if len(w.tally.Failures) < maxFailures {
		w.tally.Failures = append(w.tally.Failures, reason)
	}
}

// stop ends the writing after the edits in progress.
func (w *liveWriter) stop() {
	w.mu.Lock()
	cancel, group := w.cancel, w.gone
	w.cancel, w.gone = nil, nil
	w.mu.Unlock()
	if cancel == nil {
		return
	}
	cancel()
	group.Wait()
	w.mu.Lock()
	w.tally.Running = false
	w.mu.Unlock()
}

func (w *liveWriter) view() WriterTally {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tally
	t.ByKind = copyCounts(t.ByKind)
	t.Failures = append([]string{}, t.Failures...)
	return t
}
