package platform

import "strings"

// CC API version whose behaviour is modelled.
const apiVersion = "3.228.0"

// root is the first answer that every client reads (ccng: app/controllers/runtime/root_controller.rb).
func root(c *call) error {
	ws := "ws" + strings.TrimPrefix(c.base, "http")
	return c.reply(200, obj{"links": obj{
		"self":                obj{"href": c.base},
		"cloud_controller_v2": nil,
		"cloud_controller_v3": obj{"href": c.base + "/v3", "meta": obj{"version": apiVersion}},
		"network_policy_v0":   obj{"href": c.base + "/networking/v0/external"},
		"network_policy_v1":   obj{"href": c.base + "/networking/v1/external"},
		"login":               obj{"href": c.base},
		"uaa":                 obj{"href": c.base},
		"credhub":             nil,
		"routing":             nil,
		"logging":             obj{"href": ws},
		"log_cache":           obj{"href": c.base},
		"log_stream":          obj{"href": c.base},
		"app_ssh": obj{"href": "127.0.0.1:2222", "meta": obj{
			"host_key_fingerprint": "RCBlQWpqyYTOVwwOPrZFxpM7SGRHKJXvcsSxTqeCyDM", "oauth_client": "ssh-proxy",
		}},
	}})
}

func rootV3(c *call) error {
	links := obj{"self": c.link("/v3")}
	for _, name := range []string{
		"app_usage_events", "apps", "audit_events", "buildpacks", "builds", "deployments", "domains", "droplets",
		"environment_variable_groups", "feature_flags", "info", "isolation_segments", "organizations",
		"organization_quotas", "packages", "processes", "resource_matches", "roles", "routes", "security_groups",
		"service_brokers", "service_instances", "service_credential_bindings", "service_offerings", "service_plans",
		"service_route_bindings", "service_usage_events", "spaces", "space_quotas", "stacks", "tasks", "users",
	} {
		links[name] = c.link("/v3/" + name)
	}
	return c.reply(200, obj{"links": links})
}

// info follows ccng: app/presenters/v3/info_presenter.rb.
func info(c *call) error {
	limits := obj{"enabled": false, "general_limit": "", "reset_interval_in_minutes": ""}
	if n := c.p.limits.user; n > 0 {
		limits = obj{"enabled": true, "general_limit": n, "reset_interval_in_minutes": 60}
	}
	return c.reply(200, obj{
		"build": "sandbox", "cli_version": obj{"minimum": "", "recommended": ""}, "custom": obj{},
		"description": "an in-memory Cloud Foundry", "name": "sandbox", "version": 0, "osbapi_version": "2.15",
		"rate_limits": limits, "links": obj{"self": c.link("/v3/info"), "support": obj{"href": ""}},
	})
}
