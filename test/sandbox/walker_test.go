package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// A walker uses the sandbox as a person with curl would: it uses the APIs, and no code of this project.
type walker struct {
	t       *testing.T
	ready   Ready
	sandbox *Sandbox
	token   string
	space   string
}

type object = map[string]any

func walk(t *testing.T, o Options) *walker {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	w := &walker{t: t, ready: s.Ready(), sandbox: s}
	w.login()
	w.space = get(w.cf("GET", "/v3/spaces?names=preview", nil, 200), "resources", 0, "guid").(string)
	return w
}

// get picks one value out of decoded JSON.
func get(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(object)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

func str(v any, path ...any) string {
	s, _ := get(v, path...).(string)
	return s
}

func (w *walker) login() {
	w.t.Helper()
	root := w.call(nil, "GET", w.ready.Env["CF_API"]+"/", nil, nil, 200)
	form := url.Values{"grant_type": {"password"}, "username": {w.ready.Env["CF_USERNAME"]}, "password": {w.ready.Env["CF_PASSWORD"]}}
	answer := w.call(nil, "POST", str(root, "links", "login", "href")+"/oauth/token", form.Encode(), http.Header{
		"Authorization": {"Basic Y2Y6"}, "Content-Type": {"application/x-www-form-urlencoded"},
	}, 200)
	w.token = str(answer, "access_token")
	if w.token == "" {
		w.t.Fatalf("no token: %v", answer)
	}
}

// call sends a request, expects a status, and returns the body if it is JSON, with the Location header as "location".
func (w *walker) call(c *http.Client, method, address string, body any, header http.Header, want int) object {
	w.t.Helper()
	status, h, text := w.send(c, method, address, body, header)
	if status != want {
		w.t.Fatalf("%s %s: %d, want %d: %s", method, address, status, want, text)
	}
	v := object{}
	_ = json.Unmarshal(text, &v)
	if l := h.Get("Location"); l != "" {
		v["location"] = l
	}
	return v
}

func (w *walker) send(c *http.Client, method, address string, body any, header http.Header) (int, http.Header, []byte) {
	w.t.Helper()
	if c == nil {
		c = http.DefaultClient
	}
	var text io.Reader = http.NoBody
	kind := ""
	switch body := body.(type) {
	case nil:
	case string:
		text = strings.NewReader(body)
	default:
		b, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		text, kind = bytes.NewReader(b), "application/json"
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, address, text)
	if err != nil {
		w.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	res, err := c.Do(r)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, address, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, address, err)
	}
	return res.StatusCode, res.Header, b
}

// cf calls the Cloud Controller.
func (w *walker) cf(method, path string, body any, want int) object {
	w.t.Helper()
	h := http.Header{"Authorization": {"Bearer " + w.token}}
	if _, ok := body.(string); ok {
		h.Set("Content-Type", "application/x-yaml")
	}
	return w.call(nil, method, w.ready.Env["CF_API"]+path, body, h, want)
}

// job calls the Cloud Controller and waits for the job that it answers with.
func (w *walker) job(method, path string, body any) {
	w.t.Helper()
	where := str(w.cf(method, path, body, 202), "location")
	where = strings.TrimPrefix(where, w.ready.Env["CF_API"])
	var last object
	until(w.t, "job of "+method+" "+path, func() bool {
		last = w.cf("GET", where, nil, 200)
		return str(last, "state") != "PROCESSING" && str(last, "state") != "POLLING"
	})
	if str(last, "state") != "COMPLETE" {
		w.t.Fatalf("%s %s ended as %v", method, path, last)
	}
}

// app calls an app's host through the router over a fresh connection, with the search API's token.
func (w *walker) app(method, host, path string, body any, instance string) (int, http.Header, []byte) {
	w.t.Helper()
	h := http.Header{"Authorization": {"Bearer " + w.ready.Env["DM_SEARCH_API_TOKEN_PREVIEW"]}, instanceHeader: {"1"}}
	if instance != "" {
		h.Set("X-Cf-App-Instance", instance)
	}
	return w.send(routerClient(w.ready.Env["ROUTER_ADDRESS"], true), method, "http://"+host+path, body, h)
}

func (w *walker) mustApp(method, host, path string, body any) object {
	w.t.Helper()
	status, _, text := w.app(method, host, path, body, "")
	if status != 200 {
		w.t.Fatalf("%s %s%s: %d %s", method, host, path, status, text)
	}
	v := object{}
	if err := json.Unmarshal(text, &v); err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *walker) data(path string) object {
	w.t.Helper()
	return w.call(nil, "GET", w.ready.Env["DATA_API_URL"]+path, nil, http.Header{"Authorization": {"Bearer " + w.ready.Env["DM_DATA_API_TOKEN_PREVIEW"]}}, 200)
}

func (w *walker) control(method, path string, body any, want int) object {
	w.t.Helper()
	return w.call(nil, method, w.sandbox.ControlURL+path, body, nil, want)
}

func (w *walker) appGUID(name string) string {
	w.t.Helper()
	guid := str(w.cf("GET", "/v3/apps?names="+name+"&space_guids="+w.space, nil, 200), "resources", 0, "guid")
	if guid == "" {
		w.t.Fatalf("no app %s", name)
	}
	return guid
}

func (w *walker) createService(name, plan string) (guid string) {
	w.t.Helper()
	p := str(w.cf("GET", "/v3/service_plans?names="+plan+"&service_offering_names=elasticsearch", nil, 200), "resources", 0, "guid")
	w.cf("POST", "/v3/service_instances", object{
		"type": "managed", "name": name,
		"relationships": object{"service_plan": object{"data": object{"guid": p}}, "space": object{"data": object{"guid": w.space}}},
	}, 202)
	var last object
	until(w.t, "service instance "+name, func() bool {
		last = w.cf("GET", "/v3/service_instances?names="+name+"&space_guids="+w.space, nil, 200)
		return str(last, "resources", 0, "last_operation", "state") == "succeeded"
	})
	return str(last, "resources", 0, "guid")
}

func (w *walker) push(name, manifest string) (guid string) {
	w.t.Helper()
	w.job("POST", "/v3/spaces/"+w.space+"/actions/apply_manifest", manifest)
	guid = w.appGUID(name)
	pkg := str(w.cf("POST", "/v3/packages", object{
		"type": "docker",
		"data": object{
			"image":    "digitalmarketplace/search-api:release-1234",
			"username": w.ready.Env["DOCKER_USERNAME"], "password": w.ready.Env["CF_DOCKER_PASSWORD"],
		},
		"relationships": object{"app": object{"data": object{"guid": guid}}},
	}, 201), "guid")
	build := str(w.cf("POST", "/v3/builds", object{"package": object{"guid": pkg}}, 201), "guid")
	var last object
	until(w.t, "build", func() bool {
		last = w.cf("GET", "/v3/builds/"+build, nil, 200)
		return str(last, "state") != "STAGING"
	})
	if str(last, "state") != "STAGED" {
		w.t.Fatalf("build: %v", last)
	}
	w.cf("PATCH", "/v3/apps/"+guid+"/relationships/current_droplet", object{"data": object{"guid": str(last, "droplet", "guid")}}, 200)
	w.cf("POST", "/v3/apps/"+guid+"/actions/start", nil, 200)
	until(w.t, name+" running and routable", func() bool {
		stats, _ := get(w.cf("GET", "/v3/apps/"+guid+"/processes/web/stats", nil, 200), "resources").([]any)
		return len(stats) == 2 && !slices.ContainsFunc(stats, func(s any) bool {
			return str(s, "state") != "RUNNING" || get(s, "routable") != true
		})
	})
	return guid
}

const (
	liveAddress = "dm-search-api-preview.cloudapps.digital"
	tempAddress = "dm-elasticsearch-migration-preview.cloudapps.digital"
)

const greenManifest = `
applications:
- name: elasticsearch-migration
  instances: 2
  memory: 512M
  disk_quota: 2G
  docker:
    image: digitalmarketplace/search-api:release-1234
    username: sandbox-docker
  health-check-type: http
  health-check-http-endpoint: /_status?ignore-dependencies
  env:
    DM_APP_NAME: search-api
    DM_ENVIRONMENT: preview
    DM_ELASTICSEARCH_SERVICE_NAME: search_api_elasticsearch
    DM_SEARCH_API_AUTH_TOKENS: sandbox-search-api-token
  services:
  - name: search_api_elasticsearch_new
    binding_name: search_api_elasticsearch
  - digitalmarketplace_prometheus
  - digitalmarketplace_splunk
  routes:
  - route: ` + tempAddress + `
`
