package runner

import (
	"testing"
	"testing/synctest"
	"time"
)

// A line is of now: the rate is that of the last ten seconds, and what is not done for a
// while has none.
func TestProgressIsOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(Observation)
		put := func(n, from int, every time.Duration) {
			for i := range n {
				time.Sleep(every)
				o.Progress(Progress{Done: from + i + 1, Total: 1000, What: "documents"})
			}
		}
		check := func(when string, rate float64, quiet, left time.Duration) {
			t.Helper()
			p := o.pace.now(time.Now())
			if p.Rate != rate || p.Quiet != quiet || p.Left() != left {
				t.Errorf("%s: %.1f/s, quiet for %s, %s left; want %.1f/s, %s, %s", when, p.Rate, p.Quiet, p.Left(), rate, quiet, left)
			}
		}
		if p := o.pace.now(time.Now()); p != nil {
			t.Errorf("before anything was done: %+v", p)
		}
		o.Progress(Progress{Done: 100, Total: 1000, What: "documents"})
		check("at the beginning", 0, 0, 0)
		put(50, 100, 100*time.Millisecond)
		check("of the first five seconds", 10, 0, 85*time.Second)
		put(300, 150, 100*time.Millisecond)
		check("after thirty", 10, 0, 55*time.Second)
		put(20, 450, 500*time.Millisecond)
		check("ten seconds later, slower", 2, 0, 265*time.Second)
		o.Progress(Progress{Done: 470, Total: 1000, What: "documents", Trouble: "503"})
		time.Sleep(5 * time.Second)
		check("for half of the ten seconds", 1, 5*time.Second, 530*time.Second)
		time.Sleep(7 * time.Second)
		check("for twelve seconds", 0, 12*time.Second, 0)
		put(1, 470, time.Second)
		check("again", 0.1, 0, 5290*time.Second)
		o.Progress(Progress{What: "changed objects"})
		check("of other work", 0, 0, 0)
	})
}
