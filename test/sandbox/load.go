package sandbox

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"
)

// instanceHeader asks a program of the sandbox to say in its answer, under the same name, which app's instance it is:
// "<app name>/<app GUID>:<index>", with the name that the app had when its container started. Real apps have no such
// header.
const instanceHeader = "X-Sandbox-Tell"

// readTimeout is how long a reader waits for an answer.
const readTimeout = 15 * time.Second

// Tally is what the readers have seen since they were started.
type Tally struct {
	Running bool    `json:"running"`
	Rate    float64 `json:"rate"` // as ordered
	Sent    int     `json:"sent"` // answered or failed; requests in flight are not counted
	Failed  int     `json:"failed"`
	// NotFound counts documents that were requested by id and were not in the index. That is not a failure of the route;
	// in green's index it is a document that is missing, since the ids are from blue's.
	NotFound int `json:"not_found"`
	// Reconnected counts the requests that found their kept connection closed and were sent again over a fresh one, as
	// every HTTP client does with a GET. A router that closes idle connections causes a few; a router that is lost
	// causes many.
	Reconnected  int               `json:"reconnected"`
	ByApp        map[string]int    `json:"by_app"`
	ByStatus     map[string]int    `json:"by_status"` // "none" where there was no answer
	ByConnection map[string]int    `json:"by_connection"`
	P50MS        float64           `json:"p50_ms"`
	P99MS        float64           `json:"p99_ms"`
	Failures     []ReaderFailure   `json:"failures"`  // the first 20
	Last         map[string]string `json:"last_seen"` // by app: when it answered last
}

// ReaderFailure is one request that failed.
type ReaderFailure struct {
	At         time.Time `json:"at"`
	Path       string    `json:"path"`
	Connection string    `json:"connection"` // kept or fresh
	App        string    `json:"app"`
	Status     int       `json:"status"`
	Reason     string    `json:"reason"`
	AfterMS    float64   `json:"after_ms"`
}

// load is a number of readers of one host behind the router. Half of their requests go over connections that are kept
// open, the other half over a fresh connection each, which the router's load balancer may give to another replica.
type load struct {
	router, host, token string
	index, docType      string // what they read
	now                 func() time.Time

	mu     sync.Mutex
	tally  Tally
	times  histogram
	last   map[string]time.Time
	cancel context.CancelFunc
	gone   *sync.WaitGroup
}

const maxFailures = 20

// start stops the readers that run, clears their tally, and sends about rate requests a second from now on.
func (l *load) start(rate float64) error {
	if rate <= 0 || math.IsNaN(rate) || rate > 10_000 {
		return fmt.Errorf("rate %v is not between 0 and 10000", rate)
	}
	l.stop()
	ctx, cancel := context.WithCancel(context.Background())
	group := &sync.WaitGroup{}
	l.mu.Lock()
	l.tally = Tally{Running: true, Rate: rate, ByApp: map[string]int{}, ByStatus: map[string]int{}, ByConnection: map[string]int{}, Failures: []ReaderFailure{}}
	l.times, l.last = histogram{}, map[string]time.Time{}
	l.cancel, l.gone = cancel, group
	l.mu.Unlock()

	readers := min(max(int(rate/5), 2), 64)
	readers += readers % 2
	every := time.Duration(float64(readers) / rate * float64(time.Second))
	ids := &idList{load: l}
	for i := range readers {
		group.Go(func() {
			r := l.newReader(i, ids)
			defer r.client.CloseIdleConnections()
			r.run(ctx, every, every*time.Duration(i)/time.Duration(readers))
		})
	}
	return nil
}

// stop ends the readers and waits for their requests in flight.
func (l *load) stop() {
	l.mu.Lock()
	cancel, group := l.cancel, l.gone
	l.cancel, l.gone = nil, nil
	l.mu.Unlock()
	if cancel == nil {
		return
	}
	cancel()
	group.Wait()
	l.mu.Lock()
	l.tally.Running = false
	l.mu.Unlock()
}

// view returns a copy of the tally.
func (l *load) view() Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tally
	t.ByApp, t.ByStatus, t.ByConnection = copyCounts(t.ByApp), copyCounts(t.ByStatus), copyCounts(t.ByConnection)
	t.Failures = append([]ReaderFailure{}, t.Failures...)
	t.P50MS, t.P99MS = l.times.quantile(0.50), l.times.quantile(0.99)
	t.Last = map[string]string{}
	for app, at := range l.last {
		t.Last[app] = at.Format(time.RFC3339Nano)
	}
	return t
}

func copyCounts(m map[string]int) map[string]int {
	c := make(map[string]int, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}
