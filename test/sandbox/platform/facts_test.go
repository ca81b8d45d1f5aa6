package platform

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// readable returns the numbers in the paths of an app's router lines that can be read now.
func (w *world) readable(app string, query string) (numbers []int) {
	w.t.Helper()
	out := w.must(200, "GET", "/api/v1/read/"+app+"?limit=1000&envelope_types=LOG"+query, nil)
	for _, e := range out["envelopes"].(obj)["batch"].([]any) {
		var n int
		if _, rest, ok := strings.Cut(text(e), `"GET /line/`); ok {
			if _, err := fmt.Sscan(strings.Fields(rest)[0], &n); err == nil {
				numbers = append(numbers, n)
			}
		}
	}
	return numbers
}

// log-cache-release: README, "Log Cache" ("not guaranteed"); go-log-cache: walk.go leaves out what is younger than two
// seconds for that reason: a line can be read before an older one, so that reading on from the last timestamp misses some.
func TestLogLinesBecomeReadableOutOfOrder(t *testing.T) {
	c := clock.New(1)
	w := start(t, func(o *Options, _ *World) { o.Clock, o.LogLag, o.TokenLife = c, time.Hour, 24*time.Hour })
	blue := w.app("search-api")
	const lines = 60
	for i := range lines {
		w.visit(fmt.Sprint(live, "/line/", i))
	}
	c.Move(30 * time.Minute)
	early := w.readable(blue, "")
	if len(early) == 0 || len(early) == lines {
		t.Fatalf("half an hour later %d of %d lines can be read", len(early), lines)
	}
	for i := 1; i < len(early); i++ {
		if early[i] < early[i-1] {
			t.Errorf("an answer is not sorted: %v", early)
		}
	}
	if last := early[len(early)-1]; last == len(early)-1 {
		t.Errorf("the lines came in order: %v", early)
	}
	c.Move(30 * time.Minute)
	if all := w.readable(blue, "&descending=true"); len(all) != lines || all[0] != lines-1 {
		t.Errorf("an hour later %d lines can be read, the newest %d", len(all), all[0])
	}
}

// ccng: lib/cloud_controller/diego/task_environment.rb: a task gets the app's environment of now, not that of its
// containers.
func TestATaskHasTheEnvironmentOfNow(t *testing.T) {
	w := start(t, func(o *Options, _ *World) { o.LogLag = -1 })
	blue := w.app("search-api")
	w.must(200, "PATCH", "/v3/apps/"+blue+"/environment_variables", obj{"var": obj{"NEW": "1"}})
	w.must(200, "PATCH", "/v3/service_instances/"+w.service("search_api_elasticsearch"), obj{"name": "renamed"})
	task := w.must(202, "POST", "/v3/apps/"+blue+"/tasks", obj{"command": "env", "name": "look"})
	w.must(200, "PATCH", "/v3/apps/"+blue+"/environment_variables", obj{"var": obj{"NEW": "2"}})
	w.until("the task ends", func() bool {
		return w.must(200, "GET", "/v3/tasks/"+task["guid"].(string), nil)["state"] == "SUCCEEDED"
	})
	var said []string
	for _, e := range w.must(200, "GET", "/api/v1/read/"+blue+"?limit=1000", nil)["envelopes"].(obj)["batch"].([]any) {
		if e.(obj)["tags"].(obj)["source_type"] == "APP/TASK/look" {
			said = append(said, text(e))
		}
	}
	all := strings.Join(said, "\n")
	if !strings.Contains(all, "NEW=1\n") || !strings.Contains(all, `"name":"renamed"`) {
		t.Errorf("the task's environment: %s", all)
	}
	if w.seen(blue, "0")["NEW"] != nil {
		t.Error("the containers have it too")
	}
}

// ccng: docs, "Updating actual state": an unmapping needs no restart, and does not cut requests in flight.
func TestARequestInFlightIsAnsweredAfterTheUnmappingOfItsRoute(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	at := "/v3/routes/" + w.guid("/v3/routes?hosts=dm-search-api-preview&paths=") + "/destinations"
	status := w.visitSlowly()
	w.must(200, "PATCH", at, obj{"destinations": []obj{}})
	w.until("no router knows it", func() bool { return w.everywhere(live+"/", http.StatusNotFound) })
	close(w.program.hold)
	if got := <-status; got != 200 {
		t.Errorf("status %d, want 200", got)
	}
	if state := w.all("/v3/apps/" + blue + "/processes/web/stats")[0]["state"]; state != "RUNNING" {
		t.Errorf("the app is %v", state)
	}
}

// Cloud Foundry v3 API docs, "The job object": PROCESSING, POLLING while the broker works, then COMPLETE or FAILED.
func TestAJobPollsWhileTheBrokerWorks(t *testing.T) {
	w := start(t, func(o *Options, _ *World) { o.ProvisionTime = time.Hour })
	at := strings.TrimPrefix(w.must(202, "POST", "/v3/service_instances", w.managed("new", "small-ha-7.x"))["location"].(string), w.api)
	instance := "/v3/service_instances/" + w.service("new")
	w.until("POLLING", func() bool { return w.must(200, "GET", at, nil)["state"] == "POLLING" })
	if op := w.must(200, "GET", instance, nil)["last_operation"].(obj); op["type"] != "create" || op["state"] != "in progress" {
		t.Errorf("last operation: %v", op)
	}
	w.refused(404, 10010, "Job not found", "GET", "/v3/jobs/none", nil)
}

// Cloud Foundry v3 API docs, "Delete a route": it may have destinations.
func TestDeletingARouteUnmapsIt(t *testing.T) {
	w := start(t)
	w.done("DELETE", "/v3/routes/"+w.guid("/v3/routes?hosts=dm-search-api-preview&paths="), nil)
	w.until("every router has forgotten it", func() bool { return w.everywhere(live+"/", http.StatusNotFound) })
	if resp, _ := w.visit(live + "/_metrics"); resp.StatusCode != 200 {
		t.Errorf("the route with a path: %d", resp.StatusCode)
	}
}

// ccng: app/messages/route_update_destinations_message.rb, app/actions/update_route_destinations.rb
func TestARouteHasAHundredDestinationsAtMostAndOneProtocolForEach(t *testing.T) {
	w := start(t)
	at := "/v3/routes/" + w.guid("/v3/routes?hosts=dm-search-api-preview&paths=") + "/destinations"
	blue := w.app("search-api")
	var many []obj
	for i := range 100 {
		many = append(many, obj{"app": obj{"guid": blue, "process": obj{"type": fmt.Sprint("worker-", i)}}})
	}
	w.refused(422, 10008, "Routes can be mapped to at most 100 destinations.", "POST", at, obj{"destinations": many})
	w.refused(422, 10008, "Cannot add destination with protocol: http2. Destination already exists for route:", "POST", at,
		obj{"destinations": []obj{{"app": obj{"guid": blue}, "protocol": "http2"}}})
}

// ccng: app/actions/deployment_create.rb: if nothing runs, nothing is rolled.
func TestADeploymentOfAStoppedAppStartsItAtOnce(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	w.must(200, "POST", "/v3/apps/"+blue+"/actions/stop", nil)
	d := w.must(201, "POST", "/v3/deployments", obj{"relationships": obj{"app": toOne(blue)}})
	if s := d["status"].(obj); s["value"] != "FINALIZED" || s["reason"] != "DEPLOYED" {
		t.Errorf("status: %v", s)
	}
	w.running(blue)
}

// cloudfoundry/cli: CF_STARTUP_TIMEOUT, after which it cancels: the platform itself never gives up.
func TestADeploymentWhoseProgramCrashesStaysActive(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	w.must(200, "PATCH", "/v3/apps/"+blue+"/environment_variables", obj{"var": obj{"CRASH": "1"}})
	d := w.must(201, "POST", "/v3/deployments", obj{"relationships": obj{"app": toOne(blue)}})
	w.until("it has crashed three times", func() bool {
		return len(w.all("/v3/audit_events?types=app.crash&target_guids="+blue)) >= 3
	})
	if s := w.must(200, "GET", "/v3/deployments/"+d["guid"].(string), nil)["status"].(obj); s["value"] != "ACTIVE" || s["reason"] != "DEPLOYING" {
		t.Errorf("status: %v", s)
	}
	if resp, _ := w.visit(live + "/"); resp.StatusCode != 200 {
		t.Errorf("the old containers: %d", resp.StatusCode)
	}
}

// ccng: app/actions/deployment_create.rb: a rolling deployment needs room for max_in_flight more.
func TestADeploymentNeedsRoomForOneMore(t *testing.T) {
	w := start(t, func(_ *Options, c *World) { c.SpaceQuota = Quota{Name: "full", MemoryMB: 1024} })
	w.refused(422, 10008, "memory space_quota_exceeded for space preview. This space's quota may not be large enough to support rolling deployments or your configured max-in-flight.",
		"POST", "/v3/deployments", obj{"relationships": obj{"app": toOne(w.app("search-api"))}})
}

// Cloud Foundry v3 API docs, "Get credentials for a user-provided service instance", "Get parameters for a managed service
// instance", "Get a service credential binding details"; ccng: service_instances_controller.rb, service_binding_read.rb.
func TestCredentialsAreShownToDevelopersAndParametersOnlyByBrokersThatSupportIt(t *testing.T) {
	w := start(t, func(_ *Options, c *World) {
		c.Users = append(c.Users, User{Name: "auditor", Password: "a", ReadOnly: true})
		c.Offerings[0].BindingsHidden = true
	})
	body := w.userProvided("mine")
	body["credentials"] = obj{"password": "p"}
	mine := "/v3/service_instances/" + w.must(201, "POST", "/v3/service_instances", body)["guid"].(string)
	es := "/v3/service_instances/" + w.service("search_api_elasticsearch")
	if got := w.must(200, "GET", mine+"/credentials", nil); got["password"] != "p" {
		t.Errorf("credentials: %v", got)
	}
	if got := w.must(200, "GET", mine, nil); got["credentials"] != nil {
		t.Errorf("the instance itself shows %v", got["credentials"])
	}
	w.refused(404, 10010, "Service instance not found", "GET", es+"/credentials", nil)
	w.refused(400, 120004, "This service does not support fetching service instance parameters.", "GET", es+"/parameters", nil)
	w.done("POST", "/v3/service_credential_bindings", obj{"type": "key", "name": "k", "parameters": obj{"a": 1}, "relationships": obj{"service_instance": toOne(w.service("search_api_elasticsearch"))}})
	key := "/v3/service_credential_bindings/" + w.guid("/v3/service_credential_bindings?type=key&names=k")
	details := w.must(200, "GET", key+"/details", nil)
	if _, volumes := details["volume_mounts"]; details["credentials"].(obj)["uri"] == nil || volumes {
		t.Errorf("a key's details: %v", details)
	}
	w.refused(400, 90007, "This service does not support fetching service binding parameters.", "GET", key+"/parameters", nil)
	w.login("auditor", "a")
	w.refused(403, 10003, "not authorized", "GET", mine+"/credentials", nil)
	w.refused(404, 10010, "Service credential binding not found", "GET", key+"/details", nil)
}

// Cloud Foundry v3 API docs, "Create a service route binding"; ccng: app/actions/service_route_binding_create.rb
func TestARouteHasOneRouteService(t *testing.T) {
	w := start(t)
	route := w.guid("/v3/routes?hosts=dm-search-api-preview&paths=")
	bind := func(service string) obj {
		return obj{"relationships": obj{"route": toOne(route), "service_instance": toOne(service)}}
	}
	const path = "/v3/service_route_bindings"
	allow := w.service("digitalmarketplace_ip_allow_list")
	w.refused(422, 130008, "The route and service instance are already bound.", "POST", path, bind(allow))
	other := w.userProvided("other")
	other["route_service_url"] = "https://other.example.org"
	guid := w.must(201, "POST", "/v3/service_instances", other)["guid"].(string)
	w.refused(422, 10008, "A route may only be bound to a single service instance", "POST", path, bind(guid))
	w.refused(422, 10008, "This service instance does not support route binding", "POST", path, bind(w.service("digitalmarketplace_splunk")))
	at := path + "/" + w.guid(path+"?route_guids="+route)
	w.refused(400, 1004, "user provided service instances do not support fetching route bindings parameters.", "GET", at+"/parameters", nil)
	if got := w.must(200, "GET", at+"?include=route", nil)["included"].(obj)["routes"].([]any); len(got) != 1 {
		t.Errorf("included: %v", got)
	}
	w.must(204, "DELETE", at, nil)
	w.must(201, "POST", path, bind(guid))
}

// Cloud Foundry v3 API docs, "Packages", "Builds", "Droplets"; ccng: app/presenters/v3/package_presenter.rb,
// app/actions/build_create.rb, app/models/runtime/droplet_model.rb
func TestPackagesBuildsAndDropletsOfAnApp(t *testing.T) {
	w := start(t, func(o *Options, _ *World) { o.StageTime = 5 * time.Minute }) // 300 ms: a second build is requested meanwhile
	blue := w.app("search-api")
	before := w.must(200, "GET", "/v3/apps/"+blue+"/droplets/current", nil)["guid"].(string)
	v := w.must(201, "POST", "/v3/packages", obj{
		"type": "docker", "relationships": obj{"app": toOne(blue)},
		"data": obj{"image": "digitalmarketplace/search-api:release-1235", "username": "u", "password": "secret"},
	})
	if data := v["data"].(obj); data["password"] != "***" || data["username"] != "u" {
		t.Errorf("the package shows %v", data)
	}
	b := w.must(201, "POST", "/v3/builds", obj{"package": obj{"guid": v["guid"]}})
	if b["state"] != "STAGING" || b["droplet"] != nil {
		t.Errorf("build: %v", b)
	}
	w.refused(422, 10008, "Only one build can be STAGING at a time per application.", "POST", "/v3/builds", obj{"package": obj{"guid": v["guid"]}})
	w.until("STAGED", func() bool { return w.must(200, "GET", "/v3/builds/"+b["guid"].(string), nil)["state"] == "STAGED" })
	d := w.one("/v3/packages/" + v["guid"].(string) + "/droplets?states=STAGED")
	if now := w.must(200, "GET", "/v3/apps/"+blue+"/droplets/current", nil)["guid"]; now != before {
		t.Error("staging has changed the app's droplet")
	}
	if got := w.must(200, "PATCH", "/v3/droplets/"+d["guid"].(string), obj{"metadata": obj{"labels": obj{"a": "b"}}}); got["metadata"].(obj)["labels"].(obj)["a"] != "b" {
		t.Errorf("droplet: %v", got)
	}
	w.refused(422, 10008, `The droplet is currently used by app with guid "`+blue+`".`, "DELETE", "/v3/droplets/"+before, nil)
	w.done("DELETE", "/v3/droplets/"+d["guid"].(string), nil)
	w.done("DELETE", "/v3/packages/"+v["guid"].(string), nil)
	w.refused(422, 10008, "Unable to use package. Ensure that the package exists and you have access to it.", "POST", "/v3/builds", obj{"package": obj{"guid": v["guid"]}})
	w.refused(422, 10008, "Unable to assign current droplet. Ensure the droplet exists and belongs to this app.",
		"PATCH", "/v3/apps/"+blue+"/relationships/current_droplet", obj{"data": obj{"guid": d["guid"]}})
}
