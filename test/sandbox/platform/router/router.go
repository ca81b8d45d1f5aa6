// Package router is gorouter: replicas with a routing table each, which learn of routes late and each for itself, and the
// proxy that passes a request on to one of a route's containers (gorouter is cloudfoundry/gorouter). It knows neither apps
// nor processes: it is handed the endpoints that ought to be routed, and reaches containers as http.RoundTrippers.
package router

import (
	"context"
	"fmt"
	"math/rand"
	randv2 "math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// Options say how many replicas there are, and how late and how reliably changes reach them. Durations are scaled by
// the clock.
type Options struct {
	Clock    *clock.Clock
	Faults   *faults.Engine // may be nil
	Rand     *rand.Rand     // for the spread of delays; used by the router alone
	Replicas int
	LagMin   time.Duration // from a change of routes to one replica's table
	LagMax   time.Duration
	Loss     float64 // share of withdrawals that do not reach a replica, which prunes after 120 to 150 s
	// EmptyPool503: a route that has lost its last container answers 503 no_endpoints instead of 404.
	EmptyPool503 bool
	IdleTimeout  time.Duration // a kept connection that is idle for so long is closed
	// RouteService judges a request to a route that is bound to the route service with this address. Status 0 passes the
	// request on; nil passes all on.
	RouteService func(url string, r *http.Request) (status int, body string)
	// Log gets the access log's line of each request that has reached an endpoint.
	Log func(e *Endpoint, line fmt.Stringer)
}

// Endpoint is a container that serves a route. It does not change once it was handed to a router.
type Endpoint struct {
	URI     string // host and path of the route, in lower case
	Service string // address of the route service; "" if there is none

	AppGUID, ProcessGUID, InstanceGUID string
	Index                              int
	Tags                               map[string]string // of the access log's lines
	// Container answers requests. An error that is syscall.ECONNREFUSED means that nothing listens.
	Container http.RoundTripper
}

// key is what makes a registration another one: a container on a route.
type key struct {
	uri, instance, service string
}

func (e *Endpoint) key() key { return key{e.URI, e.InstanceGUID, e.Service} }

// Router is all replicas behind one address. It is safe for use by several goroutines.
type Router struct {
	opts     Options
	replicas []*replica

	mu      sync.Mutex // guards the rest, and opts.Rand
	wanted  map[key]*Endpoint
	version uint64 // of wanted
}

// New makes replicas with empty tables.
func New(o Options) *Router {
	r := &Router{opts: o, wanted: map[key]*Endpoint{}}
	for range o.Replicas {
		r.replicas = append(r.replicas, &replica{keepsEmpty: o.EmptyPool503, pools: map[string]*pool{}, seen: map[key]uint64{}})
	}
	return r
}

type replicaKey struct{}

// Server is the server in front of the replicas: each connection, while it lasts, is one replica's, chosen at random, as
// behind a load balancer. Give it a listener: go r.Server().Serve(l).
func (r *Router) Server() *http.Server {
	h := http.Handler(http.HandlerFunc(r.serve))
	if r.opts.Faults != nil {
		h = r.opts.Faults.Wrap("router", "", func(*http.Request) bool { return false }, h)
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: time.Minute,
		IdleTimeout:       r.opts.Clock.Scale(r.opts.IdleTimeout), // gorouter: config/config.go, frontend_idle_timeout
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, replicaKey{}, r.anyReplica())
		},
	}
}

func (r *Router) anyReplica() *replica { return r.replicas[randv2.IntN(len(r.replicas))] }

// Set says which endpoints ought to be routed from now on, and sends every replica the changes, each after a delay of its
// own: a registration travels from the Cloud Controller over Diego, the route emitter and NATS, so that an answer of
// the API proves nothing about routing. An endpoint that was wanted before is not replaced.
func (r *Router) Set(want []*Endpoint) {
	for _, send := range r.change(want) {
		r.opts.Clock.After(send.after, send.apply)
	}
}

// SetNow is Set without delays.
func (r *Router) SetNow(want []*Endpoint) {
	for _, send := range r.change(want) {
		send.apply()
	}
}

// delivery is messages on their way to one replica.
type delivery struct {
	after time.Duration
	apply func()
}

// change returns the messages for each replica.
func (r *Router) change(want []*Endpoint) []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	messages := r.compare(want)
	if len(messages) == 0 {
		return nil
	}
	r.version++
	version := r.version
	var all []delivery
	for _, rep := range r.replicas {
		heard, lost := r.split(messages)
		all = append(all, delivery{r.spread(r.opts.LagMin, r.opts.LagMax), func() { rep.apply(version, heard) }})
		if len(lost) > 0 {
			all = append(all, delivery{r.spread(pruneAfter, pruneAfter+pruneEvery), func() { rep.apply(version, lost) }})
		}
	}
	return all
}

// compare replaces what is wanted, and returns the difference. The lock must be held.
func (r *Router) compare(want []*Endpoint) []message {
	var messages []message
	next := make(map[key]*Endpoint, len(want))
	for _, e := range want {
		if old, known := r.wanted[e.key()]; known {
			next[e.key()] = old
			continue
		}
		next[e.key()] = e
		messages = append(messages, message{e.key(), e})
	}
	for k := range r.wanted {
		if _, still := next[k]; !still {
			messages = append(messages, message{k, nil})
		}
	}
	r.wanted = next
	return messages
}

// A router forgets an endpoint that nobody has registered again for 120 s; it looks every 30 s (gorouter:
// config/config.go). Until then requests are sent to a container that is gone.
const (
	pruneAfter = 120 * time.Second
	pruneEvery = 30 * time.Second
)

// split sets aside the withdrawals that get lost on the way to one replica. Registrations are repeated, so none is lost.
// The lock must be held.
func (r *Router) split(messages []message) (heard, lost []message) {
	for _, m := range messages {
		if m.endpoint == nil && r.opts.Loss > 0 && r.opts.Rand.Float64() < r.opts.Loss {
			lost = append(lost, m)
		} else {
			heard = append(heard, m)
		}
	}
	return heard, lost
}

func (r *Router) spread(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(r.opts.Rand.Int63n(int64(high-low)))
}

// Deafen makes one replica miss all changes of routes, or hear again: then it learns everything that it has missed, since
// registrations are repeated.
func (r *Router) Deafen(replica int, deaf bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if replica < 0 || replica >= len(r.replicas) {
		return fmt.Errorf("there is no router %d", replica)
	}
	r.replicas[replica].deafen(deaf, r.version, r.wanted)
	return nil
}
