package platform

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// endpointKey names one registration: a container on a route.
type endpointKey struct {
	uri, instance, service string
}

// endpoint is a container that serves a route.
type endpoint struct {
	uri         string // host and path
	service     string // the route service's address, or ""
	in          *instance
	processGUID string
	tags        map[string]string
}

// pool is what one router knows of one route.
type pool struct {
	endpoints []*endpoint
	next      int
}

// routerReplica is one gorouter with a table of its own.
type routerReplica struct {
	index int
	mu    sync.Mutex
	pools map[string]*pool
	seen  map[endpointKey]uint64 // the newest message of each registration
	// keepsEmpty: a route that has lost its last endpoint stays known (gorouter: empty_pool_response_code_503).
	keepsEmpty bool
	// deaf: it hears of nothing, and keeps what it knows, as an operator may have told it to (gorouter:
	// docs/02-nats-configurations.md, suspend_pruning_if_nats_unavailable; else it forgets all within 120 s).
	deaf bool
}

func newRouterReplica(i int, keepsEmpty bool) *routerReplica {
	return &routerReplica{index: i, keepsEmpty: keepsEmpty, pools: map[string]*pool{}, seen: map[endpointKey]uint64{}}
}

// reroute tells every router what has changed, each after its own delay: a registration travels from the Cloud
// Controller over Diego, the route emitter and NATS, so that an answer of the API proves nothing about routing.
// The lock must be held.
func (p *Platform) reroute() { p.rerouteAfter(true) }

func (p *Platform) rerouteAfter(lag bool) {
	want := p.endpoints()
	var messages []message
	for key, e := range want {
		if _, known := p.wanted[key]; !known {
			messages = append(messages, message{key, e})
		}
	}
	for key := range p.wanted {
		if _, still := want[key]; !still {
			messages = append(messages, message{key, nil})
		}
	}
	if len(messages) == 0 {
		return
	}
	p.wanted = want
	p.version++
	version := p.version
	for _, rep := range p.router {
		if !lag {
			rep.apply(version, messages)
			continue
		}
		heard, lost := p.split(messages)
		p.opts.Clock.After(p.spread(p.opts.RouteLagMin, p.opts.RouteLagMax), func() { rep.apply(version, heard) })
		if len(lost) > 0 {
			p.opts.Clock.After(p.spread(pruneAfter, pruneAfter+pruneEvery), func() { rep.apply(version, lost) })
		}
	}
}

// A router forgets an endpoint that nobody has registered again for 120 s; it looks every 30 s (gorouter:
// config/config.go). Until then it leads to nobody.
const (
	pruneAfter = 120 * time.Second
	pruneEvery = 30 * time.Second
)

// split sets aside the withdrawals that get lost on the way to one router. Registrations are repeated, so none is lost.
func (p *Platform) split(messages []message) (heard, lost []message) {
	for _, m := range messages {
		if m.e == nil && p.opts.RouteLoss > 0 && p.opts.Rand.Float64() < p.opts.RouteLoss {
			lost = append(lost, m)
		} else {
			heard = append(heard, m)
		}
	}
	return heard, lost
}

type message struct {
	key endpointKey
	e   *endpoint // nil: unregister
}

// endpoints are all registrations that ought to be: running containers on the routes of their apps.
func (p *Platform) endpoints() map[endpointKey]*endpoint {
	byApp := map[*app][]*instance{}
	for l := range p.lrps {
		if l.stopped {
			continue
		}
		for _, in := range l.instances {
			if in.state == "RUNNING" && !in.stopping {
				byApp[l.process.app] = append(byApp[l.process.app], in)
			}
		}
	}
	want := map[endpointKey]*endpoint{}
	for _, r := range p.routes.rows {
		service := p.routeServiceOf(r)
		for _, d := range r.destinations {
			for _, in := range byApp[d.app] {
				if in.lrp.process.kind != d.process {
					continue
				}
				key := endpointKey{strings.ToLower(r.url()), in.guid, service}
				if old, known := p.wanted[key]; known {
					want[key] = old
					continue
				}
				want[key] = &endpoint{
					uri: key.uri, service: service, in: in, processGUID: in.lrp.process.guid,
					tags: map[string]string{
						"app_id": in.lrp.appGUID, "app_name": in.lrp.appName, "instance_id": itoa(in.index), "process_id": in.lrp.process.guid,
						"process_type": in.lrp.process.kind, "process_instance_id": in.guid, "space_name": d.app.space.name,
						"space_id": d.app.space.guid, "organization_name": d.app.space.org.name, "organization_id": d.app.space.org.guid,
					},
				}
			}
		}
	}
	return want
}

func (p *Platform) routeServiceOf(r *route) string {
	for _, b := range p.rbinds.rows {
		if b.route == r && b.routeURL != nil {
			return *b.routeURL
		}
	}
	return ""
}

// apply takes messages in; one that was overtaken by a newer one about the same registration is dropped.
func (rep *routerReplica) apply(version uint64, messages []message) {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	if rep.deaf {
		return
	}
	for _, m := range messages {
		if rep.seen[m.key] > version {
			continue
		}
		rep.seen[m.key] = version
		rep.set(m.key, m.e)
	}
}

// Deafen keeps all changes of routes from one router replica, until it hears again: then it learns everything that it has
// missed, since registrations are repeated.
func (p *Platform) Deafen(replica int, deaf bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if replica < 0 || replica >= len(p.router) {
		return fmt.Errorf("there is no router %d", replica)
	}
	rep := p.router[replica]
	rep.mu.Lock()
	defer rep.mu.Unlock()
	rep.deaf = deaf
	if deaf {
		return nil
	}
	clear(rep.pools)
	for key, e := range p.wanted {
		rep.seen[key] = p.version
		rep.set(key, e)
	}
	return nil
}

func (rep *routerReplica) set(key endpointKey, e *endpoint) {
	known := rep.pools[key.uri]
	if known == nil {
		if e == nil {
			return
		}
		known = &pool{next: rand.IntN(1 << 16)}
		rep.pools[key.uri] = known
	}
	known.endpoints = slices.DeleteFunc(slices.Clone(known.endpoints), func(o *endpoint) bool {
		return o.in.guid == key.instance && o.service == key.service
	})
	if e != nil {
		known.endpoints = append(known.endpoints, e)
	}
	if len(known.endpoints) == 0 && !rep.keepsEmpty {
		delete(rep.pools, key.uri)
	}
}

// lookup hands back the endpoints of the longest path that is routed, in the order in which they are to be tried, and
// whether that route is known but has none: round robin (gorouter: registry/container/trie.go, route/roundrobin.go).
func (rep *routerReplica) lookup(host, path string, keep func(*endpoint) bool) (found []*endpoint, empty bool) {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	uri := strings.ToLower(host) + strings.TrimRight(path, "/")
	for {
		if known := rep.pools[uri]; known != nil {
			return known.order(keep), len(known.endpoints) == 0
		}
		i := strings.LastIndexByte(uri, '/')
		if i < 0 {
			return nil, false
		}
		uri = uri[:i]
	}
}

func (v *pool) order(keep func(*endpoint) bool) []*endpoint {
	var found []*endpoint
	for _, e := range v.endpoints {
		if keep == nil || keep(e) {
			found = append(found, e)
		}
	}
	if len(found) < 2 {
		return found
	}
	v.next++
	at := v.next % len(found)
	return slices.Concat(found[at:], found[:at])
}
