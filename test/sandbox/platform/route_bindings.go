package platform

import "encoding/json"

func (p *Platform) routeBindingRoutes(on func(string, handler)) {
	on("GET /v3/service_route_bindings", listRouteBindings)
	on("POST /v3/service_route_bindings", createRouteBinding)
	on("GET /v3/service_route_bindings/{guid}", withRouteBinding(func(c *call, b *routeBinding) error {
		q, err := c.query(listing{single: true, filters: []string{"include"}, includes: routeBindingIncludes})
		if err != nil {
			return err
		}
		out := presentRouteBinding(c, b)
		includeInRouteBindings(c, q, []*routeBinding{b}, out)
		return c.reply(200, out)
	}))
	on("PATCH /v3/service_route_bindings/{guid}", withRouteBinding(func(c *call, b *routeBinding) error {
		if err := c.patchMetadata(&b.record); err != nil {
			return err
		}
		return c.reply(200, presentRouteBinding(c, b))
	}))
	on("DELETE /v3/service_route_bindings/{guid}", withRouteBinding(func(c *call, b *routeBinding) error {
		c.p.rbinds.delete(b.guid)
		c.p.reroute()
		return c.noContent()
	}))
	on("GET /v3/service_route_bindings/{guid}/parameters", withRouteBinding(func(*call, *routeBinding) error {
		return badRequest("user provided service instances do not support fetching route bindings parameters.")
	}))
}

func withRouteBinding(h func(*call, *routeBinding) error) handler {
	return func(c *call) error {
		b, ok := c.p.rbinds.get(c.guid())
		if !ok {
			return notFound("Service route binding")
		}
		return h(c, b)
	}
}

var routeBindingIncludes = []string{"route", "service_instance"}

func listRouteBindings(c *call) error {
	q, err := c.query(listing{
		filters:  []string{"service_instance_guids", "service_instance_names", "route_guids", "include"},
		includes: routeBindingIncludes,
	})
	if err != nil {
		return err
	}
	page, out := list(c, q, c.p.rbinds.where(func(b *routeBinding) bool {
		return q.has("service_instance_guids", b.service.guid) && q.has("service_instance_names", b.service.name) && q.has("route_guids", b.route.guid)
	}), presentRouteBinding)
	includeInRouteBindings(c, q, page, out)
	return c.reply(200, out)
}

func includeInRouteBindings(c *call, q *query, page []*routeBinding, out obj) {
	included := obj{}
	if q.include("route") {
		included["routes"] = uniquely(c, page, func(b *routeBinding) *route { return b.route }, presentRoute)
	}
	if q.include("service_instance") {
		included["service_instances"] = uniquely(c, page, func(b *routeBinding) *service { return b.service }, presentService)
	}
	if len(included) > 0 {
		out["included"] = included
	}
}

func presentRouteBinding(c *call, b *routeBinding) obj {
	out := b.present()
	out["route_service_url"], out["last_operation"] = b.routeURL, b.last.present()
	out["relationships"] = obj{"service_instance": toOne(b.service.guid), "route": toOne(b.route.guid)}
	out["links"] = obj{
		"self": c.link("/v3/service_route_bindings/" + b.guid), "service_instance": c.link("/v3/service_instances/" + b.service.guid),
		"route": c.link("/v3/routes/" + b.route.guid),
	}
	return out
}

// createRouteBinding binds a user-provided service to a route (ccng: app/actions/service_route_binding_create.rb).
// There are no route services of brokers here.
func createRouteBinding(c *call) error {
	var body struct {
		Parameters    json.RawMessage `json:"parameters"`
		Metadata      json.RawMessage `json:"metadata"`
		Relationships struct {
			Route   relationship `json:"route"`
			Service relationship `json:"service_instance"`
		} `json:"relationships"`
	}
	f, err := c.bind(&body, "parameters", "metadata", "relationships")
	if err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	if err := joinProblems(relationshipProblems(f, "service_instance", "route")); err != nil {
		return err
	}
	s, ok := c.p.services.get(body.Relationships.Service.guid())
	if !ok {
		return unprocessable("The service instance could not be found: %s", body.Relationships.Service.guid())
	}
	r, ok := c.p.routes.get(body.Relationships.Route.guid())
	if !ok {
		return unprocessable("The route could not be found: %s", body.Relationships.Route.guid())
	}
	if s.plan == nil && f.has("parameters") {
		return unprocessable("Binding parameters are not supported for user-provided service instances")
	}
	if s.plan != nil || s.routeURL == nil || *s.routeURL == "" {
		return unprocessable("This service instance does not support route binding")
	}
	if b, taken := c.p.rbinds.find(func(b *routeBinding) bool { return b.route == r }); taken && b.service != s {
		return unprocessable("A route may only be bound to a single service instance")
	} else if taken {
		return &apiError{422, 130008, "CF-ServiceInstanceAlreadyBoundToSameRoute", "The route and service instance are already bound."}
	}
	b := c.p.newRouteBinding(r, s)
	if err := b.merge(meta); err != nil {
		return err
	}
	c.p.rbinds.add(b)
	c.p.reroute()
	return c.reply(201, presentRouteBinding(c, b))
}

func (p *Platform) newRouteBinding(r *route, s *service) *routeBinding {
	now := p.now()
	return &routeBinding{
		record: p.newRecord(""), route: r, service: s, routeURL: s.routeURL,
		last: operation{"create", "succeeded", "", now, now},
	}
}
