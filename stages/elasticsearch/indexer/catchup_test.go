package indexer_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
)

func (w *world) catchUp(all []indexer.Target, since time.Time) (indexer.CatchUpReport, error) {
	return indexer.CatchUp(writing(w.t), w.source, w.target, indexer.CatchUpOptions{
		Pace: quick(), Targets: all, Since: since.Add(-indexer.Overlap),
	})
}

func TestCatchUpHandlesEachKindOfChange(t *testing.T) {
	w := newWorld(t, 110, 110)
	start := time.Now()
	all := w.filled()
	for _, kind := range data.Kinds() {
		if kind == "add-clarification-question" {
			continue
		}
		if kind != "update-framework" {
			w.edit(kind, "")
		}
	}
	report, err := w.catchUp(all, start)
	if err != nil {
		t.Fatal(err)
	}
	w.wantUpToDate(all)
	if report.Put == 0 || report.Deleted != 1 || report.Passes != 2 || len(report.Failed) != 0 || !report.Cursor.After(start) {
		t.Errorf("%+v", report)
	}
	w.edit("rename-supplier", "")
	report, err = w.catchUp(all, report.Cursor)
	if err != nil || report.Objects == 0 {
		t.Errorf("%+v, %v", report, err)
	}
	w.wantUpToDate(all)
}

func TestCatchUpWithoutChangesWritesNothing(t *testing.T) {
	w := newWorld(t, 20, 20)
	all := w.filled()
	since := time.Now().Add(time.Hour)
	report, err := w.catchUp(all, since)
	if err != nil || report.Passes != 1 || report.Objects != 0 || !report.Cursor.Equal(since) || w.sent("") != 0 {
		t.Errorf("%+v, %v, %d requests", report, err, w.sent(""))
	}
}

func TestCatchUpReadsObjectsAgain(t *testing.T) {
	w := newWorld(t, 20, 20)
	start := time.Now()
	all := w.filled()
	id := w.edit("update-service", "")
	var late atomic.Bool
	w.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/"+id) && !late.Swap(true) {
			w.edit("unpublish-service", id)
		}
		return false
	}, func(rw http.ResponseWriter, r *http.Request) bool {
		// The event of the second change does not become visible in time.
		return late.Load() && withoutEvents(nil)(rw, r)
	})
	report, err := w.catchUp(all, start)
	if err != nil {
		t.Fatal(err)
	}
	w.wantUpToDate(all)
	if _, found, err := w.target.Get(t.Context(), all[0].Name, all[0].DocType(), id); err != nil || found {
		t.Error("an unpublished service is in the index:", err)
	}
	if report.Passes != 2 || report.Put != 1 || report.Deleted != 1 {
		t.Errorf("%+v", report)
	}
}

func TestCatchUpSkipsOtherFrameworks(t *testing.T) {
	w := newWorld(t, 60, 20)
	start := time.Now()
	all := w.filled()
	page, err := w.source.Services(t.Context(), []string{"g-cloud-11"}, 1)
	if err != nil || len(page.Documents) == 0 {
		t.Fatal("no services of another framework", err)
	}
	w.edit("update-service", page.Documents[0].ID)
	pending, err := indexer.Pending(t.Context(), w.source, start, all)
	if err != nil || pending != 0 {
		t.Errorf("%d pending, %v", pending, err)
	}
	before := w.sent("")
	report, err := w.catchUp(all, start)
	if err != nil || report.Foreign != 1 || w.sent("") != before {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestPending(t *testing.T) {
	w := newWorld(t, 60, 20)
	all := w.filled()
	start := time.Now()
	id := w.edit("unpublish-service", "")
	w.edit("publish-service", id)
	w.edit("withdraw-brief", "")
	w.edit("rename-supplier", "")
	w.edit("update-framework", "")
	if n, err := indexer.Pending(t.Context(), w.source, start, all); n != 2 || err != nil {
		t.Errorf("%d, %v; want one service and one brief", n, err)
	}
	if n, err := indexer.Pending(t.Context(), w.source, time.Now(), all); n != 0 || err != nil {
		t.Error(n, err)
	}
}

func TestCatchUpAfterAFillDuringEdits(t *testing.T) {
	w := newWorld(t, 230, 110)
	start := time.Now()
	all := indexer.Defaults("production").Dated(day)
	w.create(all)
	var puts atomic.Int64
	w.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && puts.Add(1)%3 == 0 {
			if _, err := w.data.RandomEdit(context.Background()); err != nil {
				t.Error(err)
			}
		}
		return false
	}, nil)
	for _, target := range all {
		if _, err := indexer.Fill(writing(t), w.source, w.target, target, indexer.FillOptions{Pace: quick()}); err != nil {
			t.Fatal(err)
		}
	}
	w.intercept(nil, nil)
	report, err := w.catchUp(all, start)
	if err != nil {
		t.Fatal(err)
	}
	w.wantUpToDate(all)
	counts, err := indexer.Counts(t.Context(), w.source, w.target, all)
	if err != nil || counts[0].Documents != counts[0].Expected || counts[1].Documents != counts[1].Expected {
		t.Errorf("%+v, %v; %+v", counts, err, report)
	}
}

func TestCatchUpGivesUpIfChangesKeepComing(t *testing.T) {
	w := newWorld(t, 20, 20)
	start := time.Now()
	all := w.filled()
	w.edit("update-service", "")
	w.intercept(nil, func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/audit-events") {
			w.edit("update-service", "")
		}
		return false
	})
	report, err := indexer.CatchUp(writing(t), w.source, w.target, indexer.CatchUpOptions{
		Pace: quick(), Targets: all, Since: start, MaxPasses: 5,
	})
	if runner.ClassOf(err) != runner.Unavailable || report.Passes != 5 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestCatchUpThatFailsKeepsItsCursor(t *testing.T) {
	w := newWorld(t, 20, 20)
	start := time.Now()
	all := w.filled()
	id := w.edit("update-service", "")
	w.intercept(failing(1000, 500, `{"error":"x","unexpectedStatusCode":"N/A"}`), nil)
	pace := quick()
	pace.RetryFor = time.Millisecond
	report, err := indexer.CatchUp(writing(t), w.source, w.target, indexer.CatchUpOptions{
		Pace: pace, Targets: all, Since: start.Add(-indexer.Overlap),
	})
	if runner.ClassOf(err) != runner.Unavailable || !report.Cursor.Equal(start) || len(report.Failed) != 1 || report.Failed[0].ID != id {
		t.Errorf("%+v, %v", report, err)
	}
}

// live writes each edit to the search API after its commit, as the application does.
type live struct{ target *searchapi.Client }

func (l live) Put(ctx context.Context, alias, docType, id string, document json.RawMessage) error {
	name, err := searchapi.ParseName(alias)
	if err != nil {
		return err
	}
	return l.target.Put(permit(ctx), name, searchapi.DocType(docType), id, document)
}

func (l live) Delete(ctx context.Context, alias, docType, id string) error {
	name, err := searchapi.ParseName(alias)
	if err != nil {
		return err
	}
	_, err = l.target.Delete(permit(ctx), name, searchapi.DocType(docType), id)
	return err
}

// published returns the ids of the first n published services of the listing.
func (w *world) published(n int) []string {
	w.t.Helper()
	var ids []string
	for page := 1; len(ids) < n; page++ {
		p, err := w.source.Services(w.t.Context(), []string{"g-cloud-12"}, page)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, d := range p.Documents {
			if d.IsIndexed() && d.Kind == dataapi.Services && len(ids) < n {
				ids = append(ids, d.ID)
			}
		}
	}
	return ids
}

// The search API refuses a document that was edited. It is let pass where that is
// allowed, or where it was refused before, and else named; an outage is no refusal.
func TestCatchUpLetsPassWhatItMay(t *testing.T) {
	for name, c := range map[string]struct {
		status, maxFailed int
		known             bool
		fails             bool
	}{
		"nothing is allowed":      {status: 400, fails: true},
		"one is allowed":          {status: 400, maxFailed: 1},
		"it was refused before":   {status: 400, known: true},
		"an outage is no refusal": {status: 503, maxFailed: 1, fails: true},
		"nor of what was refused": {status: 503, known: true, fails: true},
		"it is put after all":     {known: true},
		"too many at once say so": {status: 429, maxFailed: 1, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 20, 20)
			start := time.Now()
			all := w.filled()
			id, other := w.edit("update-service", ""), w.edit("unpublish-service", "")
			w.intercept(func(rw http.ResponseWriter, r *http.Request) bool {
				if c.status == 0 || r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/"+id) {
					return false
				}
				rw.Header().Set("Content-Type", "application/json")
				rw.WriteHeader(c.status)
				_, _ = rw.Write([]byte(`{"error": "immense term"}`))
				return true
			}, nil)
			pace := quick()
			pace.RetryFor = 20 * time.Millisecond
			report, err := indexer.CatchUp(writing(t), w.source, w.target, indexer.CatchUpOptions{
				Pace: pace, Targets: all, Since: start.Add(-indexer.Overlap), MaxFailed: c.maxFailed, Refused: map[string]bool{id: c.known, "1": true},
			})
			if (err != nil) != c.fails || c.fails && !strings.Contains(err.Error(), "document "+id) {
				t.Fatalf("%v", err)
			}
			if c.status == 0 {
				if len(report.Failed) > 0 || len(report.Written) != 1 || report.Written[0] != id {
					t.Errorf("%+v", report)
				}
				return
			}
			if len(report.Failed) != 1 || report.Failed[0].ID != id || report.Failed[0].Alias != all[0].Alias || len(report.Written) > 0 {
				t.Errorf("%+v", report)
			}
			if _, found, err := w.target.Get(t.Context(), all[0].Name, all[0].DocType(), other); !c.fails && (found || err != nil) {
				t.Errorf("the other edit is not caught up with: %v", err)
			}
		})
	}
}
