package indexer_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
)

// A search API with live traffic gets no more concurrent writes than allowed, and fewer while its users wait.
func TestWritesYieldToLiveTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inFlight, most, userWaits atomic.Int64
		target := searchAPI(func(*http.Request) (int, string, error) {
			n := inFlight.Add(1)
			most.Store(max(most.Load(), n))
			time.Sleep(50 * time.Millisecond)
			inFlight.Add(-1)
			return 200, `{}`, nil
		})
		userWaits.Store(int64(20 * time.Millisecond))
		serving := &indexer.Serving{Most: 4, Pulse: func(ctx context.Context) error {
			return wait(ctx, time.Duration(userWaits.Load()))
		}}
		var calm, busy atomic.Int64
		time.AfterFunc(10*time.Second, func() { calm.Store(most.Load()); userWaits.Store(int64(80 * time.Millisecond)) })
		time.AfterFunc(15*time.Second, func() { most.Store(0) })
		time.AfterFunc(20*time.Second, func() { busy.Store(most.Load()); userWaits.Store(int64(20 * time.Millisecond)) })
		report, err := indexer.Fill(writing(t), services(2000), target, indexer.Defaults("preview").Live()[0],
			indexer.FillOptions{Pace: indexer.Pace{Serving: serving}})
		if err != nil || report.Documents != 2000 || report.Slots != 0 {
			t.Errorf("%+v, %v", report, err)
		}
		if calm.Load() != 4 || busy.Load() != 1 || most.Load() != 4 {
			t.Errorf("%d in flight before users waited, %d while they did, %d after that; want 4, 1, 4", calm.Load(), busy.Load(), most.Load())
		}
	})
}

// The data API serves live traffic too: if its pages become slow, they are read less often.
func TestPagesAreReadLessOftenWhenTheyBecomeSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var pages [3]atomic.Int64 // while it is fast, slow, and fast again
		pagesOf := pagesOf(100_000)
		source := listing(func(r *http.Request) (int, string, error) {
			phase, takes := 0, 100*time.Millisecond
			switch since := time.Since(began); {
			case since > 80*time.Second:
				phase = 2
			case since > 20*time.Second:
				phase, takes = 1, 500*time.Millisecond
			}
			pages[phase].Add(1)
			if err := wait(r.Context(), takes); err != nil {
				return 0, "", err
			}
			return pagesOf(r)
		})
		target := searchAPI(func(*http.Request) (int, string, error) { time.Sleep(time.Microsecond); return 200, `{}`, nil })
		ctx, stop := context.WithTimeout(writing(t), 100*time.Second)
		defer stop()
		_, _ = indexer.Fill(ctx, source, target, indexer.Defaults("preview").Live()[0], indexer.FillOptions{})
		// At 0.5 s a page, 120 could be read in the minute.
		fast, slow, again := pages[0].Load(), pages[1].Load(), pages[2].Load()
		if fast < 150 || slow > 30 || again < 100 {
			t.Errorf("%d pages in 20 s, %d in the 60 s in which it was slow, %d in the 20 s after that", fast, slow, again)
		}
	})
}
