package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/search"
)

// A walker goes through the sandbox as a person with curl would: it knows the APIs, and nothing of this project.
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

// get picks one value out of what JSON has become.
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

// call sends a request, wants a status, and returns the body as JSON where it is some, and under "location" where the
// answer points to.
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

// app calls an app's host through the router over a fresh connection, as the holder of the search API's token.
func (w *walker) app(method, host, path string, body any, instance string) (int, http.Header, []byte) {
	w.t.Helper()
	h := http.Header{"Authorization": {"Bearer " + w.ready.Env["DM_SEARCH_API_TOKEN_PREVIEW"]}, tellHeader: {"1"}}
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

// index puts all published services into a dated index on a host and sets the alias, as the scripts do.
func (w *walker) index(host string) (published int) {
	w.t.Helper()
	w.mustApp("PUT", host, "/g-cloud-12-2026-01-02", object{"type": "index", "mapping": "services-g-cloud-12"})
	for page := 1; ; page++ {
		list := w.data(fmt.Sprintf("/services?framework=g-cloud-12&page=%d", page))
		services, _ := get(list, "services").([]any)
		for _, s := range services {
			if str(s, "status") == "published" {
				published++
				w.mustApp("PUT", host, "/g-cloud-12-2026-01-02/services/"+str(s, "id"), object{"document": s})
			}
		}
		if get(list, "links", "next") == nil {
			break
		}
	}
	w.mustApp("PUT", host, "/g-cloud-12", object{"type": "alias", "target": "g-cloud-12-2026-01-02"})
	return published
}

// The whole way of a migration, seen with nothing but HTTP: it fails where the sandbox's parts do not fit together.
func TestAMigrationCanBeWalkedByHand(t *testing.T) {
	w := walk(t, Options{Documents: 120, Briefs: 20, Pace: 0.002, PutTime: -1})
	w.control("POST", "/_sandbox/load", object{"rate": 60}, 201)

	// Blue serves.
	status := w.mustApp("GET", liveAddress, "/_status", nil)
	blueIndices, _ := get(status, "es_status").(object)
	if len(blueIndices) < 2 {
		t.Errorf("blue has the indices %v", blueIndices)
	}
	total := get(w.data("/services?framework=g-cloud-12&status=published"), "meta", "total").(float64)
	if total != 120 {
		t.Errorf("%v published services, want 120", total)
	}
	domain := str(w.cf("GET", "/v3/domains?names=cloudapps.digital", nil, 200), "resources", 0, "guid")
	route := w.cf("GET", "/v3/routes?hosts=dm-search-api-preview&paths=&domain_guids="+domain, nil, 200)
	routeGUID, blueDestination := str(route, "resources", 0, "guid"), str(route, "resources", 0, "destinations", 0, "guid")
	blue := w.appGUID("search-api")
	if got := str(route, "resources", 0, "destinations", 0, "app", "guid"); got != blue {
		t.Errorf("the live route leads to %q, want blue %q", got, blue)
	}

	// Green.
	w.createService("search_api_elasticsearch_new", "small-ha-7.x")
	green := w.push("elasticsearch-migration", greenManifest)
	until(t, "green answers on its temporary route", func() bool {
		code, _, _ := w.app("GET", tempAddress, "/_status", nil, "")
		return code == 200
	})
	if got := w.mustApp("GET", tempAddress, "/_status", nil); len(get(got, "es_status").(object)) != 0 {
		t.Errorf("green begins with %v", got)
	}
	published := w.index(tempAddress)
	if published != 120 {
		t.Errorf("indexed %d, want 120", published)
	}
	w.mustApp("GET", tempAddress, "/g-cloud-12/services/search?q=cloud", nil)
	if got := get(w.mustApp("GET", tempAddress, "/_status", nil), "es_status", "g-cloud-12-2026-01-02", "num_docs"); got != 120.0 {
		t.Errorf("green counts %v documents, want 120", got)
	}

	w.wantSame("search_api_elasticsearch_new")

	// Both, then green alone.
	w.cf("POST", "/v3/routes/"+routeGUID+"/destinations", object{"destinations": []any{object{"app": object{"guid": green}}}}, 200)
	for i := range 2 {
		instance := fmt.Sprintf("%s:%d", green, i)
		until(t, "green's instance on the live host, on every router", func() bool {
			for range 20 {
				code, h, _ := w.app("GET", liveAddress, "/_status", nil, instance)
				if code != 200 {
					return false
				}
				if got, want := h.Get(tellHeader), "elasticsearch-migration/"+instance; got != want {
					t.Fatalf("asked for %s, reached %s", want, got)
				}
			}
			return true
		})
	}
	w.cf("DELETE", "/v3/routes/"+routeGUID+"/destinations/"+blueDestination, nil, 204)
	until(t, "blue is gone from the live host, on every router", func() bool {
		for range 20 {
			code, h, _ := w.app("GET", liveAddress, "/_status", nil, blue+":0")
			if code != 400 || h.Get("X-Cf-Routererror") != "unknown_route" {
				return false
			}
		}
		return true
	})
	before := w.sandbox.load.view().ByApp
	until(t, "readers are served by green alone", func() bool {
		now := w.sandbox.load.view().ByApp
		return now["elasticsearch-migration"] >= before["elasticsearch-migration"]+20
	})
	tally := w.control("DELETE", "/_sandbox/load", nil, 200)
	if get(tally, "failed") != 0.0 || get(tally, "by_app", "search-api") == nil {
		t.Errorf("the readers saw %v", tally)
	}

	w.checkWrites()
	w.checkSnapshot()
	w.checkLogs(green)
}

// wantSame wants the index of services to be what the data API has.
func (w *walker) wantSame(service string) {
	w.t.Helper()
	d := get(w.control("GET", "/_sandbox/compare?service="+service, nil, 200), "g-cloud-12")
	for _, list := range []string{"missing", "extra", "stale"} {
		if ids, ok := get(d, list).([]any); !ok || len(ids) > 0 {
			w.t.Errorf("%s: %s in %s: %v", service, list, get(d, "index"), ids)
		}
	}
	if get(d, "docs") != get(d, "source") {
		w.t.Errorf("%s: %v documents, %v in the source", service, get(d, "docs"), get(d, "source"))
	}
}

// checkWrites wants what was written to be listed in its order.
func (w *walker) checkWrites() {
	w.t.Helper()
	var got []string
	puts := 0
	for i, x := range w.sandbox.faults.Writes(0) {
		if x.N != i+1 || x.Effect != "done" {
			w.t.Errorf("write %d is %+v", i+1, x)
		}
		if x.Place == "search-api" {
			puts++
			if x.App != "elasticsearch-migration" {
				w.t.Errorf("written to %q: %+v", x.App, x)
			}
			continue
		}
		got = append(got, x.Method+" "+x.Place)
	}
	if puts != 122 {
		w.t.Errorf("%d writes to the search API, want 120 documents, an index and an alias", puts)
	}
	want := []string{
		"POST cloud-controller", "POST cloud-controller", "POST cloud-controller", "POST cloud-controller",
		"PATCH cloud-controller", "POST cloud-controller", "POST cloud-controller", "DELETE cloud-controller",
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("writes to the platform: %v, want %v", got, want)
	}
}

func (w *walker) checkSnapshot() {
	w.t.Helper()
	_, _, one := w.send(nil, "GET", w.sandbox.ControlURL+"/_sandbox/snapshot", nil, nil)
	_, _, two := w.send(nil, "GET", w.sandbox.ControlURL+"/_sandbox/snapshot", nil, nil)
	if !bytes.Equal(one, two) {
		w.t.Error("two snapshots of the same state differ")
	}
	for _, name := range []string{"elasticsearch-migration", "search_api_elasticsearch_new", "g-cloud-12-2026-01-02"} {
		if !bytes.Contains(one, []byte(name)) {
			w.t.Errorf("the snapshot knows nothing of %s", name)
		}
	}
}

// checkLogs wants the router's lines of the requests in the app's own log.
func (w *walker) checkLogs(app string) {
	w.t.Helper()
	until(w.t, "the router's lines in green's log", func() bool {
		logs := w.cf("GET", "/api/v1/read/"+app+"?descending=true&envelope_types=LOG&limit=1000&start_time=0", nil, 200)
		batch, _ := get(logs, "envelopes", "batch").([]any)
		return slices.ContainsFunc(batch, func(e any) bool { return str(e, "tags", "source_type") == "RTR" })
	})
}

func TestAKilledClientsWriteIsDoneLate(t *testing.T) {
	w := walk(t, Options{Documents: 5, Briefs: -1, PutTime: -1})
	path := "/g-cloud-12/services/" + str(w.mustApp("GET", liveAddress, "/g-cloud-12/services/search?idOnly=true", nil), "documents", 0, "id")
	id := str(w.control("POST", "/_sandbox/faults", object{"kind": "hold", "place": "search-api", "method": "DELETE", "n": 1}, 201), "id")
	client := routerClient(w.ready.Env["ROUTER_ADDRESS"], true)
	client.Timeout = 300 * time.Millisecond // the client's end, in the middle of its request
	r, err := http.NewRequest("DELETE", "http://"+liveAddress+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.ready.Env["DM_SEARCH_API_TOKEN_PREVIEW"])
	if res, err := client.Do(r); err == nil {
		t.Fatalf("answered %d while held", res.StatusCode)
	}
	w.control("GET", "/_sandbox/faults/"+id+"?wait=held&timeout_ms=10000", nil, 200)
	w.mustApp("GET", liveAddress, path, nil)
	w.control("POST", "/_sandbox/faults/"+id+"/release", object{"action": "do"}, 200)
	if code, _, _ := w.app("GET", liveAddress, path, nil, ""); code != 404 {
		t.Errorf("the document is still there: %d", code)
	}
}

// gorouter: proxy/round_tripper/error_handler.go: a backend that closes its connection unasked is an endpoint failure.
func TestABrokenBackendIs502BehindTheRouter(t *testing.T) {
	w := walk(t, Options{Documents: 5, Briefs: -1, PutTime: -1})
	for _, kind := range []string{"drop-before", "drop-after"} {
		w.control("POST", "/_sandbox/faults", object{"kind": kind, "place": "search-api", "method": "PUT", "n": 1}, 201)
		code, h, text := w.app("PUT", liveAddress, "/dated-"+kind, object{"type": "index", "mapping": "services-g-cloud-12"}, "")
		if code != 502 || !strings.HasPrefix(h.Get("X-Cf-Routererror"), "endpoint_failure") {
			t.Errorf("%s: %d %v %s", kind, code, h, text)
		}
	}
	status := w.mustApp("GET", liveAddress, "/_status", nil)
	if get(status, "es_status", "dated-drop-before") != nil || get(status, "es_status", "dated-drop-after") == nil {
		t.Errorf("what was dropped before its effect has one, or the other has none: %v", status)
	}
}

func TestAnEngineFailsOnRequest(t *testing.T) {
	w := walk(t, Options{Documents: 5, Briefs: -1, PutTime: -1})
	w.control("POST", "/_sandbox/engine", object{"service": "search_api_elasticsearch", "outage": "down"}, 200)
	if code, _, text := w.app("GET", liveAddress, "/_status", nil, ""); code != 500 || !bytes.Contains(text, []byte("status_code: N/A")) {
		t.Errorf("with its engine down /_status answers %d %s", code, text)
	}
	w.control("POST", "/_sandbox/engine", object{"service": "search_api_elasticsearch", "outage": ""}, 200)
	w.mustApp("GET", liveAddress, "/_status", nil)
	w.control("POST", "/_sandbox/engine", object{"service": "search_api_elasticsearch", "outage": "tired"}, 400)
	w.control("POST", "/_sandbox/engine", object{"service": "postgres", "outage": "down"}, 400)
}

func TestALiveWriterReachesTheLiveIndex(t *testing.T) {
	w := walk(t, Options{Documents: 40, Briefs: 20, PutTime: -1})
	var edited object
	for edited == nil || str(edited, "index") != "put" {
		edited = w.control("POST", "/_sandbox/edit", object{"kind": "update-service"}, 200)
	}
	id := str(edited, "id")
	indexed := w.mustApp("GET", liveAddress, "/g-cloud-12/services/"+id, nil)
	if got, want := str(indexed, "services", "_source", "dmtext_serviceDescription"), str(w.data("/services/"+id), "services", "serviceDescription"); got != want || got == "" {
		t.Errorf("the index has %q, the data API %q", got, want)
	}
	w.control("POST", "/_sandbox/edit", object{"kind": "unpublish-service", "id": id}, 200)
	if code, _, _ := w.app("GET", liveAddress, "/g-cloud-12/services/"+id, nil, ""); code != 404 {
		t.Errorf("an unpublished service is still in the index: %d", code)
	}
	w.control("POST", "/_sandbox/edit", object{"rate": 200}, 201)
	until(t, "50 edits", func() bool { return w.sandbox.writer.view().Edits >= 50 })
	tally := w.control("DELETE", "/_sandbox/edit", nil, 200)
	if get(tally, "unheard") != 0.0 {
		t.Errorf("the live index did not hear of all edits: %v", tally)
	}
}

func TestAnIndexIsComparedWithItsSource(t *testing.T) {
	w := walk(t, Options{Documents: 40, Briefs: 10, Drift: 2, PutTime: -1})
	count := func(list string) int {
		t.Helper()
		ids, ok := get(w.control("GET", "/_sandbox/compare", nil, 200), "g-cloud-12", list).([]any)
		if !ok {
			t.Fatalf("no %s", list)
		}
		return len(ids)
	}
	if m, e, s := count("missing"), count("extra"), count("stale"); m != 2 || e != 0 || s != 0 {
		t.Errorf("a drift of 2 is %d missing, %d extra, %d stale", m, e, s)
	}
	id := str(w.mustApp("GET", liveAddress, "/g-cloud-12/services/search?idOnly=true", nil), "documents", 0, "id")
	doc := get(w.data("/services/"+id), "services").(object)
	doc["serviceName"] = "Another name"
	w.mustApp("PUT", liveAddress, "/g-cloud-12/services/"+id, object{"document": doc})
	w.mustApp("PUT", liveAddress, "/g-cloud-12/services/1234", object{"document": doc})
	if m, e, s := count("missing"), count("extra"), count("stale"); m != 2 || e != 1 || s != 1 {
		t.Errorf("after one change and one too many: %d missing, %d extra, %d stale", m, e, s)
	}
	w.control("GET", "/_sandbox/compare?service=postgres", nil, 404)
}

func TestAReleaseReplacesTheLiveApp(t *testing.T) {
	w := walk(t, Options{Documents: 5, Briefs: -1, PutTime: -1, Pace: 0.001, Readers: 40})
	before := w.appGUID("search-api")
	w.control("POST", "/_sandbox/release", object{"image": "digitalmarketplace/search-api:release-1235"}, 200)
	if after := w.appGUID("search-api"); after == before {
		t.Error("the release left the same app")
	}
	if got := w.control("DELETE", "/_sandbox/load", nil, 200); get(got, "failed") != 0.0 {
		t.Errorf("readers saw %v", got)
	}
	w.mustApp("GET", liveAddress, "/_status", nil)
	w.control("POST", "/_sandbox/release", object{"image": "digitalmarketplace/nothing:1"}, 409)
}

func TestTheSameSeedGivesTheSameWorld(t *testing.T) {
	shape := func(seed uint64) string {
		w := walk(t, Options{Documents: 30, Briefs: 10, Seed: seed, PutTime: -1})
		clusters, _ := w.sandbox.Snapshot()["search"].(map[string]search.ClusterSnapshot)
		var all []search.ClusterSnapshot
		for _, c := range clusters {
			all = append(all, c)
		}
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	one := shape(1)
	if again := shape(1); again != one {
		t.Errorf("seed 1 gives\n%s\nand then\n%s", one, again)
	}
	if other := shape(2); other == one {
		t.Error("another seed gives the same world")
	}
}
