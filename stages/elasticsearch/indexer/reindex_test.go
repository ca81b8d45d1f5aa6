package indexer_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// withoutEvents makes the data API list no audit events.
func withoutEvents(next interceptor) interceptor {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/audit-events") {
			_, _ = w.Write([]byte(`{"auditEvents":[],"links":{}}`))
			return true
		}
		return next != nil && next(w, r)
	}
}

func (w *world) reindex(target indexer.Target, o indexer.ReindexOptions) (indexer.ReindexReport, error) {
	target.Name = target.Alias
	o.Pace, o.Target = quick(), target
	return indexer.Reindex(writing(w.t), w.source, w.target, o)
}

func TestReindexDoesNotBringBackAnUnpublishedService(t *testing.T) {
	w := newWorld(t, 230, 5)
	all := w.filled()
	w.data.SetLiveIndex(live{w.target})
	ids := w.published(96)
	last := ids[95]
	var once sync.Once
	w.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		// Its page was read; before it is put, it is unpublished and deleted from the index.
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/"+last) {
			once.Do(func() { w.edit("unpublish-service", last) })
		}
		return false
	}, nil)
	report, err := w.reindex(all[0], indexer.ReindexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, found, err := w.target.Get(t.Context(), all[0].Name, all[0].DocType(), last); found || err != nil {
		t.Errorf("it came back: %v; %+v", err, report)
	}
	w.wantUpToDate(all[:1])
}

func TestReindexRepairsAnIndex(t *testing.T) {
	w := newWorld(t, 230, 110)
	all := w.filled()
	gone := w.published(3)
	for _, id := range gone {
		w.edit("unpublish-service", id)
	}
	w.edit("rename-supplier", "")
	w.edit("update-service", "")
	w.edit("withdraw-brief", "")
	if err := w.target.Put(writing(t), all[0].Name, all[0].DocType(), "no-such-service", []byte(`{"id":"no-such-service"}`)); err != nil {
		t.Fatal(err)
	}
	w.intercept(nil, withoutEvents(nil))
	report, err := w.reindex(all[0], indexer.ReindexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := append(slices.Clone(gone), "no-such-service")
	slices.Sort(want)
	if diff := cmp.Diff(want, report.Removed); diff != "" {
		t.Error(diff)
	}
	if report.Indexed != 231 || !report.IDsComplete || report.Candidates != 4 || report.Documents != 227 {
		t.Errorf("%+v", report)
	}
	if n := w.sent("DELETE"); n != 4 {
		t.Errorf("%d documents were deleted", n)
	}
	if report, err = w.reindex(all[1], indexer.ReindexOptions{}); err != nil || len(report.Removed) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	w.wantUpToDate(all)
}

func TestReindexRefusesTooManyRemovals(t *testing.T) {
	w := newWorld(t, 110, 5)
	all := w.filled()
	gone := w.published(11)
	for _, id := range gone {
		w.edit("unpublish-service", id)
	}
	// Their events are listed: the catch-up at the end must not remove what was refused.
	report, err := w.reindex(all[0], indexer.ReindexOptions{})
	if runner.ClassOf(err) != runner.Refused || len(report.Gone) != 11 || len(report.Removed) != 0 || w.sent("DELETE") != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if !strings.Contains(err.Error(), gone[0]) || !strings.Contains(err.Error(), "11 documents of 110") || !strings.Contains(err.Error(), "at most 10 may") {
		t.Error(err)
	}
	if report, err = w.reindex(all[0], indexer.ReindexOptions{MaxRemovals: 11}); err != nil || len(report.Removed) != 11 {
		t.Errorf("%+v, %v", report, err)
	}
	w.wantUpToDate(all[:1])
}

func TestReindexDoesNotRemoveWhatIsPublishedAgain(t *testing.T) {
	w := newWorld(t, 110, 5)
	all := w.filled()
	ids := w.published(2)
	for _, id := range ids {
		w.edit("unpublish-service", id)
	}
	var asked int
	var mu sync.Mutex
	w.intercept(nil, withoutEvents(func(_ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		// One is published before it is looked up, the other between that and its removal.
		if r.URL.Path == "/services/"+ids[0] && asked == 0 {
			w.edit("publish-service", ids[0])
			asked++
		} else if r.URL.Path == "/services/"+ids[1] {
			if asked++; asked == 3 {
				w.edit("publish-service", ids[1])
			}
		}
		return false
	}))
	report, err := w.reindex(all[0], indexer.ReindexOptions{})
	if err != nil || w.sent("DELETE") != 0 || !cmp.Equal(report.Gone, ids[1:]) {
		t.Errorf("%+v, %v", report, err)
	}
	w.wantUpToDate(all[:1])
}

func TestReindexRefusesAMisspeltFramework(t *testing.T) {
	w := newWorld(t, 50, 20)
	all := w.filled()
	all[0].Frameworks = []string{"g-clown-12"}
	report, err := w.reindex(all[0], indexer.ReindexOptions{MaxRemovals: 1000})
	if runner.ClassOf(err) != runner.Refused || w.sent("DELETE") != 0 || w.sent("PUT") != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestReindexDuringEdits(t *testing.T) {
	w := newWorld(t, 230, 110)
	all := w.filled()
	w.data.SetLiveIndex(live{w.target})
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				if _, err := w.data.RandomEdit(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
	})
	var once sync.Once
	w.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		// All pages are put. If edits went on, the catch-up would not end.
		if strings.HasSuffix(r.URL.Path, "/search") {
			once.Do(func() { close(stop) })
		}
		return false
	}, nil)
	report, err := w.reindex(all[0], indexer.ReindexOptions{MaxRemovals: 1000})
	writer.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if report, err := w.catchUp(all, time.Now().Add(-time.Minute)); err != nil {
		t.Fatalf("%+v, %v", report, err)
	}
	w.wantUpToDate(all)
	if report.Documents == 0 {
		t.Errorf("%+v", report)
	}
}

// After the last document it says what it does then.
func TestAReindexSaysWhatItDoes(t *testing.T) {
	w := newWorld(t, 60, 20)
	all := w.filled()
	var said []string
	_, err := indexer.Reindex(writing(t), w.source, w.target, indexer.ReindexOptions{
		Pace: quick(), Target: all[0],
		Progress: func(p runner.Progress) {
			if len(said) == 0 || said[len(said)-1] != p.What {
				said = append(said, p.What)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"documents", "looking for documents that the data API does not have", "catching up: reading what was changed"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("it says (-want +got):\n%s", diff)
	}
}
