package httpclient

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// longWait is how long a pause between two attempts is before somebody is told of it.
const longWait = 5 * time.Second

// Wait is a long pause before a request is sent again.
type Wait struct {
	// Host is who answered, and Status with what.
	Host   string
	Status int
	// Asked is what it asked for in Retry-After; 0: nothing. For is what is waited.
	Asked, For time.Duration
	Until      time.Time
}

// String says who asked to wait, why, and until when.
func (w Wait) String() string {
	asked := ""
	if w.Asked > 0 {
		asked = fmt.Sprintf(", and asked to wait %s", w.Asked.Round(time.Second))
	}
	return fmt.Sprintf("%s answered %d %s%s: the next attempt is at %s, in %s", w.Host, w.Status, http.StatusText(w.Status), asked,
		w.Until.UTC().Format("15:04:05 MST"), w.For.Round(time.Second))
}

type waitsKey struct{}

// WithWaits returns a context whose requests report their long pauses. Several goroutines
// may do so at once.
func WithWaits(ctx context.Context, told func(Wait)) context.Context {
	return context.WithValue(ctx, waitsKey{}, told)
}

func report(ctx context.Context, w Wait) {
	if told, is := ctx.Value(waitsKey{}).(func(Wait)); is {
		told(w)
	}
}
