package proof_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
)

// missed is the probability that one router of so many is asked by none of n requests.
func missed(routers, n int) float64 { return math.Pow(1-1/float64(routers), float64(n)) }

func TestAsManyRequestsAsThePromiseTakes(t *testing.T) {
	for routers := 2; routers <= 100; routers++ {
		n := proof.Requests(routers)
		if p := missed(routers, n); p > 1e-6 {
			t.Errorf("%d requests miss one of %d routers with probability %.3g", n, routers, p)
		}
		if p := missed(routers, n-1); p <= 1e-6 {
			t.Errorf("of %d requests to %d routers one is too many: without it %.3g", n, routers, p)
		}
	}
	for _, routers := range []int{1, 0, -1} {
		if n := proof.Requests(routers); n != 1 {
			t.Errorf("%d requests for %d routers", n, routers)
		}
	}
}

func TestWhichAnswersAreWanted(t *testing.T) {
	for name, c := range map[string]struct {
		status          int
		fault, path     string
		served, unknown string
	}{
		"the app's status is good":                     {200, "", "", "", "still reached: answered 200, not 400 unknown_route"},
		"the app's status asks for a login":            {401, "", "", "answered 401", "still reached: answered 401, not 400 unknown_route"},
		"the app's status is forbidden":                {403, "", "", "answered 403", "still reached: answered 403, not 400 unknown_route"},
		"a path is good":                               {200, "", "/_metrics", "", "still reached: answered 200, not 400 unknown_route"},
		"a path asks for a login":                      {401, "", "/_metrics", "", "still reached: answered 401, not 400 unknown_route"},
		"a path is forbidden":                          {403, "", "/_metrics", "", "still reached: answered 403, not 400 unknown_route"},
		"a path is not found":                          {404, "", "/_metrics", "answered 404", "still reached: answered 404, not 400 unknown_route"},
		"a router forbids a path":                      {403, "route_service_unsupported", "/_metrics", "answered 403 route_service_unsupported from the router", "still reached: answered 403 route_service_unsupported from the router, not 400 unknown_route"},
		"the app fails":                                {500, "", "", "answered 500", "still reached: answered 500, not 400 unknown_route"},
		"the router knows no such instance":            {400, "unknown_route", "", "answered 400 unknown_route from the router", ""},
		"the router knows no such instance on a path":  {400, "unknown_route", "/_metrics", "answered 400 unknown_route from the router", ""},
		"the router knows no such route":               {404, "unknown_route", "", "answered 404 unknown_route from the router", "still reached: answered 404 unknown_route from the router, not 400 unknown_route"},
		"the router knows the instance, which is gone": {502, "endpoint_failure", "", "answered 502 endpoint_failure from the router", "still reached: answered 502 endpoint_failure from the router, not 400 unknown_route"},
		"the router faults with 200":                   {200, "some_fault", "", "answered 200 some_fault from the router", "still reached: answered 200 some_fault from the router, not 400 unknown_route"},
		"the app itself says 400":                      {400, "", "", "answered 400", "still reached: answered 400, not 400 unknown_route"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := ""
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.URL.String()
				if c.fault != "" {
					w.Header().Set("X-Cf-RouterError", c.fault)
				}
				w.WriteHeader(c.status)
			}))
			defer server.Close()
			p := &proof.Prober{Fresh: server.Client(), Scheme: "http", Path: "/_status?x"}
			a, err := p.Ask(t.Context(), strings.TrimPrefix(server.URL, "http://")+c.path)
			if err != nil {
				t.Fatal(err)
			}
			want := c.path
			if want == "" {
				want = "/_status?x"
			}
			if asked != want {
				t.Errorf("asked is %s, not %s", asked, want)
			}
			if got := words(proof.Served(a)); got != c.served {
				t.Errorf("served: %q, not %q", got, c.served)
			}
			if got := words(proof.Unknown(a)); got != c.unknown {
				t.Errorf("unknown: %q, not %q", got, c.unknown)
			}
		})
	}
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Any host below a wildcard is its; a literal "*" is none.
func TestAHostBelowAWildcardIsAsked(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = append(asked, r.Host+r.URL.Path) }))
	defer server.Close()
	p := &proof.Prober{Fresh: httpclient.New(httpclient.Options{Dial: strings.TrimPrefix(server.URL, "http://"), FreshConnections: true, Attempts: 1}), Scheme: "http", Path: "/_status"}
	for _, address := range []string{"*.example.org", "*.example.org", "*.example.org/v1", "example.org"} {
		if _, err := p.Ask(t.Context(), address); err != nil {
			t.Fatal(err)
		}
	}
	below := "^cutover-[0-9a-f]{8}\\.example\\.org"
	for i, want := range []string{below + "/_status$", below + "/_status$", below + "/v1$", "^example\\.org/_status$"} {
		if !regexp.MustCompile(want).MatchString(asked[i]) {
			t.Errorf("asked is %s, not %s", asked[i], want)
		}
	}
	if asked[0] == asked[1] {
		t.Errorf("the same host twice: %s", asked[0])
	}
}
