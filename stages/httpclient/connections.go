package httpclient

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// connectionLimit keeps a transport from opening more connections to a host than
// there are requests to it. net/http dials when no connection is free. If a connection
// becomes free meanwhile, the request uses that one and the new connection is spare.
// Where a handshake takes as long as a request, this opens half as many connections again.
//
// A request still gets a connection if its dial has to wait: with at least as many
// connections as requests (including itself), one is free or about to become free. If a
// connection is lost, a waiting dial proceeds.
type connectionLimit struct {
	base http.RoundTripper
	mu   sync.Mutex
	// hosts is keyed by host:port.
	hosts map[string]*hostCount
}

type hostCount struct {
	requests, connections int
	// changed is closed when one of the numbers changes.
	changed chan struct{}
}

// add adds to the numbers of a host.
func (l *connectionLimit) add(address string, requests, connections int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hosts[address]
	if h == nil {
		h = &hostCount{changed: make(chan struct{})}
		l.hosts[address] = h
	}
	h.requests += requests
	h.connections += connections
	close(h.changed)
	h.changed = make(chan struct{})
}

// reserve counts one more connection if the limit allows it. Otherwise it returns a
// channel to wait for.
func (l *connectionLimit) reserve(address string) (wait <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hosts[address]
	if h == nil { // A proxy: connections to it are not limited.
		return nil
	}
	if h.requests > 0 && h.connections >= h.requests {
		return h.changed
	}
	h.connections++
	return nil
}

// dial calls another dial function once the limit allows one more connection.
func (l *connectionLimit) dial(ctx context.Context, network, address string, dial func(context.Context, string, string) (net.Conn, error)) (net.Conn, error) {
	for wait := l.reserve(address); wait != nil; wait = l.reserve(address) {
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		l.add(address, 0, -1)
		return nil, err
	}
	return &countedConn{Conn: conn, closed: sync.OnceFunc(func() { l.add(address, 0, -1) })}, nil
}

type countedConn struct {
	net.Conn
	closed func()
}

func (c *countedConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

func (l *connectionLimit) RoundTrip(r *http.Request) (*http.Response, error) {
	address := r.URL.Host
	if r.URL.Port() == "" {
		address = net.JoinHostPort(r.URL.Hostname(), map[string]string{"http": "80", "https": "443"}[r.URL.Scheme])
	}
	l.add(address, +1, 0)
	done := sync.OnceFunc(func() { l.add(address, -1, 0) })
	resp, err := l.base.RoundTrip(r)
	if err != nil {
		done()
		return nil, err
	}
	resp.Body = &bodyThen{resp.Body, done}
	return resp, nil
}
