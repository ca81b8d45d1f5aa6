package platform

func (p *Platform) spaceRoutes(on func(string, handler)) {
	on("GET /v3/organizations", listOrgs)
	on("GET /v3/organizations/{guid}", withOrg(func(c *call, o *org) error { return c.reply(200, presentOrg(c, o)) }))
	on("GET /v3/organizations/{guid}/domains", withOrg(listOrgDomains))
	on("GET /v3/organizations/{guid}/domains/default", withOrg(func(c *call, _ *org) error {
		if len(c.p.domains.rows) == 0 {
			return notFound("Domain")
		}
		return c.reply(200, presentDomain(c, c.p.domains.rows[0]))
	}))
	on("GET /v3/organizations/{guid}/usage_summary", withOrg(func(c *call, o *org) error {
		return c.reply(200, obj{
			"usage_summary": c.p.usage(func(s *space) bool { return s.org == o }),
			"links":         obj{"self": c.link("/v3/organizations/" + o.guid + "/usage_summary"), "organization": c.link("/v3/organizations/" + o.guid)},
		})
	}))
	on("GET /v3/spaces", listSpaces)
	on("GET /v3/spaces/{guid}", withSpace(func(c *call, s *space) error { return c.reply(200, presentSpace(c, s)) }))
	on("GET /v3/spaces/{guid}/usage_summary", withSpace(func(c *call, s *space) error {
		return c.reply(200, obj{
			"usage_summary": c.p.usage(func(o *space) bool { return s == o }),
			"links":         obj{"self": c.link("/v3/spaces/" + s.guid + "/usage_summary"), "space": c.link("/v3/spaces/" + s.guid)},
		})
	}))
	on("GET /v3/spaces/{guid}/features", withSpace(func(c *call, s *space) error {
		return c.reply(200, obj{"resources": []obj{sshFeature}})
	}))
	on("GET /v3/spaces/{guid}/features/ssh", withSpace(func(c *call, s *space) error { return c.reply(200, sshFeature) }))
	on("GET /v3/domains", listDomains)
	on("GET /v3/domains/{guid}", withDomain(func(c *call, d *domain) error { return c.reply(200, presentDomain(c, d)) }))
	on("GET /v3/domains/{guid}/route_reservations", withDomain(reservation))
	on("GET /v3/organization_quotas", listOrgQuotas)
	on("GET /v3/organization_quotas/{guid}", func(c *call) error {
		q, ok := c.p.quotas.get(c.guid())
		if !ok {
			return notFound("Organization quota")
		}
		return c.reply(200, presentOrgQuota(c, q))
	})
	on("GET /v3/space_quotas", listSpaceQuotas)
	on("GET /v3/space_quotas/{guid}", func(c *call) error {
		q, ok := c.p.squotas.get(c.guid())
		if !ok {
			return notFound("Space quota")
		}
		return c.reply(200, presentSpaceQuota(c, q))
	})
	for _, path := range []string{"buildpacks", "stacks", "isolation_segments", "security_groups", "roles", "users"} {
		on("GET /v3/"+path, func(c *call) error { return emptyList(c, nil) }) // not modelled: there are none
	}
	on("GET /v3/feature_flags", listFlags)
	on("GET /v3/feature_flags/{guid}", showFlag)
}

var sshFeature = obj{"name": "ssh", "description": "Enable SSHing into apps in the space.", "enabled": true}

func withOrg(h func(*call, *org) error) handler {
	return func(c *call) error {
		o, ok := c.p.orgs.get(c.guid())
		if !ok {
			return notFound("Organization")
		}
		return h(c, o)
	}
}

func withSpace(h func(*call, *space) error) handler {
	return func(c *call) error {
		s, ok := c.p.spaces.get(c.guid())
		if !ok {
			return notFound("Space")
		}
		return h(c, s)
	}
}

func withDomain(h func(*call, *domain) error) handler {
	return func(c *call) error {
		d, ok := c.p.domains.get(c.guid())
		if !ok {
			return notFound("Domain")
		}
		return h(c, d)
	}
}

func listOrgs(c *call) error {
	q, err := c.query(listing{filters: []string{"names"}, order: []string{"name"}})
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.orgs.where(func(o *org) bool { return q.has("names", o.name) }), presentOrg)
	return c.reply(200, out)
}

func presentOrg(c *call, o *org) obj {
	out := o.present()
	out["name"], out["suspended"] = o.name, false
	out["relationships"] = obj{"quota": toOne(o.quota.guid)}
	at := "/v3/organizations/" + o.guid
	out["links"] = obj{
		"self": c.link(at), "domains": c.link(at + "/domains"), "default_domain": c.link(at + "/domains/default"),
		"quota": c.link("/v3/organization_quotas/" + o.quota.guid),
	}
	return out
}

func listSpaces(c *call) error {
	q, err := c.query(listing{
		filters:  []string{"names", "organization_guids", "include"},
		order:    []string{"name"},
		includes: []string{"org", "organization"},
	})
	if err != nil {
		return err
	}
	page, out := list(c, q, c.p.spaces.where(func(s *space) bool {
		return q.has("names", s.name) && q.has("organization_guids", s.org.guid)
	}), presentSpace)
	if q.asked("include") {
		out["included"] = obj{"organizations": uniquely(c, page, func(s *space) *org { return s.org }, presentOrg)}
	}
	return c.reply(200, out)
}

// uniquely presents what rows refer to, each once.
func uniquely[T row, U row](c *call, rows []T, of func(T) U, present func(*call, U) obj) []obj {
	seen := map[string]bool{}
	out := []obj{}
	for _, v := range rows {
		u := of(v)
		if seen[u.base().guid] {
			continue
		}
		seen[u.base().guid] = true
		out = append(out, present(c, u))
	}
	return out
}

func presentSpace(c *call, s *space) obj {
	out := s.present()
	out["name"], out["suspended"] = s.name, false
	at := "/v3/spaces/" + s.guid
	links := obj{
		"self": c.link(at), "organization": c.link("/v3/organizations/" + s.org.guid), "features": c.link(at + "/features"),
		"apply_manifest": c.action(at + "/actions/apply_manifest"),
	}
	quota := obj{"data": nil}
	if s.quota != nil {
		quota = toOne(s.quota.guid)
		links["quota"] = c.link("/v3/space_quotas/" + s.quota.guid)
	}
	out["relationships"] = obj{"organization": toOne(s.org.guid), "quota": quota}
	out["links"] = links
	return out
}

func listDomains(c *call) error {
	q, err := c.query(listing{filters: []string{"names", "guids", "organization_guids"}})
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.domains.where(func(d *domain) bool {
		return q.has("names", d.name) && !q.asked("organization_guids") // shared domains belong to none
	}), presentDomain)
	return c.reply(200, out)
}

func listOrgDomains(c *call, _ *org) error {
	q, err := c.query(listing{filters: []string{"names", "guids", "organization_guids"}})
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.domains.where(func(d *domain) bool { return q.has("names", d.name) }), presentDomain)
	return c.reply(200, out)
}

func presentDomain(c *call, d *domain) obj {
	out := d.present()
	out["name"], out["internal"], out["router_group"] = d.name, false, nil
	out["supported_protocols"] = []string{"http"}
	out["relationships"] = obj{"organization": obj{"data": nil}, "shared_organizations": obj{"data": []obj{}}}
	out["links"] = obj{"self": c.link("/v3/domains/" + d.guid), "route_reservations": c.link("/v3/domains/" + d.guid + "/route_reservations")}
	return out
}

func reservation(c *call, d *domain) error {
	q, err := c.only("host", "path", "port")
	if err != nil {
		return err
	}
	_, found := c.p.findRoute(d, q.raw.Get("host"), q.raw.Get("path"))
	return c.reply(200, obj{"matching_route": found})
}

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
		"routes": obj{"total_routes": unlimited(l.Routes), "total_reserved_ports": 0},
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
	var instances, memory, services, keys, routes, tasks int
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
		}
	}
	return obj{
		"started_instances": instances, "memory_in_mb": memory, "routes": routes, "service_instances": services,
		"reserved_ports": 0, "domains": 0, "per_app_tasks": tasks, "service_keys": keys,
	}
}

// memoryFits answers as a process that would exceed a quota (ccng: app/models/runtime/constraints/max_memory_policy.rb).
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

func defaultFlags() map[string]bool {
	flags := map[string]bool{}
	for _, name := range []string{
		"user_org_creation", "private_domain_creation", "app_bits_upload", "app_scaling", "route_creation",
		"service_instance_creation", "diego_docker", "set_roles_by_username", "unset_roles_by_username", "task_creation",
		"env_var_visibility", "space_scoped_private_broker_creation", "space_developer_env_var_visibility",
		"service_instance_sharing", "hide_marketplace_from_unauthenticated_users", "resource_matching", "route_sharing",
	} {
		flags[name] = true
	}
	for _, name := range []string{"user_org_creation", "hide_marketplace_from_unauthenticated_users", "route_sharing", "service_instance_sharing"} {
		flags[name] = false
	}
	return flags
}

func presentFlag(c *call, name string) obj {
	return obj{
		"name": name, "enabled": c.p.flags[name], "updated_at": nil, "custom_error_message": nil,
		"links": obj{"self": c.link("/v3/feature_flags/" + name)},
	}
}

func listFlags(c *call) error {
	out := []obj{}
	for _, name := range sortedKeys(c.p.flags) {
		out = append(out, presentFlag(c, name))
	}
	q := &query{raw: c.r.URL.Query(), page: 1, perPage: 50}
	return c.reply(200, obj{"pagination": c.pagination(q, len(out)), "resources": out})
}

func showFlag(c *call) error {
	if _, ok := c.p.flags[c.guid()]; !ok {
		return notFound("Feature flag")
	}
	return c.reply(200, presentFlag(c, c.guid()))
}
