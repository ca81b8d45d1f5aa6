package platform

func (p *Platform) spaceRoutes(on func(string, handler)) {
	on("GET /v3/organizations", listOrgs)
	on("GET /v3/organizations/{guid}", withOrg(func(c *call, o *org) error { return c.reply(200, presentOrg(c, o)) }))
	on("GET /v3/organizations/{guid}/usage_summary", withOrg(func(c *call, o *org) error {
		return c.reply(200, obj{
			"usage_summary": c.p.usage(func(s *space) bool { return s.org == o }),
			"links":         obj{"self": c.link("/v3/organizations/" + o.guid + "/usage_summary"), "organization": c.link("/v3/organizations/" + o.guid)},
		})
	}))
	on("GET /v3/spaces", listSpaces)
	on("GET /v3/spaces/{guid}", withSpace(func(c *call, s *space) error {
		q, err := c.query(listing{single: true, filters: []string{"include"}, includes: []string{"org", "organization"}})
		if err != nil {
			return err
		}
		out := presentSpace(c, s)
		if q.asked("include") {
			out["included"] = obj{"organizations": []obj{presentOrg(c, s.org)}}
		}
		return c.reply(200, out)
	}))
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
	for _, part := range []string{"isolation_segment", "default_isolation_segment"} {
		none := func(c *call) error { return c.reply(200, obj{"data": nil, "links": obj{"self": c.link(c.r.URL.Path)}}) }
		on("GET /v3/spaces/{guid}/relationships/"+part, none)
		on("GET /v3/organizations/{guid}/relationships/"+part, none)
	}
	for _, part := range []string{"running_security_groups", "staging_security_groups"} {
		on("GET /v3/spaces/{guid}/"+part, withSpace(func(c *call, _ *space) error { return emptyList(c, nil) }))
	}
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
	for _, path := range []string{"buildpacks", "stacks", "isolation_segments", "security_groups"} {
		on("GET /v3/"+path, func(c *call) error { return emptyList(c, nil) }) // not modelled, always empty
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

// uniquely presents the resources to which rows refer, each once.
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
