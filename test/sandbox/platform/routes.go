package platform

import (
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

func (p *Platform) routeRoutes(on func(string, handler)) {
	on("GET /v3/routes", func(c *call) error { return listRoutes(c, nil) })
	on("POST /v3/routes", createRoute)
	on("GET /v3/routes/{guid}", withRoute(showRoute))
	on("PATCH /v3/routes/{guid}", withRoute(updateRoute))
	on("DELETE /v3/routes/{guid}", withRoute(deleteRoute))
	on("GET /v3/routes/{guid}/destinations", withRoute(func(c *call, r *route) error { return c.reply(200, presentDestinations(c, r)) }))
	on("POST /v3/routes/{guid}/destinations", withRoute(insertDestinations))
	on("PATCH /v3/routes/{guid}/destinations", withRoute(replaceDestinations))
	on("PATCH /v3/routes/{guid}/destinations/{destination}", withRoute(updateDestination))
	on("DELETE /v3/routes/{guid}/destinations/{destination}", withRoute(deleteDestination))
	on("GET /v3/apps/{guid}/routes", withApp(listRoutes))
	on("DELETE /v3/spaces/{guid}/routes", withSpace(deleteUnmappedRoutes))
}

func withRoute(h func(*call, *route) error) handler {
	return func(c *call) error {
		r, ok := c.p.routes.get(c.guid())
		if !ok {
			return notFound("Route")
		}
		return h(c, r)
	}
}

func (r *route) mapped(a *app) bool {
	return slices.ContainsFunc(r.destinations, func(d *destination) bool { return d.app == a })
}

func (r *route) unmap(drop func(*destination) bool) {
	r.destinations = slices.DeleteFunc(slices.Clone(r.destinations), drop)
}

// place is where a route is: all but a TCP route have no port.
type place struct {
	domain     *domain
	host, path string
	port       int
}

func (p *Platform) findRoute(at place) (*route, bool) {
	return p.routes.find(func(r *route) bool {
		return r.domain == at.domain && strings.EqualFold(r.host, at.host) && strings.EqualFold(r.path, at.path) && r.port == at.port
	})
}

var routeIncludes = []string{"domain", "space", "space.organization", "route_policies"}

func showRoute(c *call, r *route) error {
	q, err := c.query(listing{single: true, filters: []string{"guid", "include"}, includes: routeIncludes})
	if err != nil {
		return err
	}
	out := presentRoute(c, r)
	includeInRoutes(c, q, []*route{r}, out)
	return c.reply(200, out)
}

func listRoutes(c *call, of *app) error {
	q, err := c.query(listing{
		filters: []string{
			"hosts", "space_guids", "organization_guids", "domain_guids", "paths", "app_guids", "include", "label_selector", "ports", "service_instance_guids",
		},
		includes: routeIncludes, plain: true,
	})
	if err != nil {
		return err
	}
	page, out := list(c, q, c.p.routes.where(func(r *route) bool {
		return (of == nil || r.mapped(of)) && c.p.matchRoute(q, r)
	}), presentRoute)
	includeInRoutes(c, q, page, out)
	return c.reply(200, out)
}

func includeInRoutes(c *call, q *query, page []*route, out obj) {
	included := obj{}
	if q.include("domain") {
		included["domains"] = uniquely(c, page, func(r *route) *domain { return r.domain }, presentDomain)
	}
	if q.include("space") || q.include("space.organization") {
		included["spaces"] = uniquely(c, page, func(r *route) *space { return r.space }, presentSpace)
	}
	if q.include("space.organization") {
		included["organizations"] = uniquely(c, page, func(r *route) *org { return r.space.org }, presentOrg)
	}
	if len(included) > 0 {
		out["included"] = included
	}
}

// matchRoute reports whether a route passes the filters. An empty paths= means routes without a path.
func (p *Platform) matchRoute(q *query, r *route) bool {
	var apps, services []string
	for _, d := range r.destinations {
		apps = append(apps, d.app.guid)
	}
	for _, b := range p.rbinds.rows {
		if b.route == r {
			services = append(services, b.service.guid)
		}
	}
	return q.has("hosts", r.host) && q.has("paths", r.path) && q.has("domain_guids", r.domain.guid) && q.has("space_guids", r.space.guid) &&
		q.has("organization_guids", r.space.org.guid) && q.has("app_guids", apps...) && q.has("service_instance_guids", services...) && q.has("ports", itoa(r.port))
}

func presentRoute(c *call, r *route) obj {
	out := r.present()
	at := "/v3/routes/" + r.guid
	out["protocol"], out["host"], out["path"], out["port"], out["url"] = r.domain.protocol(), r.host, r.path, nil, r.url()
	if r.port != 0 {
		out["port"] = r.port
	}
	out["destinations"] = destinationList(r)
	out["options"] = copyOf(r.options)
	out["relationships"] = obj{"space": toOne(r.space.guid), "domain": toOne(r.domain.guid)}
	out["links"] = obj{
		"self": c.link(at), "space": c.link("/v3/spaces/" + r.space.guid), "destinations": c.link(at + "/destinations"),
		"domain": c.link("/v3/domains/" + r.domain.guid),
	}
	return out
}

func updateRoute(c *call, r *route) error {
	var body routeBody
	f, err := c.bind(&body, "options", "metadata")
	if err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	if err := r.merge(meta); err != nil {
		return err
	}
	if f.has("options") {
		options := copyOf(r.options)
		for k, v := range body.Options {
			if v == nil {
				delete(options, k)
			} else {
				options[k] = v
			}
		}
		r.options = options
	}
	r.updated = c.p.now()
	return c.reply(200, presentRoute(c, r))
}

// deleteRoute unmaps the route, too: a route that has destinations is not refused.
func deleteRoute(c *call, r *route) error {
	p, by := c.p, c.user
	j := p.startJob("route.delete", "routes", r.guid)
	p.runJob(j, func() error {
		p.removeRoute(by, r)
		p.reroute()
		return nil
	})
	return c.accepted(j)
}

func (p *Platform) removeRoute(by *uaa.Account, r *route) {
	p.rbinds.remove(func(b *routeBinding) bool { return b.route == r })
	p.routes.delete(r.guid)
	p.event(by, "audit.route.delete-request", "route", &r.record, r.space, nil)
}

// deleteUnmappedRoutes deletes the routes that have neither a destination nor a route service
// (ccng: app/actions/space_delete_unmapped_routes.rb).
func deleteUnmappedRoutes(c *call, s *space) error {
	q, err := c.only("unmapped")
	if err != nil {
		return err
	}
	if !slices.Equal(q.values["unmapped"], []string{"true"}) {
		return unprocessable("Mass delete not supported for routes. Use 'unmapped=true' parameter to delete all unmapped routes.")
	}
	p, by := c.p, c.user
	j := p.startJob("space.delete_unmapped_routes", "spaces", s.guid)
	p.runJob(j, func() error {
		bound := func(r *route) bool {
			_, ok := p.rbinds.find(func(b *routeBinding) bool { return b.route == r })
			return ok
		}
		for _, r := range p.routes.where(func(r *route) bool { return r.space == s && len(r.destinations) == 0 && !bound(r) }) {
			p.removeRoute(by, r)
		}
		p.reroute()
		return nil
	})
	return c.accepted(j)
}
