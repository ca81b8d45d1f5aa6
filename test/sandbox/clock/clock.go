// Package clock is the sandbox's only source of time: the time of day, and how long its delays last.
//
// Pace and Move are separate. Pace scales every delay (staging, starting, propagation of routes, brokers), so that the
// same proportions pass more quickly. Move shifts the time of day, so that a day can pass between two
// requests: briefs close, tokens expire, yesterday's audit events become yesterday's.
package clock

import (
	"context"
	"sync/atomic"
	"time"
)

// Clock is the sandbox's time. It is safe for use by several goroutines.
type Clock struct {
	pace  float64
	moved atomic.Int64
}

// New returns a clock that multiplies every delay by pace: 1 keeps real proportions, 0.01 is quick,
// 0 (and anything below) never waits.
func New(pace float64) *Clock {
	return &Clock{pace: max(pace, 0)}
}

// Pace is the factor that New was given.
func (c *Clock) Pace() float64 { return c.pace }

// Now is the wall clock, in UTC, plus everything that Move has added.
func (c *Clock) Now() time.Time {
	return time.Now().UTC().Add(c.Moved())
}

// Moved is the sum of all moves.
func (c *Clock) Moved() time.Duration { return time.Duration(c.moved.Load()) }

// Move shifts Now by d (backwards if d is negative). It ends no Sleep early: a delay is work in
// progress, which does not depend on the time of day. What does depends on Now.
func (c *Clock) Move(d time.Duration) { c.moved.Add(int64(d)) }

// Scale is how long a delay of d really lasts.
func (c *Clock) Scale(d time.Duration) time.Duration {
	return time.Duration(float64(d) * c.pace)
}

// Sleep waits for Scale(d), or until ctx is done, whose error it then returns.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	return Wait(ctx, c.Scale(d))
}

// After runs f in a goroutine of its own once Scale(d) has passed, unless the timer is stopped before.
func (c *Clock) After(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(c.Scale(d), f)
}

// Wait waits for d as it is, for the delays that a tester has given in real time, or until ctx is done, whose error it
// then returns.
func Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
