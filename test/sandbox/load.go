package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// instanceHeader asks a program of the sandbox to say in its answer, under the same name, which app's instance it is:
// "<app name>/<app GUID>:<index>", with the name that the app had when its container started. Real apps have no such header.
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
	// every HTTP client does with a GET. A router that closes idle connections causes a few; a router that is lost causes many.
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

// reader sends one request after the other.
type reader struct {
	load       *load
	n          int
	connection string
	client     *http.Client
	ids        *idList
}

func (l *load) newReader(i int, ids *idList) *reader {
	r := &reader{load: l, n: i * 31, connection: "kept", ids: ids}
	if i%2 == 1 {
		r.connection = "fresh"
	}
	r.client = routerClient(l.router, r.connection == "fresh")
	r.client.Timeout = readTimeout
	return r
}

// routerClient connects to the router whatever the host of a URL says.
func routerClient(router string, fresh bool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, router)
			},
			DisableKeepAlives: fresh, MaxIdleConnsPerHost: 1,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (r *reader) run(ctx context.Context, every, first time.Duration) {
	tick := time.NewTimer(first)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		begun := time.Now()
		r.once(r.path())
		tick.Reset(every - time.Since(begun)) // a late reader does not catch up: readers are people
	}
}

// path is the reader's next request: of twenty, one is a search, one is /_status, and eighteen are documents.
func (r *reader) path() string {
	r.n++
	base := "/" + r.load.index + "/" + r.load.docType + "/"
	id := r.ids.nth(r.n)
	switch {
	case r.n%20 == 0:
		return base + "search?q=" + url.QueryEscape("cloud support") + "&page=1"
	case r.n%20 == 10 || id == "":
		return "/_status"
	}
	return base + url.PathEscape(id)
}

func (r *reader) once(path string) {
	begun := time.Now()
	var connections int
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connections++ }}
	status, app, reason, missing := r.ask(httptrace.WithClientTrace(context.Background(), trace), path)
	took := time.Since(begun)
	l := r.load
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times.add(took)
	l.tally.Sent++
	l.tally.ByConnection[r.connection]++
	l.tally.ByStatus[statusName(status)]++
	if app != "" {
		l.tally.ByApp[app]++
		l.last[app] = l.now()
	}
	if connections > 1 {
		l.tally.Reconnected++
	}
	if missing {
		l.tally.NotFound++
	}
	if reason == "" {
		return
	}
	l.tally.Failed++
	if len(l.tally.Failures) < maxFailures {
		l.tally.Failures = append(l.tally.Failures, ReaderFailure{
			At: l.now(), Path: path, Connection: r.connection, App: app, Status: status, Reason: reason, AfterMS: ms(took),
		})
	}
}

func statusName(status int) string {
	if status == 0 {
		return "none"
	}
	return strconv.Itoa(status)
}

// ask sends one request. Reason says why the answer counts as a failure; missing, that the document does not exist.
func (r *reader) ask(ctx context.Context, path string) (status int, app, reason string, missing bool) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.load.host+path, nil)
	if err != nil {
		return 0, "", err.Error(), false
	}
	req.Header.Set("Authorization", "Bearer "+r.load.token)
	req.Header.Set("User-Agent", "sandbox-reader")
	req.Header.Set(instanceHeader, "1")
	res, err := r.client.Do(req)
	if err != nil {
		return 0, "", reasonOf(err), false
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	app, _, _ = strings.Cut(res.Header.Get(instanceHeader), "/")
	switch {
	case err != nil:
		return res.StatusCode, app, "body: " + reasonOf(err), false
	case res.StatusCode == http.StatusOK:
		return res.StatusCode, app, "", false
	case res.StatusCode == http.StatusNotFound && isMissingDocument(body):
		return res.StatusCode, app, "", true
	}
	reason = strings.Join(strings.Fields(string(body)), " ")
	if e := res.Header.Get("X-Cf-Routererror"); e != "" {
		reason = e + ": " + reason
	}
	return res.StatusCode, app, reason[:min(len(reason), 200)], false
}

// isMissingDocument distinguishes a document that does not exist from an index that does not: the search API's error is an object
// in the first case and a text in the second (digitalmarketplace-search-api: app/main/errors.py).
func isMissingDocument(body []byte) bool {
	var answer struct {
		Error struct {
			Found *bool `json:"found"`
		} `json:"error"`
	}
	return json.Unmarshal(body, &answer) == nil && answer.Error.Found != nil && !*answer.Error.Found
}

// reasonOf is the text of a client's error without the method and URL.
func reasonOf(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err.Error()
}

// idList is the documents that readers ask for: those of one page of identifiers, read once from the live route.
type idList struct {
	load *load
	once sync.Once
	ids  []string
}

func (l *idList) nth(n int) string {
	l.once.Do(l.read)
	if len(l.ids) == 0 {
		return ""
	}
	return l.ids[n%len(l.ids)]
}

func (l *idList) read() {
	client := routerClient(l.load.router, true)
	client.Timeout = readTimeout
	req, err := http.NewRequest(http.MethodGet, "http://"+l.load.host+"/"+l.load.index+"/"+l.load.docType+"/search?idOnly=true", nil)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+l.load.token)
	res, err := client.Do(req)
	if err != nil {
		return
	}
	defer res.Body.Close()
	var page struct {
		Documents []struct {
			ID string `json:"id"`
		} `json:"documents"`
	}
	if json.NewDecoder(res.Body).Decode(&page) != nil {
		return
	}
	for _, d := range page.Documents {
		l.ids = append(l.ids, d.ID)
	}
}

// histogram counts durations in buckets that grow by a twentieth: precise enough for a median, and of a fixed size.
type histogram struct {
	buckets [500]int
	n       int
}

const growth = 1.05

func (h *histogram) add(d time.Duration) {
	us := max(float64(d.Microseconds()), 1)
	h.buckets[min(int(math.Log(us)/math.Log(growth)), len(h.buckets)-1)]++
	h.n++
}

// quantile is in milliseconds; 0 if there is nothing.
func (h *histogram) quantile(q float64) float64 {
	seen, want := 0, int(math.Ceil(q*float64(h.n)))
	for i, n := range h.buckets {
		seen += n
		if n > 0 && seen >= want {
			return math.Round(math.Pow(growth, float64(i)+0.5)) / 1000
		}
	}
	return 0
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
