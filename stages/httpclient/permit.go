package httpclient

import (
	"context"
	"errors"
)

// ErrNoPermit is returned for a write whose context carries no permit at all: a
// write outside of a stage's Apply is a fault in the program, and is not sent.
var ErrNoPermit = errors.New("writing is not permitted here")

// Permit is asked right before each write. An error keeps the write from being
// sent: the lease is lost, or the stage is only looking.
type Permit func(context.Context) error

type permitKey struct{}

type harmlessKey struct{}

// WithPermit returns a context whose writes ask p. The runner gives one to
// Apply, Undo and Abort; Check, Plan and Verify get none, so that what is meant
// to look cannot write.
func WithPermit(ctx context.Context, p Permit) context.Context {
	return context.WithValue(ctx, permitKey{}, p)
}

// WithoutPermit takes the permit away again.
func WithoutPermit(ctx context.Context) context.Context {
	return context.WithValue(ctx, permitKey{}, Permit(nil))
}

// Harmless marks a request that is a read in spite of its method, such as the
// POST that fetches a token: it needs no permit, and is tried again like a GET.
func Harmless(ctx context.Context) context.Context {
	return context.WithValue(ctx, harmlessKey{}, true)
}

func isHarmless(ctx context.Context) bool {
	is, _ := ctx.Value(harmlessKey{}).(bool)
	return is
}

func permitted(ctx context.Context) error {
	p, _ := ctx.Value(permitKey{}).(Permit)
	if p == nil {
		return ErrNoPermit
	}
	return p(ctx)
}
