package httpclient

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
)

// thrifty keeps a transport from opening more connections to a host than there are requests to it. net/http begins to
// connect when no connection is free, and a request that is given one that became free meanwhile leaves the new one
// behind: with handshakes that take as long as answers those are half as many again.
//
// A request whose connecting is put off is served all the same: with as many connections as requests, itself among them,
// one at least is free or about to be. Where one is lost, what was put off goes ahead.
type thrifty struct {
	base http.RoundTripper
	mu   sync.Mutex
	// hosts are by the address that is connected to.
	hosts map[string]*thriftyHost
}

type thriftyHost struct {
	requests, connections int
	// changed is closed when one of them is another number.
	changed chan struct{}
}

// change changes the numbers of a host.
func (t *thrifty) change(address string, requests, connections int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.hosts[address]
	if h == nil {
		h = &thriftyHost{changed: make(chan struct{})}
		t.hosts[address] = h
	}
	h.requests += requests
	h.connections += connections
	close(h.changed)
	h.changed = make(chan struct{})
}

// admit counts one connection more, if there may be; else it returns what to wait for.
func (t *thrifty) admit(address string) (wait <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.hosts[address]
	if h == nil { // not counted: it is a proxy's
		return nil
	}
	if h.requests > 0 && h.connections >= h.requests {
		return h.changed
	}
	h.connections++
	return nil
}

// dial connects by another function, when there may be one connection more.
func (t *thrifty) dial(ctx context.Context, network, address string, dial func(context.Context, string, string) (net.Conn, error)) (net.Conn, error) {
	for wait := t.admit(address); wait != nil; wait = t.admit(address) {
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		t.change(address, 0, -1)
		return nil, err
	}
	return &thriftyConn{Conn: conn, closed: sync.OnceFunc(func() { t.change(address, 0, -1) })}, nil
}

type thriftyConn struct {
	net.Conn
	closed func()
}

func (c *thriftyConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

func (t *thrifty) RoundTrip(r *http.Request) (*http.Response, error) {
	address := r.URL.Host
	if r.URL.Port() == "" {
		address = net.JoinHostPort(r.URL.Hostname(), map[string]string{"http": "80", "https": "443"}[r.URL.Scheme])
	}
	t.change(address, +1, 0)
	over := sync.OnceFunc(func() { t.change(address, -1, 0) })
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		over()
		return nil, err
	}
	resp.Body = &overBody{resp.Body, over}
	return resp, nil
}

type overBody struct {
	io.ReadCloser
	over func()
}

func (b *overBody) Close() error {
	defer b.over()
	return b.ReadCloser.Close()
}
