package platform

import (
	"slices"
)

func (p *Platform) serviceRoutes(on func(string, handler)) {
	on("GET /v3/service_instances", listServices)
	on("POST /v3/service_instances", createService)
	on("GET /v3/service_instances/{guid}", withService(showService))
	on("PATCH /v3/service_instances/{guid}", withService(updateService))
	on("DELETE /v3/service_instances/{guid}", withService(deleteService))
	on("GET /v3/service_instances/{guid}/credentials", withService(func(c *call, s *service) error {
		if s.plan != nil {
			return notFound("Service instance")
		}
		if c.user.ReadOnly {
			return notAuthorized()
		}
		c.event("audit.user_provided_service_instance.show", "user_provided_service_instance", &s.record, s.space, nil)
		return c.reply(200, copyOf(s.credentials))
	}))
	on("GET /v3/service_instances/{guid}/parameters", withService(func(c *call, s *service) error {
		if s.plan == nil {
			return notFound("Service instance")
		}
		return &apiError{400, 120004, "CF-ServiceFetchInstanceParametersNotSupported", "This service does not support fetching service instance parameters."}
	}))
	on("GET /v3/service_instances/{guid}/permissions", withService(func(c *call, _ *service) error {
		return c.reply(200, obj{"manage": !c.user.ReadOnly, "read": true})
	}))
	// Sharing is off, which is the default (ccng: app/models/runtime/feature_flag.rb).
	on("POST /v3/service_instances/{guid}/relationships/shared_spaces", func(*call) error {
		return &apiError{403, 330002, "CF-FeatureDisabled", "Feature Disabled: service_instance_sharing"}
	})
	on("GET /v3/service_instances/{guid}/relationships/shared_spaces", withService(func(c *call, s *service) error {
		if _, err := c.query(listing{single: true, filters: []string{"fields"}, fields: []fieldset{
			{"space", []string{"name", "guid", "relationships.organization"}}, {"space.organization", []string{"name", "guid"}},
		}}); err != nil {
			return err
		}
		return c.reply(200, obj{"data": []obj{}, "links": obj{"self": c.link("/v3/service_instances/" + s.guid + "/relationships/shared_spaces")}})
	}))
	on("GET /v3/service_instances/{guid}/relationships/shared_spaces/usage_summary", withService(func(c *call, s *service) error {
		return c.reply(200, obj{"usage_summary": []obj{}, "links": obj{}})
	}))
}

func withService(h func(*call, *service) error) handler {
	return func(c *call) error {
		s, ok := c.p.services.get(c.guid())
		if !ok {
			return notFound("Service instance")
		}
		return h(c, s)
	}
}

func listServices(c *call) error {
	q, err := c.query(listing{
		filters: []string{"type", "fields", "names", "space_guids", "organization_guids", "service_plan_guids", "service_plan_names"},
		order:   []string{"name"},
		fields: []fieldset{
			{"space", []string{"guid", "name", "relationships.organization"}},
			{"space.organization", []string{"name", "guid"}},
			{"service_plan", []string{"guid", "name", "relationships.service_offering"}},
			{"service_plan.service_offering", []string{"name", "guid", "description", "documentation_url", "tags", "relationships.service_broker"}},
			{"service_plan.service_offering.service_broker", []string{"name", "guid"}},
		},
	})
	if err != nil {
		return err
	}
	if kind := q.raw.Get("type"); q.asked("type") && kind != "managed" && kind != "user-provided" {
		return badQuery("Type must be one of 'managed', 'user-provided'")
	}
	page, out := list(c, q, c.p.services.where(func(s *service) bool {
		if s.plan == nil && (q.asked("service_plan_guids") || q.asked("service_plan_names")) {
			return false
		}
		return q.has("names", s.name) && q.has("space_guids", s.space.guid) && q.has("organization_guids", s.space.org.guid) &&
			q.has("type", s.kind()) && (s.plan == nil || q.has("service_plan_guids", s.plan.guid) && q.has("service_plan_names", s.plan.name))
	}), presentService)
	if included := includeServiceFields(c, q, page); len(included) > 0 {
		out["included"] = included
	}
	return c.reply(200, out)
}

func showService(c *call, s *service) error {
	q, err := c.query(listing{
		single: true, filters: []string{"fields"},
		fields: []fieldset{
			{"space", []string{"name", "guid"}},
			{"space.organization", []string{"name", "guid"}},
			{"service_plan", []string{"name", "guid"}},
			{"service_plan.service_offering", []string{"name", "guid", "description", "tags", "documentation_url"}},
			{"service_plan.service_offering.service_broker", []string{"name", "guid"}},
		},
	})
	if err != nil {
		return err
	}
	out := presentService(c, s)
	if included := includeServiceFields(c, q, []*service{s}); len(included) > 0 {
		out["included"] = included
	}
	return c.reply(200, out)
}

// includeServiceFields adds what fields[…] requests of service instances (ccng:
// app/decorators/field_service_instance_*.rb).
func includeServiceFields(c *call, q *query, page []*service) obj {
	managed := slices.DeleteFunc(slices.Clone(page), func(s *service) bool { return s.plan == nil })
	out := obj{}
	if names := q.field("space"); len(names) > 0 {
		out["spaces"] = uniquely(c, page, func(s *service) *space { return s.space },
			presentPart(names, func(s *space, _ string) any { return toOne(s.org.guid) }))
	}
	if names := q.field("space.organization"); len(names) > 0 {
		out["organizations"] = uniquely(c, page, func(s *service) *org { return s.space.org }, presentPart[*org](names, nil))
	}
	if names := q.field("service_plan"); len(names) > 0 {
		out["service_plans"] = uniquely(c, managed, func(s *service) *plan { return s.plan },
			presentPart(names, func(v *plan, _ string) any { return toOne(v.offering.guid) }))
	}
	if names := q.field("service_plan.service_offering"); len(names) > 0 {
		out["service_offerings"] = uniquely(c, managed, func(s *service) *offering { return s.plan.offering },
			presentPart(names, offeringPart))
	}
	if names := q.field("service_plan.service_offering.service_broker"); len(names) > 0 {
		out["service_brokers"] = uniquely(c, managed, func(s *service) *broker { return s.plan.offering.broker }, presentPart[*broker](names, nil))
	}
	return out
}

func offeringPart(o *offering, name string) any {
	switch name {
	case "description":
		return o.description
	case "tags":
		return nonNil(o.tags)
	case "documentation_url":
		return ""
	}
	return toOne(o.broker.guid)
}

func presentService(c *call, s *service) obj {
	out := s.present()
	at := "/v3/service_instances/" + s.guid
	links := obj{
		"self": c.link(at), "space": c.link("/v3/spaces/" + s.space.guid),
		"service_credential_bindings": c.link("/v3/service_credential_bindings?service_instance_guids=" + s.guid),
		"service_route_bindings":      c.link("/v3/service_route_bindings?service_instance_guids=" + s.guid),
	}
	relationships := obj{"space": toOne(s.space.guid)}
	out["name"], out["type"], out["tags"], out["last_operation"] = s.name, s.kind(), s.tags, s.last.present()
	if s.tags == nil {
		out["tags"] = []string{}
	}
	if s.plan == nil {
		out["syslog_drain_url"], out["route_service_url"] = s.syslog, s.routeURL
		links["credentials"] = c.link(at + "/credentials")
	} else {
		out["maintenance_info"], out["upgrade_available"], out["dashboard_url"] = obj{}, false, nil
		relationships["service_plan"] = toOne(s.plan.guid)
		links["service_plan"] = c.link("/v3/service_plans/" + s.plan.guid)
		links["parameters"] = c.link(at + "/parameters")
		links["shared_spaces"] = c.link(at + "/relationships/shared_spaces")
	}
	out["relationships"], out["links"] = relationships, links
	return out
}
