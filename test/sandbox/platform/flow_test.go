package platform

import (
	"strings"
	"testing"
)

// A whole upgrade, through the API.
func TestAnAppIsReplacedEndToEnd(t *testing.T) {
	w := start(t)
	domain := w.guid("/v3/domains?names=cloudapps.digital&page=1&per_page=1")
	route := w.one("/v3/routes?hosts=dm-search-api-preview&paths=&domain_guids=" + domain)
	blue := w.app("search-api")
	destinations := w.must(200, "GET", "/v3/routes/"+route["guid"].(string)+"/destinations", nil)["destinations"].([]any)
	if got := destinations[0].(obj)["app"].(obj)["guid"]; got != blue {
		t.Fatalf("the live route leads to %v, want %s", got, blue)
	}
	if n := len(w.all("/v3/apps/" + blue + "/routes")); n != 2 {
		t.Fatalf("blue has %d routes, want 2", n)
	}
	w.running(blue)
	env := w.must(200, "GET", "/v3/apps/"+blue+"/env", nil)
	if env["environment_variables"].(obj)["DM_ENVIRONMENT"] != "preview" {
		t.Fatalf("environment: %v", env)
	}
	text := w.must(200, "GET", "/v3/apps/"+blue+"/manifest", nil)["text"].(string)
	for _, want := range []string{"search_api_elasticsearch", "/_metrics", "health-check-http-endpoint: /_status?ignore-dependencies"} {
		if !strings.Contains(text, want) {
			t.Errorf("manifest lacks %q:\n%s", want, text)
		}
	}
	plan := w.guid("/v3/service_plans?names=small-ha-7.x&service_offering_names=elasticsearch&available=true&space_guids=" + w.space)
	w.done("POST", "/v3/service_instances", obj{
		"type": "managed", "name": "search_api_elasticsearch_new", "metadata": obj{"labels": obj{"cutover-run": "r1"}},
		"relationships": obj{"space": toOne(w.space), "service_plan": toOne(plan)}, "parameters": obj{"a": 1},
	})
	es := w.one("/v3/service_instances?label_selector=cutover-run%3Dr1")
	if es["last_operation"].(obj)["state"] != "succeeded" {
		t.Fatalf("new service: %v", es)
	}
	run := w.must(201, "POST", "/v3/service_instances", obj{
		"type": "user-provided", "name": "cutover-search-api", "relationships": obj{"space": toOne(w.space)},
		"metadata": obj{"annotations": obj{"blue": blue}},
	})
	w.must(200, "PATCH", "/v3/service_instances/"+run["guid"].(string), obj{"metadata": obj{"annotations": obj{"stage-02": "done"}}})
	green := w.must(201, "POST", "/v3/apps", obj{
		"name": "elasticsearch-migration", "lifecycle": obj{"type": "docker", "data": obj{}},
		"relationships": obj{"space": toOne(w.space)}, "metadata": obj{"labels": obj{"cutover-run": "r1"}},
	})["guid"].(string)
	temporary := w.must(201, "POST", "/v3/routes", obj{
		"host": "dm-elasticsearch-migration-preview", "port": nil, "metadata": obj{"labels": obj{"cutover-run": "r1"}},
		"relationships": obj{"space": toOne(w.space), "domain": toOne(domain)},
	})["guid"].(string)
	w.done("POST", "/v3/service_credential_bindings", obj{
		"type": "app", "name": "search_api_elasticsearch",
		"relationships": obj{"app": toOne(green), "service_instance": toOne(es["guid"].(string))},
	})
	w.push("elasticsearch-migration", manifestFor("elasticsearch-migration",
		"  instances: 2\n  memory: 512M\n  health-check-type: http\n  health-check-http-endpoint: /_status?ignore-dependencies\n",
		"  env: {DM_ELASTICSEARCH_SERVICE_NAME: search_api_elasticsearch}\n",
		"  routes: [{route: dm-elasticsearch-migration-preview.cloudapps.digital}]\n",
		"  services: [search_api_elasticsearch_new, digitalmarketplace_prometheus]\n"))
	w.until("the temporary route leads to green", func() bool {
		return w.everywhere("dm-elasticsearch-migration-preview.cloudapps.digital/_status", 200)
	})
	_, answer := w.visit("dm-elasticsearch-migration-preview.cloudapps.digital/_status")
	if vcap := answer["env"].(obj)["VCAP_SERVICES"].(string); !strings.Contains(vcap, `"name":"search_api_elasticsearch"`) {
		t.Errorf("VCAP_SERVICES: %s", vcap)
	}
	w.must(200, "POST", "/v3/routes/"+route["guid"].(string)+"/destinations", obj{"destinations": []obj{{"app": obj{"guid": green}}}})
	w.until("green serves the live route", func() bool { return w.everywhere(live+"/", 200, "X-Cf-App-Instance", green+":1") })
	w.must(204, "DELETE", "/v3/routes/"+route["guid"].(string)+"/destinations/"+destinations[0].(obj)["guid"].(string), nil)
	w.until("blue is off the live route", func() bool { return w.everywhere(live+"/", 400, "X-Cf-App-Instance", blue+":0") })
	w.done("DELETE", "/v3/apps/"+blue, nil)
	w.done("DELETE", "/v3/service_instances/"+w.service("search_api_elasticsearch"), nil)
	w.done("DELETE", "/v3/routes/"+temporary, nil)
	w.must(204, "DELETE", "/v3/service_instances/"+run["guid"].(string), nil)
	if len(w.broker.gone) != 1 {
		t.Errorf("deprovisioned: %v", w.broker.gone)
	}
}
