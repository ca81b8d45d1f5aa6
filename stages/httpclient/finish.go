package httpclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// ErrUnanswered marks a write that was sent and never answered: it may have been
// done, and may still be done later. Who leaves with one must not hand over the
// lease, since a worker of the search API may apply it for another 60 s
// (uwsgi's harakiri).
var ErrUnanswered = errors.New("the write was not answered, and may still be done")

// grace is how long a write that was begun may go on after its context ended,
// so that a build that is aborted knows what it has done. Jenkins waits 20 s.
const grace = 10 * time.Second

type outlastingKey struct{}

// Outlasting marks a context whose end leaves a grace of its own to what was
// begun: a write under it gets no further one, since two of them together are
// more than Jenkins waits.
func Outlasting(ctx context.Context) context.Context {
	return context.WithValue(ctx, outlastingKey{}, true)
}

// finish sends a write so that the end of its context does not cut it off: the
// write has a grace of its own to be answered in.
func finish(rt http.RoundTripper, r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, fmt.Errorf("%s %s not sent: %w", r.Method, r.URL.Path, err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	stop := context.AfterFunc(r.Context(), func() {
		if outlasting, _ := ctx.Value(outlastingKey{}).(bool); outlasting {
			cancel()
			return
		}
		t := time.AfterFunc(grace, cancel)
		context.AfterFunc(ctx, func() { t.Stop() })
	})
	resp, err := either(rt.RoundTrip(r.WithContext(ctx)))
	if err != nil {
		stop()
		cancel()
		if neverSent(err) {
			return nil, err
		}
		return nil, fmt.Errorf("%w (%w)", err, ErrUnanswered)
	}
	resp.Body = &closer{resp.Body, func() { stop(); cancel() }}
	return resp, nil
}

// neverSent tells that no connection came about, so that nothing was asked.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

type closer struct {
	io.ReadCloser
	then func()
}

func (c *closer) Close() error {
	defer c.then()
	return c.ReadCloser.Close()
}
