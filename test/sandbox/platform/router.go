package platform

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/logcache"
)

type replicaKey struct{}

// Router is the server in front of the router replicas: each connection, while it lasts, is one replica's, chosen at
// random, as behind a load balancer. Give it a listener: go p.Router().Serve(l).
func (p *Platform) Router() *http.Server {
	h := http.Handler(http.HandlerFunc(p.routeRequest))
	if p.opts.Faults != nil {
		h = p.opts.Faults.Wrap("router", "", func(*http.Request) bool { return false }, h)
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: time.Minute,
		IdleTimeout:       p.opts.Clock.Scale(p.opts.IdleTimeout), // gorouter: config/config.go, frontend_idle_timeout
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, replicaKey{}, p.router[rand.IntN(len(p.router))])
		},
	}
}

// instanceHeader is APP_GUID:INDEX (gorouter: handlers/lookup.go).
var instanceHeader = regexp.MustCompile(`^([\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}):(\d+)$`)

// processHeader is PROCESS_GUID, with or without :INDEX.
var processHeader = regexp.MustCompile(`^([\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12})(?::(\d+))?$`)

// attempts is how many endpoints gorouter tries (gorouter: config/config.go, backends.max_attempts).
const attempts = 3

// exchange is one request on its way through a router.
type exchange struct {
	p       *Platform
	rep     *routerReplica
	w       http.ResponseWriter
	r       *http.Request
	started time.Time
	id      string
	body    []byte
	used    *endpoint
	fault   string // X-Cf-RouterError

	forwarded, scheme string // as the container got them
}

func (p *Platform) routeRequest(w http.ResponseWriter, r *http.Request) {
	rep, _ := r.Context().Value(replicaKey{}).(*routerReplica)
	if rep == nil {
		rep = p.router[rand.IntN(len(p.router))]
	}
	x := &exchange{p: p, rep: rep, w: w, r: r, started: p.now(), id: requestID()}
	body, err := io.ReadAll(r.Body)
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

// route finds the endpoints (gorouter: handlers/lookup.go) and asks them.
func (x *exchange) route() {
	host := hostWithoutPort(x.r.Host)
	if host == "" || host == hostWithoutPort(x.r.RemoteAddr) {
		x.refuse(http.StatusBadRequest, "empty_host", "Request had empty Host header")
		return
	}
	var keep func(*endpoint) bool
	missing := fmt.Sprintf("Requested route ('%s') does not exist.", x.r.Host)
	status := http.StatusNotFound
	if v := x.r.Header.Get("X-Cf-App-Instance"); v != "" {
		m := instanceHeader.FindStringSubmatch(v)
		if m == nil {
			x.refuse(http.StatusBadRequest, "invalid_cf_app_instance_header", "Invalid X-CF-App-Instance Header")
			return
		}
		keep = func(e *endpoint) bool { return e.in.lrp.appGUID == m[1] && itoa(e.in.index) == m[2] }
		status = http.StatusBadRequest
		missing = fmt.Sprintf("Requested instance ('%s') with guid ('%s') does not exist for route ('%s')", m[2], m[1], x.r.Host)
	} else if v := x.r.Header.Get("X-Cf-Process-Instance"); v != "" {
		m := processHeader.FindStringSubmatch(v)
		if m == nil {
			x.refuse(http.StatusBadRequest, "invalid_cf_process_instance_header", "Invalid X-CF-Process-Instance Header")
			return
		}
		keep = func(e *endpoint) bool { return e.processGUID == m[1] && (m[2] == "" || itoa(e.in.index) == m[2]) }
		status = http.StatusBadRequest
		missing = fmt.Sprintf("Requested instance ('%s') with process guid ('%s') does not exist for route ('%s')", m[2], m[1], x.r.Host)
	}
	found, empty := x.rep.lookup(host, x.r.URL.EscapedPath(), keep)
	if empty && keep == nil {
		x.refuse(http.StatusServiceUnavailable, "no_endpoints", fmt.Sprintf("Requested route ('%s') has no available endpoints.", x.r.Host))
		return
	}
	if len(found) == 0 {
		x.refuse(status, "unknown_route", missing)
		return
	}
	if !x.passesRouteService(found[0]) {
		return
	}
	x.proxy(found)
}

// passesRouteService: a request without the route service's signature goes to it first, and comes back to the same
// route; here its judgement is asked for directly (gorouter: handlers/routeservice.go).
func (x *exchange) passesRouteService(e *endpoint) bool {
	if e.service == "" || x.p.opts.RouteService == nil {
		return true
	}
	status, body := x.p.opts.RouteService(e.service, x.r)
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
func (x *exchange) proxy(found []*endpoint) {
	var err error
	for i := range attempts {
		x.used = found[i%len(found)]
		var answer *captured
		answer, err = x.used.in.ask(x.forward(x.used))
		if err == nil {
			x.send(answer)
			return
		}
		if err != errRefused {
			break
		}
	}
	if x.r.Context().Err() != nil {
		x.log(499, 0) // nobody is there to be told
		return
	}
	x.refuse(http.StatusBadGateway, fmt.Sprintf("endpoint_failure (%s)", err), "Registered endpoint failed to handle the request.")
}

// forward is the request as the container sees it.
func (x *exchange) forward(e *endpoint) *http.Request {
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
	r.Header.Set("X-Cf-Applicationid", e.in.lrp.appGUID)
	r.Header.Set("X-Cf-Instanceid", e.in.guid)
	r.Header.Set("X-Cf-Instanceindex", itoa(e.in.index))
	return r
}

func (x *exchange) send(answer *captured) {
	for k, v := range answer.header {
		x.w.Header()[k] = v
	}
	x.w.Header().Set("X-Vcap-Request-Id", x.id)
	x.w.WriteHeader(answer.status)
	n, _ := x.w.Write(answer.body.Bytes())
	x.log(answer.status, n)
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

// log writes the access log's line to the app's own stream; what reached no app is in no app's log
// (gorouter: accesslog/schema/access_log_record.go).
func (x *exchange) log(status, sent int) {
	if x.used == nil {
		return
	}
	x.p.logs.Put(x.used.in.lrp.appGUID, logcache.Line{Source: "RTR", Instance: itoa(x.used.in.index), Tags: x.used.tags, Text: &accessRecord{
		host: x.r.Host, method: x.r.Method, uri: x.r.URL.RequestURI(), proto: x.r.Proto, status: status,
		received: len(x.body), sent: sent, referer: x.r.Referer(), agent: x.r.UserAgent(), remote: x.r.RemoteAddr,
		forwarded: x.forwarded, scheme: x.scheme, id: x.id, fault: x.fault,
		started: x.started, took: x.p.now().Sub(x.started), app: x.used.in.lrp.appGUID, index: x.used.in.index, instance: x.used.in.guid,
	}})
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
