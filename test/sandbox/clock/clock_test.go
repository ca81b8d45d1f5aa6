package clock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPaceScalesEveryDelay(t *testing.T) {
	for pace, want := range map[float64]time.Duration{
		1: 20 * time.Second, 0.5: 10 * time.Second, 0.01: 200 * time.Millisecond, 0: 0, -3: 0,
	} {
		synctest.Test(t, func(t *testing.T) {
			c, start := New(pace), time.Now()
			if err := c.Sleep(t.Context(), 20*time.Second); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start); got != want {
				t.Errorf("pace %v: slept %v, want %v", pace, got, want)
			}
			start, ran := time.Now(), make(chan time.Duration)
			c.After(20*time.Second, func() { ran <- time.Since(start) })
			if got := <-ran; got != want {
				t.Errorf("pace %v: After ran at %v, want %v", pace, got, want)
			}
		})
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := New(1).Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sleep = %v, want the context's error", err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("slept %v, want 1s", got)
		}
		if err := New(0).Sleep(ctx, time.Hour); err == nil {
			t.Error("a sleep of no time does not return the error of its context")
		}
	})
}

func TestMoveShiftsNowAndEndsNoSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, start := New(1), time.Now()
		woke := false
		timer := c.After(time.Minute, func() { woke = true })
		defer timer.Stop()
		c.Move(24 * time.Hour)
		c.Move(-time.Hour)
		synctest.Wait()
		if got := c.Now().Sub(start); got != 23*time.Hour {
			t.Errorf("Now moved by %v, want 23h", got)
		}
		if woke {
			t.Error("a sleep ended because the clock was moved")
		}
		if c.Now().Location() != time.UTC {
			t.Error("Now is not in UTC")
		}
	})
}
