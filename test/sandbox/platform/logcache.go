package platform

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// logCache keeps the newest lines of each app. A line can be read only some time after it was written, each after its
// own: so they arrive late and out of order, and some may never arrive.
type logCache struct {
	p    *Platform
	mu   sync.Mutex
	apps map[string][]envelope
}

type envelope struct {
	at       int64
	visible  time.Time
	source   string
	instance string
	stderr   bool
	text     string
	access   *accessRecord
	tags     map[string]string
}

// accessRecord is one line of a router's access log, written out only when it is read.
type accessRecord struct {
	host, method, uri, proto, referer, agent, remote string
	forwarded, scheme, id, fault, app, instance      string
	status, received, sent, index                    int
	started                                          time.Time
	took                                             time.Duration
}

func (a *accessRecord) String() string {
	dash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	return fmt.Sprintf("%s - [%s] %q %d %d %d %q %q %q %q x_forwarded_for:%q x_forwarded_proto:%q vcap_request_id:%q "+
		"response_time:%f gorouter_time:0.000050 app_id:%q app_index:\"%d\" instance_id:%q x_cf_routererror:%q",
		a.host, a.started.Format("2006-01-02T15:04:05.000000000Z"), a.method+" "+a.uri+" "+a.proto, a.status, a.received, a.sent,
		dash(a.referer), dash(a.agent), a.remote, "10.0.0."+itoa(10+a.index)+":"+itoa(61000+a.index), dash(a.forwarded), dash(a.scheme), a.id,
		a.took.Seconds(), a.app, a.index, a.instance, dash(a.fault))
}

func newLogCache(p *Platform) *logCache { return &logCache{p: p, apps: map[string][]envelope{}} }

// write puts one line of an app's or the platform's own into the app's stream.
func (l *logCache) write(app, source, instance string, stderr bool, text string) {
	l.put(app, envelope{source: source, instance: instance, stderr: stderr, text: text})
}

func (l *logCache) access(e *endpoint, a accessRecord) {
	l.put(e.in.lrp.appGUID, envelope{source: "RTR", instance: itoa(e.in.index), access: &a, tags: e.tags})
}

func (l *logCache) put(app string, e envelope) {
	if loss := l.p.opts.LogLoss; loss > 0 && rand.Float64() < loss {
		return
	}
	now := l.p.now()
	e.at = now.UnixNano()
	e.visible = now
	if lag := l.p.opts.Clock.Scale(l.p.opts.LogLag); lag > 0 {
		e.visible = now.Add(rand.N(lag))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := append(l.apps[app], e)
	if keep := l.p.opts.LogKeep; len(kept) > keep+keep/4 {
		kept = slices.Clone(kept[len(kept)-keep:])
	}
	l.apps[app] = kept
}

func (p *Platform) logRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/info", p.serve(func(c *call) error {
		return c.reply(200, obj{"version": "2.11.4", "vm_uptime": "100000"})
	}, false))
	mux.HandleFunc("GET /api/v1/read/{guid}", p.serve(readLogs, true))
	mux.HandleFunc("GET /api/v1/meta", p.serve(logMeta, true))
	mux.HandleFunc("/", p.serve(func(c *call) error { return c.reply(404, obj{"error": "not found"}) }, false))
}

// readLogs is the one call that matters (log-cache: README, "GET /api/v1/read/{source_id}"). An app that the user cannot
// see is a 404 (log-cache: internal/auth/cf_auth_middleware.go).
func readLogs(c *call) error {
	if _, ok := c.p.apps.get(c.guid()); !ok {
		return c.reply(404, []byte(http.StatusText(404)+"\n"))
	}
	q := c.r.URL.Query()
	number := func(name string, normal int64) (int64, bool) {
		if !q.Has(name) {
			return normal, true
		}
		n, err := strconv.ParseInt(q.Get(name), 10, 64)
		return n, err == nil
	}
	start, ok1 := number("start_time", 0)
	end, ok2 := number("end_time", math.MaxInt64)
	limit, ok3 := number("limit", 100)
	if !ok1 || !ok2 || !ok3 || limit < 0 || limit > 1000 {
		return c.reply(400, obj{"error": "invalid query", "code": 3, "message": "limit must be 1000 or less, times whole nanoseconds"})
	}
	if kinds := q["envelope_types"]; len(kinds) > 0 && !slices.Contains(kinds, "LOG") && !slices.Contains(kinds, "ANY") {
		return c.reply(200, obj{"envelopes": obj{"batch": []obj{}}})
	}
	found := c.p.logs.read(c.guid(), start, end, int(limit), q.Get("descending") == "true")
	batch := make([]obj, len(found))
	for i, e := range found {
		batch[i] = e.present(c.guid())
	}
	return c.reply(200, obj{"envelopes": obj{"batch": batch}})
}

// read takes the oldest lines from start on, or the newest before end if descending.
func (l *logCache) read(app string, start, end int64, limit int, descending bool) []envelope {
	now := l.p.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []envelope
	for _, e := range l.apps[app] {
		if e.at >= start && e.at < end && !e.visible.After(now) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b envelope) int { return int(min(max(a.at-b.at, -1), 1)) })
	if descending {
		slices.Reverse(found)
	}
	return found[:min(limit, len(found))]
}

func (e envelope) present(app string) obj {
	text, kind := e.text, "OUT"
	if e.stderr {
		kind = "ERR"
	}
	if e.access != nil {
		text = e.access.String()
	}
	tags := obj{"source_type": e.source, "origin": "sandbox", "app_id": app, "instance_id": e.instance}
	for k, v := range e.tags {
		tags[k] = v
	}
	return obj{
		"timestamp": strconv.FormatInt(e.at, 10), "source_id": app, "instance_id": e.instance, "deprecated_tags": obj{}, "tags": tags,
		"log": obj{"payload": base64.StdEncoding.EncodeToString([]byte(text)), "type": kind},
	}
}

func logMeta(c *call) error {
	c.p.logs.mu.Lock()
	defer c.p.logs.mu.Unlock()
	meta := obj{}
	for app, lines := range c.p.logs.apps {
		if len(lines) > 0 {
			meta[app] = obj{"count": strconv.Itoa(len(lines)), "expired": "0", "oldestTimestamp": strconv.FormatInt(lines[0].at, 10), "newestTimestamp": strconv.FormatInt(lines[len(lines)-1].at, 10)}
		}
	}
	return c.reply(200, obj{"meta": meta})
}
