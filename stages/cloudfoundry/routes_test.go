package cloudfoundry_test

import (
	"fmt"
	"net/http"
	"testing"

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
