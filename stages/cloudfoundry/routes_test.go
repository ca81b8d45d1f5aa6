package cloudfoundry_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

func TestAddressIsSplitAtTheLongestDomain(t *testing.T) {
	for address, want := range map[string]string{
		"search.api.example.com/_metrics": `domain_guids=d2&hosts=search&paths=/_metrics`,
		"www.example.com":                 `domain_guids=d1&hosts=www&paths=`,
		"api.example.com":                 `domain_guids=d2&hosts=&paths=`,
	} {
		s := newServer(t)
		s.on("GET /v3/domains", pageOf(`{"guid":"d1","name":"example.com"},{"guid":"d2","name":"api.example.com"}`))
		var got string
		s.on("GET /v3/routes", answer{do: func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			got = fmt.Sprintf("domain_guids=%s&hosts=%s&paths=%s", q.Get("domain_guids"), q.Get("hosts"), q.Get("paths"))
			if !q.Has("hosts") || !q.Has("paths") {
				t.Errorf("the empty host or path is not in the query %s", r.URL.RawQuery)
			}
			_, _ = fmt.Fprint(w, `{"pagination":{"next":null},"resources":[]}`)
		}})
		route, err := s.open().Routes.ByAddress(t.Context(), address)
		if err != nil || route != nil || got != want {
			t.Errorf("%s: query %s, got %v, %v", address, got, route, err)
		}
	}
}

func TestRouteOfAnotherSpaceIsRefused(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/domains", pageOf(`{"guid":"d1","name":"example.com"}`))
	s.on("GET /v3/routes", pageOf(`{"guid":"r1","relationships":{"space":{"data":{"guid":"other"}}}}`))
	if _, err := s.open().Routes.ByAddress(t.Context(), "www.example.com"); runner.ClassOf(err) != runner.Refused {
		t.Errorf("got %v", err)
	}
}

const twoDestinations = `{"destinations":[{"guid":"d1","app":{"guid":"blue","process":{"type":"web"}}},{"guid":"d2","app":{"guid":"green","process":{"type":"web"}}}]}`

func TestUnmapRouteLeavesOtherApps(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/routes/r1/destinations", ok(twoDestinations))
	s.on("DELETE /v3/routes/r1/destinations/d1", answer{status: 204})
	if err := s.open().Routes.Unmap(writing(t), "r1", "blue"); err != nil {
		t.Error(err)
	}
	if err := s.open().Routes.Unmap(writing(t), "r1", "neither"); err != nil {
		t.Error(err)
	}
}

func TestUnmapRouteSucceedsIfAnotherProcessUnmapped(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/routes/r1/destinations", ok(twoDestinations), ok(`{"destinations":[]}`))
	s.on("DELETE /v3/routes/r1/destinations/d1", unprocessable("Unable to unmap route from destination. Ensure the route has a destination with this guid."))
	if err := s.open().Routes.Unmap(writing(t), "r1", "blue"); err != nil {
		t.Error(err)
	}
}

func TestMapRouteWithoutResponseIsCheckedByReading(t *testing.T) {
	s := newServer(t)
	s.on("POST /v3/routes/r1/destinations", cut())
	s.on("GET /v3/routes/r1/destinations", ok(twoDestinations))
	if err := s.open().Routes.Map(writing(t), "r1", "green"); err != nil {
		t.Error(err)
	}
	if err := s.open().Routes.Map(writing(t), "r1", "third"); runner.ClassOf(err) != runner.Unavailable {
		t.Errorf("got %v", err)
	}
}

// A route is carried as it is: what the routers speak with blue, they speak with green.
func TestARouteIsMappedWithTheProtocolThatItHas(t *testing.T) {
	for protocol, want := range map[string]string{
		"http1": `{"destinations":[{"app":{"guid":"green"}}]}`,
		"http2": `{"destinations":[{"app":{"guid":"green"},"protocol":"http2"}]}`,
	} {
		s := newServer(t)
		s.on("GET /v3/routes/r1", ok(`{"guid":"r1","destinations":[{"guid":"d1","app":{"guid":"blue","process":{"type":"worker"}},"port":9000,"protocol":"`+protocol+`"}]}`))
		s.on("POST /v3/routes/r1/destinations", ok(`{"destinations":[]}`))
		c := s.open()
		route, err := c.Routes.Get(t.Context(), "r1")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]cloudfoundry.Destination{{GUID: "d1", AppGUID: "blue", Process: "worker", Port: 9000, Protocol: protocol}}, route.Destinations); diff != "" {
			t.Error(diff)
		}
		if err := c.Routes.MapLike(writing(t), route, "green"); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{want}, s.bodies["POST /v3/routes/r1/destinations"]); diff != "" {
			t.Errorf("%s: %s", protocol, diff)
		}
	}
}

func TestARouteOfEachShape(t *testing.T) {
	for url, c := range map[string]struct{ parts, domain, arguments string }{
		"api.example.org":        {`"host":"api"`, "example.org", "example.org --hostname api"},
		"api.example.org/v1":     {`"host":"api","path":"/v1"`, "example.org", "example.org --hostname api --path /v1"},
		"*.api.example.org":      {`"host":"*"`, "api.example.org", `api.example.org --hostname "*"`},
		"*.api.example.org/v1":   {`"host":"*","path":"/v1"`, "api.example.org", `api.example.org --hostname "*" --path /v1`},
		"search.example.org":     {`"host":""`, "search.example.org", "search.example.org"},
		"search.example.org/a/b": {`"host":"","path":"/a/b"`, "search.example.org", "search.example.org --path /a/b"},
		"tcp.example.org:1030":   {`"host":"","port":1030,"protocol":"tcp"`, "tcp.example.org", "tcp.example.org --port 1030"},
	} {
		s := newServer(t)
		s.on("GET /v3/routes/r1", ok(`{"guid":"r1","url":"`+url+`",`+c.parts+`}`))
		routes := s.open().Routes
		route, err := routes.Get(t.Context(), "r1")
		if err != nil {
			t.Fatal(err)
		}
		if route.Domain != c.domain || route.Address != url {
			t.Errorf("%s is %+v, in domain %s", url, route, route.Domain)
		}
		if got := routes.Arguments(url); got != c.arguments {
			t.Errorf("%s: %s, want %s", url, got, c.arguments)
		}
	}
}

// Of a domain that the client has not met, the first label is taken for the host.
func TestAnAddressInADomainThatTheClientHasNotMet(t *testing.T) {
	for address, want := range map[string]string{
		"a.b.example/c/d": "b.example --hostname a --path /c/d", "*.b.example": `b.example --hostname "*"`,
	} {
		if got := newServer(t).open().Routes.Arguments(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
