package platform

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// ccng: app/jobs/space_apply_manifest_action_job.rb: nothing is undone
func TestAManifestThatFailsInTheMiddleIsNotUndone(t *testing.T) {
	w := start(t)
	out := w.job("POST", "/v3/spaces/"+w.space+"/actions/apply_manifest", manifestFor("green",
		"  memory: 256M\n  env: {A: b}\n  routes: [{route: green.cloudapps.digital/x}]\n  services: [digitalmarketplace_splunk, no-such]\n"))
	e := out["errors"].([]any)[0].(obj)
	if out["state"] != "FAILED" || e["code"] != 10010.0 || e["detail"] != "For application 'green': Service instance 'no-such' not found" {
		t.Fatalf("job: %v", out)
	}
	green := w.app("green")
	if env := w.must(200, "GET", "/v3/apps/"+green+"/environment_variables", nil)["var"].(obj); env["A"] != "b" {
		t.Errorf("environment: %v", env)
	}
	if n := len(w.all("/v3/apps/" + green + "/routes")); n != 1 {
		t.Errorf("%d routes", n)
	}
	if n := len(w.all("/v3/service_credential_bindings?app_guids=" + green)); n != 1 {
		t.Errorf("%d bindings, want the one before the failure", n)
	}
}

// ccng: app/controllers/v3/space_manifests_controller.rb, app/messages/app_manifest_message.rb
func TestAManifestIsCheckedBeforeAnythingIsDone(t *testing.T) {
	w := start(t)
	at := "/v3/spaces/" + w.space + "/actions/apply_manifest"
	w.refused(422, 10008, "For application 'x': Process \"web\": Memory must use a supported unit", "POST", at, "applications:\n- name: x\n  memory: 256\n")
	w.refused(422, 10008, "For application at index 0: Name must not be empty", "POST", at, "applications:\n- memory: 256M\n")
	w.refused(422, 10008, "Cannot parse manifest with no 'applications' field.", "POST", at, "name: x\n")
	w.refused(400, 1001, "invalid request body", "POST", at, "[")
	w.refused(400, 1004, "Content-Type must be yaml", "POST", at, obj{})
	w.refused(400, 1004, "Anchors and Aliases", "POST", at, "applications:\n- name: x\n  env: &e {A: b}\n- name: y\n  env: *e\n")
	if n := len(w.all("/v3/apps")); n != 1 {
		t.Errorf("%d apps", n)
	}
}

// ccng: app/actions/app_apply_manifest.rb, update_routes
func TestNoRouteUnmapsEveryRouteOfALiveApp(t *testing.T) {
	w := start(t)
	w.done("POST", "/v3/spaces/"+w.space+"/actions/apply_manifest", manifestFor("search-api", "  no-route: true\n"))
	w.until("the live host is not routed", func() bool { return w.everywhere(live+"/", 404) })
	if n := len(w.all("/v3/routes")); n != 2 {
		t.Errorf("%d routes, want 2: only their destinations are removed", n)
	}
}

// ccng: app/actions/app_apply_manifest.rb, update_routes
func TestADefaultRouteIsMadeOnlyIfThereIsNone(t *testing.T) {
	w := start(t)
	w.done("POST", "/v3/spaces/"+w.space+"/actions/apply_manifest", manifestFor("search-api", "  default-route: true\n"))
	if n := len(w.all("/v3/routes")); n != 2 {
		t.Errorf("%d routes, want 2", n)
	}
	w.done("POST", "/v3/spaces/"+w.space+"/actions/apply_manifest", manifestFor("green", "  default-route: true\n"))
	if r := w.one("/v3/apps/" + w.app("green") + "/routes"); r["url"] != "green.cloudapps.digital" {
		t.Errorf("route: %v", r["url"])
	}
}

// ccng: app/presenters/v3/app_manifest_presenters
func TestAnAppsManifestHasItsMetadataButNoBindingNames(t *testing.T) {
	w := start(t)
	w.done("POST", "/v3/service_instances", w.managed("new", "small-ha-7.x"))
	blue := w.app("search-api")
	w.done("POST", "/v3/service_credential_bindings", w.bind(blue, w.service("new"), "special-name"))
	w.must(200, "PATCH", "/v3/apps/"+blue, obj{"metadata": obj{"labels": obj{"run": "r1"}}})
	text := w.must(200, "GET", "/v3/apps/"+blue+"/manifest", nil)["text"].(string)
	var out struct {
		Applications []struct {
			Name     string
			Docker   struct{ Image, Username string }
			Env      map[string]string
			Services []string
			Routes   []struct{ Route, Protocol string }
			Metadata struct{ Labels map[string]string }
			Process  []map[string]any `yaml:"processes"`
		}
	}
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	a := out.Applications[0]
	if a.Docker.Image != "digitalmarketplace/search-api:release-1234" || a.Docker.Username != "dmdeploy" || a.Metadata.Labels["run"] != "r1" ||
		len(a.Services) != 4 || len(a.Routes) != 2 || a.Process[0]["memory"] != "512M" || a.Process[0]["instances"] != 2 {
		t.Errorf("manifest:\n%s", text)
	}
	if strings.Contains(text, "special-name") || strings.Contains(text, "docker-password") {
		t.Errorf("manifest shows too much:\n%s", text)
	}
	diff := w.must(201, "POST", "/v3/spaces/"+w.space+"/manifest_diff", strings.Replace(text, "instances: 2", "instances: 3", 1))["diff"].([]any)
	if len(diff) != 1 || diff[0].(obj)["op"] != "replace" || diff[0].(obj)["value"] != 3.0 {
		t.Errorf("diff: %v", diff)
	}
	w.done("POST", "/v3/spaces/"+w.space+"/actions/apply_manifest", text)
}
