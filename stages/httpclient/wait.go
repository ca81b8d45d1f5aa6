package httpclient

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// longWait is how long a pause is before somebody is told of it.
const longWait = 5 * time.Second

// Wait is a long pause: before a request is sent again, or for what Why says.
type Wait struct {
	// Why is who makes us wait, and for what, where it is no request's response.
	Why string
	// Host is who answered, and Status with what.
	Host   string
	Status int
	// Asked is what it asked for in Retry-After; 0: nothing. For is what is waited.
	Asked, For time.Duration
	Until      time.Time
}

// String says who asked to wait, why, and until when.
func (w Wait) String() string {
	if w.Why != "" {
		return fmt.Sprintf("%s: waiting until %s, for %s", w.Why, w.Until.UTC().Format("15:04:05 MST"), w.For.Round(time.Second))
	}
	asked := ""
	if w.Asked > 0 {
		asked = fmt.Sprintf(", and asked to wait %s", w.Asked.Round(time.Second))
	}
	return fmt.Sprintf("%s answered %d %s%s: the next attempt is at %s, in %s", w.Host, w.Status, http.StatusText(w.Status), asked,
		w.Until.UTC().Format("15:04:05 MST"), w.For.Round(time.Second))
}

type waitsKey struct{}

// WithWaits returns a context whose requests, and whoever else calls Waits, report their
// long pauses. Several goroutines may do so at once.
func WithWaits(ctx context.Context, told func(Wait)) context.Context {
	return context.WithValue(ctx, waitsKey{}, told)
}

// Waits tells the context's listener of a pause that begins, if it is long, and reports
// whether it did.
func Waits(ctx context.Context, why string, pause time.Duration) bool {
	return report(ctx, Wait{Why: why, For: pause, Until: time.Now().Add(pause)})
}

// report tells of a pause, if it is long and there is anybody to tell, and reports
// whether it did.
func report(ctx context.Context, w Wait) bool {
	told, is := ctx.Value(waitsKey{}).(func(Wait))
	if !is || w.For <= longWait {
		return false
	}
	told(w)
	return true
}
