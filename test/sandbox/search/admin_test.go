package search

import (
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

// digitalmarketplace-search-api: app/__init__.py, get_service_by_name_from_vcap_services: without a service of that
// name it crashes at start.
func TestBootFindsItsServiceByName(t *testing.T) {
	c := NewClusters(nil)
	boot := func(env map[string]string) error {
		_, err := New(Options{Clusters: c}).Boot(diego.Instance{Env: env})
		return err
	}
	env := environment(t, c, "search_api_elasticsearch")
	if err := boot(env); err != nil {
		t.Error(err)
	}
	env["DM_ELASTICSEARCH_SERVICE_NAME"] = "search_api_elasticsearch_new"
	if err := boot(env); err == nil || err.Error() != "RuntimeError: Unable to find service with name search_api_elasticsearch_new in VCAP_SERVICES" {
		t.Error(err)
	}
	renamed := environment(t, c, "search_api_elasticsearch_new")
	if boot(renamed) == nil {
		t.Error("boots with a service of another name")
	}
	renamed["DM_ELASTICSEARCH_SERVICE_NAME"] = "search_api_elasticsearch_new"
	if err := boot(renamed); err != nil {
		t.Error(err)
	}
}

// digitalmarketplace-search-api: app/authentication.py: the 403's text is the token of the request. /_status, the metrics
// and unknown paths need none.
func TestARefusedTokenIsEchoed(t *testing.T) {
	a := start(t, Options{}, plan)
	no := a.do("GET", "/_all", "", "Authorization", "")
	no.is(t, "no token", 401, `{"error": "Unauthorized; bearer token must be provided"}`)
	want(t, "challenges", strings.Join(no.header["Www-Authenticate"], "|"), "Bearer realm=main|Bearer realm=main")
	a.do("GET", "/_all", "", "Authorization", "Bearer wrong").is(t, "wrong", 403, `{"error": "wrong"}`)
	a.do("PUT", "/x", "{}", "Authorization", "Bearer wrong").is(t, "wrong", 403, `{"error": "wrong"}`)
	want(t, "the first of two", a.do("GET", "/_all", "", "Authorization", "Bearer other").status, 200)
	for path, status := range map[string]int{"/_status": 200, "/_metrics": 200, "/metrics": 401, "/a/b": 404, "/g-cloud-12/": 404} {
		want(t, path, a.do("GET", path, "", "Authorization", "").status, status)
	}
	want(t, "method", a.do("POST", "/x", "{}").status, 405)
	want(t, "what is allowed", a.do("POST", "/x", "{}").header.Get("Allow"), "DELETE, GET, HEAD, OPTIONS, PUT")
	options := a.do("OPTIONS", "/x/services/1", "")
	options.is(t, "options", 200, "")
	want(t, "its methods", options.header.Get("Allow"), "DELETE, GET, HEAD, OPTIONS, PUT")
	want(t, "it needs a token", a.do("OPTIONS", "/x", "", "Authorization", "").status, 401)
	want(t, "but not for the status", a.do("OPTIONS", "/_status", "", "Authorization", "").status, 200)
}

// Elasticsearch 7.10 docs, "Automatically create data streams and indices"; app/mapping.py, get_mapping: what it makes has no
// _meta, so no document can be written to it, or searched in it, through the API.
func TestTheEngineMakesAnIndexThatIsWrittenTo(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("x")
	k := a.clusters.of("instance")
	x, err := k.single("x", true)
	if err != nil {
		t.Fatal(err)
	}
	a.ok("DELETE", "/x", "")
	if _, err := k.target("x", x.mapping); err != nil {
		t.Fatal(err)
	}
	a.get("/x").is(t, "its status", 200, `{"status":{"aliases":[],"mapping_generated_from_framework":null,"mapping_version":null,"max_result_window":null,"num_docs":0,"primary_size":"208b"}}`)
	for _, path := range []string{"/", "/x/services/search"} {
		a.get(path).is(t, path, 500, `{"error":"Internal error"}`)
	}
	a.do("PUT", "/x/services/1", body("1")).is(t, "a document", 500, `{"error":"Internal error"}`)
	if _, err := k.target("X", x.mapping); err == nil {
		t.Error("it made an index with an upper-case name")
	}
}

// digitalmarketplace-utils: dmutils/request_id.py, dmutils/cookie_probe.py.
func TestEveryAnswerHasTheIdsOfTheRequestAndTheProbe(t *testing.T) {
	a := start(t, Options{}, plan)
	for _, path := range []string{"/_status", "/none", "/a/b"} {
		h := a.get(path).header
		if id := h.Get("DM-Request-ID"); len(id) != 32 || h.Get("X-B3-TraceId") != id || h.Get("X-B3-SpanId") != "None" {
			t.Errorf("%s: %v", path, h)
		}
		if cookie := h.Get("Set-Cookie"); !strings.HasPrefix(cookie, "dm_cookie_probe=yum; Expires=") || !strings.HasSuffix(cookie, " GMT; Max-Age=31536000.0; Path=/") {
			t.Errorf("%s: %s", path, cookie)
		}
	}
	h := a.do("GET", "/_status", "", "X-B3-TraceId", "trace", "X-B3-SpanId", "span").header
	want(t, "those of the request", h.Get("DM-Request-ID")+" "+h.Get("X-B3-TraceId")+" "+h.Get("X-B3-SpanId"), "trace trace span")
}

// digitalmarketplace-search-api: app/main/views/admin.py, create; app/mapping.py, load_mapping_definition;
// Elasticsearch 7.10 docs, "Create index API" for its refusals.
func TestAnIndexIsMadeOnceFromAKnownMapping(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("g-cloud-12-2026-11-23")
	create := func(name, mapping string) answer {
		return a.do("PUT", "/"+name, `{"type":"index","mapping":"`+mapping+`"}`)
	}
	again := create("g-cloud-12-2026-11-23", "services-g-cloud-12")
	if again.status != 400 || !strings.HasPrefix(again.body, `{"error":"resource_already_exists_exception: index [g-cloud-12-2026-11-23/`) {
		t.Errorf("%d %s", again.status, again.body)
	}
	create("other", "services-g-cloud-13").is(t, "mapping", 400, `{"error": "Mapping definition named 'services-g-cloud-13' not found."}`)
	if services := create("other", "services"); services.status != 400 || !strings.Contains(services.body, "include_in_all") {
		t.Errorf("the mapping of g-cloud-9: %d %s", services.status, services.body)
	}
	a.alias("g-cloud-12", "g-cloud-12-2026-11-23").is(t, "alias", 200, `{"message":"acknowledged"}`)
	create("g-cloud-12", "services-g-cloud-12").fails(t, "an alias has the name", 400, "invalid_index_name_exception: Invalid index name [g-cloud-12], already exists as alias")
	create("Upper", "services-g-cloud-12").fails(t, "upper case", 400, "invalid_index_name_exception: Invalid index name [Upper], must be lowercase")
	create("_x", "services-g-cloud-12").fails(t, "underscore", 400, "invalid_index_name_exception: Invalid index name [_x], must not start with '_', '-', or '+'")
	want(t, "a wildcard", create("a*", "services-g-cloud-12").status, 400)
	a.do("PUT", "/x", `{"type":"table"}`).is(t, "type", 400, `{"error": "Unrecognized 'type' value. Expected 'index' or 'alias'"}`)
	a.do("PUT", "/x", `{}`).is(t, "no type", 400, `{"error": "Invalid JSON must have '['type']' key(s)"}`)
	a.do("PUT", "/x", `{"type":"index"}`).is(t, "no mapping", 400, `{"error": "Invalid JSON must have '['mapping']' key(s)"}`)
}

// digitalmarketplace-search-api: app/main/services/process_request_json.py, check_json_from_request.
func TestTheContentTypeIsComparedAsAString(t *testing.T) {
	a := start(t, Options{}, plan)
	body := `{"type":"index","mapping":"services-g-cloud-12"}`
	for i, header := range []string{"application/json", "application/json; charset=UTF-8"} {
		want(t, header, a.do("PUT", "/i"+string(rune('a'+i)), body, "Content-Type", header).status, 200)
	}
	for _, header := range []string{"application/json; charset=utf-8", "application/json;charset=UTF-8", "text/json", ""} {
		a.do("PUT", "/x", body, "Content-Type", header).is(t, header, 400, `{"error": "Unexpected Content-Type, expecting 'application/json'"}`)
	}
	want(t, "not JSON", a.do("PUT", "/x", `{"type"`).status, 400)
	a.do("PUT", "/x", `null`).is(t, "null", 400, `{"error": "Invalid JSON; must be a valid JSON object"}`)
	a.do("PUT", "/x", `[1]`).is(t, "a list", 500, `{"error":"Internal error"}`)
}

// digitalmarketplace-search-api: app/main/services/search_service.py, create_alias: one atomic update, which removes it
// everywhere else; Elasticsearch 7.10 docs, "Update index alias API".
func TestAnAliasMovesInOneStepAndErrorsAreTheEngines(t *testing.T) {
	a := start(t, Options{}, plan)
	a.alias("g-cloud-12", "x").fails(t, "empty cluster", 404, "index_not_found_exception: no such index [null] and no indices exist")
	a.services("one")
	a.services("two")
	a.alias("g-cloud-12", "x").fails(t, "no target", 404, "index_not_found_exception: no such index [x]")
	a.alias("two", "one").fails(t, "name of an index", 400, "invalid_alias_name_exception: Invalid alias name [two], an index exists with the same name as the alias")
	a.alias("two", "").fails(t, "no target", 400, "x_content_parse_exception: [1:71] [add] failed to parse field [index]")
	a.do("PUT", "/two", `{"type":"alias","target":null}`).fails(t, "null", 400, "x_content_parse_exception: [1:71] [add] index doesn't support values of type: VALUE_NULL")
	a.do("GET", "/_x", "").fails(t, "an underscore", 400, "invalid_index_name_exception: Invalid index name [_x], must not start with '_'.")
	want(t, "set", a.alias("g-cloud-12", "one").status, 200)
	want(t, "moved", a.alias("g-cloud-12", "two").status, 200)
	a.alias("other", "g-cloud-12").fails(t, "target is an alias", 400,
		"illegal_argument_exception: The provided expression [g-cloud-12] matches an alias, specify the corresponding concrete indices instead.")
	status := a.object("/_status")["es_status"].(map[string]any)
	want(t, "one", len(status["one"].(map[string]any)["aliases"].([]any)), 0)
	want(t, "two", status["two"].(map[string]any)["aliases"].([]any)[0], any("g-cloud-12"))
	a.get("/g-cloud-12").is(t, "an alias has no status", 200, `{"status":{}}`)
}

// digitalmarketplace-search-api: app/main/views/admin.py, delete.
func TestAnIndexThatHasAnAliasIsNotDeleted(t *testing.T) {
	a := start(t, Options{}, plan)
	a.do("DELETE", "/x", "").fails(t, "missing", 404, "index_not_found_exception: no such index [x]")
	a.services("one")
	a.services("two")
	a.alias("g-cloud-12", "one")
	a.do("DELETE", "/g-cloud-12", "").fails(t, "alias", 400, "Cannot delete alias 'g-cloud-12'")
	a.do("DELETE", "/one", "").fails(t, "aliased", 400, "Index 'one' is aliased as 'g-cloud-12' and cannot be deleted")
	a.do("DELETE", "/t*", "").fails(t, "a wildcard counts as an alias", 400, "Cannot delete alias 't*'")
	a.ok("DELETE", "/two", "")
	want(t, "gone", a.get("/two").status, 404)
}

// digitalmarketplace-search-api: app/main/views/admin.py passes the name on unchanged: DELETE /_all deletes everything,
// aliased indices too, as the real one does.
func TestDeleteAllDeletesEverything(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("one")
	a.services("two")
	a.alias("g-cloud-12", "one")
	a.ok("DELETE", "/_all", "")
	want(t, "indices left", len(a.object("/_all")["status"].(map[string]any)), 0)
	want(t, "the alias too", a.get("/g-cloud-12").status, 404)
}

// Elasticsearch 7.10 docs, "Multi-target syntax": wildcards and lists reach the engine; only a single name has a
// status.
func TestWildcardsReachTheEngine(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("one")
	a.services("two")
	for _, path := range []string{"/o*", "/one,two", "/zz*", "/*"} {
		a.get(path).is(t, path, 200, `{"status":{}}`)
	}
	want(t, "a list with a missing one", a.get("/one,three").status, 404)
	want(t, "_all", len(a.object("/_all")["status"].(map[string]any)), 2)
}

// digitalmarketplace-search-api: app/status/views.py, app/main/services/response_formatters.py.
func TestStatusHasTheCountsOfEachIndex(t *testing.T) {
	a := start(t, Options{Version: "release-1234"}, plan)
	a.services("g-cloud-12-2026-11-23")
	m := a.object("/_status")
	want(t, "status", m["status"], any("ok"))
	want(t, "version", m["version"], any("release-1234"))
	x := m["es_status"].(map[string]any)["g-cloud-12-2026-11-23"].(map[string]any)
	want(t, "mapping", x["mapping_version"], any("18.0.0"))
	want(t, "window is a string", x["max_result_window"], any("50000"))
	want(t, "framework", x["mapping_generated_from_framework"], any("g-cloud-12"))
	want(t, "keys", len(x), 6)
	_, has := a.object("/_status?ignore-dependencies")["version"]
	want(t, "version without dependencies", has, false)
	want(t, "the index's own", a.object("/g-cloud-12-2026-11-23")["status"].(map[string]any)["mapping_version"], any("18.0.0"))

	old := start(t, Options{Build: OldBuild()}, plan)
	old.services("x")
	want(t, "another build's mapping", old.object("/x")["status"].(map[string]any)["mapping_version"], any("17.13.1"))
}

// digitalmarketplace-search-api: app/main/views/meta.py, root.
func TestRootListsIndicesAliasesAndMappings(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("one")
	a.alias("g-cloud-12", "one")
	m := a.object("/")
	want(t, "mappings", len(m["field-mappings"].([]any)), 5)
	links := m["links"].([]any)
	want(t, "links", len(links), 2)
	want(t, "alias", links[1].(map[string]any)["href"], any(a.url+"/g-cloud-12/services/search"))
	want(t, "rel", links[1].(map[string]any)["rel"], any("query.gdm.alias"))
}

// digitalmarketplace-search-api: app/status/views.py calls the engine even with ignore-dependencies; elasticsearch-py docs,
// "Exceptions", for N/A and TIMEOUT; Elasticsearch 7.10 docs, "Disk-based shard allocation", for the flood stage: each
// outage has its message.
func TestEachOutageOfTheEngineHasItsMessage(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("x")
	a.put("x", "1")
	for _, c := range []struct {
		outage  Outage
		message string
		put     int
		index   int
	}{
		{Down, "(status_code: N/A, message: ", 500, 500},
		{Hanging, "(status_code: TIMEOUT, message: ", 500, 500},
		{Unavailable, "(status_code: 503, message: cluster_block_exception: ", 500, 503},
		{BadGateway, "(status_code: 502, message: None)", 500, 502},
		{Full, "", 429, 200},
		{ReadOnly, "", 403, 200},
	} {
		if !a.clusters.Break("instance", c.outage) {
			t.Fatal("no such instance")
		}
		s := a.get("/_status?ignore-dependencies")
		if c.message == "" {
			want(t, string(c.outage), s.status, 200)
		} else if s.status != 500 || !strings.Contains(s.body, "Error connecting to elasticsearch "+c.message) || strings.Contains(s.body, "es_status") {
			t.Errorf("%s: %d %s", c.outage, s.status, s.body)
		}
		p := a.do("PUT", "/x/services/2", body("2"))
		want(t, "PUT when "+string(c.outage), p.status, c.put)
		if p.status == 500 {
			p.is(t, "the first call's failure has no words", 500, `{"error":"Internal error"}`)
		} else if !strings.Contains(p.body, "cluster_block_exception") {
			t.Errorf("%s: %s", c.outage, p.body)
		}
		want(t, "DELETE when "+string(c.outage), a.do("DELETE", "/x/services/1", "").status, c.put)
		want(t, "index when "+string(c.outage), a.get("/x").status, c.index)
	}
	a.clusters.Break("instance", Down)
	if b := a.get("/x/services/1").body; !strings.Contains(b, `"unexpectedStatusCode":"N/A"`) {
		t.Error(b)
	}
	a.clusters.Break("instance", BadGateway)
	a.get("/x/services/1").is(t, "HTML from the engine", 502, `{"error":null}`)
	a.clusters.Break("instance", None)
	want(t, "mended", a.get("/x/services/1").status, 200)

	old := start(t, Options{Clusters: NewClusters(clock.New(0))}, "small-ha-5.x")
	old.services("x")
	old.clusters.Break("instance", Full)
	want(t, "a full disk under version 6", old.do("PUT", "/x/services/2", body("2")).status, 403)
}

// elasticsearch-py docs, "Connection", timeout: a call to an engine that does not answer ends after ten seconds.
func TestAnEngineThatHangsTimesOutAfterTenSeconds(t *testing.T) {
	c := clock.New(0.01)
	a := start(t, Options{Clock: c}, plan)
	a.clusters.Break("instance", Hanging)
	began := time.Now()
	want(t, "status", a.get("/_status").status, 500)
	if took := time.Since(began); took < c.Scale(10*time.Second) {
		t.Errorf("it took %s, want %s", took, c.Scale(10*time.Second))
	}
}

// digitalmarketplace-utils: dmutils/status.py, get_disk_space_status: an app whose own disk is full reports it in /_status,
// beside the indices, and goes on serving.
func TestALowDiskIsAStatusErrorBesideTheIndices(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("x")
	a.clusters.Break("instance", LowDisk)
	s := a.get("/_status?ignore-dependencies")
	if s.status != 500 || !strings.Contains(s.body, `"message":["Disk space low: 4% remaining."]`) || !strings.Contains(s.body, `"es_status":{"x":`) {
		t.Errorf("%d %s", s.status, s.body)
	}
	want(t, "PUT", a.do("PUT", "/x/services/1", body("1")).status, 200)
}

// Open Service Broker API, "Deprovisioning": after its service instance was deleted, an app has no engine.
func TestDeprovisionedClusterIsGone(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("x")
	if err := a.clusters.Deprovision("instance"); err != nil {
		t.Fatal(err)
	}
	if s := a.get("/_status"); s.status != 500 || !strings.Contains(s.body, "status_code: N/A") {
		t.Errorf("%d %s", s.status, s.body)
	}
	a.clusters.FailNext("no capacity in the region")
	if err := a.clusters.Provision("instance", plan, nil); err == nil || err.Error() != "no capacity in the region" {
		t.Error(err)
	}
}
