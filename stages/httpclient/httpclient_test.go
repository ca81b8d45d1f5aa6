package httpclient_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// server responds with one status after the other, then always with the last one,
// and records the requests.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []int
	requests []string
}

func newServer(t *testing.T, statuses ...int) *server {
	t.Helper()
	s := &server{statuses: statuses}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		status := s.statuses[min(len(s.requests), len(s.statuses)-1)]
		s.requests = append(s.requests, r.Method+" "+r.Host+" "+r.UserAgent())
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "because")
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) count() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.requests) }

func quick() httpclient.Options {
	return httpclient.Options{WaitMin: time.Millisecond, WaitMax: 2 * time.Millisecond, Attempts: 3}
}

func withPermit(ctx context.Context) context.Context {
	return httpclient.WithPermit(ctx, func(context.Context) error { return nil })
}

func send(ctx context.Context, c *http.Client, method, url string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader("x"))
	if err != nil {
		return 0, "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	return resp.StatusCode, httpclient.Body(resp), nil
}

func TestRetries(t *testing.T) {
	for name, c := range map[string]struct {
		method   string
		statuses []int
		want     int
		requests int
	}{
		"read is retried on 5xx":               {"GET", []int{503, 500, 200}, 200, 3},
		"read is retried on 429":               {"GET", []int{429, 200}, 200, 2},
		"read is not retried on 404":           {"GET", []int{404, 200}, 404, 1},
		"last response of a read is returned":  {"GET", []int{503}, 503, 3},
		"write is not retried on 5xx":          {"PUT", []int{503, 200}, 503, 1},
		"write is retried on 429":              {"POST", []int{429, 201}, 201, 2},
		"last response of a write is returned": {"POST", []int{429}, 429, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.statuses...)
			status, body, err := send(withPermit(t.Context()), httpclient.New(quick()), c.method, s.URL)
			if err != nil || status != c.want || body != "because" || s.count() != c.requests {
				t.Errorf("got %d %q after %d requests, %v", status, body, s.count(), err)
			}
		})
	}
}

func TestWriteWithoutPermitIsNotSent(t *testing.T) {
	s := newServer(t, 200)
	c := httpclient.New(quick())
	lost := errors.New("the lease is lost")
	for name, x := range map[string]struct {
		ctx  context.Context
		want error
	}{
		"no permit":        {t.Context(), httpclient.ErrNoPermit},
		"permit withdrawn": {httpclient.WithoutPermit(withPermit(t.Context())), httpclient.ErrNoPermit},
		"permit refused":   {httpclient.WithPermit(t.Context(), func(context.Context) error { return lost }), lost},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := send(x.ctx, c, "DELETE", s.URL); !errors.Is(err, x.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if n := s.count(); n != 0 {
		t.Errorf("%d writes were sent", n)
	}
	if status, _, err := send(httpclient.AsRead(t.Context()), c, "POST", s.URL); err != nil || status != 200 {
		t.Errorf("POST marked as a read: %d, %v", status, err)
	}
}

func TestDialKeepsTheHostHeader(t *testing.T) {
	s := newServer(t, 200)
	o := quick()
	o.Dial = strings.TrimPrefix(s.URL, "http://")
	o.UserAgent = func() string { return "cutover/test" }
	if _, _, err := send(t.Context(), httpclient.New(o), "GET", "http://live.example/_status"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"GET live.example cutover/test"}, s.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestFreshConnectionsAreClosedAfterOneRequest(t *testing.T) {
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	for fresh, want := range map[bool]int64{false: 1, true: 3} {
		opened.Store(0)
		o := quick()
		o.FreshConnections = fresh
		c := httpclient.New(o)
		for range 3 {
			if _, _, err := send(t.Context(), c, "GET", s.URL); err != nil {
				t.Fatal(err)
			}
		}
		if n := opened.Load(); n != want {
			t.Errorf("fresh %t: %d connections, want %d", fresh, n, want)
		}
	}
}

func TestUnsentWriteIsNotUnanswered(t *testing.T) {
	s := newServer(t, 200)
	url := s.URL
	s.Close()
	_, _, err := send(withPermit(t.Context()), httpclient.New(quick()), "PUT", url)
	if err == nil || errors.Is(err, httpclient.ErrUnanswered) {
		t.Errorf("got %v", err)
	}
}

func TestWriteWithoutResponseIsUnanswered(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(s.Close)
	if _, _, err := send(withPermit(t.Context()), httpclient.New(quick()), "PUT", s.URL); !errors.Is(err, httpclient.ErrUnanswered) {
		t.Errorf("got %v", err)
	}
}

// After its context has ended, a write that was sent gets the grace period to be
// answered, and no new write is sent.
func TestWriteHasAGracePeriodAfterItsContextEnds(t *testing.T) {
	for name, c := range map[string]struct {
		answersAfter time.Duration
		unanswered   bool
		took         time.Duration
	}{
		"answered within the grace period": {3 * time.Second, false, 3 * time.Second},
		"given up after the grace period":  {time.Hour, true, 11 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(withPermit(t.Context()))
				client := httpclient.NewOver(httpclient.Options{}, roundTripper(func(r *http.Request) (*http.Response, error) {
					select {
					case <-r.Context().Done():
						return nil, r.Context().Err()
					case <-time.After(c.answersAfter):
						return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
					}
				}))
				start := time.Now()
				time.AfterFunc(time.Second, stop)
				_, _, err := send(ctx, client, "PUT", "http://live.example/")
				if errors.Is(err, httpclient.ErrUnanswered) != c.unanswered || time.Since(start) != c.took {
					t.Errorf("got %v after %s", err, time.Since(start))
				}
				if _, _, err := send(ctx, client, "PUT", "http://live.example/"); !errors.Is(err, context.Canceled) || errors.Is(err, httpclient.ErrUnanswered) {
					t.Errorf("write after the context has ended: got %v", err)
				}
			})
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A read with an incomplete response is retried. A write is not, because it may have
// been carried out.
func TestIncompleteResponse(t *testing.T) {
	for method, want := range map[string]int{http.MethodGet: 3, http.MethodPut: 1} {
		var requests atomic.Int64
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "7")
			text := "becaus"
			if requests.Add(1) == 3 {
				text = "because"
			}
			_, _ = io.WriteString(w, text)
		}))
		_, body, err := send(withPermit(t.Context()), httpclient.New(quick()), method, s.URL)
		s.Close()
		if int(requests.Load()) != want || want == 3 && (err != nil || body != "because") {
			t.Errorf("%s: %d requests, %q, %v", method, requests.Load(), body, err)
		}
	}
}

// A buffer is reused only after the body that used it is closed.
func TestResponseBuffersAreNotMixedUp(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(r.URL.Path, 200))
	}))
	t.Cleanup(s.Close)
	c := httpclient.New(quick())
	get := func(path string) *http.Response {
		resp, err := c.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	for range 3 {
		first, second := get("/first"), get("/second")
		for path, resp := range map[string]*http.Response{"/first": first, "/second": second} {
			body, err := io.ReadAll(resp.Body)
			if err != nil || string(body) != strings.Repeat(path, 200) || resp.ContentLength != int64(len(body)) {
				t.Errorf("%s: %.40q of %d, %v", path, body, resp.ContentLength, err)
			}
			resp.Body.Close()
			if late, _ := io.ReadAll(resp.Body); len(late) > 0 {
				t.Errorf("%s: read %.40q from a closed body", path, late)
			}
		}
	}
}
