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

// ErrUnanswered marks a write that was sent and got no response: it may have been
// executed, or may still be executed later. A process that ends with such a
// write must leave its lease to expire instead of releasing it, because a worker of
// the search API may apply the write for another 60 s (uwsgi's harakiri).
var ErrUnanswered = errors.New("there was no response; the write may still be executed")

// grace is how long a write that was already sent may continue after its context
// has ended, so that an aborted build knows what it has done. Jenkins waits 20 s.
const grace = 10 * time.Second

type withoutGraceKey struct{}

// WithoutGrace returns a context whose end cancels writes at once. It is for callers
// that already let their writes finish for a while before they cancel the context: two
// such periods one after the other are longer than Jenkins waits.
func WithoutGrace(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutGraceKey{}, true)
}

// writing sends one attempt of a write: with a permit, and with a grace period to get a
// response after its context has ended. Between attempts there is no grace: the server
// has refused the last one, so the end of the context ends the pause.
type writing struct {
	base    http.RoundTripper
	timeout time.Duration
}

func (t *writing) RoundTrip(r *http.Request) (*http.Response, error) {
	err := permitted(r.Context())
	if err == nil {
		err = r.Context().Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s not sent: %w", r.Method, r.URL.Path, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), t.timeout)
	stop := context.AfterFunc(r.Context(), func() {
		if without, _ := ctx.Value(withoutGraceKey{}).(bool); without {
			cancel()
			return
		}
		t := time.AfterFunc(grace, cancel)
		context.AfterFunc(ctx, func() { t.Stop() })
	})
	resp, err := responseOrError(t.base.RoundTrip(r.WithContext(ctx)))
	if err != nil {
		stop()
		cancel()
		if neverSent(err) {
			return nil, err
		}
		return nil, fmt.Errorf("%w (%w)", err, ErrUnanswered)
	}
	resp.Body = &bodyThen{resp.Body, func() { stop(); cancel() }}
	return resp, nil
}

// neverSent reports whether there was no connection, so that nothing was sent.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// bodyThen calls a function after its body is closed.
type bodyThen struct {
	io.ReadCloser
	then func()
}

func (b *bodyThen) Close() error {
	defer b.then()
	return b.ReadCloser.Close()
}
