package httpclient

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// There are never more connections than requests: another dial waits until a
// connection is lost or a request is added.
func TestNoMoreConnectionsThanRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const address = "api.example:443"
		limit := &connectionLimit{hosts: map[string]*hostCount{}}
		var opened atomic.Int64
		dial := func(ctx context.Context) (net.Conn, error) {
			return limit.dial(ctx, "tcp", address, func(context.Context, string, string) (net.Conn, error) {
				opened.Add(1)
				near, _ := net.Pipe()
				return near, nil
			})
		}
		expectOpened := func(when string, n int64) {
			t.Helper()
			synctest.Wait()
			if opened.Load() != n {
				t.Errorf("%s: %d connections were opened, want %d", when, opened.Load(), n)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		limit.add(address, +2, 0)
		first, _ := dial(ctx)
		_, _ = dial(ctx)
		var waiting sync.WaitGroup
		var failed atomic.Value
		for range 3 {
			waiting.Go(func() {
				if _, err := dial(ctx); err != nil {
					failed.Store(err)
				}
			})
		}
		expectOpened("two requests", 2)
		limit.add(address, +1, 0)
		expectOpened("three requests", 3)
		_ = first.Close()
		_ = first.Close()
		expectOpened("one connection lost", 4)
		stop()
		waiting.Wait()
		if err, _ := failed.Load().(error); !errors.Is(err, context.Canceled) || opened.Load() != 4 {
			t.Errorf("the last dial was cancelled: got %v, %d connections were opened, want 4", err, opened.Load())
		}
	})
}

// Requests still get their responses if some connections are lost.
func TestNoDeadlockWhenConnectionsAreLost(t *testing.T) {
	var requests atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1)%5 == 0 {
			w.Header().Set("Connection", "close")
		}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(s.Close)
	c := New(Options{NoSpareConnections: true})
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			for range 25 {
				resp, err := c.Get(s.URL)
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
			}
		})
	}
	group.Wait()
}
