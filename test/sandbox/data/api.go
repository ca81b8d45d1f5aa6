// Package data is the Digital Marketplace's data API: listings of services and briefs, single objects, audit events and the
// status, over real HTTP, with the errors and quirks of the real one; and edits, which make audit events and then, as in
// reality, write to the search API on the live route.
//
// Documents are generated from seed, key and version, never stored, so that the full size of the Digital Marketplace
// needs a few megabytes. The same seed, sizes and epoch give the same world.
//
// Modelled: digitalmarketplace-api, app/main/views/{services,briefs,audits}.py, app/models/main.py, app/utils.py,
// app/service_utils.py, app/brief_utils.py, app/status/views.py.
package data

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// LiveIndex is the search API on the live route, to which a writer's change goes after its commit. An error that has a
// method StatusCode() int is an answer; any other is a connection that failed.
type LiveIndex interface {
	Put(ctx context.Context, alias, docType, id string, document json.RawMessage) error
	Delete(ctx context.Context, alias, docType, id string) error
}

// Options say how much data there is and how slow the server is.
type Options struct {
	Clock  *clock.Clock
	Faults *faults.Engine // may be nil
	Seed   uint64
	// Services is how many services are published in g-cloud-12. There are about a tenth more rows: unpublished services,
	// and services of g-cloud-11.
	Services int
	// Briefs is how many briefs are not drafts. There are a few drafts, too.
	Briefs int
	// OutcomesFrameworks is how many Digital Outcomes frameworks there are; the newest is live. 5 if zero; preview has 4.
	OutcomesFrameworks int
	// Tokens are the tokens that the API accepts (DM_API_AUTH_TOKENS).
	Tokens []string
	// Epoch is the time of the newest event at the start; the start of the clock's day if zero. The days on which briefs
	// were published depend on it.
	Epoch time.Time
	// Version is the label of the release in /_status.
	Version string
	// PageTime and SingleTime are what a listing's page and a single object take (about 88 ms and 10 ms in reality), scaled
	// by the clock; Workers is how many requests are handled at once, 0 for any number.
	PageTime, SingleTime time.Duration
	Workers              int
	// CommitLag is how long after its createdAt an event and its change become visible, at most (0.22 s in reality),
	// scaled.
	CommitLag time.Duration
	// Log receives what the real application would log; nil discards it.
	Log *slog.Logger
}

// API is the data API. It is an http.Handler.
type API struct {
	opts    Options
	gen     *generator
	handler http.Handler
	workers chan struct{}
	log     *slog.Logger
	zipped  zipped

	mu       sync.RWMutex
	world    world
	services []service
	byID     map[uint64]int // index in services
	briefs   []brief
	events   []event // by createdAt, then id
	lastID   int     // of an event
	edits    int     // attempted since the start
	archived int     // the last archived service's key
	rand     random
	live     LiveIndex
	status   func(context.Context) (json.RawMessage, error)
}

// New generates the data.
func New(o Options) *API {
	if o.Clock == nil {
		o.Clock = clock.New(0)
	}
	if o.OutcomesFrameworks == 0 {
		o.OutcomesFrameworks = 5
	}
	if o.Epoch.IsZero() {
		o.Epoch = o.Clock.Now().Truncate(24 * time.Hour)
	}
	a := &API{
		opts:  o,
		gen:   newGenerator(),
		log:   o.Log,
		rand:  mix(o.Seed, 0xed17),
		world: world{seed: o.Seed, frameworks: frameworks(o.OutcomesFrameworks), lots: lots(), renamed: map[int]string{}},
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if o.Workers > 0 {
		a.workers = make(chan struct{}, o.Workers)
	}
	a.services = makeServices(o.Seed, o.Services, o.Epoch)
	a.archived = len(a.services)
	a.byID = make(map[uint64]int, len(a.services))
	for i := range a.services {
		a.byID[a.services[i].id] = i
	}
	a.briefs = makeBriefs(o.Seed, o.Briefs, o.OutcomesFrameworks, o.Epoch)
	a.makeHistory()
	a.handler = a.routes()
	if o.Faults != nil {
		a.handler = o.Faults.Wrap("data-api", "", func(r *http.Request) bool {
			return r.Method != http.MethodGet && r.Method != http.MethodHead
		}, a.handler)
	}
	return a
}

// SetLiveIndex sets where edits are written to after their commit. Before, they are written nowhere.
func (a *API) SetLiveIndex(l LiveIndex) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.live = l
}

// SetSearchStatus sets how /_status gets the status of the search API on the live route: the function returns the body of
// the answer, or an error if there was none.
func (a *API) SetSearchStatus(f func(context.Context) (json.RawMessage, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status = f
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", a.opts.Clock.Now().UTC().Format(http.TimeFormat))
	a.handler.ServeHTTP(w, r)
}

func (a *API) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_status", a.getStatus)
	a.main(mux, "GET /{$}", 0, a.index)
	a.main(mux, "GET /services", a.opts.PageTime, a.listServices)
	a.main(mux, "GET /services/{id}", a.opts.SingleTime, a.getService)
	a.main(mux, "PUT /services/{id}", a.opts.SingleTime, a.changeService)
	a.main(mux, "POST /services/{id}", a.opts.SingleTime, a.changeService)
	a.main(mux, "GET /suppliers/{id}", a.opts.SingleTime, a.getSupplier)
	a.main(mux, "GET /briefs", a.opts.PageTime, a.listBriefs)
	a.main(mux, "GET /briefs/{id}", a.opts.SingleTime, a.getBrief)
	a.main(mux, "GET /audit-events", a.opts.PageTime, a.listEvents)
	a.main(mux, "GET /audit-events/{id}", a.opts.SingleTime, a.getEvent)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		flask.Headers(w, r, a.opts.Clock.Now())
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		allowed := methods(mux, r)
		switch {
		case allowed == nil:
			flask.Error(w, http.StatusNotFound, flask.NotFound)
		case r.Method != http.MethodOptions:
			flask.NotAllowed(w, allowed)
		case r.URL.Path == "/_status" || a.admitted(w, r):
			flask.Options(w, allowed)
		}
	})
}

// methods are those that a path has.
func methods(mux *http.ServeMux, r *http.Request) []string {
	var all []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		as := r.Clone(r.Context())
		as.Method = method
		if _, pattern := mux.Handler(as); pattern != "" {
			all = append(all, method)
		}
	}
	return all
}

// admitted is what comes before each view of the blueprint "main".
func (a *API) admitted(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Cache-Control", "max-age=86400")
	return flask.Authenticated(w, r, a.opts.Tokens, func(token string) string {
		return "Forbidden; invalid bearer token provided " + token
	})
}

// main registers a view of the blueprint "main": it requires a token, and every answer, errors too, may be cached for a
// day (app/main/__init__.py).
func (a *API) main(mux *http.ServeMux, pattern string, takes time.Duration, view http.HandlerFunc) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if !a.admitted(w, r) {
			return
		}
		if a.workers != nil {
			select {
			case a.workers <- struct{}{}:
				defer func() { <-a.workers }()
			case <-r.Context().Done():
				return
			}
		}
		if a.opts.Clock.Sleep(r.Context(), takes) != nil {
			return
		}
		view(w, r)
	})
}

func (a *API) index(w http.ResponseWriter, r *http.Request) {
	base := flask.Base(r)
	flask.JSON(w, r, http.StatusOK, map[string]any{"links": map[string]string{
		"audits.list": base + "/audit-events", "services.list": base + "/services",
		"suppliers.list": base + "/suppliers", "frameworks.list": base + "/frameworks",
	}}, false)
}

// view is the data with links that begin with base. What may change is copied, so that documents can be made after mu was
// released. The caller holds mu.
func (a *API) view(base string) *world {
	w := a.world
	w.base = base
	return &w
}

func atoi(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil
}
