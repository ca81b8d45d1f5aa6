package indexer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

func TestFillPutsEveryDocumentThatIsIndexed(t *testing.T) {
	w := newWorld(t, 230, 110)
	all := indexer.Defaults("production").Dated(day)
	w.create(all)
	var last runner.Progress
	var mu sync.Mutex
	for i, target := range all {
		report, err := indexer.Fill(writing(t), w.source, w.target, target, indexer.FillOptions{
			Pace: quick(),
			Progress: func(p runner.Progress) {
				mu.Lock()
				defer mu.Unlock()
				if p.Done > last.Done {
					last = p
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []int{230, 110}[i]; report.Documents != want {
			t.Errorf("%s: %d documents, want %d", target.Alias, report.Documents, want)
		}
		if report.Distinct != report.Total || report.Distinct != report.Documents+report.Skipped || len(report.Failed) != 0 ||
			report.Retries != 0 || report.Unanswered != 0 || !report.Cursor.Done {
			t.Errorf("%+v", report)
		}
		if i == 0 && report.Cursor.Page != report.Pages {
			t.Errorf("the cursor is past the last page, which may get more documents: %+v", report)
		}
		if i == 0 && (report.Skipped == 0 || last.Done != report.Total || last.Total != report.Total) {
			t.Errorf("progress %+v, report %+v", last, report)
		}
	}
	w.wantUpToDate(all)
	if n := w.sent("DELETE"); n != 0 {
		t.Errorf("%d documents were deleted", n)
	}
	counts, err := indexer.Counts(t.Context(), w.source, w.target, all)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counts {
		if c.Documents != c.Expected || c.Expected == 0 || c.Index == c.Alias.String() || !cmp.Equal(c.Aliases, []string{c.Alias.String()}) ||
			c.MappingVersion == "" || c.Window == 0 {
			t.Errorf("%+v", c)
		}
	}
}

func TestCountsWithoutAnIndex(t *testing.T) {
	w := newWorld(t, 10, 5)
	counts, err := indexer.Counts(t.Context(), w.source, w.target, indexer.Defaults("production").Live())
	if err != nil || counts[0].Index != "" || counts[0].Documents != -1 || counts[0].Expected != 10 || counts[1].Expected != 5 {
		t.Errorf("%+v %v", counts, err)
	}
}

func TestFillContinuesFromACursor(t *testing.T) {
	w := newWorld(t, 650, 10)
	target := indexer.Defaults("production").Dated(day)[0]
	w.create([]indexer.Target{target})
	ctx, stop := context.WithCancel(writing(t))
	defer stop()
	var puts atomic.Int64
	w.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && puts.Add(1) == 500 {
			stop()
		}
		return false
	}, nil)
	var cursors []indexer.Cursor
	o := indexer.FillOptions{Pace: quick(), CheckpointEvery: time.Millisecond, Checkpoint: func(_ context.Context, c indexer.Cursor) error {
		cursors = append(cursors, c)
		return nil
	}}
	report, err := indexer.Fill(ctx, w.source, w.target, target, o)
	if runner.ClassOf(err) != runner.Interrupted || report.Unanswered != 0 {
		t.Fatalf("%v, %+v", err, report)
	}
	if len(cursors) == 0 || cursors[len(cursors)-1] != report.Cursor || report.Cursor.Page < 4 || report.Cursor.Done {
		t.Fatalf("cursors %v, report %+v", cursors, report)
	}
	o.From = report.Cursor
	first := report
	report, err = indexer.Fill(writing(t), w.source, w.target, target, o)
	if err != nil {
		t.Fatal(err)
	}
	w.wantUpToDate([]indexer.Target{target})
	if report.Documents > 650-report.Before || report.Before != first.Cursor.Put || report.Before < 300 || report.Rescans != 0 {
		t.Errorf("%+v", report)
	}
	again := puts.Load()
	o.From = report.Cursor
	if report, err = indexer.Fill(writing(t), w.source, w.target, target, o); err != nil || report.Before != 650 || puts.Load() != again {
		t.Errorf("%+v, %v: a complete fill put documents again", report, err)
	}
}

func TestFillStopsIfACheckpointFails(t *testing.T) {
	w := newWorld(t, 650, 10)
	target := indexer.Defaults("production").Dated(day)[0]
	w.create([]indexer.Target{target})
	lost := errors.New("the lease is lost")
	_, err := indexer.Fill(writing(t), w.source, w.target, target, indexer.FillOptions{
		Pace: quick(), CheckpointEvery: time.Millisecond,
		Checkpoint: func(context.Context, indexer.Cursor) error { return lost },
	})
	if !errors.Is(err, lost) {
		t.Error(err)
	}
}

// failing fails each document's first n PUTs with a status; 0 closes the connection.
func failing(n, status int, body string) interceptor {
	var mu sync.Mutex
	seen := map[string]int{}
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || strings.Count(r.URL.Path, "/") != 3 {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		if seen[r.URL.Path]++; seen[r.URL.Path] > n {
			return false
		}
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

func TestFillRetriesPuts(t *testing.T) {
	for what, fault := range map[string]interceptor{
		"no Elasticsearch":  failing(2, 500, `{"error":"ConnectionError","unexpectedStatusCode":"N/A"}`),
		"full disk":         failing(2, 403, `{"error":"cluster_block_exception: blocked"}`),
		"get_mapping fails": failing(2, 500, `{"error":"Internal error"}`),
		"no worker":         failing(2, 502, `<html>`),
		"connection closed": failing(2, 0, ""),
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, 30, 5)
			target := indexer.Defaults("production").Dated(day)[0]
			w.create([]indexer.Target{target})
			w.intercept(fault, nil)
			report, err := indexer.Fill(writing(t), w.source, w.target, target, indexer.FillOptions{Pace: quick()})
			if err != nil || report.Retries != 60 || report.Documents != 30 || report.Unanswered != 0 {
				t.Errorf("%+v, %v", report, err)
			}
			w.wantUpToDate([]indexer.Target{target})
		})
	}
}

func TestFillWithFailingDocuments(t *testing.T) {
	w := newWorld(t, 250, 5)
	target := indexer.Defaults("production").Dated(day)[0]
	w.create([]indexer.Target{target})
	page, err := w.source.Services(t.Context(), target.Frameworks, 1)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]bool{}
	for _, d := range page.Documents {
		if d.IsIndexed() && len(bad) < 2 {
			bad[d.ID] = true
		}
	}
	w.intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && bad[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]] {
			rw.WriteHeader(400)
			_, _ = rw.Write([]byte(`{"error":"mapper_parsing_exception: failed to parse"}`))
			return true
		}
		return false
	}, nil)
	t.Run("as many as allowed", func(t *testing.T) {
		report, err := indexer.Fill(writing(t), w.source, w.target, target, indexer.FillOptions{Pace: quick(), MaxFailed: 2})
		if err != nil || len(report.Failed) != 2 || report.Documents != 248 || report.Cursor.Done || report.Cursor.Page > 1 {
			t.Errorf("%+v, %v", report, err)
		}
		for _, f := range report.Failed {
			if !bad[f.ID] || !strings.Contains(f.Error(), "mapper_parsing_exception") {
				t.Error(f)
			}
		}
	})
	t.Run("more than allowed", func(t *testing.T) {
		report, err := indexer.Fill(writing(t), w.source, w.target, target, indexer.FillOptions{Pace: quick(), MaxFailed: 1})
		if err == nil || runner.ClassOf(err) != runner.Failed || report.Documents > 20 {
			t.Errorf("%+v, %v", report, err)
		}
		if !strings.Contains(err.Error(), "2 documents failed, and at most 1 may") || !strings.Contains(err.Error(), "mapper_parsing_exception") {
			t.Error(err)
		}
	})
}

func TestFillWithoutAnIndexFailsAtOnce(t *testing.T) {
	w := newWorld(t, 250, 5)
	_, err := indexer.Fill(writing(t), w.source, w.target, indexer.Defaults("production").Dated(day)[0],
		indexer.FillOptions{Pace: indexer.Pace{Concurrency: 4, RetryMin: time.Hour, RetryMax: time.Hour}})
	if !errors.Is(err, searchapi.ErrNoIndex) || w.sent("PUT") > 8 {
		t.Errorf("%v, after %d documents", err, w.sent("PUT"))
	}
}

func TestFillWithARejectedTokenFailsAtOnce(t *testing.T) {
	w := newWorld(t, 250, 5)
	target := indexer.Defaults("production").Dated(day)[0]
	w.create([]indexer.Target{target})
	w.intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		rw.WriteHeader(403)
		_, _ = rw.Write([]byte(`{"error":"` + token + `"}`))
		return true
	}, nil)
	report, err := indexer.Fill(writing(t), w.source, w.target, target, indexer.FillOptions{Pace: quick(), MaxFailed: 1000})
	if runner.ClassOf(err) != runner.Misconfigured || !strings.Contains(err.Error(), "DM_SEARCH_API_TOKEN_PREVIEW") ||
		strings.Contains(err.Error(), token) || w.sent("PUT /g-cloud-12-2021-03-01/services/") > 8 || report.Documents != 0 {
		t.Errorf("%v, after %d documents", err, w.sent("PUT"))
	}
}

func TestFillWithoutAPermitSendsNothing(t *testing.T) {
	w := newWorld(t, 50, 5)
	_, err := indexer.Fill(t.Context(), w.source, w.target, indexer.Defaults("production").Dated(day)[0],
		indexer.FillOptions{Pace: quick(), MaxFailed: 1000})
	if err == nil || w.sent("") != 0 {
		t.Errorf("%v; sent %d", err, w.sent(""))
	}
}

// movingBriefs is a data API with five briefs, two to a page. When the second page is
// read, the first brief is withdrawn, so that the third moves to the first page.
func movingBriefs(t *testing.T) *dataapi.Client {
	t.Helper()
	withdrawn := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		page, _ := strconv.Atoi(q.Get("page"))
		withdrawn = withdrawn || page == 2
		var rows []string
		for id := 1; id <= 5; id++ {
			status := "live"
			if id == 1 && withdrawn {
				status = "withdrawn"
			}
			if slices.Contains(strings.Split(q.Get("status"), ","), status) {
				rows = append(rows, fmt.Sprintf(`{"id":%d,"status":%q,"title":"t","frameworkSlug":"digital-outcomes-and-specialists"}`, id, status))
			}
		}
		links := `{}`
		if 2*page < len(rows) {
			links = `{"next":"x"}`
		}
		_, _ = fmt.Fprintf(w, `{"meta":{"total":%d},"links":%s,"briefs":[%s]}`,
			len(rows), links, strings.Join(rows[min(2*page-2, len(rows)):min(2*page, len(rows))], ","))
	}))
	t.Cleanup(server.Close)
	return dataapi.New(dataapi.Options{BaseURL: server.URL, HTTP: client()})
}

func TestFillReadsAListingThatChangedAgain(t *testing.T) {
	w := newWorld(t, 10, 5)
	target := indexer.Defaults("production").Dated(day)[1]
	w.create([]indexer.Target{target})
	report, err := indexer.Fill(writing(t), movingBriefs(t), w.target, target, indexer.FillOptions{Pace: quick()})
	if err != nil || report.Distinct != 5 || report.Total != 5 || report.Rescans != 1 || report.Documents != 5 {
		t.Fatalf("%+v, %v", report, err)
	}
	// 1, 2, 4, 5, then 1 as it is now, then 3, which the first scan missed.
	if n := w.sent("PUT /" + target.Name.String() + "/"); n != 6 {
		t.Errorf("%d documents were put, want 6: unchanged ones must not be put again", n)
	}
	ids, err := w.target.IDs(t.Context(), target.Name, target.DocType())
	if err != nil || !cmp.Equal(ids.IDs, []string{"1", "2", "3", "4", "5"}) {
		t.Errorf("%+v, %v", ids, err)
	}
}

func TestFillRetriesPages(t *testing.T) {
	w := newWorld(t, 250, 5)
	target := indexer.Defaults("production").Dated(day)[0]
	w.create([]indexer.Target{target})
	var n atomic.Int64
	w.intercept(nil, func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.RawQuery, "page=2") && n.Add(1) <= 6 {
			rw.WriteHeader(500)
			return true
		}
		return false
	})
	report, err := indexer.Fill(writing(t), w.source, w.target, target, indexer.FillOptions{Pace: quick()})
	if err != nil || report.Documents != 250 {
		t.Errorf("%+v, %v", report, err)
	}
}

// A cache in front of the data API that ignores the query responds with the first page
// to every request, each with a link to a next page.
func TestFillStopsIfAPageRepeats(t *testing.T) {
	w := newWorld(t, 250, 5)
	target := indexer.Defaults("production").Dated(day)[0]
	w.create([]indexer.Target{target})
	w.intercept(nil, func(_ http.ResponseWriter, r *http.Request) bool {
		query := r.URL.Query()
		if query.Has("page") {
			query.Set("page", "1")
			r.URL.RawQuery = query.Encode()
		}
		return false
	})
	_, err := indexer.Fill(writing(t), w.source, w.target, target, indexer.FillOptions{Pace: quick()})
	if err == nil || !strings.Contains(err.Error(), "page 2 of the listing repeats page 1") {
		t.Errorf("got %v", err)
	}
}
