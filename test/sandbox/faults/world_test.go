package faults

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// world is a server that records its effects: the bodies that it gets.
type world struct {
	*Engine
	t       *testing.T
	url     string
	control string

	mu      sync.Mutex
	effects []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Engine: New(clock.New(0)), t: t}
	h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading the body: %v", err)
		}
		if err := r.Context().Err(); err != nil && r.Method != http.MethodGet {
			t.Errorf("a write's context ended with its client: %v", err)
		}
		w.mu.Lock()
		w.effects = append(w.effects, r.Method+" "+string(body))
		w.mu.Unlock()
		rw.Header().Set("X-Seen", "yes")
		rw.WriteHeader(http.StatusCreated)
		fmt.Fprintf(rw, "done %s", body)
	})
	s := httptest.NewServer(w.Wrap("data-api", "app", nil, h))
	t.Cleanup(s.Close)
	c := httptest.NewServer(w.Handler())
	t.Cleanup(c.Close)
	t.Cleanup(w.Close) // before the servers, which wait for the requests that are held
	w.url, w.control = s.URL, c.URL
	return w
}

func (w *world) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.effects)
}

func (w *world) add(f Fault) string {
	w.t.Helper()
	id, err := w.Add(f)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) wait(id, state string) Fault {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	f, err := w.Wait(ctx, id, state)
	if err != nil {
		w.t.Fatalf("waiting for %s to be %s: %v (is %s)", id, state, err, f.State)
	}
	return f
}

func (w *world) release(id string, do bool) {
	w.t.Helper()
	if err := w.Release(w.t.Context(), id, do, 0); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for a condition of the engine, and checks it after each change.
func (w *world) until(holds func() bool) {
	w.t.Helper()
	limit := time.After(10 * time.Second)
	for {
		w.Engine.mu.Lock()
		changed := w.changed
		w.Engine.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-limit:
			w.t.Fatal("the condition did not hold within 10 s")
		}
	}
}

type reply struct {
	status int
	body   string
	header http.Header
	err    error
}

func (w *world) send(ctx context.Context, method, body string) reply {
	r, err := http.NewRequestWithContext(ctx, method, w.url+"/thing/"+body+"?q=1", strings.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	r.Header.Set("User-Agent", "tester")
	r.Close = true // a new connection each, on which Go's client does not retry
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, string(b), res.Header, err}
}

func (w *world) put(body string) reply { return w.send(w.t.Context(), http.MethodPut, body) }

// begin sends a request without waiting for its answer. Vanish ends the client.
func (w *world) begin(method, body string) (answer <-chan reply, vanish func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	c := make(chan reply, 1)
	go func() { c <- w.send(ctx, method, body) }()
	return c, cancel
}

func (w *world) wantSeen(want ...string) {
	w.t.Helper()
	if got := w.seen(); !slices.Equal(got, want) {
		w.t.Errorf("effects %q, want %q", got, want)
	}
}

func (w *world) wantWrites(want ...string) {
	w.t.Helper()
	var got []string
	for _, x := range w.Writes(0) {
		got = append(got, fmt.Sprintf("%d %s %d %s", x.N, x.Method, x.Status, x.Effect))
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("writes:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
