package platform

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

func (w *world) seen(app string, index string) obj {
	w.t.Helper()
	resp, out := w.visit(live+"/", "X-Cf-App-Instance", app+":"+index)
	if resp.StatusCode != 200 {
		w.t.Fatalf("%s:%s: %d %v", app, index, resp.StatusCode, out)
	}
	return out["env"].(obj)
}

// ccng: lib/cloud_controller/diego/app_recipe_builder.rb: the environment is part of what is desired
func TestAnEnvironmentIsFixedUntilTheNextStart(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	w.must(200, "PATCH", "/v3/apps/"+blue+"/environment_variables", obj{"var": obj{"NEW": "1", "DM_LOG_PATH": nil}})
	w.must(200, "PATCH", "/v3/service_instances/"+w.service("search_api_elasticsearch"), obj{"name": "renamed"})
	if env := w.seen(blue, "0"); env["NEW"] != nil || !strings.Contains(env["VCAP_SERVICES"].(string), "search_api_elasticsearch") {
		t.Error("what runs has changed without a restart")
	}
	before := w.seen(blue, "0")["CF_INSTANCE_GUID"]
	w.must(204, "DELETE", "/v3/apps/"+blue+"/processes/web/instances/0", nil)
	w.until("another container", func() bool {
		resp, out := w.visit(live+"/", "X-Cf-App-Instance", blue+":0")
		return resp.StatusCode == 200 && out["env"].(obj)["CF_INSTANCE_GUID"] != before
	})
	if w.seen(blue, "0")["NEW"] != nil {
		t.Error("a container that replaces another has the new environment")
	}
	w.must(202, "POST", "/v3/apps/"+blue+"/processes/web/actions/scale", obj{"instances": 3})
	w.running(blue)
	w.until("the third container is routed", func() bool { return w.everywhere(live+"/", 200, "X-Cf-App-Instance", blue+":2") })
	if w.seen(blue, "2")["NEW"] != nil {
		t.Error("a container added by scaling has the new environment")
	}
	w.must(200, "POST", "/v3/apps/"+blue+"/actions/restart", nil)
	w.running(blue)
	w.until("the restarted app is routed", func() bool {
		resp, out := w.visit(live+"/", "X-Cf-App-Instance", blue+":0")
		return resp.StatusCode == 200 && out["env"].(obj)["NEW"] == "1"
	})
	w.until("its second container too", func() bool { return w.everywhere(live+"/", 200, "X-Cf-App-Instance", blue+":1") })
	if env := w.seen(blue, "1"); env["DM_LOG_PATH"] != nil || !strings.Contains(env["VCAP_SERVICES"].(string), `"name":"renamed"`) {
		t.Error("the restarted app has the old environment")
	}
}

// bbs: models/restart_calculator.go: three restarts at once, then a backoff
func TestAProgramThatCrashesIsRestartedAndTheReasonIsLogged(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	w.must(200, "PATCH", "/v3/apps/"+blue+"/environment_variables", obj{"var": obj{"CRASH": "1"}})
	w.must(200, "POST", "/v3/apps/"+blue+"/actions/restart", nil)
	w.until("three crashes of each container", func() bool {
		return len(w.all("/v3/audit_events?types=app.crash&target_guids="+blue)) >= 6
	})
	w.until("the stats say so", func() bool {
		return w.all("/v3/apps/" + blue + "/processes/web/stats")[0]["state"] == "CRASHED"
	})
	w.until("the log has the program's last lines", func() bool {
		lines := w.must(200, "GET", "/api/v1/read/"+blue+"?limit=1000&descending=true&envelope_types=LOG", nil)["envelopes"].(obj)["batch"].([]any)
		for _, e := range lines {
			if text(e) == "RuntimeError: Elasticsearch service not bound" && e.(obj)["log"].(obj)["type"] == "ERR" {
				return e.(obj)["tags"].(obj)["source_type"] == "APP/PROC/WEB"
			}
		}
		return false
	})
	w.until("the route is not served", func() bool { return w.everywhere(live+"/", 404) })
}

// Cloud Foundry docs, "App health checks": a start fails if its check does not succeed before the timeout.
func TestAContainerIsRunningOnlyWhenItsHealthCheckHolds(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	w.must(200, "PATCH", "/v3/apps/"+blue+"/processes/web", obj{"health_check": obj{"type": "http", "data": obj{"endpoint": "/sick"}}})
	w.must(200, "POST", "/v3/apps/"+blue+"/actions/restart", nil)
	w.until("the first attempt is refused", func() bool {
		return w.all("/v3/apps/" + blue + "/processes/web/stats")[0]["state"] == "STARTING"
	})
	w.until("it is off the route", func() bool { return w.everywhere(live+"/", 404) })
}

// gorouter: handlers/lookup.go
func TestTheRouterRoutesByHostPathAndInstance(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	for _, c := range []struct {
		address, header string
		status          int
		fault           string
	}{
		{live + "/", "", 200, ""},
		{strings.ToUpper(live) + "/any/path", "", 200, ""},
		{live + "/_metrics", blue + ":1", 200, ""},
		{live + "/", blue + ":9", 400, "unknown_route"},
		{live + "/", "not-a-guid:0", 400, "invalid_cf_app_instance_header"},
		{live + "/", blue, 400, "invalid_cf_app_instance_header"},
		{"nobody.cloudapps.digital/", "", 404, "unknown_route"},
		{"nobody.cloudapps.digital/", blue + ":0", 400, "unknown_route"},
	} {
		headers := []string{}
		if c.header != "" {
			headers = []string{"X-Cf-App-Instance", c.header}
		}
		resp, out := w.visit(c.address, headers...)
		if resp.StatusCode != c.status || resp.Header.Get("X-Cf-RouterError") != c.fault {
			t.Errorf("%s %s: %d %q %v, want %d %q", c.address, c.header, resp.StatusCode, resp.Header.Get("X-Cf-RouterError"), out, c.status, c.fault)
		}
	}
	if resp, _ := w.visit(w.router + "/"); resp.StatusCode != 400 || resp.Header.Get("X-Cf-RouterError") != "empty_host" {
		t.Errorf("the client's own address as host: %d", resp.StatusCode)
	}
	if _, out := w.visit(live + "/"); out["proto"] != "http" {
		t.Errorf("X-Forwarded-Proto: %v", out["proto"])
	}
	if _, out := w.visit(live+"/", "X-Forwarded-Proto", "https"); out["proto"] != "https" {
		t.Errorf("X-Forwarded-Proto: %v, want the client's", out["proto"])
	}
}

// gorouter: registry/container, route/roundrobin.go
func TestRequestsAreDistributedRoundRobin(t *testing.T) {
	w := start(t)
	seen := map[any]int{}
	for range 40 {
		_, out := w.visit(live + "/")
		seen[out["index"]]++
	}
	if seen[0.0] < 12 || seen[1.0] < 12 {
		t.Errorf("by instance: %v", seen)
	}
}

// Cloud Foundry docs, "How Cloud Foundry manages the routing table": Cloud Controller, Diego, route-emitter, NATS, and
// each gorouter separately, so that an answer of the API proves nothing.
func TestEachRouterLearnsOfARouteAtItsOwnTime(t *testing.T) {
	w := start(t, func(o *Options, _ *World) {
		o.Clock, o.RouteLagMin, o.RouteLagMax, o.Routers = clock.New(1), time.Millisecond, 1500*time.Millisecond, 4
		o.JobTime, o.StageTime, o.StartTime, o.StopGrace = -1, -1, -1, -1
	})
	green := w.push("green", manifestFor("green", "  instances: 1\n  memory: 64M\n  no-route: true\n"))
	route := w.guid("/v3/routes?hosts=dm-search-api-preview&paths=")
	w.must(200, "POST", "/v3/routes/"+route+"/destinations", obj{"destinations": []obj{{"app": obj{"guid": green}}}})
	if some, all := w.routed(green); some && all {
		t.Error("every router knows it when the API answers")
	}
	w.until("only some routers know it", func() bool { some, all := w.routed(green); return some && !all })
	w.until("all routers know it", func() bool { _, all := w.routed(green); return all })
}

// routed reports whether some routers, and whether all, know an app's first instance on the live route: with enough
// new connections to reach every router.
func (w *world) routed(app string) (some, all bool) {
	w.t.Helper()
	all = true
	for range 24 {
		resp, _ := w.visit(live+"/", "X-Cf-App-Instance", app+":0")
		known := resp.StatusCode == http.StatusOK
		some, all = some || known, all && known
	}
	return some, all
}

// gorouter: docs/02-nats-configurations.md, suspend_pruning_if_nats_unavailable; registrations are repeated.
func TestADeafRouterKeepsWhatItKnowsAndLearnsTheRestLater(t *testing.T) {
	w := start(t, func(o *Options, _ *World) { o.RouteLagMin, o.RouteLagMax = -1, -1 })
	green := w.push("green", manifestFor("green", "  instances: 1\n  memory: 64M\n  no-route: true\n"))
	route := w.guid("/v3/routes?hosts=dm-search-api-preview&paths=")
	if err := w.p.Deafen(0, true); err != nil {
		t.Fatal(err)
	}
	w.must(200, "POST", "/v3/routes/"+route+"/destinations", obj{"destinations": []obj{{"app": obj{"guid": green}}}})
	w.until("the other router knows it", func() bool { some, _ := w.routed(green); return some })
	if _, all := w.routed(green); all {
		t.Error("the deaf router knows it")
	}
	if !w.everywhere(live+"/", http.StatusOK) {
		t.Error("the deaf router has forgotten what it knew")
	}
	if err := w.p.Deafen(0, false); err != nil {
		t.Fatal(err)
	}
	if _, all := w.routed(green); !all {
		t.Error("the router that hears again has not learned what it missed")
	}
	if w.p.Deafen(2, true) == nil {
		t.Error("a router that does not exist is deaf")
	}
}

// cloudfoundry/cli#2161: a container that is killed cuts its requests in flight
func TestRequestsInFlightEndInTheGracePeriodOrAreCut(t *testing.T) {
	w := start(t, func(o *Options, _ *World) { o.Clock, o.StopGrace = clock.New(1), 2*time.Second; o.JobTime = -1 })
	blue := w.app("search-api")
	status := make(chan int, 2)
	ask := func() {
		resp, _, err := w.tryVisit(live + "/slow")
		if err != nil {
			status <- 0
			return
		}
		status <- resp.StatusCode
	}
	go ask()
	<-w.program.held
	w.must(200, "POST", "/v3/apps/"+blue+"/actions/stop", nil)
	rows := w.all("/v3/apps/" + blue + "/processes/web/stats")
	if s := rows[0]["state"].(string) + rows[1]["state"].(string); !strings.Contains(s, "STOPPING") {
		t.Errorf("states with a request in flight: %s", s)
	}
	if got := <-status; got != http.StatusBadGateway {
		t.Errorf("a request that takes longer than the grace period: %d, want 502", got)
	}
	w.until("the containers are gone", func() bool {
		return w.all("/v3/apps/" + blue + "/processes/web/stats")[0]["state"] == "DOWN"
	})
	close(w.program.hold)
	w.until("both programs were closed", func() bool {
		w.program.mu.Lock()
		defer w.program.mu.Unlock()
		return len(w.program.closed) == 2
	})
}

// visitSlowly makes a request that the program holds, and returns once it does. The status comes when the request has
// ended; 0 is none.
func (w *world) visitSlowly() <-chan int {
	status := make(chan int, 1)
	go func() {
		resp, _, err := w.tryVisit(live + "/slow")
		if err != nil {
			status <- 0
			return
		}
		status <- resp.StatusCode
	}()
	<-w.program.held
	return status
}

// Cloud Foundry docs, "App container lifecycle", Shutdown: SIGTERM, ten seconds, SIGKILL.
func TestARequestThatEndsInTheGracePeriodIsAnswered(t *testing.T) {
	w := start(t, func(o *Options, _ *World) { o.Clock, o.JobTime = clock.New(1), -1 })
	status := w.visitSlowly()
	w.must(200, "POST", "/v3/apps/"+w.app("search-api")+"/actions/stop", nil)
	close(w.program.hold)
	if got := <-status; got != 200 {
		t.Errorf("status %d, want 200", got)
	}
}

// ccng: app/actions/app_delete.rb; cloud_controller_ng#1017: bindings are deleted before the process has ended
func TestDeletingAnAppUnbindsBeforeTheProcessEnds(t *testing.T) {
	w := start(t, func(o *Options, _ *World) {
		o.Clock, o.JobTime, o.RouteLagMin, o.RouteLagMax = clock.New(1), -1, -1, -1
	})
	blue := w.app("search-api")
	go func() { _, _, _ = w.tryVisit(live + "/slow") }()
	<-w.program.held
	w.done("DELETE", "/v3/apps/"+blue, nil)
	if n := len(w.all("/v3/service_credential_bindings?app_guids=" + blue)); n != 0 {
		t.Errorf("%d bindings", n)
	}
	w.program.mu.Lock()
	closed := len(w.program.closed)
	w.program.mu.Unlock()
	if closed == 2 {
		t.Error("the process ended before its bindings were deleted")
	}
	close(w.program.hold)
	if n := len(w.all("/v3/routes?hosts=dm-search-api-preview")); n != 2 {
		t.Errorf("%d routes, want 2: they stay, unmapped", n)
	}
}

// gorouter: accesslog/schema/access_log_record.go; log-cache: README
func TestTheRoutersAccessLogIsInTheAppsStreamAndComesLate(t *testing.T) {
	c := clock.New(1)
	w := start(t, func(o *Options, _ *World) { o.Clock, o.LogLag = c, time.Minute })
	blue := w.app("search-api")
	for range 20 {
		w.visit(live+"/_status?x=y", "User-Agent", "cutover-probe")
	}
	lines := func() []any {
		var found []any
		out := w.must(200, "GET", "/api/v1/read/"+blue+"?start_time=-6795364578871345152&limit=1000&envelope_types=LOG", nil)
		for _, e := range out["envelopes"].(obj)["batch"].([]any) {
			if strings.Contains(text(e), "cutover-probe") {
				found = append(found, e)
			}
		}
		return found
	}
	if n := len(lines()); n == 20 {
		t.Error("every line can be read at once")
	}
	c.Move(time.Minute)
	if n := len(lines()); n != 20 {
		t.Errorf("%d lines of 20 a minute later", n)
	}
	line := text(lines()[0])
	for _, want := range []string{`"GET /_status?x=y HTTP/1.1" 200`, `app_id:"` + blue + `"`, `app_index:"`, `x_forwarded_proto:"http"`, `x_cf_routererror:"-"`} {
		if !strings.Contains(line, want) {
			t.Errorf("line lacks %s: %s", want, line)
		}
	}
	if kind := lines()[0].(obj)["tags"].(obj)["source_type"]; kind != "RTR" {
		t.Errorf("source type %v", kind)
	}
	w.must(404, "GET", "/api/v1/read/no-such-app", nil)
}

// ccng: app/models/runtime/build_model.rb, fail_to_stage!
func TestAnImageThatDoesNotExistFailsToStage(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	b := w.stage(blue, "digitalmarketplace/search-api:no-such")
	if b["state"] != "FAILED" || b["error"] != "StagingError - Staging error: staging failed" {
		t.Errorf("build: %v", b)
	}
}

// ccng: app/actions/app_assign_droplet.rb
func TestStagingChangesNothingThatRuns(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	before := w.seen(blue, "0")["CF_INSTANCE_GUID"]
	w.stage(blue, "digitalmarketplace/search-api:release-1235")
	if w.seen(blue, "0")["CF_INSTANCE_GUID"] != before {
		t.Error("a new droplet replaced what runs")
	}
	if image := w.must(200, "GET", "/v3/apps/"+blue+"/droplets/current", nil)["image"]; image != "digitalmarketplace/search-api:release-1235" {
		t.Errorf("current droplet: %v", image)
	}
}

// Cloud Foundry docs, "Route services"; gorouter: handlers/routeservice.go
func TestARouteServiceJudgesRequestsOfItsRouteOnly(t *testing.T) {
	w := start(t, func(o *Options, _ *World) {
		o.RouteService = func(_ string, r *http.Request) (int, string) {
			if r.Header.Get("X-Allowed") == "" {
				return 403, "Forbidden by the allow-list"
			}
			return 0, ""
		}
	})
	if resp, _ := w.visit(live + "/"); resp.StatusCode != 403 {
		t.Errorf("status %d, want 403", resp.StatusCode)
	}
	if resp, _ := w.visit(live+"/", "X-Allowed", "yes"); resp.StatusCode != 200 {
		t.Errorf("status %d, want 200", resp.StatusCode)
	}
	w.push("green", manifestFor("green", "  memory: 64M\n  routes: [{route: green.cloudapps.digital}]\n"))
	w.until("the open route is served", func() bool { return w.everywhere("green.cloudapps.digital/", 200) })
}
