package data

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

const token = "secret-token"

// server is a data API with little data, over real HTTP.
type server struct {
	*API
	t     *testing.T
	url   string
	clock *clock.Clock
}

// epoch is a Monday.
var epoch = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func serve(t *testing.T, o Options) *server {
	t.Helper()
	c := o.Clock
	if c == nil {
		c = clock.New(0)
	}
	c.Move(epoch.Add(10 * time.Hour).Sub(c.Now()))
	o.Clock, o.Epoch, o.Tokens = c, epoch, []string{token}
	if o.Seed == 0 {
		o.Seed = 1
	}
	a := New(o)
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	return &server{a, t, s.URL, c}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *server) do(method, path, authorization string, header ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

func (s *server) get(path string) answer {
	s.t.Helper()
	return s.do("GET", path, "Bearer "+token)
}

// object gets path, which must be 200, as JSON.
func (s *server) object(path string) map[string]any {
	s.t.Helper()
	a := s.get(path)
	if a.status != 200 {
		s.t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		s.t.Fatalf("GET %s: %v", path, err)
	}
	return m
}

func (s *server) total(path string) int {
	s.t.Helper()
	return int(s.object(path)["meta"].(map[string]any)["total"].(float64))
}

// ids of all pages of a listing.
func (s *server) ids(path, key string) []string {
	s.t.Helper()
	var ids []string
	for path != "" {
		m := s.object(path)
		for _, o := range m[key].([]any) {
			ids = append(ids, fmt.Sprint(o.(map[string]any)["id"]))
		}
		next, _ := m["links"].(map[string]any)["next"].(string)
		path = strings.TrimPrefix(next, s.url)
	}
	return ids
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// digitalmarketplace-api: app/authentication.py, digitalmarketplace-utils: dmutils/authentication.py: the token of the
// request is in the 403's body, and the challenge is sent twice.
func TestARefusedTokenIsEchoed(t *testing.T) {
	s := serve(t, Options{Services: 3})
	a := s.do("GET", "/services", "")
	want(t, "no token", a.status, 401)
	want(t, "no token", a.body, `{"error": "Unauthorized; bearer token must be provided"}`)
	want(t, "challenges", strings.Join(a.header["Www-Authenticate"], "|"), "Bearer realm=main|Bearer realm=main")
	a = s.do("GET", "/services", "Bearer wrong")
	want(t, "wrong token", a.status, 403)
	want(t, "wrong token", a.body, `{"error": "Forbidden; invalid bearer token provided wrong"}`)
	want(t, "basic", s.do("GET", "/services", "Basic abc").status, 401)
	want(t, "status needs none", s.do("GET", "/_status?ignore-dependencies", "").status, 200)
	want(t, "unknown path needs none", s.do("GET", "/nothing", "").status, 404)
}

// digitalmarketplace-api: app/main/__init__.py, add_cache_control: also on errors, so that a client must not use an
// HTTP cache.
func TestEverythingMayBeCachedForADay(t *testing.T) {
	s := serve(t, Options{Services: 3})
	for _, path := range []string{"/services", "/services/1", "/services?page=x", "/audit-events", "/briefs"} {
		want(t, path, s.get(path).header.Get("Cache-Control"), "max-age=86400")
	}
	want(t, "401", s.do("GET", "/services", "").header.Get("Cache-Control"), "max-age=86400")
	want(t, "/_status", s.get("/_status?ignore-dependencies").header.Get("Cache-Control"), "")
	for _, path := range []string{"/nothing", "/services/", "/suppliers/x", "/briefs/1/2"} {
		a := s.get(path)
		want(t, path, fmt.Sprint(a.status, a.header.Get("Cache-Control")), "404")
	}
	wrong := s.do("DELETE", "/services/1", "Bearer "+token)
	want(t, "405", fmt.Sprint(wrong.status, wrong.header.Get("Cache-Control"), wrong.header.Get("Allow")), "405GET, HEAD, OPTIONS, POST, PUT")
	options := s.do("OPTIONS", "/briefs", "Bearer "+token)
	want(t, "OPTIONS", fmt.Sprint(options.status, options.header.Get("Allow"), options.header.Get("Cache-Control")), "200GET, HEAD, OPTIONSmax-age=86400")
	want(t, "the probe", strings.HasPrefix(options.header.Get("Set-Cookie"), "dm_cookie_probe=yum; "), true)
}

// digitalmarketplace-api: app/main/views/services.py, import_service and update_service: a service that is there is not put.
func TestAServiceIsNotPut(t *testing.T) {
	s := serve(t, Options{Services: 3})
	id := s.object("/services")["services"].([]any)[0].(map[string]any)["id"].(string)
	for _, c := range []struct {
		method, id string
		status     int
		body       string
	}{
		{"PUT", id, 400, `{"error": "Cannot update service by PUT"}`},
		{"PUT", "short", 400, `{"error": "Invalid service ID supplied: short"}`},
		{"PUT", "123456789012345", 400, `{"error": "Unexpected Content-Type, expecting 'application/json'"}`},
		{"POST", id, 400, `{"error": "Unexpected Content-Type, expecting 'application/json'"}`},
		{"POST", "123456789012345", 404, `{"error": "` + flask.NotFound + `"}`},
	} {
		a := s.do(c.method, "/services/"+c.id, "Bearer "+token)
		want(t, c.method+" "+c.id, fmt.Sprint(a.status, " ", a.body), fmt.Sprint(c.status, " ", c.body))
	}
}

// digitalmarketplace-api: app/main/views/suppliers.py, get_supplier.
func TestASupplierHasItsNameAndCountsItsServices(t *testing.T) {
	s := serve(t, Options{Services: 30})
	first := s.object("/services")["services"].([]any)[0].(map[string]any)
	path := fmt.Sprintf("/suppliers/%.0f", first["supplierId"])
	supplier := s.object(path)["suppliers"].(map[string]any)
	want(t, "id", supplier["id"], first["supplierId"])
	want(t, "name", supplier["name"], first["supplierName"])
	want(t, "self", supplier["links"].(map[string]any)["self"], any(s.url+path))
	listed := 0
	for _, one := range s.object(fmt.Sprintf("/services?supplier_id=%.0f&status=published", first["supplierId"]))["services"].([]any) {
		if one.(map[string]any)["frameworkName"] == "G-Cloud 12" {
			listed++
		}
	}
	want(t, "services", supplier["service_counts"].(map[string]any)["G-Cloud 12"], any(float64(listed)))
	want(t, "unknown", s.get("/suppliers/12").status, 404)
	want(t, "no token", s.do("GET", path, "").status, 401)
}

// digitalmarketplace-api: app/main/views/services.py, list_services.
// The time of an answer is that of the events in it.
func TestTheDateIsTheClocks(t *testing.T) {
	s := serve(t, Options{Services: 3})
	want(t, "Date", s.get("/services").header.Get("Date"), "Mon, 23 Nov 2026 10:00:00 GMT")
	want(t, "Date of a refusal", s.do("GET", "/services", "").header.Get("Date"), "Mon, 23 Nov 2026 10:00:00 GMT")
}

func TestServicesArePagedByAHundred(t *testing.T) {
	s := serve(t, Options{Services: 250})
	m := s.object("/services?framework=g-cloud-12&status=published&page=2")
	want(t, "a page", len(m["services"].([]any)), 100)
	links := m["links"].(map[string]any)
	base := s.url + "/services?framework=g-cloud-12&status=published&page="
	want(t, "prev", links["prev"].(string), base+"1")
	want(t, "self", links["self"].(string), base+"2")
	want(t, "next", links["next"].(string), base+"3")
	want(t, "last", links["last"].(string), base+"3")
	last := s.object("/services?framework=g-cloud-12&status=published&page=3")["links"].(map[string]any)
	if last["next"] != nil || last["last"] != nil {
		t.Errorf("the last page links to %v and %v", last["next"], last["last"])
	}
	want(t, "total", s.total("/services?framework=g-cloud-12&status=published"), 250)
	if all := s.total("/services?framework=g-cloud-12"); all <= 250 {
		t.Errorf("there are %d rows of any status, no more than published ones", all)
	}
	seen := map[string]bool{}
	for _, id := range s.ids("/services?framework=g-cloud-12&status=published", "services") {
		if seen[id] || len(id) != 15 {
			t.Errorf("id %q, seen before: %v", id, seen[id])
		}
		seen[id] = true
	}
	want(t, "distinct ids", len(seen), 250)
}

// digitalmarketplace-api: app/utils.py, get_valid_page_or_1; Flask-SQLAlchemy docs, paginate.
func TestPagesThatDoNotExistAreRefused(t *testing.T) {
	s := serve(t, Options{Services: 5})
	for path, status := range map[string]int{
		"/services?page=0": 404, "/services?page=-1": 404, "/services?page=2": 404, "/services?page=two": 400,
		"/services?page=": 400, "/briefs?page=0": 404, "/audit-events?page=99": 404, "/audit-events?per_page=x": 400,
		"/services?supplier_id=x": 400, "/services?supplier_id=12": 404, "/services/123456789012345": 404, "/services/x": 404,
		"/briefs/x": 404, "/briefs/999999": 404, "/briefs?closed_on=garbage": 500,
	} {
		want(t, path, s.get(path).status, status)
	}
	want(t, "words", s.get("/services?page=two").body, `{"error": "Invalid page argument"}`)
	want(t, "method", s.do("PATCH", "/services", "Bearer "+token).status, 405)
}

// digitalmarketplace-api: app/service_utils.py, filter_services: a slug that does not exist is like a framework without
// services.
func TestUnknownFrameworkStatusAndLotAreEmpty(t *testing.T) {
	s := serve(t, Options{Services: 5, Briefs: 5})
	for _, path := range []string{"/services?framework=g-clod-12", "/services?framework=g-cloud-12&status=publishd", "/services?lot=cloud", "/briefs?status=closd"} {
		want(t, path, s.total(path), 0)
	}
}

// digitalmarketplace-api: app/main/views/services.py: without a framework those of live frameworks; those of a
// supplier on one page without links.
func TestLiveFrameworksByDefaultAndSuppliersUnpaged(t *testing.T) {
	s := serve(t, Options{Services: 1000})
	older := s.total("/services?framework=g-cloud-11")
	if older == 0 {
		t.Error("there are no services of g-cloud-11")
	}
	want(t, "default", s.total("/services"), s.total("/services?framework=g-cloud-12"))
	want(t, "both", s.total("/services?framework=g-cloud-11,%20g-cloud-12"), s.total("/services")+older)
	first := s.object("/services")["services"].([]any)[0].(map[string]any)
	m := s.object(fmt.Sprintf("/services?supplier_id=%.0f&page=7", first["supplierId"]))
	if m["links"] != nil {
		t.Error("a supplier's list has links")
	}
	for _, o := range m["services"].([]any) {
		want(t, "supplier", o.(map[string]any)["supplierId"], first["supplierId"])
	}
}

// digitalmarketplace-api: app/models/main.py, ServiceTableMixin.serialize: names, types, sorted keys, ASCII.
func TestAServiceHasItsRealNamesTypesAndSize(t *testing.T) {
	s := serve(t, Options{Services: 60})
	id := s.ids("/services?status=published", "services")[0]
	a := s.get("/services/" + id)
	m := s.object("/services/" + id)
	doc := m["services"].(map[string]any)
	if v, ok := m["serviceMadeUnavailableAuditEvent"]; !ok || v != nil {
		t.Errorf("serviceMadeUnavailableAuditEvent of a published service is %v", v)
	}
	want(t, "id", doc["id"], any(id))
	want(t, "link", doc["links"].(map[string]any)["self"], any(s.url+"/services/"+id))
	want(t, "family", doc["frameworkFamily"], any("g-cloud"))
	if _, err := time.Parse("2006-01-02T15:04:05.000000Z", doc["updatedAt"].(string)); err != nil {
		t.Error(err)
	}
	for _, r := range a.body {
		if r > 0x7e {
			t.Fatalf("%q is not escaped", r)
		}
	}
	small, large, odd := 1<<20, 0, false
	for _, o := range s.object("/services")["services"].([]any) {
		b, _ := json.Marshal(o)
		small, large = min(small, len(b)), max(large, len(b))
		odd = odd || strings.Contains(string(b), "£")
	}
	if small < 7000 || large > 14000 || !odd {
		t.Errorf("documents of %d to %d bytes, oddities: %v", small, large, odd)
	}
}

// digitalmarketplace-utils: dmutils/flask.py; digitalmarketplace-api: app/main/views: only from 8192 bytes on, and
// there is no Vary.
func TestOnlyPublicAnswersAreCompressed(t *testing.T) {
	s := serve(t, Options{Services: 120, Briefs: 300})
	supplier := fmt.Sprintf("%.0f", s.object("/services")["services"].([]any)[0].(map[string]any)["supplierId"])
	for path, zipped := range map[string]bool{
		"/services?framework=g-cloud-12": true, "/services": false, "/services?framework=g-cloud-12,digital-outcomes-and-specialists-5": false,
		"/services?framework=g-cloud-12&supplier_id=" + supplier: false, "/services?framework=nothing": false,
		"/briefs?status=closed,awarded": true, "/briefs": false, "/briefs?status=awarded,withdrawn": false,
		"/briefs?status=closed&with_users=true": false, "/audit-events": false,
	} {
		a := s.do("GET", path, "Bearer "+token, "Accept-Encoding", "gzip")
		want(t, path, a.header.Get("Content-Encoding") == "gzip", zipped)
		want(t, path, a.header.Get("Vary"), "")
		if zipped {
			z, err := gzip.NewReader(strings.NewReader(a.body))
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(z); err != nil || !json.Valid(b) {
				t.Errorf("%s: not JSON in it: %v", path, err)
			}
		}
	}
}

// A compressed page has the contents of the page, before and after every kind of edit, however often it was requested.
func TestACompressedPageIsThePage(t *testing.T) {
	s := serve(t, Options{Services: 4, Briefs: 4})
	look := func(when string) {
		t.Helper()
		for _, query := range []string{"framework=g-cloud-12", "framework=g-cloud-12&status=published"} {
			path := "/services?" + query
			for range 2 {
				a := s.do("GET", path, "Bearer "+token, "Accept-Encoding", "gzip")
				z, err := gzip.NewReader(strings.NewReader(a.body))
				if err != nil {
					t.Fatal(err)
				}
				page, err := io.ReadAll(z)
				if err != nil {
					t.Fatal(err)
				}
				if plain := s.do("GET", path, "Bearer "+token, "Accept-Encoding", "identity"); string(page) != plain.body {
					t.Errorf("%s, %s: the compressed page is another than the plain one", path, when)
				}
			}
		}
	}
	look("before any edit")
	for _, kind := range Kinds() {
		if _, err := s.Do(t.Context(), Edit{Kind: kind}); err != nil && !errors.Is(err, ErrNothing) {
			t.Fatal(err)
		}
		look("after " + kind)
	}
}

// The same seed gives the same data, another seed other data.
func TestTheSameSeedGivesTheSameData(t *testing.T) {
	one := serve(t, Options{Services: 50, Briefs: 20, Seed: 7})
	two := serve(t, Options{Services: 50, Briefs: 20, Seed: 7})
	other := serve(t, Options{Services: 50, Briefs: 20, Seed: 8})
	for _, path := range []string{"/services?framework=g-cloud-12", "/briefs", "/audit-events"} {
		a := strings.ReplaceAll(one.get(path).body, one.url, "")
		want(t, path, strings.ReplaceAll(two.get(path).body, two.url, "") == a, true)
		want(t, "another seed "+path, strings.ReplaceAll(other.get(path).body, other.url, "") == a, false)
	}
}

// digitalmarketplace-api: app/status/views.py: it includes the search API's status; without it, it is a 500.
func TestStatusHoldsTheSearchAPIsOwn(t *testing.T) {
	s := serve(t, Options{Services: 1, Version: "release-9"})
	a := s.do("GET", "/_status", "")
	want(t, "no search API", a.status, 500)
	if !strings.Contains(a.body, "Error connecting to the Search API.") {
		t.Error(a.body)
	}
	m := s.object("/_status?ignore-dependencies")
	want(t, "version", m["version"] == nil && m["search_api_status"] == nil, true)
	want(t, "framework", m["frameworks"].(map[string]any)["g-cloud-12"], any("live"))
	s.SetSearchStatus(func(_ ctx) (json.RawMessage, error) { return json.RawMessage(`{"status":"ok","es_status":{}}`), nil })
	m = s.object("/_status")
	want(t, "version", m["version"], any("release-9"))
	want(t, "search status", m["search_api_status"].(map[string]any)["status"], any("ok"))
}
