package httpclient

import (
	"context"
	"errors"
)

// ErrNoPermit is the error of a write whose context has no permit. Only a stage that
// is applying, undoing or aborting may write, so this is a bug in the program. The
// write is not sent.
var ErrNoPermit = errors.New("this context has no permit to write")

// Permit is called right before each write. If it returns an error, such as that the
// lease is lost, the write is not sent.
type Permit func(context.Context) error

type permitKey struct{}

type readKey struct{}

// WithPermit returns a context whose writes ask p. The runner gives it to Apply, Undo
// and Abort. Check, Plan and Verify get none, so that they cannot write.
func WithPermit(ctx context.Context, p Permit) context.Context {
	return context.WithValue(ctx, permitKey{}, p)
}

// WithoutPermit returns a context without the permit.
func WithoutPermit(ctx context.Context) context.Context {
	return context.WithValue(ctx, permitKey{}, Permit(nil))
}

// AsRead returns a context whose requests are reads whatever their method, such as
// the POST that fetches a token: they need no permit and are retried like a GET.
func AsRead(ctx context.Context) context.Context {
	return context.WithValue(ctx, readKey{}, true)
}

func isMarkedAsRead(ctx context.Context) bool {
	is, _ := ctx.Value(readKey{}).(bool)
	return is
}

func permitted(ctx context.Context) error {
	p, _ := ctx.Value(permitKey{}).(Permit)
	if p == nil {
		return ErrNoPermit
	}
	return p(ctx)
}
