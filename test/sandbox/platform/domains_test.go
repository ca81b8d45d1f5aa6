package platform

import (
	"net/http"
	"reflect"
	"testing"
)

// domain creates a private domain.
func (w *world) domain(name string) string {
	w.t.Helper()
	org := w.one("/v3/organizations")["guid"]
	return w.must(201, "POST", "/v3/domains", obj{"name": name, "relationships": obj{"organization": toOne(org.(string))}})["guid"].(string)
}

func (w *world) route(domain string, parts obj) obj {
	body := obj{"relationships": obj{"space": toOne(w.space), "domain": toOne(domain)}}
	for k, v := range parts {
		body[k] = v
	}
	return body
}

// ccng: app/actions/domain_create.rb, app/messages/domain_create_message.rb, app/controllers/v3/domains_controller.rb
func TestADomainIsOfTheOrganisationOrShared(t *testing.T) {
	w := start(t)
	org := w.one("/v3/organizations")["guid"].(string)
	own := w.domain("api.example.org")
	d := w.must(200, "GET", "/v3/domains/"+own, nil)
	if d["internal"] != false || d["relationships"].(obj)["organization"].(obj)["data"].(obj)["guid"] != org {
		t.Errorf("%v", d)
	}
	for _, c := range []struct {
		body   obj
		status int
		code   int
		detail string
	}{
		{obj{"name": "api.example.org", "relationships": obj{"organization": toOne(org)}}, 422, 10008, `The domain name "api.example.org" is already in use`},
		{obj{"name": "shared.example.org"}, 403, 10003, "You are not authorized to perform the requested action"},
		{obj{"name": "other.example.org", "relationships": obj{"organization": toOne("nobody")}}, 422, 10008, "Organization with guid 'nobody' does not exist or you do not have access to it."},
		{obj{"name": "example", "relationships": obj{"organization": toOne(org)}}, 422, 10008, `Name must contain at least one "."`},
		{obj{"name": "a_b.org", "relationships": obj{"organization": toOne(org)}}, 422, 10008, "Name must consist of alphanumeric characters and hyphens"},
		{obj{"name": "a.internal", "internal": true, "relationships": obj{"organization": toOne(org)}}, 422, 10008, "Cannot associate an internal domain with an organization"},
	} {
		w.refused(c.status, c.code, c.detail, "POST", "/v3/domains", c.body)
	}
	for query, want := range map[string]int{"": 4, "?organization_guids=" + org: 1, "?names=api.example.org,apps.internal": 2} {
		if n := len(w.all("/v3/domains" + query)); n != want {
			t.Errorf("%d domains with %q, want %d", n, query, want)
		}
	}
	if n := len(w.all("/v3/organizations/" + org + "/domains")); n != 4 {
		t.Errorf("the organisation may use %d domains", n)
	}
	if d := w.must(200, "GET", "/v3/organizations/"+org+"/domains/default", nil); d["name"] != "cloudapps.digital" {
		t.Errorf("the default is %v", d["name"])
	}
	w.must(201, "POST", "/v3/routes", w.route(own, nil))
	w.done("DELETE", "/v3/domains/"+own, nil)
	if n := len(w.all("/v3/routes?domain_guids=" + own)); n != 0 {
		t.Errorf("%d routes of the deleted domain", n)
	}
	w.refused(403, 10003, "not authorized", "DELETE", "/v3/domains/"+w.guid("/v3/domains?names=cloudapps.digital"), nil)
}

// ccng: app/actions/route_create.rb, lib/cloud_controller/route_validator.rb
func TestWhichRoutesADomainMayHave(t *testing.T) {
	w := start(t)
	shared, internal, tcp := w.guid("/v3/domains?names=cloudapps.digital"), w.guid("/v3/domains?names=apps.internal"), w.guid("/v3/domains?names=tcp.cloudapps.digital")
	own := w.domain("example.org")
	w.domain("sub.example.org")
	for _, c := range []struct {
		domain string
		parts  obj
		url    string // "" where it is refused
		detail string
	}{
		{own, obj{}, "example.org", ""},
		{own, obj{}, "", "Route already exists for domain 'example.org'."},
		{own, obj{"path": "/p"}, "example.org/p", ""},
		{own, obj{"path": "/p"}, "", "Route already exists with path '/p' for domain 'example.org'."},
		{own, obj{"host": "*"}, "*.example.org", ""},
		{own, obj{"host": "*", "path": "/p"}, "*.example.org/p", ""},
		{own, obj{"host": "sub"}, "", "Route conflicts with domain 'sub.example.org'."},
		{own, obj{"host": "a", "port": 1024}, "", "Routes with protocol 'http' do not support ports."},
		{shared, obj{}, "", "Missing host. Routes in shared domains must have a host defined."},
		{shared, obj{"host": "*"}, "", "You do not have sufficient permissions to create a route with a wildcard host on a domain not scoped to an organization."},
		{internal, obj{"host": "search-api"}, "search-api.apps.internal", ""},
		{internal, obj{"host": "search-api", "path": "/p"}, "", "Paths are not supported for internal domains."},
		{tcp, obj{"port": 1030}, "tcp.cloudapps.digital:1030", ""},
		{tcp, obj{"port": 1030}, "", "Route already exists with port '1030' for domain 'tcp.cloudapps.digital'."},
		{tcp, obj{}, "tcp.cloudapps.digital:1024", ""},
		{tcp, obj{"port": 80}, "", "Port '80' is not available. Try a different port or use a different domain."},
		{tcp, obj{"host": "a", "port": 1031}, "", "Hosts are not supported for TCP routes."},
		{tcp, obj{"path": "/p", "port": 1031}, "", "Paths are not supported for TCP routes."},
		{tcp, obj{"port": 70000}, "", "Port must be less than or equal to 65535"},
	} {
		if c.url == "" {
			w.refused(422, 10008, c.detail, "POST", "/v3/routes", w.route(c.domain, c.parts))
			continue
		}
		if r := w.must(201, "POST", "/v3/routes", w.route(c.domain, c.parts)); r["url"] != c.url {
			t.Errorf("%v is at %v", c.parts, r["url"])
		}
	}
	if r := w.one("/v3/routes?domain_guids=" + tcp + "&ports=1030"); r["protocol"] != "tcp" || r["port"] != 1030.0 || r["host"] != "" {
		t.Errorf("%v", r)
	}
	if out := w.must(200, "GET", "/v3/domains/"+tcp+"/route_reservations?port=1030", nil); out["matching_route"] != true {
		t.Error("port 1030 is not reserved")
	}
	at := "/v3/routes/" + w.one("/v3/routes?ports=1030&domain_guids=" + tcp)["guid"].(string) + "/destinations"
	blue := w.app("search-api")
	w.refused(422, 10008, "Cannot use 'http1' protocol for tcp routes; valid options are: [tcp].", "POST", at, obj{"destinations": []obj{{"app": obj{"guid": blue}, "protocol": "http1"}}})
	out := w.must(200, "POST", at, obj{"destinations": []obj{{"app": obj{"guid": blue}}}})
	if d := out["destinations"].([]any)[0].(obj); d["protocol"] != "tcp" {
		t.Errorf("%v", d)
	}
}

// What the routers know: wildcards and domains without a host, and nothing of internal and TCP routes.
func TestRoutesOfEachShapeAreRouted(t *testing.T) {
	w := start(t)
	blue, own := w.app("search-api"), w.domain("example.org")
	mapped := func(domain string, parts obj) {
		r := w.must(201, "POST", "/v3/routes", w.route(domain, parts))["guid"].(string)
		w.must(200, "POST", "/v3/routes/"+r+"/destinations", obj{"destinations": []obj{{"app": obj{"guid": blue}}}})
	}
	mapped(own, obj{})
	mapped(own, obj{"host": "*"})
	mapped(w.guid("/v3/domains?names=apps.internal"), obj{"host": "search-api"})
	mapped(w.guid("/v3/domains?names=tcp.cloudapps.digital"), obj{"port": 1030})
	for _, address := range []string{"example.org/", "any.example.org/", "deep.er.example.org/path"} {
		w.until(address+" is served", func() bool { return w.everywhere(address, http.StatusOK, "X-Cf-App-Instance", blue+":1") })
	}
	for _, address := range []string{"search-api.apps.internal/", "tcp.cloudapps.digital/"} {
		if resp, _ := w.visit(address); resp.StatusCode != http.StatusNotFound || resp.Header.Get("X-Cf-RouterError") != "unknown_route" {
			t.Errorf("%s: %d", address, resp.StatusCode)
		}
	}
}

func TestAManifestMayHaveRoutesOfEachShape(t *testing.T) {
	w := start(t)
	w.domain("example.org")
	w.done("POST", "/v3/spaces/"+w.space+"/actions/apply_manifest", `applications:
- name: search-api
  routes:
  - route: "*.example.org"
  - route: example.org/path
  - route: tcp.cloudapps.digital:1040
  - route: search-api.apps.internal
`)
	var got []string
	for _, r := range w.all("/v3/apps/" + w.app("search-api") + "/routes") {
		got = append(got, r["url"].(string))
	}
	want := []string{"*.example.org", "example.org/path", "tcp.cloudapps.digital:1040", "search-api.apps.internal"}
	if len(got) != 6 || !reflect.DeepEqual(got[2:], want) {
		t.Errorf("%v", got)
	}
}
