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

// Where people use the search API, never more than what is left to us is sent at once, and less while they wait.
func TestPeopleComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, waiting atomic.Int64
		target := putting(func(*http.Request) (int, string, error) {
			n := now.Add(1)
			most.Store(max(most.Load(), n))
			time.Sleep(50 * time.Millisecond)
			now.Add(-1)
			return 200, `{}`, nil
		})
		waiting.Store(int64(20 * time.Millisecond))
		serving := &indexer.Serving{Most: 4, Pulse: func(ctx context.Context) error {
			return wait(ctx, time.Duration(waiting.Load()))
		}}
		var calm, crowded atomic.Int64
		time.AfterFunc(10*time.Second, func() { calm.Store(most.Load()); waiting.Store(int64(80 * time.Millisecond)) })
		time.AfterFunc(15*time.Second, func() { most.Store(0) })
		time.AfterFunc(20*time.Second, func() { crowded.Store(most.Load()); waiting.Store(int64(20 * time.Millisecond)) })
		report, err := indexer.Fill(writing(t), services(2000), target, indexer.Defaults("preview").Live()[0],
			indexer.FillOptions{Pace: indexer.Pace{Serving: serving}})
		if err != nil || report.Documents != 2000 || report.Slots != 0 {
			t.Errorf("%+v, %v", report, err)
		}
		if calm.Load() != 4 || crowded.Load() != 1 || most.Load() != 4 {
			t.Errorf("%d at once while all was well, %d while people waited, %d after that: want 4, 1, 4", calm.Load(), crowded.Load(), most.Load())
		}
	})
}

// The source serves people too: when its pages take longer than they did, they are asked for less often.
func TestASourceThatBecomesSlowIsAskedLessOften(t *testing.T) {
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
		target := putting(func(*http.Request) (int, string, error) { time.Sleep(time.Microsecond); return 200, `{}`, nil })
		ctx, stop := context.WithTimeout(writing(t), 100*time.Second)
		defer stop()
		_, _ = indexer.Fill(ctx, source, target, indexer.Defaults("preview").Live()[0], indexer.FillOptions{})
		// A page takes 0.5 s then: 120 in a minute, if it were not spared.
		fast, slow, again := pages[0].Load(), pages[1].Load(), pages[2].Load()
		if fast < 150 || slow > 30 || again < 100 {
			t.Errorf("%d pages in 20 s, %d in the 60 s in which it was slow, %d in the 20 s after that", fast, slow, again)
		}
	})
}
