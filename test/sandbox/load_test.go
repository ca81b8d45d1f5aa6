package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// newLoad is readers of a handler that stands in for the router.
func newLoad(t *testing.T, h http.HandlerFunc) *load {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	l := &load{router: strings.TrimPrefix(s.URL, "http://"), host: "live.example", token: "tok", index: "idx", docType: "services", now: time.Now}
	t.Cleanup(l.stop)
	return l
}

// until polls until a condition holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("did not happen within 20 s: %s", what)
		}
	}
}

func TestReadersCountAppsStatusesAndFailures(t *testing.T) {
	var n atomic.Int64
	h := func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "live.example" || r.Header.Get("Authorization") != "Bearer tok" {
			t.Errorf("asked for host %q with %q", r.Host, r.Header.Get("Authorization"))
		}
		if strings.HasSuffix(r.URL.Path, "/search") && r.URL.Query().Get("idOnly") != "" {
			fmt.Fprint(w, `{"documents":[{"id":"1"},{"id":"2"}]}`)
			return
		}
		i := n.Add(1)
		w.Header().Set(instanceHeader, fmt.Sprintf("app%d/guid:0", i%2))
		switch {
		case i == 5:
			w.Header().Set("X-Cf-Routererror", "unknown_route")
			http.Error(w, "no\nroute", http.StatusNotFound)
		case i == 6:
			panic(http.ErrAbortHandler)
		case strings.HasSuffix(r.URL.Path, "/2"):
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":{"_index":"idx","found":false}}`)
		}
	}
	l := newLoad(t, h)
	if err := l.start(400); err != nil {
		t.Fatal(err)
	}
	until(t, "100 requests", func() bool { return l.view().Sent >= 100 })
	l.stop()
	got := l.view()
	if got.Running || got.Rate != 400 {
		t.Errorf("after stop: %+v", got)
	}
	if got.Failed+got.Reconnected != 2 || len(got.Failures) != got.Failed {
		t.Fatalf("failed %d, reconnected %d: %+v", got.Failed, got.Reconnected, got.Failures)
	}
	var reasons strings.Builder
	for _, f := range got.Failures {
		fmt.Fprintln(&reasons, f.Reason)
	}
	if !strings.Contains(reasons.String(), "unknown_route: no route") || (got.Reconnected == 0 && !strings.Contains(reasons.String(), "EOF")) {
		t.Errorf("reasons: %s", reasons.String())
	}
	if got.NotFound == 0 || got.ByStatus["404"] != got.NotFound+1 {
		t.Errorf("a missing document counts as a failure of the route: not found %d, %v", got.NotFound, got.ByStatus)
	}
	if got.ByStatus["none"] != 1-got.Reconnected || got.ByStatus["200"]+got.ByStatus["404"]+got.ByStatus["none"] != got.Sent {
		t.Errorf("by status %v of %d", got.ByStatus, got.Sent)
	}
	if got.ByApp["app0"]+got.ByApp["app1"]+got.ByStatus["none"] != got.Sent {
		t.Errorf("by app %v of %d", got.ByApp, got.Sent)
	}
	if got.ByConnection["kept"] == 0 || got.ByConnection["fresh"] == 0 {
		t.Errorf("by connection %v", got.ByConnection)
	}
	if got.P50MS <= 0 || got.P99MS < got.P50MS {
		t.Errorf("p50 %v, p99 %v", got.P50MS, got.P99MS)
	}
	if err := l.start(10); err != nil {
		t.Fatal(err)
	}
	if again := l.view(); again.Sent > 5 || again.Failed != 0 {
		t.Errorf("a new start does not clear the tally: %+v", again)
	}
	if l.start(0) == nil || l.start(-1) == nil {
		t.Error("a rate of 0 is accepted")
	}
}

func TestReadersKeepTheirRate(t *testing.T) {
	l := newLoad(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") })
	begun := time.Now()
	if err := l.start(200); err != nil {
		t.Fatal(err)
	}
	until(t, "200 requests", func() bool { return l.view().Sent >= 200 })
	if took := time.Since(begun); took < 700*time.Millisecond {
		t.Errorf("200 requests at 200/s took %v", took)
	}
}

func TestHistogramIsCloseEnough(t *testing.T) {
	var h histogram
	for i := 1; i <= 1000; i++ {
		h.add(time.Duration(i) * time.Millisecond)
	}
	for q, want := range map[float64]float64{0.5: 500, 0.99: 990} {
		if got := h.quantile(q); got < want*0.95 || got > want*1.05 {
			t.Errorf("quantile %v = %v ms, want about %v", q, got, want)
		}
	}
}
