package platform

import (
	"encoding/json"
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
		if c.user.readOnly {
			return notAuthorized()
		}
		return c.reply(200, copyOf(s.credentials))
	}))
	on("GET /v3/service_instances/{guid}/parameters", withService(func(c *call, s *service) error {
		if s.plan == nil {
			return notFound("Service instance")
		}
		return &apiError{400, 120004, "CF-ServiceFetchInstanceParametersNotSupported", "This service does not support fetching service instance parameters."}
	}))
	on("GET /v3/service_instances/{guid}/permissions", withService(func(c *call, _ *service) error {
		return c.reply(200, obj{"manage": !c.user.readOnly, "read": true})
	}))
	on("GET /v3/service_instances/{guid}/relationships/shared_spaces", withService(func(c *call, s *service) error {
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
	q, err := c.only("fields")
	if err != nil {
		return err
	}
	out := presentService(c, s)
	if included := includeServiceFields(c, q, []*service{s}); len(included) > 0 {
		out["included"] = included
	}
	return c.reply(200, out)
}

// includeServiceFields answers the fields[…] of service instances (ccng: app/decorators/field_service_instance_*.rb).
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

// relationship is a to-one relationship of a request.
type relationship struct {
	Data *struct {
		GUID string `json:"guid"`
	} `json:"data"`
}

func (r relationship) guid() string {
	if r.Data == nil {
		return ""
	}
	return r.Data.GUID
}

// serviceBody is what a creation or an update of a service instance may say.
type serviceBody struct {
	Type            string          `json:"type"`
	Name            *string         `json:"name"`
	Tags            []string        `json:"tags"`
	Parameters      json.RawMessage `json:"parameters"`
	Credentials     map[string]any  `json:"credentials"`
	SyslogDrainURL  *string         `json:"syslog_drain_url"`
	RouteServiceURL *string         `json:"route_service_url"`
	Metadata        json.RawMessage `json:"metadata"`
	MaintenanceInfo json.RawMessage `json:"maintenance_info"`
	Relationships   struct {
		Space       relationship `json:"space"`
		ServicePlan relationship `json:"service_plan"`
	} `json:"relationships"`
}

var (
	managedKeys      = []string{"type", "name", "tags", "parameters", "metadata", "relationships"}
	userProvidedKeys = []string{"type", "name", "tags", "credentials", "syslog_drain_url", "route_service_url", "metadata", "relationships"}
)

func createService(c *call) error {
	var body serviceBody
	f, err := c.bind(&body, slices.Concat(managedKeys, userProvidedKeys)...)
	if err != nil {
		return err
	}
	keys := userProvidedKeys
	switch body.Type {
	case "managed":
		keys = managedKeys
	case "user-provided":
	default:
		return unprocessable("Type must be one of 'managed', 'user-provided'")
	}
	if unknown := unknownKeys(f, keys); len(unknown) > 0 {
		return unprocessable("Unknown field(s): '%s'", unknown[0])
	}
	if body.Name == nil || *body.Name == "" {
		return unprocessable("Name can't be blank")
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	in, ok := c.p.spaces.get(body.Relationships.Space.guid())
	if !ok {
		return unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
	}
	if body.Type == "managed" {
		return createManaged(c, body, meta, in)
	}
	return createUserProvided(c, body, meta, in)
}

func createUserProvided(c *call, body serviceBody, meta metadata, in *space) error {
	if err := c.p.serviceNameFree(in, *body.Name, nil); err != nil {
		return err
	}
	now := c.p.now()
	s := &service{
		record: c.p.newRecord(*body.Name), space: in, tags: body.Tags, credentials: body.Credentials,
		syslog: body.SyslogDrainURL, routeURL: body.RouteServiceURL,
		last: operation{"create", "succeeded", "Operation succeeded", now, now},
	}
	if err := s.merge(meta); err != nil {
		return err
	}
	c.p.services.add(s)
	c.event("audit.user_provided_service_instance.create", "user_provided_service_instance", &s.record, in, nil)
	return c.reply(201, presentService(c, s))
}

// serviceNameFree: names are unique in a space, over both kinds (ccng: the index si_space_id_name_index, and
// app/actions/mixins/service_instance_create.rb for the words).
func (p *Platform) serviceNameFree(in *space, name string, but *service) error {
	_, taken := p.services.find(func(s *service) bool { return s.space == in && s.name == name && s != but })
	if taken {
		return unprocessable("The service instance name is taken: %s.", name)
	}
	return nil
}

// createManaged makes the instance at once, and provisions it by a job (ccng: app/actions/v3/service_instance_create_managed.rb).
func createManaged(c *call, body serviceBody, meta metadata, in *space) error {
	v, ok := c.p.plans.get(body.Relationships.ServicePlan.guid())
	if !ok {
		return unprocessable("Invalid service plan. Ensure that the service plan exists, is available, and you have access to it.")
	}
	if !v.available {
		return unprocessable("Invalid service plan. The service plan '%s' with guid '%s' has been removed from the service broker's catalog. "+
			"It is not possible to create new service instances using this plan.", v.name, v.guid)
	}
	// A managed instance whose creation failed gives its name free.
	if old, found := c.p.services.find(func(s *service) bool { return s.space == in && s.name == *body.Name }); found &&
		old.plan != nil && old.last.kind == "create" && old.last.state == "failed" {
		c.p.services.delete(old.guid)
	}
	if err := c.p.serviceNameFree(in, *body.Name, nil); err != nil {
		return err
	}
	if err := c.p.servicesFit(in); err != nil {
		return err
	}
	now := c.p.now()
	s := &service{
		record: c.p.newRecord(*body.Name), space: in, plan: v, tags: body.Tags, parameters: body.Parameters,
		last: operation{"create", "initial", "", now, now},
	}
	if err := s.merge(meta); err != nil {
		return err
	}
	c.p.services.add(s)
	j := c.p.startJob("service_instance.create", "service_instances", s.guid)
	c.p.provision(c.user, s, j)
	return c.accepted(j)
}

func (p *Platform) servicesFit(in *space) error {
	used := func(keep func(*space) bool) int { return p.usage(keep)["service_instances"].(int) }
	if q := in.quota; q != nil && q.limits.Services > 0 && used(func(s *space) bool { return s == in }) >= q.limits.Services {
		return unprocessable("You have exceeded your space's services limit.")
	}
	if l := in.org.quota.limits.Services; l > 0 && used(func(s *space) bool { return s.org == in.org }) >= l {
		return unprocessable("You have exceeded your organization's services limit.")
	}
	return nil
}

// provision asks the broker, which works asynchronously: the job polls until it is done.
func (p *Platform) provision(by *account, s *service, j *job) {
	p.after(p.jobTime(), func() {
		s.last.state, s.last.updated = "in progress", p.now()
		s.last.description = "Provision operation in progress"
		j.state, j.updated = jobPolling, p.now()
		p.event(by, "audit.service_instance.start_create", "service_instance", &s.record, s.space, nil)
		planName, parameters, guid := s.plan.name, s.parameters, s.guid
		p.opts.Clock.After(p.opts.ProvisionTime, func() {
			err := p.askBroker(func(b Broker) error { return b.Provision(guid, planName, parameters) })
			p.mu.Lock()
			defer p.mu.Unlock()
			p.provisioned(by, s, j, err)
		})
	})
}

func (p *Platform) provisioned(by *account, s *service, j *job, err error) {
	s.last.updated, s.updated = p.now(), p.now()
	if err != nil {
		s.last.state, s.last.description = "failed", err.Error()
		p.endJob(j, unableToPerform("create managed", err.Error()))
		return
	}
	s.last.state, s.last.description = "succeeded", "Instance provisioning completed"
	p.event(by, "audit.service_instance.create", "service_instance", &s.record, s.space, nil)
	p.endJob(j, nil)
}

// askBroker must be called without the lock.
func (p *Platform) askBroker(ask func(Broker) error) error {
	if p.ctx.Err() != nil || p.opts.Broker == nil {
		return p.ctx.Err()
	}
	return ask(p.opts.Broker)
}

func updateService(c *call, s *service) error {
	var body serviceBody
	keys := []string{"name", "tags", "parameters", "metadata", "relationships", "maintenance_info"}
	if s.plan == nil {
		keys = []string{"name", "tags", "credentials", "syslog_drain_url", "route_service_url", "metadata"}
	}
	f, err := c.bind(&body, keys...)
	if err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	if f.has("name") && (body.Name == nil || *body.Name == "") {
		return unprocessable("Name can't be blank")
	}
	if s.plan == nil {
		return updateUserProvided(c, s, f, body, meta)
	}
	return updateManaged(c, s, f, body, meta)
}

// updateUserProvided: whatever is named is stored, null too, and reaches the bindings
// (ccng: app/actions/service_instance_update_user_provided.rb). Metadata alone is judged against its limits first,
// since the real one rolls the whole transaction back.
func updateUserProvided(c *call, s *service, f fields, body serviceBody, meta metadata) error {
	if f.has("name") {
		if err := c.p.serviceNameFree(s.space, *body.Name, s); err != nil {
			return err
		}
	}
	if err := s.merge(meta); err != nil {
		return err
	}
	if f.has("name") {
		s.name = *body.Name
	}
	if f.has("tags") {
		s.tags = body.Tags
	}
	if f.has("credentials") {
		s.credentials = body.Credentials
	}
	if f.has("syslog_drain_url") {
		s.syslog = body.SyslogDrainURL
	}
	if f.has("route_service_url") {
		s.routeURL = body.RouteServiceURL
	}
	for _, b := range c.p.bindings.rows {
		if b.service == s && f.has("credentials") {
			b.credentials = copyOf(s.credentials)
		}
		if b.service == s && f.has("syslog_drain_url") {
			b.syslog = s.syslog
		}
	}
	for _, b := range c.p.rbinds.rows {
		if b.service == s && f.has("route_service_url") && s.routeURL != nil {
			b.routeURL = s.routeURL
		}
	}
	now := c.p.now()
	s.updated, s.last = now, operation{"update", "succeeded", "Operation succeeded", now, now}
	c.event("audit.user_provided_service_instance.update", "user_provided_service_instance", &s.record, s.space, nil)
	return c.reply(200, presentService(c, s))
}

// updateManaged is a job only if the broker has to hear of it (ccng: app/actions/v3/service_instance_update_managed.rb).
// Metadata alone may change while an operation is in progress, unless that is a deletion.
func updateManaged(c *call, s *service, f fields, body serviceBody, meta metadata) error {
	metadataOnly := len(f) == 1 && f.has("metadata")
	if s.last.inProgress() && (!metadataOnly || s.last.kind == "delete") {
		return operationInProgress(s.name)
	}
	to := s.plan
	if guid := body.Relationships.ServicePlan.guid(); guid != "" {
		var ok bool
		if to, ok = c.p.plans.get(guid); !ok || !to.available {
			return unprocessable("Invalid service plan. Ensure that the service plan exists, is available, and you have access to it.")
		}
		if to.offering != s.plan.offering {
			return &apiError{400, 1002, "CF-InvalidRelation", "service plan relates to a different service offering"}
		}
	}
	if f.has("name") {
		if c.p.serviceNameFree(s.space, *body.Name, s) != nil {
			return unprocessable("The service instance name is taken: %s", *body.Name) // without the full stop, here
		}
	}
	apply := func() error {
		if err := s.merge(meta); err != nil {
			return err
		}
		if f.has("name") {
			s.name = *body.Name
		}
		if f.has("tags") { // null too: it wipes them
			s.tags = body.Tags
		}
		s.plan, s.updated = to, c.p.now()
		c.event("audit.service_instance.update", "service_instance", &s.record, s.space, nil)
		return nil
	}
	if broker := f.has("name") && s.plan.offering.allowContextUpdates || f.has("parameters") || to != s.plan; broker {
		return updateByBroker(c, s, apply)
	}
	if err := apply(); err != nil {
		return err
	}
	if !metadataOnly {
		now := c.p.now()
		s.last = operation{"update", "succeeded", "", now, now}
	}
	return c.reply(200, presentService(c, s))
}

func updateByBroker(c *call, s *service, apply func() error) error {
	now := c.p.now()
	s.last = operation{"update", "in progress", "", now, now}
	p := c.p
	j := p.startJob("service_instance.update", "service_instances", s.guid)
	p.runJob(j, func() error {
		s.last.updated = p.now()
		if err := apply(); err != nil {
			s.last.state, s.last.description = "failed", err.Error()
			return err
		}
		s.last.state = "succeeded"
		return nil
	})
	return c.accepted(j)
}

// deleteService takes the bindings, keys and route bindings with it (ccng: app/actions/v3/service_instance_delete.rb).
func deleteService(c *call, s *service) error {
	if s.last.inProgress() && !(s.last.kind == "create" && s.last.state == "in progress") {
		return unprocessable("There is an operation in progress for the service instance.")
	}
	p, by := c.p, c.user
	if s.plan == nil {
		p.cascade(s)
		p.services.delete(s.guid)
		c.event("audit.user_provided_service_instance.delete", "user_provided_service_instance", &s.record, s.space, nil)
		return c.noContent()
	}
	j := p.startJob("service_instance.delete", "service_instances", s.guid)
	p.after(p.jobTime(), func() { p.deprovision(by, s, j) })
	return c.accepted(j)
}

func (p *Platform) cascade(s *service) {
	p.bindings.remove(func(b *binding) bool { return b.service == s })
	p.rbinds.remove(func(b *routeBinding) bool { return b.service == s })
	p.reroute()
}

func (p *Platform) deprovision(by *account, s *service, j *job) {
	p.cascade(s)
	now := p.now()
	s.last = operation{"delete", "in progress", "", now, now}
	j.state, j.updated = jobPolling, now
	p.event(by, "audit.service_instance.start_delete", "service_instance", &s.record, s.space, nil)
	guid := s.guid
	p.opts.Clock.After(p.opts.DeprovisionTime, func() {
		err := p.askBroker(func(b Broker) error { return b.Deprovision(guid) })
		p.mu.Lock()
		defer p.mu.Unlock()
		if err != nil {
			s.last.state, s.last.description, s.last.updated = "failed", err.Error(), p.now()
			p.endJob(j, unableToPerform("delete", err.Error()))
			return
		}
		p.services.delete(guid)
		p.event(by, "audit.service_instance.delete", "service_instance", &s.record, s.space, nil)
		p.endJob(j, nil)
	})
}
