package flask

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Headers adds what dmutils adds to every answer of an application: the ids of the request (dmutils/request_id.py), which are
// those that the request has, or a new one, and "None" for a span that it does not have; and the cookie by which a client that
// takes none is found (dmutils/cookie_probe.py), in the date format of werkzeug 1.
func Headers(w http.ResponseWriter, r *http.Request, now time.Time) {
	trace := r.Header.Get("DM-Request-ID")
	if trace == "" {
		trace = r.Header.Get("X-B3-TraceId")
	}
	if trace == "" {
		var id [16]byte
		_, _ = rand.Read(id[:])
		trace = hex.EncodeToString(id[:])
	}
	span := r.Header.Get("X-B3-SpanId")
	if span == "" {
		span = "None"
	}
	h := w.Header()
	h.Set("DM-Request-ID", trace)
	h.Set("X-B3-TraceId", trace)
	h.Set("X-B3-SpanId", span)
	expires := now.Add(365 * 24 * time.Hour).UTC().Format("Mon, 02-Jan-2006 15:04:05 GMT")
	h.Set("Set-Cookie", "dm_cookie_probe=yum; Expires="+expires+"; Max-Age=31536000.0; Path=/")
}

// NotAllowed is the answer to a method that a path does not have. allowed are those that it has; with GET it has HEAD, and
// OPTIONS always. The real order is that of a Python set.
func NotAllowed(w http.ResponseWriter, allowed []string) {
	w.Header().Set("Allow", allow(allowed))
	Error(w, http.StatusMethodNotAllowed, MethodNotAllowed)
}

// Options is flask's own answer to OPTIONS.
func Options(w http.ResponseWriter, allowed []string) {
	h := w.Header()
	h.Set("Allow", allow(allowed))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", "0")
	setCommon(h)
	w.WriteHeader(http.StatusOK)
}

func allow(methods []string) string {
	all := append(slices.Clone(methods), http.MethodOptions)
	if slices.Contains(methods, http.MethodGet) {
		all = append(all, http.MethodHead)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
