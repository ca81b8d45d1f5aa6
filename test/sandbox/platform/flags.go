package platform

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
