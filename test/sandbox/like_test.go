package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const another = `{
  "stage": "live", "org": "house", "space": "search",
  "live_app": "finder", "live_route": "find.apps.example.org/v1", "service": "es", "service_variable": "DM_ELASTICSEARCH_SERVICE_NAME",
  "domains": ["apps.example.org"], "offering": "opensearch", "plans": ["big", "small"],
  "room": {"memory_mb": 512, "instances": -1, "services": 1, "routes": 3},
  "services": [{"name": "es", "type": "managed", "offering": "opensearch", "plan": "big"}, {"name": "db", "type": "managed", "offering": "postgres", "plan": "tiny"},
    {"name": "guard", "type": "user-provided"}],
  "apps": [
    {"name": "finder", "image": "house/finder:7", "instances": 1, "memory_mb": 256, "disk_mb": 512, "health_check": "http", "health_check_endpoint": "/_status?ignore-dependencies",
     "variables": ["API_KEY", "DM_ELASTICSEARCH_SERVICE_NAME"], "services": [{"service": "es", "name": "search"}], "routes": ["find.apps.example.org/v1", "find.apps.example.org"]},
    {"name": "website", "instances": 2, "memory_mb": 128, "disk_mb": 512, "health_check": "port", "services": [{"service": "db"}], "routes": ["www.apps.example.org"]},
    {"name": "asleep", "image": "house/batch:1", "stopped": true, "instances": 1, "memory_mb": 64, "disk_mb": 64, "health_check": "process"}],
  "route_services": [{"route": "www.apps.example.org", "service": "guard"}],
  "policies": [{"from": "website", "to": "finder", "protocol": "tcp", "start": 8080, "end": 8080}],
  "documents": {"g-cloud-12": 40, "briefs-digital-outcomes-and-specialists": 6}
}`

func written(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "space.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestASpaceIsACopyOfTheOneInTheFile(t *testing.T) {
	l, err := ReadLike(written(t, another))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), Options{Like: l, PutTime: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	w := &walker{t: t, ready: s.Ready(), sandbox: s}
	w.login()
	w.space = str(w.cf("GET", "/v3/spaces?names=search", nil, 200), "resources", 0, "guid")

	if e := w.ready.Env; e["STAGE"] != "live" || e["LIVE_APP"] != "finder" || e["SERVICE"] != "es" || e["CF_SPACE"] != "search" || e["DM_DATA_API_TOKEN_LIVE"] == "" {
		t.Errorf("env %v", e)
	}
	finder := w.appGUID("finder")
	env := w.cf("GET", "/v3/apps/"+finder+"/env", nil, 200)
	if vars := get(env, "environment_variables"); str(vars, "API_KEY") != "replaced" || str(vars, "DM_ELASTICSEARCH_SERVICE_NAME") != "search" {
		t.Errorf("variables %v", vars)
	}
	if name := str(env, "system_env_json", "VCAP_SERVICES", "opensearch", 0, "name"); name != "search" {
		t.Errorf("bound as %q", name)
	}
	usage := w.cf("GET", "/v3/spaces/"+w.space+"/usage_summary", nil, 200)
	if get(usage, "usage_summary", "memory_in_mb") != 512.0 || get(usage, "usage_summary", "routes") != 3.0 {
		t.Errorf("usage %v", usage)
	}
	quota := w.cf("GET", "/v3/organization_quotas", nil, 200)
	if get(quota, "resources", 0, "apps", "total_memory_in_mb") != 1024.0 || get(quota, "resources", 0, "apps", "total_instances") != nil {
		t.Errorf("quota %v", get(quota, "resources", 0, "apps"))
	}
	if state := str(w.cf("GET", "/v3/apps/"+w.appGUID("asleep"), nil, 200), "state"); state != "STOPPED" {
		t.Errorf("asleep is %s", state)
	}
	until(t, "the website answers", func() bool {
		status, _, text := w.app("GET", "www.apps.example.org", "/", nil, "")
		return status == 200 && string(text) == "ok\n"
	})
	w.ready.Env["DM_SEARCH_API_TOKEN_PREVIEW"] = w.ready.Env["DM_SEARCH_API_TOKEN_LIVE"]
	if total := get(w.mustApp("GET", "find.apps.example.org", "/g-cloud-12/services/search", nil), "meta", "total"); total != 37.0 { // without the drift
		t.Errorf("%v documents", total)
	}
}

func TestAFileThatDescribesNoSpaceIsRefused(t *testing.T) {
	for _, c := range []struct{ text, words string }{
		{"apps: []", "invalid character"},
		{strings.Replace(another, `"live_app": "finder"`, `"live_app": "gone"`, 1), "not among its apps"},
		{strings.Replace(another, `"live_route": "find`, `"live_route": "lost`, 1), "not among its apps"},
	} {
		if _, err := ReadLike(written(t, c.text)); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v, want %q", err, c.words)
		}
	}
	if _, err := ReadLike("no-such-file.json"); err == nil {
		t.Error("a file that does not exist was read")
	}
}

// The file names domains and no kinds: a domain is of the kind that its routes need.
func TestADomainIsWhatItsRoutesNeed(t *testing.T) {
	text := strings.Replace(another, `["apps.example.org"]`, `["apps.example.org", "example.net", "tcp.example.org", "apps.internal"]`, 1)
	text = strings.Replace(text, `["www.apps.example.org"]`, `["www.apps.example.org", "*.example.net", "example.net/v1", "tcp.example.org:1030", "website.apps.internal"]`, 1)
	l, err := ReadLike(written(t, text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), Options{Like: l, PutTime: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	w := &walker{t: t, ready: s.Ready(), sandbox: s}
	w.login()
	w.space = str(w.cf("GET", "/v3/spaces?names=search", nil, 200), "resources", 0, "guid")
	found := w.cf("GET", "/v3/apps/"+w.appGUID("website")+"/routes", nil, 200)
	for i, want := range []string{"www.apps.example.org", "*.example.net", "example.net/v1", "tcp.example.org:1030", "website.apps.internal"} {
		if got := str(found, "resources", i, "url"); got != want {
			t.Errorf("route %d is %s, not %s", i, got, want)
		}
	}
	if d := w.cf("GET", "/v3/domains?names=apps.internal", nil, 200); get(d, "resources", 0, "internal") != true {
		t.Errorf("%v", d)
	}
}
