package platform

import (
	"encoding/json"
	"slices"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

func (p *Platform) bindingRoutes(on func(string, handler)) {
	on("GET /v3/service_credential_bindings", listBindings)
	on("POST /v3/service_credential_bindings", createBinding)
	on("GET /v3/service_credential_bindings/{guid}", withBinding(func(c *call, b *binding) error {
		q, err := c.query(listing{single: true, filters: []string{"include"}, includes: []string{"app", "service_instance"}})
		if err != nil {
			return err
		}
		out := presentBinding(c, b)
		includeInBindings(c, q.values["include"], []*binding{b}, out)
		return c.reply(200, out)
	}))
	on("PATCH /v3/service_credential_bindings/{guid}", withBinding(func(c *call, b *binding) error {
		if err := c.patchMetadata(&b.record); err != nil {
			return err
		}
		return c.reply(200, presentBinding(c, b))
	}))
	on("DELETE /v3/service_credential_bindings/{guid}", withBinding(deleteBinding))
	on("GET /v3/service_credential_bindings/{guid}/details", withBinding(bindingDetails))
	on("GET /v3/service_credential_bindings/{guid}/parameters", withBinding(func(c *call, b *binding) error {
		if b.service.plan == nil || b.service.plan.offering.bindingsHidden {
			return &apiError{400, 90007, "CF-ServiceFetchBindingParametersNotSupported", "This service does not support fetching service binding parameters."}
		}
		if b.parameters == nil {
			return c.reply(200, obj{})
		}
		return c.reply(200, b.parameters)
	}))
	p.routeBindingRoutes(on)
}

func withBinding(h func(*call, *binding) error) handler {
	return func(c *call) error {
		b, ok := c.p.bindings.get(c.guid())
		if !ok {
			return notFound("Service credential binding")
		}
		return h(c, b)
	}
}

func (b *binding) appGUID() string {
	if b.app == nil {
		return ""
	}
	return b.app.guid
}

func listBindings(c *call) error {
	q, err := c.query(listing{
		filters: []string{
			"names", "service_instance_guids", "service_instance_names", "service_plan_names", "service_plan_guids",
			"service_offering_names", "service_offering_guids", "app_guids", "app_names", "include", "type",
		},
		order: []string{"name"}, includes: []string{"app", "service_instance"},
	})
	if err != nil {
		return err
	}
	if kind := q.raw.Get("type"); q.asked("type") && kind != "app" && kind != "key" {
		return badQuery("Type must be one of 'app', 'key'")
	}
	page, out := list(c, q, c.p.bindings.where(func(b *binding) bool { return matchBinding(q, b) }), presentBinding)
	includeInBindings(c, q.values["include"], page, out)
	return c.reply(200, out)
}

func matchBinding(q *query, b *binding) bool {
	name := ""
	if b.bindingName != nil {
		name = *b.bindingName
	}
	if q.asked("app_guids") && !q.has("app_guids", b.appGUID()) || q.asked("app_names") && (b.app == nil || !q.has("app_names", b.app.name)) {
		return false
	}
	s := b.service
	if s.plan == nil {
		for _, filter := range []string{"service_plan_names", "service_plan_guids", "service_offering_names", "service_offering_guids"} {
			if q.asked(filter) {
				return false
			}
		}
	} else if !q.has("service_plan_names", s.plan.name) || !q.has("service_plan_guids", s.plan.guid) ||
		!q.has("service_offering_names", s.plan.offering.name) || !q.has("service_offering_guids", s.plan.offering.guid) {
		return false
	}
	return q.has("names", name) && q.has("type", b.kind()) && q.has("service_instance_guids", s.guid) && q.has("service_instance_names", s.name)
}

func includeInBindings(c *call, want []string, page []*binding, out obj) {
	included := obj{}
	if contains(want, "app") {
		bound := slices.DeleteFunc(slices.Clone(page), func(b *binding) bool { return b.app == nil })
		included["apps"] = uniquely(c, bound, func(b *binding) *app { return b.app }, presentApp)
	}
	if contains(want, "service_instance") {
		included["service_instances"] = uniquely(c, page, func(b *binding) *service { return b.service }, presentService)
	}
	if len(included) > 0 {
		out["included"] = included
	}
}

func presentBinding(c *call, b *binding) obj {
	out := b.present()
	at := "/v3/service_credential_bindings/" + b.guid
	out["name"], out["type"], out["last_operation"] = b.bindingName, b.kind(), b.last.present()
	relationships := obj{"service_instance": toOne(b.service.guid)}
	links := obj{"self": c.link(at), "details": c.link(at + "/details"), "service_instance": c.link("/v3/service_instances/" + b.service.guid)}
	if b.service.plan != nil {
		links["parameters"] = c.link(at + "/parameters")
	}
	if b.app != nil {
		relationships["app"] = toOne(b.app.guid)
		links["app"] = c.link("/v3/apps/" + b.app.guid)
	}
	out["relationships"], out["links"] = relationships, links
	return out
}

func bindingDetails(c *call, b *binding) error {
	if c.user.ReadOnly {
		return notFound("Service credential binding")
	}
	if b.last.kind != "create" || b.last.state != "succeeded" {
		return &apiError{404, 10010, "CF-ResourceNotFound", "Creation of service binding " + b.last.state}
	}
	out := obj{"credentials": copyOf(b.credentials)}
	if b.app != nil {
		out["volume_mounts"] = []any{}
		if b.syslog != nil {
			out["syslog_drain_url"] = *b.syslog
		}
	}
	kind := map[string]string{"app": "service_binding", "key": "service_key"}[b.kind()]
	c.event("audit."+kind+".show", kind, &b.record, b.service.space, nil)
	return c.reply(200, out)
}

type bindingBody struct {
	Type          string          `json:"type"`
	Name          *string         `json:"name"`
	Strategy      *string         `json:"strategy"`
	Parameters    json.RawMessage `json:"parameters"`
	Metadata      json.RawMessage `json:"metadata"`
	Relationships struct {
		App     relationship `json:"app"`
		Service relationship `json:"service_instance"`
	} `json:"relationships"`
}

func createBinding(c *call) error {
	var body bindingBody
	f, err := c.bind(&body, "type", "name", "strategy", "parameters", "metadata", "relationships")
	if err != nil {
		return err
	}
	if body.Type != "app" && body.Type != "key" {
		return unprocessable("Type must be 'app' or 'key'")
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	s, ok := c.p.services.get(body.Relationships.Service.guid())
	if !ok {
		return unprocessable("The service instance could not be found: '%s'", body.Relationships.Service.guid())
	}
	if s.plan == nil && f.has("parameters") {
		return unprocessable("Binding parameters are not supported for user-provided service instances")
	}
	var to *app
	if body.Type == "app" {
		if to, ok = c.p.apps.get(body.Relationships.App.guid()); !ok {
			return unprocessable("The app could not be found: '%s'", body.Relationships.App.guid())
		}
	} else if body.Name == nil || *body.Name == "" {
		return unprocessable("Name can't be blank")
	}
	b, err := c.p.newBinding(c.user, s, to, body.Name, body.Parameters)
	if err != nil {
		return err
	}
	if err := b.merge(meta); err != nil {
		c.p.bindings.delete(b.guid)
		return err
	}
	if s.plan == nil {
		c.p.bound(c.user, b)
		return c.reply(201, presentBinding(c, b))
	}
	p, by := c.p, c.user
	j := p.startJob("service_bindings.create", "service_credential_bindings", b.guid)
	if to == nil {
		j.operation = "service_keys.create"
	}
	p.runJob(j, func() error {
		if _, there := p.bindings.get(b.guid); there {
			p.bound(by, b)
		}
		return nil
	})
	return c.accepted(j)
}

// newBinding makes a binding without credentials, by the rules of
// ccng: app/actions/service_credential_binding_app_create.rb and service_credential_binding_key_create.rb.
func (p *Platform) newBinding(by *uaa.Account, s *service, to *app, name *string, parameters json.RawMessage) (*binding, error) {
	if to != nil && s.space != to.space {
		return nil, unprocessable("The service instance and the app are in different spaces")
	}
	if to == nil && s.plan == nil {
		return nil, unprocessable("Service credential bindings of type 'key' are not supported for user-provided service instances.")
	}
	if s.plan != nil && s.last.kind == "create" && s.last.state == "failed" {
		return nil, notFound("Service instance")
	}
	if s.plan != nil && s.last.inProgress() {
		return nil, operationInProgress(s.name)
	}
	for _, b := range p.bindings.rows {
		switch {
		case to == nil && b.app == nil && b.service == s && *b.bindingName == *name:
			return nil, unprocessable("The binding name is invalid. Key binding names must be unique. The service instance already has a key binding with name '%s'.", *name)
		case to != nil && b.app == to && b.service == s:
			return nil, unprocessable("The app is already bound to the service instance")
		case to != nil && b.app == to && name != nil && b.bindingName != nil && *b.bindingName == *name:
			return nil, unprocessable("The binding name is invalid. Binding names must be unique for a given service instance and app. The app already has a binding with name '%s'.", *name)
		}
	}
	now := p.now()
	b := &binding{
		record: p.newRecord(""), bindingName: name, app: to, service: s, parameters: parameters,
		last: operation{"create", "initial", "", now, now},
	}
	if name != nil {
		b.name = *name
	}
	p.bindings.add(b)
	return b, nil
}

// bound gives the binding its credentials.
func (p *Platform) bound(by *uaa.Account, b *binding) {
	if b.service.plan == nil {
		b.credentials, b.syslog = copyOf(b.service.credentials), b.service.syslog
	} else if p.opts.Broker != nil {
		b.credentials = p.opts.Broker.Credentials(b.service.guid, b.guid)
	}
	b.last.state, b.last.updated, b.updated = "succeeded", p.now(), p.now()
	kind := "audit.service_binding.create"
	target := "service_binding"
	if b.app == nil {
		kind, target = "audit.service_key.create", "service_key"
	}
	p.event(by, kind, target, &b.record, b.service.space, nil)
}

func deleteBinding(c *call, b *binding) error {
	if b.last.inProgress() {
		return unprocessable("There is an operation in progress for the service binding.")
	}
	if b.service.last.inProgress() {
		return unprocessable("There is an operation in progress for the service instance.")
	}
	p, by := c.p, c.user
	remove := func() {
		p.bindings.delete(b.guid)
		p.event(by, "audit.service_binding.delete", "service_binding", &b.record, b.service.space, nil)
	}
	if b.service.plan == nil {
		remove()
		return c.noContent()
	}
	b.last.kind, b.last.state, b.last.updated = "delete", "in progress", p.now()
	j := p.startJob("service_bindings.delete", "service_credential_bindings", b.guid)
	p.runJob(j, func() error {
		remove()
		return nil
	})
	return c.accepted(j)
}
