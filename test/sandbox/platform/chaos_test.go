package platform

import (
	"strings"
	"testing"
	"time"
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
	w.until("the binding goes on its own", func() bool {
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
		t.Error("the crash took the new environment")
	}
	if n := len(w.all("/v3/audit_events?types=app.crash")); n != 1 {
		t.Errorf("%d crash events", n)
	}
	if w.p.Crash("search-api", 9) == nil {
		t.Error("a container that is not there crashed")
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
