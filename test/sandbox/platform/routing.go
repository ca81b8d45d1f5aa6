package platform

import (
	"fmt"
	"math/rand"
	"net/http"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/logcache"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/router"
)

func (p *Platform) routerOptions() router.Options {
	o := p.opts
	return router.Options{
		Clock: o.Clock, Faults: o.Faults, Rand: rand.New(rand.NewSource(o.Rand.Int63())), Replicas: o.Routers,
		LagMin: o.RouteLagMin, LagMax: o.RouteLagMax, Loss: o.RouteLoss, EmptyPool503: o.EmptyPool503, IdleTimeout: o.IdleTimeout,
		RouteService: o.RouteService, Log: p.logAccess,
	}
}

func (p *Platform) logAccess(e *router.Endpoint, line fmt.Stringer) {
	p.logs.Put(e.AppGUID, logcache.Line{Source: "RTR", Instance: itoa(e.Index), Text: line, Tags: e.Tags})
}

// Router is the server in front of the router replicas: each connection, while it lasts, is one replica's, chosen at
// random, as behind a load balancer. Give it a listener: go p.Router().Serve(l).
func (p *Platform) Router() *http.Server { return p.router.Server() }

// Deafen makes one router replica miss all changes of routes, or hear again: then it learns everything that it has missed,
// since registrations are repeated.
func (p *Platform) Deafen(replica int, deaf bool) error { return p.router.Deafen(replica, deaf) }

// reroute informs the routers which containers serve which routes now. The lock must be held.
func (p *Platform) reroute() { p.router.Set(p.endpoints()) }

// endpoints are the endpoints that ought to be routed: running containers on the routes of their apps.
func (p *Platform) endpoints() []*router.Endpoint {
	byApp := map[string][]*diego.Container{}
	for _, c := range p.diego.Serving() {
		byApp[c.AppGUID] = append(byApp[c.AppGUID], c)
	}
	var want []*router.Endpoint
	for _, r := range p.routes.rows {
		if r.domain.internal || r.domain.tcp { // of these gorouter knows nothing
			continue
		}
		service := p.routeServiceOf(r)
		for _, d := range r.destinations {
			for _, c := range byApp[d.app.guid] {
				if c.Kind == d.process {
					want = append(want, endpoint(r, service, c))
				}
			}
		}
	}
	return want
}

func endpoint(r *route, service string, c *diego.Container) *router.Endpoint {
	return &router.Endpoint{
		URI: strings.ToLower(r.url()), Service: service, Container: c,
		AppGUID: c.AppGUID, ProcessGUID: c.ProcessGUID, InstanceGUID: c.InstanceGUID, Index: c.Index,
		Tags: map[string]string{
			"app_id": c.AppGUID, "app_name": c.AppName, "instance_id": itoa(c.Index), "process_id": c.ProcessGUID,
			"process_type": c.Kind, "process_instance_id": c.InstanceGUID, "space_name": r.space.name,
			"space_id": r.space.guid, "organization_name": r.space.org.name, "organization_id": r.space.org.guid,
		},
	}
}

// routeServiceOf is the address of the route service to which a route is bound; "" if there is none.
func (p *Platform) routeServiceOf(r *route) string {
	for _, b := range p.rbinds.rows {
		if b.route == r && b.routeURL != nil {
			return *b.routeURL
		}
	}
	return ""
}
