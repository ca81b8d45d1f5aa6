package platform

import (
	"net/url"
	"strings"
	"testing"
)

// Cloud Foundry v3 API docs, "Filters", "Pagination", "Timestamps", "Include", "Fields", "Label selector"; the messages
// are those of ccng: app/messages/list_message.rb, base_message.rb, validators.rb and
// label_selector_requirement_validator.rb.
func TestAWrongQueryIsA400WithTheRealMessage(t *testing.T) {
	w := start(t)
	app := "/v3/apps/" + w.app("search-api")
	process := app + "/processes/web"
	route := "/v3/routes/" + w.guid("/v3/routes?hosts=dm-search-api-preview&paths=")
	es := "/v3/service_instances/" + w.service("search_api_elasticsearch")
	plan := "/v3/service_plans/" + w.guid("/v3/service_plans?names=small-ha-7.x")
	const form = " has an invalid timestamp format. Timestamps should be formatted as 'YYYY-MM-DDThh:mm:ssZ'"
	for _, c := range []struct{ path, detail string }{
		{"/v3/apps?page=0&per_page=5001", "Page must be a positive integer, Per page must be between 1 and 5000"},
		{"/v3/apps?per_page=", "Per page must be a positive integer"},
		{"/v3/apps?order_by=colour", "Order by can only be: 'created_at', 'updated_at', 'name', 'state'"},
		{"/v3/routes?order_by=host", "Order by can only be: 'created_at', 'updated_at'"},
		{"/v3/apps?order_by=--name", "Order by can only be: 'created_at', 'updated_at', 'name', 'state'"},
		{"/v3/apps?created_ats=yesterday", "Created ats" + form},
		{"/v3/apps?updated_ats[lt]=2026-01-01", "Updated ats" + form},
		{"/v3/apps?created_ats[le]=2026-01-01T00:00:00Z", "Created ats Invalid relational operator: 'le'"},
		{"/v3/apps?created_ats[lt]=2026-01-01T00:00:00Z,2026-01-02T00:00:00Z", "Created ats only accepts one value when using a relational operator"},
		{"/v3/apps?names[not]=x", "Names must be an array"},
		{"/v3/apps?include=space,space,colour", "Duplicate included resource: 'space', Invalid included resource: 'colour'. Valid included resources are: 'space', 'org', 'space.organization'"},
		{"/v3/apps?lifecycle_type=vm", "Invalid lifecycle_type: 'vm'"},
		{app + "?include=routes", "Invalid included resource: 'routes'. Valid included resources are: 'space', 'org', 'space.organization'"},
		{app + "?page=1", "Unknown query parameter(s): 'page'. Valid parameters are: 'include'"},
		{process + "?embed=stats", "Invalid embedded resource: 'stats'. Valid embedded resources are: 'process_instances'"},
		{app + "/processes?app_guids=x", "Unknown query parameter(s): 'app_guids'"},
		{route + "?include=apps", "Invalid included resource: 'apps'. Valid included resources are: 'domain', 'space', 'space.organization', 'route_policies'"},
		{"/v3/service_instances?type=any", "Type must be one of 'managed', 'user-provided'"},
		{"/v3/service_instances?fields=space", "Fields must be an object"},
		{"/v3/service_instances?fields[app]=guid", "Fields [app] valid resources are: 'space', 'space.organization', 'service_plan', 'service_plan.service_offering', 'service_plan.service_offering.service_broker'"},
		{"/v3/service_instances?fields[space]=guid,colour", "Fields valid keys for 'space' are: 'guid', 'name', 'relationships.organization'"},
		{es + "?fields[space]=relationships.organization", "Fields valid keys for 'space' are: 'name', 'guid'"},
		{plan + "?fields[service_offering]=guid", "Fields [service_offering] valid resources are: 'service_offering.service_broker'"},
		{"/v3/service_plans?available=yes", "Available must be 'true' or 'false'"},
		{"/v3/service_credential_bindings?type=route", "Type must be one of 'app', 'key'"},
		{"/v3/audit_events?label_selector=a", "Unknown query parameter(s): 'label_selector'. Valid parameters are: 'page', 'per_page', 'order_by', 'created_ats', 'updated_ats', 'guids', 'types', 'target_guids', 'space_guids', 'organization_guids'"},
		{"/v3/apps?label_selector=", "Missing label_selector value"},
		{"/v3/apps?label_selector=" + url.QueryEscape("a=b, c=d"), "Invalid label_selector value"},
		{"/v3/apps?label_selector=" + url.QueryEscape("a in(b)"), "Invalid label_selector value"},
		{"/v3/apps?label_selector=" + url.QueryEscape("a in (b, c)"), "' c' contains invalid characters"},
		{"/v3/apps?label_selector=" + url.QueryEscape("a/b/c"), "key has more than one '/'"},
		{"/v3/apps?label_selector=" + strings.Repeat("a,", 50) + "a", "Too many label_selector requirements (maximum is 50)"},
	} {
		out := w.must(400, "GET", c.path, nil)
		e := out["errors"].([]any)[0].(obj)
		if e["code"] != 10005.0 || e["title"] != "CF-BadQueryParameter" || e["detail"] != "The query parameter is invalid: "+c.detail {
			t.Errorf("GET %s: %v, want %q", c.path, e, c.detail)
		}
	}
}

// Cloud Foundry v3 API docs, "Get an app", "Get a process", "Get a space", "Get a service plan": a resource accepts
// the includes of its list; the last of several equal parameters counts.
func TestAResourceAcceptsTheIncludesOfItsList(t *testing.T) {
	w := start(t)
	app := "/v3/apps/" + w.app("search-api")
	for path, included := range map[string]string{
		app + "?include=space.organization":                                                                 "organizations",
		"/v3/spaces/" + w.space + "?include=organization":                                                   "organizations",
		"/v3/routes/" + w.guid("/v3/routes?hosts=dm-search-api-preview&paths=") + "?include=domain":         "domains",
		"/v3/service_plans/" + w.guid("/v3/service_plans?names=small-ha-7.x") + "?include=service_offering": "service_offerings",
	} {
		out := w.must(200, "GET", path, nil)
		if in, ok := out["included"].(obj); !ok || len(in[included].([]any)) != 1 {
			t.Errorf("GET %s: included %v, want one of %s", path, out["included"], included)
		}
	}
	if rows := w.must(200, "GET", app+"/processes/web?embed=process_instances", nil)["process_instances"].([]any); len(rows) != 2 {
		t.Errorf("%d process instances embedded, want 2", len(rows))
	}
	if n := len(w.all("/v3/apps?names=none&names=search-api")); n != 1 {
		t.Errorf("%d apps by the last of two names", n)
	}
}

// Cloud Foundry v3 API docs, "Create an app", "Create a route", "Create a service instance", "Update a process", "Scale a
// process", "Share a service instance to other spaces"; the messages are ccng's: app/messages/validators.rb,
// route_create_message.rb, process_update_message.rb, service_instance_create_user_provided_message.rb, errors/v2.yml.
func TestAWrongBodyIsRefusedWithTheRealMessage(t *testing.T) {
	w := start(t)
	app := "/v3/apps/" + w.app("search-api")
	es := "/v3/service_instances/" + w.service("search_api_elasticsearch")
	domain := w.guid("/v3/domains?names=cloudapps.digital")
	route := func(host, path string) obj {
		return obj{"host": host, "path": path, "relationships": obj{"space": toOne(w.space), "domain": toOne(domain)}}
	}
	provided := func(key, value string) obj { v := w.userProvided("x"); v[key] = value; return v }
	health := func(data obj) obj { return obj{"health_check": obj{"type": "http", "data": data}} }
	for _, c := range []struct {
		status, code int
		detail       string
		method, path string
		body         any
	}{
		{status: 422, code: 10008, method: "POST", path: "/v3/apps", body: obj{"name": "x"}, detail: "Relationships 'relationships' is not an object"},
		{status: 422, code: 10008, method: "POST", path: "/v3/apps", body: obj{"relationships": obj{}}, detail: "Relationships 'relationships' must include one or more valid relationships, Name must be a string"},
		{
			status: 422, code: 10008, method: "POST", path: "/v3/apps", body: obj{"name": "x", "relationships": obj{"space": obj{"guid": "y"}}},
			detail: `Relationships Space must be structured like this: "space: {"data": {"guid": "valid-guid"}}"`,
		},
		{
			status: 422, code: 10008, method: "POST", path: "/v3/apps", body: obj{"name": "x", "relationships": obj{"org": toOne("y")}},
			detail: `Relationships Unknown field(s): 'org', Relationships Space can't be blank, Relationships Space must be structured like this: "space: {"data": {"guid": "valid-guid"}}"`,
		},
		{
			status: 422, code: 10008, method: "POST", path: "/v3/apps", body: obj{"name": "x", "relationships": obj{"space": toOne("none")}},
			detail: "Invalid space. Ensure that the space exists and you have access to it.",
		},
		{status: 422, code: 10008, method: "POST", path: "/v3/routes", body: route("bad host", ""), detail: `Host must be either "*" or contain only alphanumeric characters, "_", or "-"`},
		{status: 422, code: 10008, method: "POST", path: "/v3/routes", body: route("x", "y?z"), detail: "Path must begin with /, Path cannot contain ?"},
		{status: 422, code: 10008, method: "POST", path: "/v3/routes", body: route("x", "/"), detail: "Path cannot be exactly /"},
		{status: 422, code: 10008, method: "POST", path: "/v3/routes", body: route("", ""), detail: "Missing host. Routes in shared domains must have a host defined."},
		{status: 422, code: 10008, method: "POST", path: "/v3/packages", body: obj{"type": "docker"}, detail: "Relationships 'relationships' is not an object"},
		{status: 422, code: 10008, method: "POST", path: "/v3/service_instances", body: obj{"type": "user-provided", "relationships": obj{"space": toOne(w.space)}}, detail: "Name must be a string, Name can't be blank"},
		{status: 422, code: 10008, method: "POST", path: "/v3/service_instances", body: provided("route_service_url", "http://x.example.org"), detail: "Route service url must be https"},
		{status: 422, code: 10008, method: "POST", path: "/v3/service_instances", body: provided("syslog_drain_url", "nowhere"), detail: "Syslog drain url must be a valid URI"},
		{status: 422, code: 10008, method: "POST", path: "/v3/service_instances", body: provided("parameters", "x"), detail: "Unknown field(s): 'parameters'"},
		{status: 422, code: 10008, method: "PATCH", path: es, body: obj{"relationships": obj{"service_plan": toOne(w.guid("/v3/service_plans?names=small-ha-7.x"))}}, detail: "The service does not support changing plans."},
		{status: 403, code: 330002, method: "POST", path: es + "/relationships/shared_spaces", body: obj{"data": []obj{{"guid": w.space}}}, detail: "Feature Disabled: service_instance_sharing"},
		{
			status: 422, code: 10008, method: "PATCH", path: app + "/processes/web", body: health(obj{"endpoint": "nope", "timeout": 0}),
			detail: "Health check timeout must be greater than or equal to 1, Health check endpoint must be a valid URI path",
		},
		{status: 422, code: 10008, method: "PATCH", path: app + "/processes/web", body: obj{"readiness_health_check": obj{"type": "tcp"}}, detail: `Readiness health check type must be "port", "process", or "http"`},
		{status: 422, code: 10008, method: "POST", path: app + "/processes/web/actions/scale", body: obj{"memory_in_mb": 0}, detail: "Memory in mb must be greater than 0"},
		{
			status: 422, code: 10008, method: "PATCH", path: app + "/environment_variables", body: obj{"var": obj{"VMC_X": "1", "vcap_x": "1", "PORT": "1"}},
			detail: "Environment variables cannot set PORT, Environment variables cannot start with VMC_, Environment variables cannot start with VCAP_",
		},
	} {
		out := w.must(c.status, c.method, c.path, c.body)
		e := out["errors"].([]any)[0].(obj)
		if e["code"] != float64(c.code) || e["detail"] != c.detail {
			t.Errorf("%s %s %v:\n got %v\nwant %d %s", c.method, c.path, c.body, e, c.code, c.detail)
		}
	}
}

// Cloud Foundry v3 API docs, "Update a process"; ccng: app/actions/process_update.rb: values that are not given stay,
// the endpoint of a check that is not http is removed, and nothing changes while a deployment is in flight.
func TestAProcessUpdateChangesOnlyTheGivenValues(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	at := "/v3/apps/" + blue + "/processes/web"
	check := func(body obj) obj {
		return w.must(200, "PATCH", at, obj{"health_check": body})["health_check"].(obj)
	}
	if got := check(obj{"data": obj{"timeout": 90}}); got["type"] != "http" || got["data"].(obj)["endpoint"] != "/_status?ignore-dependencies" || got["data"].(obj)["timeout"] != 90.0 {
		t.Errorf("after a new timeout: %v", got)
	}
	if got := check(obj{"type": "port"}); got["data"].(obj)["endpoint"] != nil || got["data"].(obj)["timeout"] != 90.0 {
		t.Errorf("after a new type: %v", got)
	}
	if got := check(obj{"type": "http"}); got["data"].(obj)["endpoint"] != "/" {
		t.Errorf("back at http: %v, want the default endpoint", got)
	}
	w.must(201, "POST", "/v3/deployments", obj{"relationships": obj{"app": toOne(blue)}})
	w.refused(422, 10008, "Cannot update this process while a deployment is in flight.", "PATCH", at, obj{"health_check": obj{"type": "process"}})
}
