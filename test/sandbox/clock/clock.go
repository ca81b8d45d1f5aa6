// Package clock is the sandbox's only source of time: what o'clock it is there, and how long its delays last.
//
// Two things are kept apart. Pace scales every delay (staging, starting, routes that propagate, brokers), so that the
// same proportions can be lived through quickly. Move shifts what the clock shows, so that a day can pass between two
// requests: briefs close, tokens expire, yesterday's audit events become yesterday's.
package clock

import (
	"context"
	"sync/atomic"
	"time"
)

// Clock tells the sandbox's time. It is safe for use by several goroutines.
type Clock struct {
	pace  float64
	moved atomic.Int64
}

// New returns a clock whose delays last pace times what they are asked for: 1 keeps real proportions, 0.01 is quick,
// 0 (and anything below) waits for nothing.
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

// Move shifts Now by d (backwards if d is negative). It wakes no sleeper: a delay is work that somebody does, and work
// does not get done because a clock is turned forward. What depends on the time of day asks Now.
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
