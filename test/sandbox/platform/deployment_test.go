package platform

import (
	"reflect"
	"testing"
	"time"
)

func (w *world) finalized(guid any) obj {
	w.t.Helper()
	var out obj
	w.until("the deployment is over", func() bool {
		out = w.must(200, "GET", "/v3/deployments/"+guid.(string), nil)
		return out["status"].(obj)["value"] == "FINALIZED"
	})
	return out["status"].(obj)
}

// ccng: app/actions/deployment_create.rb
func TestARollingDeploymentReplacesTheProcessWithoutAGap(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	w.must(200, "PATCH", "/v3/apps/"+blue+"/environment_variables", obj{"var": obj{"NEW": "1"}})
	d := w.must(201, "POST", "/v3/deployments", obj{"strategy": "rolling", "relationships": obj{"app": toOne(blue)}})
	w.refused(422, 10008, "Cannot scale this process while a deployment is in flight.", "POST", "/v3/apps/"+blue+"/processes/web/actions/scale", obj{"instances": 5})
	if s := w.finalized(d["guid"]); s["reason"] != "DEPLOYED" {
		t.Errorf("status: %v", s)
	}
	v := w.one("/v3/apps/" + blue + "/processes")
	if v["guid"] == blue || v["instances"] != 2.0 {
		t.Errorf("process: %v of %v instances", v["guid"], v["instances"])
	}
	w.until("the new ones serve", func() bool {
		_, out := w.visit(live+"/", "X-Cf-App-Instance", blue+":1")
		env, _ := out["env"].(obj)
		return env["NEW"] == "1"
	})
}

// ccng: app/actions/deployment_cancel.rb; FINALIZED is not success
func TestADeploymentThatCrashesCanBeCanceledAndOneThatIsReplacedIsSuperseded(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	w.must(200, "PATCH", "/v3/apps/"+blue+"/environment_variables", obj{"var": obj{"CRASH": "1"}})
	first := w.must(201, "POST", "/v3/deployments", obj{"relationships": obj{"app": toOne(blue)}})
	second := w.must(201, "POST", "/v3/deployments", obj{"relationships": obj{"app": toOne(blue)}})
	if s := w.finalized(first["guid"]); s["reason"] != "SUPERSEDED" {
		t.Errorf("first: %v", s)
	}
	if n := len(w.all("/v3/deployments?app_guids=" + blue + "&status_values=ACTIVE")); n != 1 {
		t.Errorf("%d active deployments", n)
	}
	w.must(200, "POST", "/v3/deployments/"+second["guid"].(string)+"/actions/cancel", nil)
	if s := w.finalized(second["guid"]); s["reason"] != "CANCELED" {
		t.Errorf("second: %v", s)
	}
	w.refused(422, 10008, "Cannot cancel a deployment with status: FINALIZED and reason: CANCELED", "POST", "/v3/deployments/"+second["guid"].(string)+"/actions/cancel", nil)
	if resp, _ := w.visit(live + "/"); resp.StatusCode != 200 {
		t.Errorf("the old process does not serve any more: %d", resp.StatusCode)
	}
	if env := w.must(200, "GET", "/v3/apps/"+blue+"/environment_variables", nil)["var"].(obj); env["CRASH"] != "1" {
		t.Error("canceling restored the environment")
	}
}

// Cloud Foundry v3 API docs, "Continue a deployment"; ccng: lib/cloud_controller/deployment_updater
func TestACanaryPausesUntilItIsContinued(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	d := w.must(201, "POST", "/v3/deployments", obj{"strategy": "canary", "relationships": obj{"app": toOne(blue)}})
	at := "/v3/deployments/" + d["guid"].(string)
	w.until("paused", func() bool { return w.must(200, "GET", at, nil)["status"].(obj)["reason"] == "PAUSED" })
	w.must(200, "POST", at+"/actions/continue", nil)
	if s := w.finalized(d["guid"]); s["reason"] != "DEPLOYED" {
		t.Errorf("status: %v", s)
	}
}

// Cloud Foundry v3 API docs, "Tasks", "Cancel a task"; ccng: app/actions/task_cancel.rb
func TestATaskEndsByItsCommandOrIsCanceled(t *testing.T) {
	w := start(t)
	at := "/v3/apps/" + w.app("search-api") + "/tasks"
	for command, want := range map[string]string{"true": "SUCCEEDED", "exit 3": "FAILED"} {
		task := w.must(202, "POST", at, obj{"command": command, "name": "t"})
		w.until(command+" ends as "+want, func() bool {
			return w.must(200, "GET", "/v3/tasks/"+task["guid"].(string), nil)["state"] == want
		})
	}
	long := w.must(202, "POST", at, obj{"command": "sleep 30000", "name": "long"})
	if found := w.one(at + "?sequence_ids=3&page=1&per_page=1"); found["guid"] != long["guid"] {
		t.Errorf("sequence: %v", found)
	}
	w.must(202, "PUT", "/v3/tasks/"+long["guid"].(string)+"/cancel", nil)
	w.until("canceled", func() bool { return w.must(200, "GET", "/v3/tasks/"+long["guid"].(string), nil)["state"] == "FAILED" })
	w.refused(422, 10008, "Task state is FAILED and therefore cannot be canceled", "PUT", "/v3/tasks/"+long["guid"].(string)+"/cancel", nil)
}

// cf-networking-release: docs, "Policy Server External API"; an app's policies are deleted with it.
func TestNetworkPoliciesAreByApp(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	green := w.must(201, "POST", "/v3/apps", obj{"name": "g", "relationships": obj{"space": toOne(w.space)}})["guid"].(string)
	body := obj{"policies": []obj{{"source": obj{"id": green}, "destination": obj{"id": blue, "protocol": "tcp", "ports": obj{"start": 8080, "end": 8080}}}}}
	w.must(200, "POST", "/networking/v1/external/policies", body)
	w.must(200, "POST", "/networking/v1/external/policies", body)
	if out := w.must(200, "GET", "/networking/v1/external/policies?id="+blue, nil); out["total_policies"] != 1.0 {
		t.Errorf("policies: %v", out)
	}
	w.done("DELETE", "/v3/apps/"+green, nil)
	if out := w.must(200, "GET", "/networking/v1/external/policies", nil); out["total_policies"] != 0.0 {
		t.Errorf("policies of an app that is gone: %v", out)
	}
}

func TestEqualStatesHaveEqualSnapshots(t *testing.T) {
	w := start(t)
	before := w.p.Snapshot()
	if !reflect.DeepEqual(before, w.p.Snapshot()) {
		t.Error("the same state twice differs")
	}
	at := "/v3/apps/" + w.app("search-api")
	w.must(200, "PATCH", at, obj{"metadata": obj{"labels": obj{"a": "b"}}})
	if reflect.DeepEqual(before, w.p.Snapshot()) {
		t.Error("a new label is not in the snapshot")
	}
	w.must(200, "PATCH", at, obj{"metadata": obj{"labels": obj{"a": nil}}})
	if !reflect.DeepEqual(before, w.p.Snapshot()) {
		t.Error("a change that was undone is in the snapshot")
	}
	other := start(t, func(o *Options, _ *World) { o.StageTime = time.Second })
	if !reflect.DeepEqual(before, other.p.Snapshot()) {
		t.Error("the same seed makes another world")
	}
}
