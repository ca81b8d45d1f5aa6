package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

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

// isMissingDocument distinguishes a document that does not exist from an index that does not: the search API's error is
// an object in the first case and a text in the second (digitalmarketplace-search-api: app/main/errors.py).
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
