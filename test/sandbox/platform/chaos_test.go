package platform

import (
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// ccng: app/actions/mixins/bindings_delete.rb
func TestABrokerThatUnbindsAsynchronouslyFailsTheFirstDeletion(t *testing.T) {
	w := start(t, func(o *Options, _ *World) { o.AsyncUnbind = true })
	at := "/v3/service_instances/" + w.service("search_api_elasticsearch")
	out := w.job("DELETE", at, nil)
	want := "An operation for the service binding between app search-api and service instance search_api_elasticsearch is in progress."
	if out["state"] != "FAILED" || out["errors"].([]any)[0].(obj)["detail"] != want {
		t.Fatalf("job: %v", out)
	}
	w.until("the binding is deleted by itself", func() bool {
		return len(w.all("/v3/service_credential_bindings?service_instance_names=search_api_elasticsearch")) == 0
	})
	w.done("DELETE", at, nil)
}

// gorouter: config/config.go, droplet_stale_threshold
func TestAWithdrawalThatGetsLostLeavesAStaleEndpointUntilItIsPruned(t *testing.T) {
	w := start(t, func(o *Options, _ *World) { o.RouteLoss = 1 })
	blue := w.app("search-api")
	w.must(200, "POST", "/v3/apps/"+blue+"/actions/stop", nil)
	w.until("the containers are gone", func() bool {
		return w.all("/v3/apps/" + blue + "/processes/web/stats")[0]["state"] == "DOWN"
	})
	if resp, _ := w.visit(live + "/"); resp.StatusCode != 502 || !strings.HasPrefix(resp.Header.Get("X-Cf-RouterError"), "endpoint_failure") {
		t.Errorf("status %d %s, want 502 from an endpoint that is gone", resp.StatusCode, resp.Header.Get("X-Cf-RouterError"))
	}
	w.until("pruned", func() bool { return w.everywhere(live+"/", 404) })
}

// ccng: lib/cloud_controller/diego/app_recipe_builder.rb
func TestACrashKeepsTheOldEnvironment(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	before := w.seen(blue, "1")["CF_INSTANCE_GUID"]
	w.must(200, "PATCH", "/v3/apps/"+blue+"/environment_variables", obj{"var": obj{"NEW": "1"}})
	if err := w.p.Crash("search-api", 1); err != nil {
		t.Fatal(err)
	}
	var env obj
	w.until("another container", func() bool {
		resp, out := w.visit(live+"/", "X-Cf-App-Instance", blue+":1")
		env, _ = out["env"].(obj)
		return resp.StatusCode == 200 && env["CF_INSTANCE_GUID"] != before
	})
	if env["NEW"] != nil {
		t.Error("the crash renewed the environment")
	}
	if n := len(w.all("/v3/audit_events?types=app.crash")); n != 1 {
		t.Errorf("%d crash events", n)
	}
	if w.p.Crash("search-api", 9) == nil {
		t.Error("a container that does not exist crashed")
	}
}

// log-cache: reads are lossy
func TestLogLinesMayNeverArrive(t *testing.T) {
	w := start(t, func(o *Options, _ *World) { o.LogLoss, o.LogLag = 1, time.Millisecond })
	w.visit(live + "/")
	out := w.must(200, "GET", "/api/v1/read/"+w.app("search-api"), nil)
	if n := len(out["envelopes"].(obj)["batch"].([]any)); n != 0 {
		t.Errorf("%d lines", n)
	}
}

// gorouter: handlers/lookup.go, empty_pool_response_code_503
func TestARouteWithoutContainersMayAnswer503(t *testing.T) {
	w := start(t, func(o *Options, _ *World) { o.EmptyPool503 = true })
	w.must(200, "POST", "/v3/apps/"+w.app("search-api")+"/actions/stop", nil)
	w.until("no endpoints", func() bool { return w.everywhere(live+"/", 503) })
	if resp, _ := w.visit("nobody.cloudapps.digital/"); resp.StatusCode != 404 {
		t.Errorf("a route that never existed: %d", resp.StatusCode)
	}
}

// A request is done even if its client dies: the token was valid when it arrived.
func TestAWriteThatIsHeldAndDoneLateNeedsNoFreshToken(t *testing.T) {
	c := clock.New(0.001)
	engine := faults.New(c)
	w := start(t, func(o *Options, _ *World) { o.Clock, o.Faults = c, engine })
	blue := w.app("search-api")
	id, err := engine.Add(faults.Fault{Place: "cloud-controller", Kind: "hold", N: 1, WritesOnly: true, Times: 1})
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan int, 1)
	go func() {
		status, _ := w.call("PATCH", "/v3/apps/"+blue, obj{"metadata": obj{"labels": obj{"late": "yes"}}})
		answered <- status
	}()
	if _, err := engine.Wait(t.Context(), id, "held"); err != nil {
		t.Fatal(err)
	}
	c.Move(time.Hour)
	if err := engine.Release(t.Context(), id, true, 0); err != nil {
		t.Fatal(err)
	}
	if status := <-answered; status != 200 {
		t.Errorf("status %d, want 200", status)
	}
	w.login("admin", "s3cret")
	if n := len(w.all("/v3/apps?label_selector=late")); n != 1 {
		t.Errorf("%d apps have the late label", n)
	}
}
