package indexer_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

func TestFillGivesUpIfAListingKeepsChanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var scans, puts atomic.Int64
		source := listing(func(*http.Request) (int, string, error) {
			scans.Add(1)
			return 200, `{"meta":{"total":2},"links":{},"services":[{"id":"1","status":"published"}]}`, nil
		})
		target := searchAPI(func(*http.Request) (int, string, error) { puts.Add(1); return 200, `{}`, nil })
		report, err := indexer.Fill(writing(t), source, target, indexer.Defaults("preview").Live()[0], indexer.FillOptions{})
		if runner.ClassOf(err) != runner.Unavailable || !strings.Contains(err.Error(), "reading it 6 times, 1 distinct document was seen of 2") {
			t.Errorf("class %d: %v", runner.ClassOf(err), err)
		}
		if scans.Load() != 6 || puts.Load() != 1 || report.Rescans != 5 || report.Cursor.Done {
			t.Errorf("%d scans, %d PUTs, %+v", scans.Load(), puts.Load(), report)
		}
	})
}

// Briefs may have moved to other pages since the cursor was recorded.
func TestFillOfBriefsStartsAgain(t *testing.T) {
	w := newWorld(t, 10, 110)
	target := indexer.Defaults("production").Dated(day)[1]
	w.create([]indexer.Target{target})
	report, err := indexer.Fill(writing(t), w.source, w.target, target,
		indexer.FillOptions{Pace: quick(), From: indexer.Cursor{Page: 2, Listed: 100, Put: 100}})
	if err != nil || report.Documents != 110 || report.Before != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	w.wantUpToDate([]indexer.Target{target})
}

func TestAnInternalErrorChecksTheIndexOnceInAWhile(t *testing.T) {
	w := newWorld(t, 30, 5)
	target := indexer.Defaults("production").Dated(day)[0]
	w.create([]indexer.Target{target})
	w.intercept(failing(2, 500, `{"error":"Internal error"}`), nil)
	if _, err := indexer.Fill(writing(t), w.source, w.target, target, indexer.FillOptions{Pace: quick()}); err != nil {
		t.Fatal(err)
	}
	if n := w.sent("GET /_status"); n < 1 || n > 10 {
		t.Errorf("the status was read %d times for 60 errors", n)
	}
}

// A search API that hangs for longer than RetryFor must not be given up after one attempt.
func TestASlowRequestIsAttemptedThreeTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var puts atomic.Int64
		target := searchAPI(func(*http.Request) (int, string, error) {
			time.Sleep(2 * time.Minute)
			if puts.Add(1) < 3 {
				return 502, `<html>`, nil
			}
			return 200, `{}`, nil
		})
		report, err := indexer.Fill(writing(t), services(1), target, indexer.Defaults("preview").Live()[0], indexer.FillOptions{})
		if err != nil || report.Retries != 2 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestAFailingRequestIsRetriedForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := searchAPI(func(*http.Request) (int, string, error) { return 503, `{"error":"x"}`, nil })
		report, err := indexer.Fill(writing(t), services(1), target, indexer.Defaults("preview").Live()[0], indexer.FillOptions{})
		// The pauses double from at most 0.2 s to at most 5 s, of which jitter leaves half or more.
		if runner.ClassOf(err) != runner.Unavailable || report.Elapsed < time.Minute || report.Elapsed > 65*time.Second ||
			report.Retries < 15 || report.Retries > 35 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestProgressCountsWhatEarlierProcessesDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last runner.Progress
		target := searchAPI(func(*http.Request) (int, string, error) { return 200, `{}`, nil })
		_, err := indexer.Fill(writing(t), services(250), target, indexer.Defaults("preview").Live()[0], indexer.FillOptions{
			Pace: indexer.Pace{Concurrency: 1}, From: indexer.Cursor{Page: 3, Listed: 200, Put: 200},
			Progress: func(p runner.Progress) { last = p },
		})
		if err != nil || last.Done != 250 || last.Total != 250 || last.What != "documents" || !strings.Contains(last.Note, "at once") {
			t.Errorf("%+v, %v", last, err)
		}
	})
}

func TestCatchUpHasATimeLimit(t *testing.T) {
	w := newWorld(t, 20, 20)
	start := time.Now()
	all := w.filled()
	w.edit("update-service", "")
	report, err := indexer.CatchUp(writing(t), w.source, w.target, indexer.CatchUpOptions{
		Pace: quick(), Targets: all, Since: start.Add(-indexer.Overlap), For: time.Nanosecond,
	})
	if runner.ClassOf(err) != runner.Unavailable || !strings.Contains(err.Error(), "changes keep coming") {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestCatchUpGivesUpOnAnObjectThatKeepsChanging(t *testing.T) {
	w := newWorld(t, 20, 20)
	start := time.Now()
	all := w.filled()
	id := w.edit("update-service", "")
	w.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			w.edit("update-service", id)
		}
		return false
	}, nil)
	report, err := w.catchUp(all, start)
	if runner.ClassOf(err) != runner.Unavailable || report.Put != 20 || len(report.Failed) != 1 || report.Failed[0].ID != id {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestReindexWithNegativeMaxRemovalsRemovesNothing(t *testing.T) {
	w := newWorld(t, 50, 5)
	all := w.filled()
	w.edit("unpublish-service", "")
	report, err := w.reindex(all[0], indexer.ReindexOptions{MaxRemovals: -1})
	if runner.ClassOf(err) != runner.Refused || len(report.Gone) != 1 || w.sent("DELETE") != 0 ||
		!strings.Contains(err.Error(), "1 document of 50; at most 0 may be removed") {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestTheErrorListsTwentyRemovals(t *testing.T) {
	w := newWorld(t, 110, 5)
	all := w.filled()
	gone := w.published(25)
	for _, id := range gone {
		w.edit("unpublish-service", id)
	}
	_, err := w.reindex(all[0], indexer.ReindexOptions{})
	if err == nil || !strings.HasSuffix(err.Error(), " and 5 more") || strings.Count(err.Error(), ", ") != 19+1 {
		t.Error(err)
	}
}

// Ids beyond the index's max_result_window cannot be listed.
func TestReindexOfAnIndexThatCannotBeListed(t *testing.T) {
	w := newWorld(t, 50, 5)
	all := w.filled()
	gone := w.published(2)
	for _, id := range gone {
		w.edit("unpublish-service", id)
	}
	w.intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/search") {
			_, _ = fmt.Fprintf(rw, `{"meta":{"total":50},"links":{},"documents":[{"id":%q}]}`, gone[0])
			return true
		}
		return false
	}, withoutEvents(nil))
	report, err := w.reindex(all[0], indexer.ReindexOptions{})
	if err != nil || report.IDsComplete || report.Candidates != 2 || !cmp.Equal(report.Removed, gone) {
		t.Errorf("%+v, %v; want %v removed", report, err, gone)
	}
	w.intercept(nil, nil)
	w.wantUpToDate(all[:1])
}
