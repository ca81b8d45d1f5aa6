package indexer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// transport is an HTTP transport without a network, so that waits take no real time in a synctest bubble.
type transport func(*http.Request) (status int, body string, err error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body, err := f(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// services is a data API with n published services.
func services(n int) *dataapi.Client {
	return listing(pagesOf(n))
}

func listing(f transport) *dataapi.Client {
	return dataapi.New(dataapi.Options{BaseURL: "http://data", HTTP: &http.Client{Transport: f}})
}

// pagesOf responds with pages of n published services, a hundred to a page.
func pagesOf(n int) transport {
	return func(r *http.Request) (int, string, error) {
		var page int
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
		var rows []string
		for i := (page - 1) * 100; i < min(page*100, n); i++ {
			rows = append(rows, fmt.Sprintf(`{"id":"%d","status":"published","frameworkSlug":"g-cloud-12"}`, i))
		}
		links := `{}`
		if page*100 < n {
			links = `{"next":"x"}`
		}
		return 200, fmt.Sprintf(`{"meta":{"total":%d},"links":%s,"services":[%s]}`, n, links, strings.Join(rows, ",")), nil
	}
}

func searchAPI(f transport) *searchapi.Client {
	return searchapi.New(searchapi.Options{BaseURL: "http://search", HTTP: &http.Client{Transport: f}})
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// interrupted runs a fill and stops it after 1 s. The search API responds in 5 ms, but from 0.9 s on only after a delay.
// It returns how long the fill took to stop, how many requests were sent, and how many of them were delayed.
func interrupted(t *testing.T, delay time.Duration) (report indexer.FillReport, took time.Duration, sent, delayed int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var puts, delayedPuts atomic.Int64
		start := time.Now()
		target := searchAPI(func(r *http.Request) (int, string, error) {
			puts.Add(1)
			each := 5 * time.Millisecond
			if time.Since(start) >= 900*time.Millisecond {
				delayedPuts.Add(1)
				each = delay
			}
			return 200, `{"message":"acknowledged"}`, wait(r.Context(), each)
		})
		ctx, stop := context.WithCancelCause(writing(t))
		time.AfterFunc(time.Second, func() { stop(errors.New("terminated signal received")) })
		var last indexer.Cursor
		var err error
		report, err = indexer.Fill(ctx, services(10_000), target, indexer.Defaults("preview").Live()[0], indexer.FillOptions{
			Pace:       indexer.Pace{Concurrency: 8},
			Checkpoint: func(ctx context.Context, c indexer.Cursor) error { last = c; return ctx.Err() },
		})
		took, sent, delayed = time.Since(start)-time.Second, int(puts.Load()), int(delayedPuts.Load())
		if runner.ClassOf(err) != runner.Interrupted || !strings.Contains(err.Error(), "terminated") {
			t.Errorf("class %v: %v", runner.ClassOf(err), err)
		}
		if errors.Is(err, httpclient.ErrUnanswered) != (report.Unanswered > 0) {
			t.Errorf("%d requests without a response: %v", report.Unanswered, err)
		}
		if report.Cursor.Page > 1 && last != report.Cursor {
			t.Errorf("the last cursor was not recorded: %+v, %+v", last, report.Cursor)
		}
	})
	return report, took, sent, delayed
}

func TestAStoppedFillWaitsForRequestsInFlight(t *testing.T) {
	report, took, sent, delayed := interrupted(t, 300*time.Millisecond)
	if report.Documents != sent || delayed != 8 || report.Unanswered != 0 || took != 200*time.Millisecond {
		t.Errorf("%d sent, %d delayed, stopped %s later: %+v", sent, delayed, took, report)
	}
}

func TestAStoppedFillWaitsNoLongerThanItsGrace(t *testing.T) {
	report, took, sent, delayed := interrupted(t, time.Hour)
	if delayed != 8 || report.Unanswered != 8 || report.Documents != sent-8 || len(report.Failed) != 0 || took != 10*time.Second {
		t.Errorf("%d sent, %d delayed, stopped %s later: %+v", sent, delayed, took, report)
	}
}

func TestFillSurvivesAnOutageOfTheSearchAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		target := searchAPI(func(*http.Request) (int, string, error) {
			if away := time.Since(start); away > time.Second && away < 16*time.Second {
				return 0, "", io.ErrUnexpectedEOF
			}
			time.Sleep(25 * time.Millisecond)
			return 200, `{}`, nil
		})
		report, err := indexer.Fill(writing(t), services(1000), target, indexer.Defaults("preview").Live()[0],
			indexer.FillOptions{Pace: indexer.Pace{Concurrency: 8}})
		if err != nil || report.Documents != 1000 || report.Unanswered != 0 || report.Elapsed > 30*time.Second {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestTheRateLimitCanBeChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := rate.NewLimiter(50, 1)
		target := searchAPI(func(*http.Request) (int, string, error) { return 200, `{}`, nil })
		time.AfterFunc(10*time.Second, func() { limit.SetLimit(100) })
		report, err := indexer.Fill(writing(t), services(1000), target, indexer.Defaults("preview").Live()[0],
			indexer.FillOptions{Pace: indexer.Pace{Limit: limit}})
		if err != nil || report.Elapsed < 14900*time.Millisecond || report.Elapsed > 15100*time.Millisecond {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// A slow fill records its cursor once a second, a fast one every 200 documents, so that few documents are put twice after a
// kill, and recording costs little.
func TestCheckpointsComeEverySecondOrEvery200Documents(t *testing.T) {
	for name, c := range map[string]struct {
		perSecond rate.Limit
		documents int
		due       func(time.Duration, int) bool
		most      int
	}{
		"slow": {50, 1000, func(since time.Duration, _ int) bool { return since >= time.Second }, 100},
		"fast": {rate.Inf, 5_000, func(_ time.Duration, documents int) bool { return documents >= 200 }, 400},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target := searchAPI(func(*http.Request) (int, string, error) {
					time.Sleep(25 * time.Millisecond)
					return 200, `{}`, nil
				})
				began := time.Now()
				type checkpoint struct {
					at     time.Duration
					listed int
				}
				var all []checkpoint
				report, err := indexer.Fill(writing(t), services(c.documents), target, indexer.Defaults("preview").Live()[0], indexer.FillOptions{
					Pace: indexer.Pace{Limit: rate.NewLimiter(c.perSecond, 1)},
					Checkpoint: func(_ context.Context, cursor indexer.Cursor) error {
						time.Sleep(10 * time.Millisecond)
						all = append(all, checkpoint{time.Since(began), cursor.Listed})
						return nil
					},
				})
				if err != nil || len(all) < 5 {
					t.Fatalf("%v, %v, %+v", all, err, report)
				}
				for i := 1; i < len(all)-1; i++ {
					since, more := all[i].at-all[i-1].at, all[i].listed-all[i-1].listed
					if !c.due(since, more) || more > c.most {
						t.Errorf("%d documents in %s between two checkpoints", more, since)
					}
				}
			})
		})
	}
}

func TestALostLeaseStopsAFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := searchAPI(func(*http.Request) (int, string, error) {
			time.Sleep(25 * time.Millisecond)
			return 200, `{}`, nil
		})
		ctx, lose := context.WithCancelCause(writing(t))
		time.AfterFunc(time.Second, func() { lose(fmt.Errorf("renew the lease: %w", runner.Refuse("the lease is lost"))) })
		_, err := indexer.Fill(ctx, services(10_000), target, indexer.Defaults("preview").Live()[0], indexer.FillOptions{})
		if runner.ClassOf(err) != runner.Refused {
			t.Error(err)
		}
	})
}

func TestFillReadsOnePageAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var put, listed atomic.Int64
		source := dataapi.New(dataapi.Options{BaseURL: "http://data", HTTP: &http.Client{Transport: transport(func(r *http.Request) (int, string, error) {
			var page int64
			_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
			// The documents of all pages but the last two must have been sent.
			if sent := put.Load(); page > 2 && sent < (page-2)*2-8 {
				t.Errorf("page %d was read when %d documents were sent", page, sent)
			}
			listed.Store(page)
			return 200, fmt.Sprintf(`{"meta":{"total":100},"links":{%s},"services":[{"id":"%da","status":"published"},{"id":"%db","status":"published"}]}`,
				map[bool]string{true: `"next":"x"`}[page < 50], page, page), nil
		})}})
		target := searchAPI(func(*http.Request) (int, string, error) {
			put.Add(1)
			time.Sleep(25 * time.Millisecond)
			return 200, `{}`, nil
		})
		report, err := indexer.Fill(writing(t), source, target, indexer.Defaults("preview").Live()[0], indexer.FillOptions{})
		if err != nil || report.Documents != 100 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestReindexReadsAPageAfterThePageBeforeIsPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inFlight, put, pages atomic.Int64
		source := dataapi.New(dataapi.Options{BaseURL: "http://data", HTTP: &http.Client{Transport: transport(func(r *http.Request) (int, string, error) {
			q := r.URL.Query()
			if r.URL.Path == "/audit-events" {
				return 200, `{"auditEvents":[],"links":{}}`, nil
			}
			var page int64
			_, _ = fmt.Sscan(q.Get("page"), &page)
			if !q.Has("status") {
				pages.Add(1)
				if inFlight.Load() != 0 || put.Load() != 2*(page-1) {
					t.Errorf("page %d was read when %d documents were put and %d in flight", page, put.Load(), inFlight.Load())
				}
			}
			return 200, fmt.Sprintf(`{"meta":{"total":10},"links":{%s},"services":[{"id":"%da","status":"published"},{"id":"%db","status":"published"}]}`,
				map[bool]string{true: `"next":"x"`}[page < 5], page, page), nil
		})}})
		target := searchAPI(func(r *http.Request) (int, string, error) {
			if r.Method == http.MethodGet {
				return 200, `{"meta":{"total":0},"documents":[],"links":{}}`, nil
			}
			inFlight.Add(1)
			time.Sleep(25 * time.Millisecond)
			inFlight.Add(-1)
			put.Add(1)
			return 200, `{}`, nil
		})
		report, err := indexer.Reindex(writing(t), source, target, indexer.ReindexOptions{Target: indexer.Defaults("preview").Live()[0]})
		if err != nil || report.Documents != 10 || pages.Load() != 5 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}
