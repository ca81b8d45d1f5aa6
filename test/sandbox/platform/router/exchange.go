package router

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// instanceHeader is APP_GUID:INDEX (gorouter: handlers/lookup.go).
var instanceHeader = regexp.MustCompile(`^([\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}):(\d+)$`)

// processHeader is PROCESS_GUID, with or without :INDEX.
var processHeader = regexp.MustCompile(`^([\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12})(?::(\d+))?$`)

// attempts is how many endpoints gorouter tries (gorouter: config/config.go, backends.max_attempts).
const attempts = 3

// exchange is one request on its way through a replica.
type exchange struct {
	router  *Router
	rep     *replica
	w       http.ResponseWriter
	r       *http.Request
	started time.Time
	id      string
	body    []byte
	used    *Endpoint
	fault   string // X-Cf-RouterError

	forwarded, scheme string // as the container got them
}

func (r *Router) serve(w http.ResponseWriter, req *http.Request) {
	rep, _ := req.Context().Value(replicaKey{}).(*replica)
	if rep == nil {
		rep = r.anyReplica()
	}
	x := &exchange{router: r, rep: rep, w: w, r: req, started: r.opts.Clock.Now(), id: requestID()}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	x.body = body
	w.Header().Set("Date", x.started.Format(http.TimeFormat))
	w.Header().Set("X-Vcap-Request-Id", x.id)
	x.route()
}

func requestID() string {
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", rand.Uint32(), rand.Uint32()&0xffff, rand.Uint32()&0xfff, rand.Uint32()&0x3fff|0x8000, rand.Uint64()&0xffffffffffff)
}

func hostWithoutPort(s string) string {
	if host, _, err := net.SplitHostPort(s); err == nil {
		return host
	}
	return s
}

// choice is which endpoints of a route a request asks for, and the answer if there is none.
type choice struct {
	keep    func(*Endpoint) bool // nil: all
	status  int
	missing string
}

// choose reads the headers that ask for one container or one process. If a header is wrong, it is refused.
func (x *exchange) choose() (c choice, ok bool) {
	if v := x.r.Header.Get("X-Cf-App-Instance"); v != "" {
		m := instanceHeader.FindStringSubmatch(v)
		if m == nil {
			x.refuse(http.StatusBadRequest, "invalid_cf_app_instance_header", "Invalid X-CF-App-Instance Header")
			return choice{}, false
		}
		return choice{
			keep:    func(e *Endpoint) bool { return e.AppGUID == m[1] && strconv.Itoa(e.Index) == m[2] },
			status:  http.StatusBadRequest,
			missing: fmt.Sprintf("Requested instance ('%s') with guid ('%s') does not exist for route ('%s')", m[2], m[1], x.r.Host),
		}, true
	}
	if v := x.r.Header.Get("X-Cf-Process-Instance"); v != "" {
		m := processHeader.FindStringSubmatch(v)
		if m == nil {
			x.refuse(http.StatusBadRequest, "invalid_cf_process_instance_header", "Invalid X-CF-Process-Instance Header")
			return choice{}, false
		}
		return choice{
			keep:    func(e *Endpoint) bool { return e.ProcessGUID == m[1] && (m[2] == "" || strconv.Itoa(e.Index) == m[2]) },
			status:  http.StatusBadRequest,
			missing: fmt.Sprintf("Requested instance ('%s') with process guid ('%s') does not exist for route ('%s')", m[2], m[1], x.r.Host),
		}, true
	}
	return choice{status: http.StatusNotFound, missing: fmt.Sprintf("Requested route ('%s') does not exist.", x.r.Host)}, true
}

// route finds the endpoints (gorouter: handlers/lookup.go) and asks them.
func (x *exchange) route() {
	host := hostWithoutPort(x.r.Host)
	if host == "" || host == hostWithoutPort(x.r.RemoteAddr) {
		x.refuse(http.StatusBadRequest, "empty_host", "Request had empty Host header")
		return
	}
	c, ok := x.choose()
	if !ok {
		return
	}
	found, empty := x.rep.lookup(host, x.r.URL.EscapedPath(), c.keep)
	if empty && c.keep == nil {
		x.refuse(http.StatusServiceUnavailable, "no_endpoints", fmt.Sprintf("Requested route ('%s') has no available endpoints.", x.r.Host))
		return
	}
	if len(found) == 0 {
		x.refuse(c.status, "unknown_route", c.missing)
		return
	}
	if !x.passesRouteService(found[0]) {
		return
	}
	x.proxy(found)
}

// passesRouteService: a request without the route service's signature goes to it first, and comes back to the same
// route; here its judgement is asked for directly (gorouter: handlers/routeservice.go).
func (x *exchange) passesRouteService(e *Endpoint) bool {
	if e.Service == "" || x.router.opts.RouteService == nil {
		return true
	}
	status, body := x.router.opts.RouteService(e.Service, x.r)
	if status == 0 {
		return true
	}
	x.used = e
	x.w.WriteHeader(status)
	_, _ = io.WriteString(x.w, body)
	x.log(status, len(body))
	return false
}

// proxy tries up to three endpoints; only a refused connection makes it try the next
// (gorouter: proxy/round_tripper/proxy_round_tripper.go).
func (x *exchange) proxy(found []*Endpoint) {
	var err error
	for i := range attempts {
		x.used = found[i%len(found)]
		var res *http.Response
		res, err = x.used.Container.RoundTrip(x.forward(x.used))
		if err == nil {
			x.send(res)
			return
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
	}
	if x.r.Context().Err() != nil {
		x.log(499, 0) // the client has left
		return
	}
	x.refuse(http.StatusBadGateway, fmt.Sprintf("endpoint_failure (%s)", err), "Registered endpoint failed to handle the request.")
}

// forward is the request as the container sees it.
func (x *exchange) forward(e *Endpoint) *http.Request {
	r := x.r.Clone(x.r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(x.body)), int64(len(x.body))
	if x.r.Header.Get("X-Forwarded-Proto") == "" {
		proto := "http"
		if x.r.TLS != nil {
			proto = "https"
		}
		r.Header.Set("X-Forwarded-Proto", proto)
	}
	x.scheme = r.Header.Get("X-Forwarded-Proto")
	from := hostWithoutPort(x.r.RemoteAddr)
	if before := x.r.Header.Get("X-Forwarded-For"); before != "" {
		from = before + ", " + from
	}
	r.Header.Set("X-Forwarded-For", from)
	x.forwarded = from
	r.Header.Set("X-Vcap-Request-Id", x.id)
	r.Header.Set("X-Request-Start", fmt.Sprint(x.started.UnixMilli()))
	r.Header.Set("X-Cf-Applicationid", e.AppGUID)
	r.Header.Set("X-Cf-Instanceid", e.InstanceGUID)
	r.Header.Set("X-Cf-Instanceindex", strconv.Itoa(e.Index))
	return r
}

func (x *exchange) send(res *http.Response) {
	defer res.Body.Close()
	for k, v := range res.Header {
		x.w.Header()[k] = v
	}
	x.w.Header().Set("X-Vcap-Request-Id", x.id)
	x.w.WriteHeader(res.StatusCode)
	n, _ := io.Copy(x.w, res.Body)
	x.log(res.StatusCode, int(n))
}

// refuse answers in the router's own name (gorouter: errorwriter/error_writer.go).
func (x *exchange) refuse(status int, fault, words string) {
	x.fault = fault
	h := x.w.Header()
	h.Set("X-Cf-Routererror", fault)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	if !strings.HasPrefix(fault, "endpoint_failure") {
		h.Set("Cache-Control", "no-cache, no-store")
	}
	body := fmt.Sprintf("%d %s: %s\n", status, http.StatusText(status), words)
	x.w.WriteHeader(status)
	n, _ := io.WriteString(x.w, body)
	x.log(status, n)
}
