package indexer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// eventsAPI is a data API with two services of supplier 7, of which only "1" is published, and with the audit events that
// events returns for each reading of them, counted from 1.
type eventsAPI struct {
	events func(reading int) []string
	date   time.Time // of every response, if set

	mu       sync.Mutex
	readings int
	requests []string // "/path" and, for a listing of a supplier, its query
}

const (
	published   = `{"id":"1","status":"published","frameworkSlug":"g-cloud-12"}`
	unpublished = `{"id":"2","status":"disabled","frameworkSlug":"g-cloud-12"}`
)

func (a *eventsAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	body := ""
	switch q := r.URL.Query(); {
	case r.URL.Path == "/audit-events":
		a.readings++
		body = `{"auditEvents":[` + strings.Join(a.events(a.readings), ",") + `],"links":{}}`
	case q.Has("supplier_id"):
		a.requests = append(a.requests, "supplier "+q.Get("supplier_id"))
		body = `{"meta":{"total":2},"links":{},"services":[` + published + `,` + unpublished + `]}`
	case r.URL.Path == "/services":
		body = `{"meta":{"total":1},"links":{},"services":[` + published + `]}`
	default:
		a.requests = append(a.requests, r.URL.Path)
		body = `{"services":` + published + `}`
	}
	header := http.Header{}
	if !a.date.IsZero() {
		header.Set("Date", a.date.UTC().Format(http.TimeFormat))
	}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (a *eventsAPI) client() *dataapi.Client {
	return dataapi.New(dataapi.Options{BaseURL: "http://data", HTTP: &http.Client{Transport: a}})
}

func event(id int, kind string, at time.Time, data string) string {
	return fmt.Sprintf(`{"id":%d,"type":%q,"createdAt":%q,"data":%s}`, id, kind, at.UTC().Format(time.RFC3339Nano), data)
}

// catchUpWith runs a catch-up of the services of g-cloud-12 from an hour ago.
func catchUpWith(t *testing.T, a *eventsAPI) (indexer.CatchUpReport, error) {
	t.Helper()
	target := searchAPI(func(*http.Request) (int, string, error) { return 200, `{}`, nil })
	return indexer.CatchUp(writing(t), a.client(), target, indexer.CatchUpOptions{
		Targets: indexer.Defaults("preview").Live()[:1], Since: time.Now().Add(-time.Hour),
	})
}

func TestCatchUpReadsThePublishedServicesOfASupplierOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &eventsAPI{events: func(int) []string {
			return []string{
				event(3, "update_service", time.Now(), `{"serviceId":"1"}`),
				event(2, "supplier_update", time.Now(), `{"supplierId":7}`),
				event(1, "supplier_update", time.Now(), `{"supplierId":7}`),
			}
		}}
		report, err := catchUpWith(t, a)
		if err != nil || report.Events != 3 || report.Objects != 1 || report.Put != 1 || report.Passes != 2 {
			t.Errorf("%+v, %v", report, err)
		}
		// The service is read before and after it is put.
		if diff := cmp.Diff([]string{"supplier 7", "/services/1", "/services/1"}, a.requests); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCatchUpSkipsKindsWithoutATarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &eventsAPI{events: func(int) []string {
			return []string{event(1, "update_brief_status", time.Now(), `{"briefId":5}`)}
		}}
		report, err := catchUpWith(t, a)
		if err != nil || report.Objects != 0 || len(a.requests) != 0 {
			t.Errorf("%+v, %v, %v", report, err, a.requests)
		}
	})
}

// An event gets its time before its change is committed, so it may become visible after a later one.
func TestCatchUpFindsEventsThatBecomeVisibleLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		a := &eventsAPI{events: func(reading int) []string {
			events := []string{event(1, "update_service", now, `{"serviceId":"1"}`)}
			if reading > 1 {
				events = append(events, event(2, "update_service", now.Add(-time.Minute), `{"serviceId":"2"}`))
			}
			return events
		}}
		report, err := catchUpWith(t, a)
		if err != nil || report.Events != 2 || report.Objects != 2 || report.Passes != 3 || !report.Cursor.Equal(now) {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestAStoppedCatchUpReportsNoFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &eventsAPI{events: func(int) []string {
			return []string{event(1, "update_service", time.Now(), `{"serviceId":"1"}`)}
		}}
		ctx, stop := context.WithCancel(writing(t))
		target := searchAPI(func(r *http.Request) (int, string, error) {
			stop()
			return 0, "", wait(r.Context(), time.Hour)
		})
		report, err := indexer.CatchUp(ctx, a.client(), target, indexer.CatchUpOptions{
			Targets: indexer.Defaults("preview").Live()[:1], Since: time.Now().Add(-time.Hour),
		})
		if runner.ClassOf(err) != runner.Interrupted || len(report.Failed) != 0 || report.Unanswered != 1 || !errors.Is(err, httpclient.ErrUnanswered) {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// The catch-up of a reindex begins before the reindex, by the data API's clock and less an overlap.
func TestReindexCatchesUpByTheClockOfTheDataAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		date := time.Now().Add(-time.Hour)
		a := &eventsAPI{date: date, events: func(int) []string {
			return []string{
				event(2, "update_service", date.Add(-3*time.Minute), `{"serviceId":"1"}`),
				event(1, "update_service", date.Add(-6*time.Minute), `{"serviceId":"1"}`),
			}
		}}
		target := searchAPI(func(*http.Request) (int, string, error) {
			return 200, `{"meta":{"total":1},"links":{},"documents":[{"id":"1"}]}`, nil
		})
		report, err := indexer.Reindex(writing(t), a.client(), target, indexer.ReindexOptions{Target: indexer.Defaults("preview").Live()[0]})
		if err != nil || report.CatchUp.Events != 1 || report.CatchUp.Put != 1 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// The lease must not be handed over while a worker may still do a write of the catch-up.
func TestReindexReportsUnansweredWritesOfItsCatchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &eventsAPI{events: func(int) []string {
			return []string{event(1, "update_service", time.Now(), `{"serviceId":"1"}`)}
		}}
		ctx, stop := context.WithCancel(writing(t))
		puts := 0
		target := searchAPI(func(r *http.Request) (int, string, error) {
			if r.Method == http.MethodGet {
				return 200, `{"meta":{"total":1},"links":{},"documents":[{"id":"1"}]}`, nil
			}
			if puts++; puts == 1 {
				return 200, `{}`, nil
			}
			stop()
			return 0, "", wait(r.Context(), time.Hour)
		})
		report, err := indexer.Reindex(ctx, a.client(), target, indexer.ReindexOptions{Target: indexer.Defaults("preview").Live()[0]})
		if runner.ClassOf(err) != runner.Interrupted || report.Unanswered != 1 || !errors.Is(err, httpclient.ErrUnanswered) {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestEveryCheckpointMovesAndTheLastIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cursors []indexer.Cursor
		target := searchAPI(func(*http.Request) (int, string, error) { time.Sleep(700 * time.Millisecond); return 200, `{}`, nil })
		report, err := indexer.Fill(writing(t), services(250), target, indexer.Defaults("preview").Live()[0], indexer.FillOptions{
			Pace:       indexer.Pace{Concurrency: 4},
			Checkpoint: func(_ context.Context, c indexer.Cursor) error { cursors = append(cursors, c); return nil },
		})
		want := []indexer.Cursor{{Page: 2, Listed: 100, Put: 100}, {Page: 3, Listed: 200, Put: 200}, {Page: 3, Listed: 250, Put: 250, Done: true}}
		if diff := cmp.Diff(want, cursors); err != nil || diff != "" || report.Cursor != want[2] {
			t.Errorf("%v, %+v: %s", err, report, diff)
		}
	})
}
