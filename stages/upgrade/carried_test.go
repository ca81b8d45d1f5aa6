package upgrade_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/test/rig"
)

type object = map[string]any

func data(guid string) object { return object{"data": object{"guid": guid}} }

// asked sends a request as an operator does with cf curl, and returns the GUID of what it
// answers, or of the first of a list.
func (w *world) asked(method, path string, body any) string {
	w.Helper()
	var answer struct {
		GUID      string `json:"guid"`
		Resources []struct {
			GUID string `json:"guid"`
		} `json:"resources"`
	}
	w.ok((&rig.Sandbox{Env: w.env}).CF(w.ctx, method, path, body, &answer))
	if len(answer.Resources) > 0 {
		return answer.Resources[0].GUID
	}
	return answer.GUID
}

// privateDomain creates a domain of the organisation.
func (w *world) privateDomain(name string) {
	w.Helper()
	w.asked("POST", "/v3/domains", object{"name": name, "relationships": object{"organization": data(w.asked("GET", "/v3/organizations", nil))}})
}

// routed maps a new route to an app; to are further parts of the destination.
func (w *world) routed(app, domain string, parts, to object) {
	w.Helper()
	body := object{"relationships": object{"space": data(w.asked("GET", "/v3/spaces", nil)), "domain": data(w.asked("GET", "/v3/domains?names="+domain, nil))}}
	for k, v := range parts {
		body[k] = v
	}
	destination := object{"app": object{"guid": app}}
	for k, v := range to {
		destination[k] = v
	}
	w.asked("POST", "/v3/routes/"+w.asked("POST", "/v3/routes", body)+"/destinations", object{"destinations": []object{destination}})
}

func TestWhichRoutesCanBeCarried(t *testing.T) {
	const temporary = "green.example.org"
	byHand := func(at string) string {
		return "; before the run: cf unmap-route search-api " + at + "; after it: cf map-route search-api " + at
	}
	for name, c := range map[string]struct {
		reach func(w *world, app string)
		want  outcome
	}{
		"those of the live app": {func(*world, string) {}, outcome{Said: "2 routes in 1 domain"}},
		"a wildcard, a path, no host, in a private domain": {
			func(w *world, app string) {
				w.privateDomain("example.net")
				w.routed(app, "example.net", object{"host": "*"}, nil)
				w.routed(app, "example.net", object{"host": "*", "path": "/v1"}, nil)
				w.routed(app, "example.net", nil, object{"protocol": "http2"})
			},
			outcome{Said: "5 routes in 2 domains"},
		},
		"an internal one": {
			func(w *world, app string) { w.routed(app, "apps.internal", object{"host": "search-api"}, nil) },
			outcome{Class: runner.Refused, Error: "search-api.apps.internal is internal: it leads from app to app past the routers, which prove the others" + byHand("apps.internal --hostname search-api")},
		},
		"a TCP one, and an internal one": {
			func(w *world, app string) {
				w.routed(app, "tcp.cloudapps.digital", object{"port": 1030}, nil)
				w.routed(app, "apps.internal", object{"host": "search-api"}, nil)
			},
			outcome{Class: runner.Refused, Error: "tcp.cloudapps.digital:1030 is a TCP port, on which nothing proves who answers" + byHand("tcp.cloudapps.digital --port 1030") + "\n" +
				"search-api.apps.internal is internal: it leads from app to app past the routers, which prove the others" + byHand("apps.internal --hostname search-api")},
		},
		"one to another process": {
			func(w *world, app string) {
				w.routed(app, "cloudapps.digital", object{"host": "admin"}, object{"app": object{"guid": app, "process": object{"type": "admin"}}})
			},
			outcome{Class: runner.Refused, Error: "admin.cloudapps.digital leads to the process admin: only web processes are switched" + byHand("cloudapps.digital --hostname admin")},
		},
		"one to another port": {
			func(w *world, app string) {
				w.routed(app, "cloudapps.digital", object{"host": "admin"}, object{"port": 9090})
			},
			outcome{Class: runner.Refused, Error: "the routes lead to 2 ports of search-api, " + liveRoute + " to port 8080, admin.cloudapps.digital to port 9090: " +
				"green gets those of one; take the others off before the run with cf unmap-route, and map them after it"},
		},
		"a wildcard that covers the temporary route": {
			func(w *world, app string) {
				w.privateDomain("example.org")
				w.routed(app, "example.org", object{"host": "*"}, nil)
			},
			outcome{Class: runner.Refused, Error: "*.example.org covers green.example.org, which must lead to one app alone: while that does not answer, the live app would; give it an address in another domain"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			begin := &upgrade.Beginning{Run: w.run, App: liveApp, Find: func(ctx context.Context) (upgrade.Blue, error) {
				return upgrade.FindBlue(ctx, w.cf, liveApp, liveRoute)
			}}
			c.reach(w, must(w.cf.Apps.ByName(w.ctx, liveApp))(w).GUID)
			if diff := cmp.Diff(c.want, outcomeOf(w.try(begin.Carried(temporary, "")))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The live route is asked by its address, so that it has to be one.
func TestTheLiveRouteIsNoWildcard(t *testing.T) {
	w := newWorld(t)
	_, err := upgrade.FindBlue(w.ctx, w.cf, liveApp, "*.example.org")
	if got := failed(err); got.Class != runner.Misconfigured || !strings.Contains(got.Error, "*.example.org stands for any host (LIVE_ROUTE)") {
		t.Errorf("%+v", got)
	}
}
