package platform

func (p *Platform) marketRoutes(on func(string, handler)) {
	on("GET /v3/service_offerings", listOfferings)
	on("GET /v3/service_offerings/{guid}", func(c *call) error {
		o, ok := c.p.offers.get(c.guid())
		if !ok {
			return notFound("Service offering")
		}
		q, err := c.query(listing{single: true, filters: []string{"fields"}, fields: brokerFields("service_broker")})
		if err != nil {
			return err
		}
		out := presentOffering(c, o)
		if names := q.field("service_broker"); len(names) > 0 {
			out["included"] = obj{"service_brokers": []obj{presentPart[*broker](names, nil)(c, o.broker)}}
		}
		return c.reply(200, out)
	})
	on("GET /v3/service_plans", listPlans)
	on("GET /v3/service_plans/{guid}", func(c *call) error {
		v, ok := c.p.plans.get(c.guid())
		if !ok {
			return notFound("Service plan")
		}
		q, err := c.query(listing{
			single: true, filters: []string{"fields", "include"}, includes: planIncludes, fields: brokerFields("service_offering.service_broker"),
		})
		if err != nil {
			return err
		}
		out := presentPlan(c, v)
		includeInPlans(c, q, []*plan{v}, out)
		return c.reply(200, out)
	})
	on("GET /v3/service_plans/{guid}/visibility", func(c *call) error {
		if _, ok := c.p.plans.get(c.guid()); !ok {
			return notFound("Service plan")
		}
		return c.reply(200, obj{"type": "public"})
	})
	on("GET /v3/service_brokers", listBrokers)
	on("GET /v3/service_brokers/{guid}", func(c *call) error {
		b, ok := c.p.brokers.get(c.guid())
		if !ok {
			return notFound("Service broker")
		}
		return c.reply(200, presentBroker(c, b))
	})
}

var planIncludes = []string{"space.organization", "service_offering"}

func brokerFields(resource string) []fieldset {
	return []fieldset{{resource, []string{"guid", "name"}}}
}

// availability is a filter whose values are true and false.
func (q *query) availability() error {
	if v := q.raw.Get("available"); q.asked("available") && v != "true" && v != "false" {
		return badQuery("Available must be 'true' or 'false'")
	}
	return nil
}

func listOfferings(c *call) error {
	q, err := c.query(listing{
		filters: []string{"available", "fields", "broker_catalog_ids", "service_broker_guids", "service_broker_names", "names", "space_guids", "organization_guids"},
		order:   []string{"name"}, fields: brokerFields("service_broker"),
	})
	if err != nil {
		return err
	}
	if err := q.availability(); err != nil {
		return err
	}
	page, out := list(c, q, c.p.offers.where(func(o *offering) bool {
		return q.has("names", o.name) && q.has("service_broker_names", o.broker.name) && q.has("service_broker_guids", o.broker.guid) &&
			q.has("available", "true") && c.p.visible(q)
	}), presentOffering)
	if len(q.field("service_broker")) > 0 {
		out["included"] = obj{"service_brokers": uniquely(c, page, func(o *offering) *broker { return o.broker }, presentPart[*broker](q.field("service_broker"), nil))}
	}
	return c.reply(200, out)
}

// visible reports whether plans match the filters: plans are public, so every space and organisation that exists sees all.
func (p *Platform) visible(q *query) bool {
	for _, guid := range q.values["space_guids"] {
		if _, ok := p.spaces.get(guid); ok {
			return true
		}
	}
	for _, guid := range q.values["organization_guids"] {
		if _, ok := p.orgs.get(guid); ok {
			return true
		}
	}
	return !q.asked("space_guids") && !q.asked("organization_guids")
}

func presentOffering(c *call, o *offering) obj {
	out := o.present()
	out["name"], out["description"], out["available"] = o.name, o.description, true
	out["tags"], out["requires"], out["shareable"], out["documentation_url"] = nonNil(o.tags), []string{}, false, ""
	out["broker_catalog"] = obj{"id": o.guid, "metadata": obj{"displayName": o.name}, "features": obj{
		"plan_updateable": o.planUpdateable, "bindable": true, "instances_retrievable": false, "bindings_retrievable": !o.bindingsHidden,
		"allow_context_updates": o.allowContextUpdates,
	}}
	out["relationships"] = obj{"service_broker": toOne(o.broker.guid)}
	out["links"] = obj{
		"self": c.link("/v3/service_offerings/" + o.guid), "service_plans": c.link("/v3/service_plans?service_offering_guids=" + o.guid),
		"service_broker": c.link("/v3/service_brokers/" + o.broker.guid),
	}
	return out
}

func listPlans(c *call) error {
	q, err := c.query(listing{
		filters: []string{
			"available", "fields", "broker_catalog_ids", "names", "organization_guids", "service_broker_guids", "service_broker_names",
			"service_instance_guids", "service_offering_guids", "service_offering_names", "space_guids", "include",
		},
		order: []string{"name"}, includes: planIncludes, fields: brokerFields("service_offering.service_broker"),
	})
	if err != nil {
		return err
	}
	if err := q.availability(); err != nil {
		return err
	}
	available := func(v *plan) string {
		if v.available {
			return "true"
		}
		return "false"
	}
	page, out := list(c, q, c.p.plans.where(func(v *plan) bool {
		o := v.offering
		return q.has("names", v.name) && q.has("available", available(v)) && q.has("service_offering_names", o.name) &&
			q.has("service_offering_guids", o.guid) && q.has("service_broker_names", o.broker.name) &&
			q.has("service_broker_guids", o.broker.guid) && q.has("service_instance_guids", c.p.instancesOf(v)...) && c.p.visible(q)
	}), presentPlan)
	includeInPlans(c, q, page, out)
	return c.reply(200, out)
}

func includeInPlans(c *call, q *query, page []*plan, out obj) {
	included := obj{}
	if q.include("service_offering") {
		included["service_offerings"] = uniquely(c, page, func(v *plan) *offering { return v.offering }, presentOffering)
	}
	if names := q.field("service_offering.service_broker"); len(names) > 0 {
		included["service_brokers"] = uniquely(c, page, func(v *plan) *broker { return v.offering.broker }, presentPart[*broker](names, nil))
	}
	if len(included) > 0 {
		out["included"] = included
	}
}

func (p *Platform) instancesOf(v *plan) []string {
	var guids []string
	for _, s := range p.services.rows {
		if s.plan == v {
			guids = append(guids, s.guid)
		}
	}
	return guids
}

func presentPlan(c *call, v *plan) obj {
	out := v.present()
	out["name"], out["description"], out["free"], out["available"] = v.name, v.description, v.free, v.available
	out["visibility_type"], out["costs"], out["maintenance_info"] = "public", []obj{}, obj{}
	out["broker_catalog"] = obj{
		"id": v.guid, "metadata": obj{}, "maximum_polling_duration": nil,
		"features": obj{"bindable": true, "plan_updateable": v.offering.planUpdateable},
	}
	none := obj{"parameters": obj{}}
	out["schemas"] = obj{"service_instance": obj{"create": none, "update": none}, "service_binding": obj{"create": none}}
	out["relationships"] = obj{"service_offering": toOne(v.offering.guid)}
	out["links"] = obj{
		"self": c.link("/v3/service_plans/" + v.guid), "service_offering": c.link("/v3/service_offerings/" + v.offering.guid),
		"visibility": c.link("/v3/service_plans/" + v.guid + "/visibility"),
	}
	return out
}

func listBrokers(c *call) error {
	q, err := c.query(listing{filters: []string{"space_guids", "names"}, order: []string{"name"}})
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.brokers.where(func(b *broker) bool { return q.has("names", b.name) && !q.asked("space_guids") }), presentBroker)
	return c.reply(200, out)
}

func presentBroker(c *call, b *broker) obj {
	out := b.present()
	out["name"], out["url"], out["relationships"] = b.name, "https://broker.example.gov.uk", obj{}
	out["links"] = obj{"self": c.link("/v3/service_brokers/" + b.guid), "service_offerings": c.link("/v3/service_offerings?service_broker_guids=" + b.guid)}
	return out
}

// presentPart presents only the requested fields, as fields[…] does; more adds those that are neither guid nor name.
func presentPart[T row](names []string, more func(T, string) any) func(*call, T) obj {
	return func(_ *call, v T) obj {
		out := obj{}
		for _, name := range names {
			switch name {
			case "guid":
				out["guid"] = v.base().guid
			case "name":
				out["name"] = v.base().name
			default:
				if more == nil {
					continue
				}
				if key, nested := cutRelationship(name); nested {
					out["relationships"] = obj{key: more(v, name)}
				} else {
					out[name] = more(v, name)
				}
			}
		}
		return out
	}
}

func cutRelationship(name string) (string, bool) {
	const prefix = "relationships."
	if len(name) > len(prefix) && name[:len(prefix)] == prefix {
		return name[len(prefix):], true
	}
	return name, false
}
