package search

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

const (
	// harakiri is how long a worker may take over a request before it is killed (uwsgi.conf in the image).
	harakiri = 60 * time.Second
	// bodyLimit is client_max_body_size of the image's nginx.
	bodyLimit = 40 << 20
)

// workers are an instance's nginx and uwsgi.
type workers struct {
	slots  *slots
	killed chan struct{}
	once   sync.Once
	served atomic.Int64
}

func newWorkers(n int) *workers {
	return &workers{slots: newSlots(n), killed: make(chan struct{})}
}

func (w *workers) close() { w.once.Do(func() { close(w.killed) }) }

// serve is nginx and uwsgi: the whole body is read, then the request waits for a worker, which handles it. Neither
// notices that the client has left: a PUT in the queue is applied nevertheless, late. A worker that takes over 60 s is
// killed, and nginx answers 502; what it has written until then stays.
func (i *instance) serve(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > bodyLimit {
		flask.HTML(w, http.StatusRequestEntityTooLarge)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit+1))
	switch {
	case err != nil:
		panic(http.ErrAbortHandler) // the client left in the middle of its body
	case len(body) > bodyLimit:
		flask.HTML(w, http.StatusRequestEntityTooLarge)
		return
	}
	writes := isDocument(r)
	if !i.workers.slots.take(writes, i.workers.killed) {
		panic(http.ErrAbortHandler)
	}
	answer := &answered{ResponseWriter: w}
	w = answer
	defer func() { i.workers.slots.release(writes, answer.status) }()
	i.workers.served.Add(1)

	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.Context()))
	defer cancel(nil)
	if limit := max(i.program.opts.Clock.Scale(harakiri), i.program.opts.MinHarakiri); limit > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, limit)
		defer stop()
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-i.workers.killed:
			cancel(errKilled)
		case <-done:
		}
	}()
	r = r.Clone(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	i.route(w, r, body)
}

// isDocument reports whether a request is a PUT or DELETE of one document.
func isDocument(r *http.Request) bool {
	return (r.Method == http.MethodPut || r.Method == http.MethodDelete) && strings.Count(r.URL.Path, "/") == 3
}

// answered remembers the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

var errKilled = errors.New("the instance was killed")

// work spends a worker's time. It returns false if the worker is killed meanwhile; see alive.
func work(w http.ResponseWriter, r *http.Request, d time.Duration) bool {
	return alive(w, r, clock.Wait(r.Context(), d))
}

// alive reports whether the worker still runs, by the error of what it was doing. A worker that was killed by harakiri has
// been answered for with a 502; if the instance was killed, alive cuts the connection by a panic.
func alive(w http.ResponseWriter, r *http.Request, err error) bool {
	switch {
	case !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		return true
	case errors.Is(context.Cause(r.Context()), errKilled):
		panic(http.ErrAbortHandler)
	}
	flask.HTML(w, http.StatusBadGateway)
	return false
}
