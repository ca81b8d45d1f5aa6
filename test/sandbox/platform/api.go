package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/reply"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

// call is one request to the API. Its handler runs under the platform's lock and answers by setting status and out.
type call struct {
	p      *Platform
	r      *http.Request
	base   string // of absolute links
	user   *uaa.Account
	body   []byte
	status int
	header http.Header
	out    any
}

type handler func(c *call) error

func (p *Platform) newAPI() http.Handler {
	cc := http.NewServeMux()
	p.controllerRoutes(cc)
	none := func(*http.Request) bool { return false }
	uaaWrapped := p.wrap("uaa", none, p.uaa.Handler())
	logsWrapped := p.wrap("log-cache", none, p.logs.Handler(p.admit, p.appExists))
	ccWrapped := p.wrap("cloud-controller", changesState, cc)
	p.limits = &rateLimiter{user: p.opts.RateLimit, address: p.opts.RateLimitUnauthenticated, windows: map[string]*rateWindow{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// net/http keeps a Date that is set. Clients store the platform's own time.
		now := p.now()
		w.Header().Set("Date", now.Format(http.TimeFormat))
		r = r.WithContext(context.WithValue(r.Context(), arrivalKey{}, now))
		if strings.HasPrefix(r.URL.Path, "/v3/") { // Rails' routes ignore a slash at the end
			r.URL.Path = strings.TrimRight(r.URL.Path, "/")
		}
		switch {
		case strings.HasPrefix(r.URL.Path, "/oauth/"), r.URL.Path == "/login", r.URL.Path == "/info", r.URL.Path == "/token_keys":
			uaaWrapped.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/api/v1/"):
			logsWrapped.ServeHTTP(w, r)
		case p.limits.admit(p, w, r):
			ccWrapped.ServeHTTP(w, r)
		}
	})
}

// arrivalKey is the time at which a request arrived. A token must be valid at that time, even if the request is held and
// done later.
type arrivalKey struct{}

func (c *call) arrived() time.Time {
	if t, ok := c.r.Context().Value(arrivalKey{}).(time.Time); ok {
		return t
	}
	return c.p.now()
}

func (p *Platform) wrap(place string, write func(*http.Request) bool, h http.Handler) http.Handler {
	if p.opts.Faults == nil {
		return h
	}
	return p.opts.Faults.Wrap(place, "", write, h)
}

// changesState reports whether a request writes. A manifest_diff is a POST that writes nothing.
func changesState(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && !strings.HasSuffix(r.URL.Path, "/manifest_diff")
}

func (p *Platform) controllerRoutes(mux *http.ServeMux) {
	open := func(pattern string, h handler) { mux.HandleFunc(pattern, p.serve(h, false)) }
	on := func(pattern string, h handler) { mux.HandleFunc(pattern, p.serve(h, true)) }
	open("GET /{$}", root)
	open("GET /v3", rootV3)
	open("GET /v3/info", info)
	p.spaceRoutes(on)
	p.domainRoutes(on)
	p.marketRoutes(on)
	p.serviceRoutes(on)
	p.bindingRoutes(on)
	p.appRoutes(on)
	p.processRoutes(on)
	p.sidecarRoutes(on)
	p.stagingRoutes(on)
	p.manifestRoutes(on)
	p.routeRoutes(on)
	p.deploymentRoutes(on)
	p.revisionRoutes(on)
	p.taskRoutes(on)
	p.policyRoutes(on)
	p.roleRoutes(on)
	on("GET /v3/jobs/{guid}", showJob)
	on("GET /v3/audit_events", listEvents)
	on("GET /v3/audit_events/{guid}", showEvent)
	open("/", func(*call) error { return unknownRequest() })
}

// serve turns a handler into HTTP: token, body, lock, answer.
func (p *Platform) serve(h handler, authenticated bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := p.newCall(r)
		var ok bool
		if c.body, ok = reply.Body(w, r); ok {
			c.answer(w, c.run(h, authenticated))
		}
	}
}

func (p *Platform) newCall(r *http.Request) *call {
	return &call{p: p, r: r, base: p.baseOf(r), status: http.StatusOK, header: http.Header{}}
}

// admit passes on the requests that have a valid token, and answers the others.
func (p *Platform) admit(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := p.newCall(r)
		if err := c.authenticate(); err != nil {
			c.answer(w, err)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// authenticate finds the request's user.
func (c *call) authenticate() error {
	user, err := c.p.uaa.Authenticate(c.r.Header.Get("Authorization"), c.arrived())
	switch {
	case errors.Is(err, uaa.ErrNoToken):
		return notAuthenticated()
	case err != nil:
		return invalidToken()
	}
	c.user = user
	return nil
}

func (c *call) run(h handler, authenticated bool) error {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if authenticated {
		if err := c.authenticate(); err != nil {
			return err
		}
		if c.user.ReadOnly && changesState(c.r) {
			return notAuthorized()
		}
	}
	return h(c)
}

func (c *call) answer(w http.ResponseWriter, err error) {
	var one *apiError
	var several apiErrors
	switch {
	case err == nil:
	case errors.As(err, &several):
		c.status, c.out = several[0].status, presentErrors(several)
	case errors.As(err, &one):
		c.status, c.out = one.status, presentErrors(apiErrors{one})
	default:
		c.status = http.StatusInternalServerError
		c.out = presentErrors(apiErrors{{c.status, 10001, "UnknownError", "An unknown error occurred."}})
	}
	for k, v := range c.header {
		w.Header()[k] = v
	}
	reply.Send(w, c.status, c.out)
}

func presentErrors(errs apiErrors) obj {
	list := make([]obj, len(errs))
	for i, e := range errs {
		list[i] = e.present()
	}
	return obj{"errors": list}
}

// baseOf is the address with which links begin: the one that the client used, unless Options has one.
func (p *Platform) baseOf(r *http.Request) string {
	if p.opts.URL != "" {
		return strings.TrimSuffix(p.opts.URL, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (c *call) guid() string { return c.r.PathValue("guid") }

func (c *call) reply(status int, out any) error {
	c.status, c.out = status, out
	return nil
}

// accepted answers 202 with the job's absolute address.
func (c *call) accepted(j *job) error {
	c.header.Set("Location", c.base+"/v3/jobs/"+j.guid)
	c.status, c.out = http.StatusAccepted, nil
	return nil
}

func (c *call) noContent() error {
	c.status, c.out = http.StatusNoContent, nil
	return nil
}

func (c *call) link(path string) obj { return obj{"href": c.base + path} }

func (c *call) action(path string) obj { return obj{"href": c.base + path, "method": "POST"} }

// fields is the request's JSON object, by key: a key with the value null is not the same as a key that is missing.
type fields map[string]json.RawMessage

func (f fields) has(key string) bool { _, ok := f[key]; return ok }

func (f fields) null(key string) bool { v, ok := f[key]; return ok && string(v) == "null" }

// bind reads the body into v. The body must be an object with no other keys than these
// (ccng: app/messages/base_message.rb, NoAdditionalKeysValidator).
func (c *call) bind(v any, keys ...string) (fields, error) {
	body := bytes.TrimSpace(c.body)
	if len(body) == 0 {
		body = []byte("{}")
	}
	var f fields
	if err := json.Unmarshal(body, &f); err != nil {
		return nil, parseError()
	}
	if unknown := unknownKeys(f, keys); len(unknown) > 0 {
		return nil, unprocessable("Unknown field(s): '%s'", strings.Join(unknown, "', '"))
	}
	if err := json.Unmarshal(body, v); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, unprocessable("%s must be %s", capital(wrong.Field), article(wrong.Type.Kind().String()))
		}
		return nil, parseError()
	}
	return f, nil
}

func unknownKeys(f fields, known []string) []string {
	var unknown []string
	for _, k := range sortedKeys(f) {
		if !contains(known, k) {
			unknown = append(unknown, k)
		}
	}
	return unknown
}
