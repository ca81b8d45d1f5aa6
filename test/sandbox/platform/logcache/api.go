package logcache

import (
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/reply"
)

// Handler serves /api/v1. The reads that need a token go through admit, which passes on the requests that have one and
// answers the others itself. Exists reports whether there is an app with a GUID.
func (c *Cache) Handler(admit func(http.Handler) http.Handler, exists func(app string) bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/info", func(w http.ResponseWriter, _ *http.Request) {
		reply.Send(w, 200, reply.Object{"version": "2.11.4", "vm_uptime": "100000"})
	})
	mux.Handle("GET /api/v1/read/{guid}", admit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.serveRead(w, r, exists)
	})))
	mux.Handle("GET /api/v1/meta", admit(http.HandlerFunc(c.serveMeta)))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		reply.Send(w, 404, reply.Object{"error": "not found"})
	})
	return mux
}

// serveRead is the one call that matters (log-cache: README, "GET /api/v1/read/{source_id}"). An app that the user cannot
// see is a 404 (log-cache: internal/auth/cf_auth_middleware.go).
func (c *Cache) serveRead(w http.ResponseWriter, r *http.Request, exists func(app string) bool) {
	app := r.PathValue("guid")
	if !exists(app) {
		reply.Send(w, 404, []byte(http.StatusText(404)+"\n"))
		return
	}
	q := r.URL.Query()
	start, ok1 := number(q, "start_time", 0)
	end, ok2 := number(q, "end_time", math.MaxInt64)
	limit, ok3 := number(q, "limit", 100)
	if !ok1 || !ok2 || !ok3 || limit < 0 || limit > 1000 {
		reply.Send(w, 400, reply.Object{"error": "invalid query", "code": 3, "message": "limit must be 1000 or less, times whole nanoseconds"})
		return
	}
	batch := []reply.Object{}
	if kinds := q["envelope_types"]; len(kinds) == 0 || slices.Contains(kinds, "LOG") || slices.Contains(kinds, "ANY") {
		for _, e := range c.read(app, start, end, int(limit), q.Get("descending") == "true") {
			batch = append(batch, e.present(app))
		}
	}
	reply.Send(w, 200, reply.Object{"envelopes": reply.Object{"batch": batch}})
}

// number reads a whole number of the query, which has a default.
func number(q url.Values, name string, otherwise int64) (n int64, ok bool) {
	if !q.Has(name) {
		return otherwise, true
	}
	n, err := strconv.ParseInt(q.Get(name), 10, 64)
	return n, err == nil
}

func (c *Cache) serveMeta(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	meta := reply.Object{}
	for app, lines := range c.apps {
		if len(lines) > 0 {
			meta[app] = reply.Object{
				"count": strconv.Itoa(len(lines)), "expired": "0",
				"oldestTimestamp": strconv.FormatInt(lines[0].at, 10), "newestTimestamp": strconv.FormatInt(lines[len(lines)-1].at, 10),
			}
		}
	}
	c.mu.Unlock()
	reply.Send(w, 200, reply.Object{"meta": meta})
}
