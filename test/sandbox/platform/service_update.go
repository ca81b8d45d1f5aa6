package platform

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
		if err := joinProblems(body.addressProblems()); err != nil {
			return err
		}
		return updateUserProvided(c, s, f, body, meta)
	}
	return updateManaged(c, s, f, body, meta)
}

// updateUserProvided stores every value that is given, null too, and updates the bindings
// (ccng: app/actions/service_instance_update_user_provided.rb). The limits of metadata are checked first, because
// the real one rolls the whole transaction back.
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

// updateManaged starts a job only if the broker must be called (ccng: app/actions/v3/service_instance_update_managed.rb).
// Only metadata may change while an operation is in progress, unless that is a deletion.
func updateManaged(c *call, s *service, f fields, body serviceBody, meta metadata) error {
	if s.last.kind == "create" && s.last.state == "failed" {
		return &apiError{404, 60004, "CF-ServiceInstanceNotFound", "The service instance could not be found: " + s.name}
	}
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
		if !s.plan.offering.planUpdateable {
			return unprocessable("The service does not support changing plans.")
		}
		if to.offering != s.plan.offering {
			return &apiError{400, 1002, "CF-InvalidRelation", "service plan relates to a different service offering"}
		}
	}
	if f.has("name") {
		if c.p.serviceNameFree(s.space, *body.Name, s) != nil {
			return unprocessable("The service instance name is taken: %s", *body.Name) // here without the full stop
		}
	}
	apply := func() error {
		if err := s.merge(meta); err != nil {
			return err
		}
		if f.has("name") {
			s.name = *body.Name
		}
		if f.has("tags") { // null, too: it removes them
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
