package witness_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/digitalmarketplace/cutover/stages/witness"
)

// worker is an address with one worker: requests that come faster than it can answer queue, for all who ask.
type worker struct {
	free  chan struct{}
	busy  time.Duration
	asked atomic.Int64
}

func (w *worker) RoundTrip(*http.Request) (*http.Response, error) {
	w.asked.Add(1)
	w.free <- struct{}{}
	<-time.After(w.busy)
	<-w.free
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("blue"))}, nil
}

func TestTheWitnessBacksOffFromItsOwnLoad(t *testing.T) {
	for name, c := range map[string]struct {
		busy time.Duration
		rate float64
		// least and most are how many requests a second it may send in the end.
		least, most float64
		halved      bool
	}{
		"an address that bears it":          {5 * time.Millisecond, 100, 99, 101, false},
		"an address that is slowed down":    {40 * time.Millisecond, 100, 6, 26, true}, // its worker can do 25 a second
		"a slow address that is not slowed": {40 * time.Millisecond, 20, 19, 21, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := &worker{busy: c.busy, free: make(chan struct{}, 1)}
				client := &http.Client{Transport: site}
				w := witness.New(witness.Options{URL: "http://live.example", Kept: client, Fresh: client, Rate: c.rate, Baseline: 10 * time.Second, Timeout: time.Hour})
				if _, err := w.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				<-time.After(30 * time.Second)
				asked := site.asked.Load()
				<-time.After(10 * time.Second)
				rate := float64(site.asked.Load()-asked) / 10
				o, err := verdict(t, w)
				if err != nil {
					t.Fatal(err)
				}
				if rate < c.least || rate > c.most || strings.Contains(o.Said(), "so as not to slow it down") != c.halved {
					t.Errorf("%g requests a second in the end, want %g to %g: %s", rate, c.least, c.most, o.Said())
				}
			})
		})
	}
}
