package platform

func listOrgQuotas(c *call) error {
	q, err := c.query(listing{filters: []string{"names", "organization_guids"}, plain: true})
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.quotas.where(func(v *quota) bool {
		return q.has("names", v.name) && q.has("organization_guids", c.p.orgsOf(v)...)
	}), presentOrgQuota)
	return c.reply(200, out)
}

func (p *Platform) orgsOf(q *quota) []string {
	var guids []string
	for _, o := range p.orgs.rows {
		if o.quota == q {
			guids = append(guids, o.guid)
		}
	}
	return guids
}

func (p *Platform) spacesOf(q *quota) []string {
	var guids []string
	for _, s := range p.spaces.rows {
		if s.quota == q {
			guids = append(guids, s.guid)
		}
	}
	return guids
}

func listSpaceQuotas(c *call) error {
	q, err := c.query(listing{filters: []string{"names", "organization_guids", "space_guids"}, plain: true})
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.squotas.where(func(v *quota) bool {
		return q.has("names", v.name) && q.has("space_guids", c.p.spacesOf(v)...) && q.has("organization_guids", c.p.orgs.rows[0].guid)
	}), presentSpaceQuota)
	return c.reply(200, out)
}

// unlimited is null (ccng: app/presenters/v3/organization_quota_presenter.rb).
func unlimited(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

func (q *quota) presentLimits() obj {
	l := q.limits
	return obj{
		"guid": q.guid, "created_at": stamp(q.created), "updated_at": stamp(q.updated), "name": q.name,
		"apps": obj{
			"total_memory_in_mb": unlimited(l.MemoryMB), "per_process_memory_in_mb": unlimited(l.InstanceMemoryMB),
			"total_instances": unlimited(l.Instances), "per_app_tasks": unlimited(l.AppTasks),
			"log_rate_limit_in_bytes_per_second": nil,
		},
		"services": obj{
			"paid_services_allowed": true, "total_service_instances": unlimited(l.Services), "total_service_keys": unlimited(l.ServiceKeys),
		},
		"routes": obj{"total_routes": unlimited(l.Routes), "total_reserved_ports": nil},
	}
}

func guidList(guids []string) []obj {
	out := []obj{}
	for _, g := range guids {
		out = append(out, obj{"guid": g})
	}
	return out
}

func presentOrgQuota(c *call, q *quota) obj {
	out := q.presentLimits()
	out["domains"] = obj{"total_domains": nil}
	out["relationships"] = obj{"organizations": obj{"data": guidList(c.p.orgsOf(q))}}
	out["links"] = obj{"self": c.link("/v3/organization_quotas/" + q.guid)}
	return out
}

func presentSpaceQuota(c *call, q *quota) obj {
	o := c.p.orgs.rows[0]
	out := q.presentLimits()
	out["relationships"] = obj{"organization": toOne(o.guid), "spaces": obj{"data": guidList(c.p.spacesOf(q))}}
	out["links"] = obj{"self": c.link("/v3/space_quotas/" + q.guid), "organization": c.link("/v3/organizations/" + o.guid)}
	return out
}

// usage counts started processes' instances and memory, running tasks, managed services, keys and routes
// (ccng: app/presenters/v3/space_usage_summary_presenter.rb).
func (p *Platform) usage(in func(*space) bool) obj {
	var instances, memory, services, keys, routes, ports, tasks int
	for _, v := range p.procs.rows {
		if v.app.started && in(v.app.space) {
			instances += v.instances
			memory += v.instances * v.memory
		}
	}
	for _, v := range p.tasks.rows {
		if in(v.app.space) && (v.state == "RUNNING" || v.state == "PENDING") {
			memory += v.memory
			tasks++
		}
	}
	for _, s := range p.services.rows {
		if s.plan != nil && in(s.space) {
			services++
		}
	}
	for _, b := range p.bindings.rows {
		if b.app == nil && in(b.service.space) {
			keys++
		}
	}
	for _, r := range p.routes.rows {
		if in(r.space) {
			routes++
			if r.port != 0 {
				ports++
			}
		}
	}
	private := 0
	for _, d := range p.domains.rows {
		if d.org != nil {
			private++
		}
	}
	return obj{
		"started_instances": instances, "memory_in_mb": memory, "routes": routes, "service_instances": services,
		"reserved_ports": ports, "domains": private, "per_app_tasks": tasks, "service_keys": keys,
	}
}

// memoryFits fails if the instances would exceed a quota (ccng: app/models/runtime/constraints/max_memory_policy.rb).
func (p *Platform) memoryFits(s *space, more, instances int) error {
	check := func(q *quota, used obj, memory, count string) error {
		if q == nil {
			return nil
		}
		if l := q.limits.MemoryMB; l > 0 && used["memory_in_mb"].(int)+more > l {
			return unprocessable("memory %s", memory)
		}
		if l := q.limits.Instances; l > 0 && used["started_instances"].(int)+instances > l {
			return unprocessable("%s", count)
		}
		return nil
	}
	if err := check(s.quota, p.usage(func(o *space) bool { return o == s }), "space_quota_exceeded", "app_instance_limit space_app_instance_limit_exceeded"); err != nil {
		return err
	}
	return check(s.org.quota, p.usage(func(o *space) bool { return o.org == s.org }), "quota_exceeded", "app_instance_limit app_instance_limit_exceeded")
}
