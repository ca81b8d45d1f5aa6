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

// There are as many connections as requests and no more: what would be one more waits until one is lost, or a request comes.
func TestNoMoreConnectionsThanRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const address = "api.example:443"
		thrift := &thrifty{hosts: map[string]*thriftyHost{}}
		var opened atomic.Int64
		dial := func(ctx context.Context) (net.Conn, error) {
			return thrift.dial(ctx, "tcp", address, func(context.Context, string, string) (net.Conn, error) {
				opened.Add(1)
				near, _ := net.Pipe()
				return near, nil
			})
		}
		wants := func(when string, n int64) {
			t.Helper()
			synctest.Wait()
			if opened.Load() != n {
				t.Errorf("%s: %d were opened, want %d", when, opened.Load(), n)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		thrift.change(address, +2, 0)
		first, _ := dial(ctx)
		_, _ = dial(ctx)
		var late sync.WaitGroup
		var failed atomic.Value
		for range 3 {
			late.Go(func() {
				if _, err := dial(ctx); err != nil {
					failed.Store(err)
				}
			})
		}
		wants("two requests", 2)
		thrift.change(address, +1, 0)
		wants("three requests", 3)
		_ = first.Close()
		_ = first.Close()
		wants("one connection is lost", 4)
		stop()
		late.Wait()
		if err, _ := failed.Load().(error); !errors.Is(err, context.Canceled) || opened.Load() != 4 {
			t.Errorf("nobody wants the last any more: %v, %d were opened", err, opened.Load())
		}
	})
}

// Connections that are lost now and then keep no request from its answer.
func TestThriftIsNoStandstill(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1)%5 == 0 {
			w.Header().Set("Connection", "close")
		}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(s.Close)
	c := New(Options{Thrifty: true})
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
