package router

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// replica is one gorouter with a table of its own.
type replica struct {
	mu    sync.Mutex
	pools map[string]*pool // by URI
	seen  map[key]uint64   // version of the newest message about each registration
	// keepsEmpty: a route that has lost its last endpoint stays known (gorouter: empty_pool_response_code_503).
	keepsEmpty bool
	// deaf: it hears of nothing, and keeps what it knows, as an operator may have configured it (gorouter:
	// docs/02-nats-configurations.md, suspend_pruning_if_nats_unavailable; otherwise it forgets all within 120 s).
	deaf bool
}

// pool is what one replica knows of one route.
type pool struct {
	endpoints []*Endpoint
	next      int
}

// message registers an endpoint, or withdraws it.
type message struct {
	key      key
	endpoint *Endpoint // nil: withdraw
}

// apply takes messages in. A message that was overtaken by a newer one about the same registration is dropped.
func (rep *replica) apply(version uint64, messages []message) {
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
		rep.set(m.key, m.endpoint)
	}
}

// deafen makes the replica deaf, or lets it hear again and learn what is wanted now.
func (rep *replica) deafen(deaf bool, version uint64, wanted map[key]*Endpoint) {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	rep.deaf = deaf
	if deaf {
		return
	}
	clear(rep.pools)
	for k, e := range wanted {
		rep.seen[k] = version
		rep.set(k, e)
	}
}

// set must be called with the lock held.
func (rep *replica) set(k key, e *Endpoint) {
	known := rep.pools[k.uri]
	if known == nil {
		if e == nil {
			return
		}
		known = &pool{next: rand.IntN(1 << 16)}
		rep.pools[k.uri] = known
	}
	known.endpoints = slices.DeleteFunc(slices.Clone(known.endpoints), func(o *Endpoint) bool {
		return o.InstanceGUID == k.instance && o.Service == k.service
	})
	if e != nil {
		known.endpoints = append(known.endpoints, e)
	}
	if len(known.endpoints) == 0 && !rep.keepsEmpty {
		delete(rep.pools, k.uri)
	}
}

// lookup returns the endpoints of the route that fits best, in the order in which they are to be tried, and whether that
// route is known but has none: round robin (gorouter: route/roundrobin.go). The host itself comes before a wildcard, one
// for fewer hosts before one for more, and of one host the longest path that is routed (gorouter: registry/registry.go,
// registry/container/trie.go, route/uris.go): a wildcard stands for any number of labels.
func (rep *replica) lookup(host, path string, keep func(*Endpoint) bool) (found []*Endpoint, empty bool) {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	for host = strings.ToLower(host); ; {
		if known := rep.longest(host + strings.TrimRight(path, "/")); known != nil {
			return known.order(keep), len(known.endpoints) == 0
		}
		_, rest, more := strings.Cut(strings.TrimPrefix(host, "*."), ".")
		if !more {
			return nil, false
		}
		host = "*." + rest
	}
}

// longest is what is known of the longest path of a host that is routed; nil where none is. The lock must be held.
func (rep *replica) longest(uri string) *pool {
	for {
		if known := rep.pools[uri]; known != nil {
			return known
		}
		i := strings.LastIndexByte(uri, '/')
		if i < 0 {
			return nil
		}
		uri = uri[:i]
	}
}

func (v *pool) order(keep func(*Endpoint) bool) []*Endpoint {
	var found []*Endpoint
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
