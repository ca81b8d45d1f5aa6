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

// workers are an instance's uwsgi.
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

// serve is nginx and uwsgi: the body is read wholly, the request waits for a worker, the worker works. That its client
// has left is noticed by nobody: a PUT in the queue is applied all the same, late. A worker that takes over 60 s is
// killed, and nginx answers 502; what it has written until then stays written.
func (i *instance) serve(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > bodyLimit {
		flask.HTML(w, http.StatusRequestEntityTooLarge)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit+1))
	switch {
	case err != nil:
		panic(http.ErrAbortHandler) // the client left before its body was there
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

// isDocument tells a PUT or DELETE of one document.
func isDocument(r *http.Request) bool {
	return (r.Method == http.MethodPut || r.Method == http.MethodDelete) && strings.Count(r.URL.Path, "/") == 3
}

// answered notes the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

var errKilled = errors.New("the instance was killed")

// work is time that a worker spends. If the worker or its instance is killed meanwhile, nothing comes after it.
func work(w http.ResponseWriter, r *http.Request, d time.Duration) bool {
	return alive(w, r, clock.Wait(r.Context(), d))
}

// alive answers for a worker that is no more: 502 if it was killed by harakiri, a cut connection if the instance was.
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
