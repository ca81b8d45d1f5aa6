package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/search"
)

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

// A whole upgrade over HTTP: it fails if the sandbox's parts do not fit together.
func TestAnUpgradeCanBeDoneByHand(t *testing.T) {
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
	until(t, "green answers on its temporary route, on every router", func() bool {
		for range 20 {
			if code, _, _ := w.app("GET", tempAddress, "/_status", nil, ""); code != 200 {
				return false
			}
		}
		return true
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
				if got, want := h.Get(instanceHeader), "elasticsearch-migration/"+instance; got != want {
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
	until(t, "only green serves the readers", func() bool {
		now := w.sandbox.load.view().ByApp
		return now["elasticsearch-migration"] >= before["elasticsearch-migration"]+20
	})
	tally := w.control("DELETE", "/_sandbox/load", nil, 200)
	if get(tally, "failed") != 0.0 || get(tally, "by_app", "search-api") == nil {
		t.Errorf("the readers' tally: %v", tally)
	}

	w.checkWrites()
	w.checkSnapshot()
	w.checkLogs(green)
}

// wantSame checks that the index of services is the same as the data API's services.
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

// checkWrites checks that all writes are listed in order.
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
			w.t.Errorf("the snapshot has no %s", name)
		}
	}
}

// checkLogs checks that the app's log has the router's lines of its requests.
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
	client.Timeout = 300 * time.Millisecond // ends the client in the middle of its request
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

// gorouter: proxy/round_tripper/error_handler.go: a backend that closes the connection is an endpoint failure.
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
		t.Errorf("the write that was dropped before its effect has one, or the other has none: %v", status)
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
		t.Errorf("not all edits have reached the live index: %v", tally)
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
		t.Errorf("after one change and one extra document: %d missing, %d extra, %d stale", m, e, s)
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
