package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
)

// Why a request to a container came to nothing.
var (
	errRefused = errors.New("dial tcp: connect: connection refused")
	errCut     = errors.New("EOF")
)

// captured is a container's whole answer.
type captured struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *captured) Header() http.Header { return w.header }

func (w *captured) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *captured) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// ask hands a request to the container's program. Who comes after SIGTERM is refused; what is under way when the
// container is killed is cut. The program goes on with a request whose client has left, as a worker does: only the
// request's context tells it.
func (in *instance) ask(r *http.Request) (*captured, error) {
	in.inFlight.Add(1)
	h := in.handler.Load()
	if h == nil || in.refusing.Load() || in.isDead() {
		in.ended()
		return nil, errRefused
	}
	answer := make(chan *captured, 1)
	go func() {
		defer in.ended()
		w := &captured{header: http.Header{}}
		defer func() {
			if recover() != nil { // the program broke the connection
				w = nil
			}
			answer <- w
		}()
		(*h).ServeHTTP(w, r)
		w.WriteHeader(http.StatusOK)
	}()
	select {
	case w := <-answer:
		if w == nil {
			return nil, errCut
		}
		return w, nil
	case <-in.dead:
		return nil, errCut
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (in *instance) ended() {
	if in.inFlight.Add(-1) == 0 && in.leaving.Load() {
		in.kill()
	}
}

// unhealthy asks the health check's endpoint; empty means healthy.
func (in *instance) unhealthy() string {
	if in.lrp.health.kind != "http" {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), healthRequest)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, in.lrp.health.endpoint, nil)
	r.Host = "10.255.0." + itoa(10+in.index) + ":8080"
	r.Header.Set("User-Agent", "diego-healthcheck")
	what := fmt.Sprintf("Failed to make HTTP request to '%s' on port 8080: ", in.lrp.health.endpoint)
	w, err := in.ask(r)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return what + "timed out after 1.00 seconds"
	case err != nil:
		return what + "connection refused"
	case w.status != http.StatusOK:
		return what + fmt.Sprintf("received status code %d", w.status)
	}
	return ""
}
