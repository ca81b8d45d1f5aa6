package e2e

import (
	"maps"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/sandbox"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// badDays are all bad days: faults of the network and of the apps, and what other people do.
func badDays() map[string]badDay {
	days := map[string]badDay{}
	for _, table := range []map[string]badDay{limits(), losses(), pages(), apps(), people()} {
		maps.Copy(days, table)
	}
	return days
}

func limits() map[string]badDay {
	return map[string]badDay{
		"429 with Retry-After, now and then": {
			upTo: "check-apps", command: "build-indices", verdict: runner.Done, traffic: "blue", left: built(), equal: "search_api_elasticsearch_new",
			faults: []faults.Fault{
				on("cloud-controller", faults.ErrorBefore, faults.Fault{Status: 429, Headers: map[string]string{"Retry-After": "0"}, N: 3, Times: 3}),
				on("search-api", faults.ErrorBefore, faults.Fault{Status: 429, Headers: map[string]string{"Retry-After": "0"}, Method: "PUT", N: 20, Times: 3}),
				on("data-api", faults.ErrorBefore, faults.Fault{Status: 429, Headers: map[string]string{"Retry-After": "0"}, N: 2, Times: 2}),
			},
		},
		"429 for ever": {
			upTo: "verify-indices", command: "map-live-route", exit: 4, verdict: runner.Errored, traffic: "blue", left: built(),
			faults: []faults.Fault{on("cloud-controller", faults.ErrorBefore, faults.Fault{Status: 429, Headers: map[string]string{"Retry-After": "0"}, Method: "POST", Path: "/destinations$"})},
			says:   []string{"429", "run again +yes, once what it names answers again"},
		},
		"5xx now and then, before and after the effect": {
			upTo: "edit-manifest", command: "run --to check-apps", verdict: runner.Done, traffic: "blue", left: built(),
			faults: []faults.Fault{
				on("cloud-controller", faults.ErrorBefore, faults.Fault{Status: 502, Method: "GET", N: 5, Times: 2}),
				on("cloud-controller", faults.ErrorAfter, faults.Fault{Status: 500, WritesOnly: true, N: 2, Times: 4}),
			},
		},
		"5xx for ever": {
			upTo: "verify-indices", command: "map-live-route", exit: 4, verdict: runner.Errored, traffic: "blue", left: built(),
			faults: []faults.Fault{on("cloud-controller", faults.ErrorBefore, faults.Fault{Status: 503, Method: "GET", Path: "/v3/routes"})},
			says:   []string{"run again +yes, once what it names answers again", "next +cutover elasticsearch map-live-route"},
		},
	}
}

func losses() map[string]badDay {
	return map[string]badDay{
		"resets of reads": {
			upTo: "edit-manifest", command: "run --to check-apps", verdict: runner.Done, traffic: "blue", left: built(),
			faults: []faults.Fault{on("cloud-controller", faults.DropBefore, faults.Fault{Method: "GET", Probability: 0.1, Seed: 7})},
		},
		"resets after the effect of a write": {
			upTo: "verify-indices", command: "switch", verdict: runner.Done, traffic: "green", equal: "search_api_elasticsearch_new",
			left:   []string{"app elasticsearch-migration", "service cutover-search-api", "service search_api_elasticsearch_new", "app search-api", "service search_api_elasticsearch"},
			faults: []faults.Fault{on("cloud-controller", faults.DropAfter, faults.Fault{WritesOnly: true})},
		},
		"a reset before the effect of a write": {
			upTo: "verify-indices", command: "map-live-route", exit: 4, verdict: runner.Errored, traffic: "blue", left: built(),
			faults: []faults.Fault{on("cloud-controller", faults.DropBefore, faults.Fault{Method: "POST", Path: "/destinations$", N: 2})},
			// The write may be done late: whoever comes next waits until that cannot be.
			stale: true,
			says:  []string{"ok     abort  unmap dm-search-api-preview", "traffic +blue"},
		},
		"slow answers": {
			upTo: "verify-indices", command: "map-live-route", verdict: runner.Done, traffic: "both", left: built(),
			faults: []faults.Fault{on("cloud-controller", faults.Delay, faults.Fault{DelayMS: 40}), on("search-api", faults.Delay, faults.Fault{DelayMS: 40}), on("data-api", faults.Delay, faults.Fault{DelayMS: 40})},
		},
		"cut answers to reads": {
			upTo: "check-apps", command: "build-indices", verdict: runner.Done, traffic: "blue", left: built(), equal: "search_api_elasticsearch_new",
			faults: []faults.Fault{
				on("cloud-controller", faults.Cut, faults.Fault{Method: "GET", N: 4, Times: 2}),
				on("data-api", faults.Cut, faults.Fault{Method: "GET", N: 4, Times: 2}),
				on("search-api", faults.Cut, faults.Fault{Method: "GET", N: 1, Times: 2}),
			},
		},
		"cut answers to writes": {
			upTo: "check-release", command: "run --to build-indices", verdict: runner.Done, traffic: "blue", left: built(), equal: "search_api_elasticsearch_new",
			faults: []faults.Fault{on("cloud-controller", faults.Cut, faults.Fault{WritesOnly: true}), on("search-api", faults.Cut, faults.Fault{Method: "PUT", N: 10, Times: 20})},
		},
	}
}

func pages() map[string]badDay {
	html := func(f faults.Fault) faults.Fault {
		f.Status, f.Body = 200, page
		return f
	}
	return map[string]badDay{
		"HTML for the platform's JSON": {
			command: "check-release", exit: 4, verdict: runner.Errored, traffic: "blue", left: []string{},
			faults: []faults.Fault{on("cloud-controller", faults.ErrorBefore, html(faults.Fault{Method: "GET", Path: "/v3/routes"}))},
			says:   []string{"run again +yes, once what it names answers again"},
		},
		"HTML for the platform's answer to a creation": {
			upTo: "check-release", command: "create-service", verdict: runner.Done, traffic: "blue", left: created(),
			faults: []faults.Fault{on("cloud-controller", faults.ErrorAfter, html(faults.Fault{Method: "POST", Path: "/v3/service_instances$", N: 2}))},
		},
		"HTML for the search API's JSON, and no document put": {
			upTo: "check-apps", command: "build-indices", verdict: runner.Done, traffic: "blue", left: built(), equal: "search_api_elasticsearch_new",
			faults: []faults.Fault{on("search-api", faults.ErrorBefore, html(faults.Fault{Method: "PUT", Path: "/services/", N: 10, Times: 3}))},
		},
		"HTML for the data API's JSON, a few times": {
			upTo: "check-apps", command: "build-indices", verdict: runner.Done, traffic: "blue", left: built(), equal: "search_api_elasticsearch_new",
			faults: []faults.Fault{on("data-api", faults.ErrorBefore, html(faults.Fault{Query: "page=2", Times: 3}))},
		},
		"an empty answer with 200": {
			upTo: "remove-old-app", command: "run --from remove-old-service", exit: 4, verdict: runner.Errored, traffic: "green",
			left:   []string{"service cutover-search-api", "service search_api_elasticsearch", "app search-api-old", "service search_api_elasticsearch_old"},
			faults: []faults.Fault{on("cloud-controller", faults.ErrorBefore, faults.Fault{Status: 200, Body: "{}", Method: "GET", Path: "/v3/service_credential_bindings$"})},
			before: func(w *world) {
				w.deploy(nextImage)
				w.run(0, "elasticsearch", "run", "--to", "reindex")
			},
			says: []string{"the response is empty: a proxy may have answered instead of the platform"},
		},
		"a listing that changes while it is read": {
			upTo: "check-apps", command: "build-indices", verdict: runner.Done, traffic: "blue", left: built(), equal: "search_api_elasticsearch_new",
			faults: []faults.Fault{on("data-api", faults.Hold, faults.Fault{Method: "GET", Query: "page=2", N: 1})},
			while: func(w *world) {
				for range 5 {
					w.edit(data.Edit{Kind: "unpublish-service"})
					w.edit(data.Edit{Kind: "publish-draft-service"})
				}
			},
		},
	}
}

func apps() map[string]badDay {
	return map[string]badDay{
		"a broker that fails after 40 minutes": {
			upTo: "check-release", command: "create-service", exit: 1, verdict: runner.Failure, traffic: "blue", left: created(),
			world: func(o *sandbox.Options) { o.ProvisionTime, o.Pace = 40*time.Minute, 0.0005 },
			wrong: func(w *world) {
				w.check(w.FailNextService(w.t.Context(), "no capacity left"))
			},
			says: []string{"the broker failed to create search_api_elasticsearch_new: \"no capacity left\"", "run again +yes"},
		},
		"green stops while both serve": {
			upTo: "watch-traffic", command: "unmap-old-app", exit: 3, verdict: runner.Failure, traffic: "both", left: built(),
			wrong: func(w *world) { w.actOn("elasticsearch-migration", "stop") },
			says:  []string{"green is stopped: somebody stopped it; cf start elasticsearch-migration"},
			again: 3,
		},
		"green stops during the switch: blue is mapped again": {
			upTo: "verify-indices", command: "switch", exit: 1, verdict: runner.Failure, traffic: "blue", left: built(),
			env:    map[string]string{"DRAIN": "5s", "WITNESS_BASELINE": "300ms", "VERIFY_TIMEOUT": "1s"},
			faults: []faults.Fault{on("cloud-controller", faults.Hold, faults.Fault{Method: "DELETE", Path: "/destinations/", N: 1})},
			while:  func(w *world) { w.actOn("elasticsearch-migration", "stop") },
			says:   []string{"the live address failed at", "ok     abort  map dm-search-api-preview", "next +cutover elasticsearch switch"},
			again:  3,
		},
		"green fails during the switch, and blue is down: blue is not mapped again": {
			upTo: "verify-indices", command: "switch", exit: 3, verdict: runner.Failure, traffic: "green", left: built(),
			env: map[string]string{"DRAIN": "5s", "WITNESS_BASELINE": "300ms"},
			faults: []faults.Fault{
				on("cloud-controller", faults.Hold, faults.Fault{Method: "DELETE", Path: "/destinations/", N: 1}),
			},
			while: func(w *world) {
				w.actOn("search-api", "stop")
				w.fault(on("search-api", faults.ErrorBefore, faults.Fault{Status: 500, App: "elasticsearch-migration", Path: "/_status", Times: 1}))
			},
			says: []string{"0 of 2 instances of blue are routable"},
		},
		"a router that never gets the route to green": {
			upTo: "verify-indices", command: "map-live-route", exit: 1, verdict: runner.Failure, traffic: "blue", left: built(),
			env:   map[string]string{"ROUTE_TIMEOUT": "500ms"},
			wrong: func(w *world) { w.freezeRouter() },
			says:  []string{"400 unknown_route from the router", "ok     abort  unmap dm-search-api-preview", "traffic +blue"},
			again: 1,
		},
		"a router that keeps the route to blue": {
			upTo: "watch-traffic", command: "unmap-old-app", exit: 1, verdict: runner.Failure, traffic: "both", left: built(),
			env:   map[string]string{"ROUTE_TIMEOUT": "500ms"},
			wrong: func(w *world) { w.freezeRouter() },
			says:  []string{"still reached", "ok     abort  map dm-search-api-preview", "traffic +both"},
			again: 1,
		},
		"blue is restarted before the switch": {
			upTo: "verify-indices", command: "switch", verdict: runner.Done, traffic: "green", equal: "search_api_elasticsearch_new",
			left:  []string{"app elasticsearch-migration", "service cutover-search-api", "service search_api_elasticsearch_new", "app search-api", "service search_api_elasticsearch"},
			wrong: func(w *world) { w.actOn("search-api", "restart") },
		},
		"an instance of blue stops while both serve": {
			upTo: "map-live-route", command: "run --to unmap-temporary-route", verdict: runner.Done, traffic: "green", equal: "search_api_elasticsearch_new",
			left:  []string{"app elasticsearch-migration", "service cutover-search-api", "service search_api_elasticsearch_new", "app search-api", "service search_api_elasticsearch"},
			wrong: func(w *world) { w.cf("DELETE", "/v3/apps/"+w.app("search-api")+"/processes/web/instances/0", nil, nil) },
		},
	}
}

func people() map[string]badDay {
	return map[string]badDay{
		"somebody renames green": {
			upTo: "verify-indices", command: "switch", verdict: runner.Done, traffic: "green", equal: "search_api_elasticsearch_new",
			left:  []string{"app mine", "service cutover-search-api", "service search_api_elasticsearch_new", "app search-api", "service search_api_elasticsearch"},
			wrong: func(w *world) { w.renameApp(w.app("elasticsearch-migration"), "mine") },
		},
		"somebody renames the new service": {
			upTo: "verify-indices", command: "run --to rename-new-app", verdict: runner.Done, traffic: "green", equal: "search_api_elasticsearch",
			left: []string{"app search-api", "service cutover-search-api", "service search_api_elasticsearch", "app search-api-old", "service search_api_elasticsearch_old"},
			wrong: func(w *world) {
				w.renameService("search_api_elasticsearch_new", "mine")
			},
		},
		"somebody renames blue": {
			upTo: "verify-indices", command: "run --to rename-new-app", exit: 3, verdict: runner.Failure, traffic: "green", equal: "search_api_elasticsearch", again: 3,
			left:  []string{"app elasticsearch-migration", "service cutover-search-api", "service search_api_elasticsearch", "app mine", "service search_api_elasticsearch_old"},
			wrong: func(w *world) { w.renameApp(w.app("search-api"), "mine") },
			says:  []string{"app mine was search-api when the run began: somebody renamed it"},
		},
		"somebody deletes green": {
			upTo: "verify-indices", command: "map-live-route", exit: 1, verdict: runner.Failure, traffic: "blue", again: 3,
			left:  []string{"route dm-elasticsearch-migration-preview.cloudapps.digital", "service cutover-search-api", "service search_api_elasticsearch_new"},
			wrong: func(w *world) { w.deleteApp(w.app("elasticsearch-migration")) },
			says:  []string{"there is no elasticsearch-migration, and 5. push-app is complete: somebody has undone it"},
		},
		"somebody deletes the new service": {
			upTo: "check-apps", command: "build-indices", exit: 1, verdict: runner.Failure, traffic: "blue", again: 3,
			left: []string{"app elasticsearch-migration", "route dm-elasticsearch-migration-preview.cloudapps.digital", "service cutover-search-api"},
			wrong: func(w *world) {
				w.deleteService("search_api_elasticsearch_new")
			},
			says: []string{"there is no search_api_elasticsearch_new, and 2. create-service is complete: somebody has undone it"},
		},
		"somebody deletes the temporary route": {
			upTo: "check-apps", command: "build-indices", exit: 1, verdict: runner.Failure, traffic: "blue", again: 3,
			left: []string{"app elasticsearch-migration", "service cutover-search-api", "service search_api_elasticsearch_new"},
			wrong: func(w *world) {
				w.deleteRoute("dm-elasticsearch-migration-preview")
			},
			says: []string{"does not lead to elasticsearch-migration, and 5. push-app is complete"},
		},
		"somebody deletes blue while both serve": {
			upTo: "watch-traffic", command: "unmap-old-app", exit: 3, verdict: runner.Failure, traffic: "green", again: 3, left: built(),
			wrong: func(w *world) { w.deleteApp(w.app("search-api")) },
			says:  []string{"somebody deleted"},
		},
		"somebody maps another app to the live route": {
			upTo: "verify-indices", command: "switch", exit: 3, verdict: runner.Failure, traffic: "another app", again: 3, left: built(),
			wrong: func(w *world) { w.mapTo(liveHost, w.createApp("elsewhere")) },
			says:  []string{"which is not of this run"},
		},
		"somebody releases while both serve": {
			upTo: "watch-traffic", command: "unmap-old-app", exit: 3, verdict: runner.Failure, traffic: "another app", again: 3, left: built(),
			wrong: func(w *world) {
				w.deploy(nextImage)
			},
			says: []string{"somebody released since the run began"},
		},
		"somebody deletes the lease of a running stage": {
			upTo: "verify-indices", command: "map-live-route", exit: 3, verdict: runner.Failure, traffic: "both", left: built(),
			faults: []faults.Fault{on("cloud-controller", faults.Hold, faults.Fault{Method: "POST", Path: "/destinations$", N: 1})},
			while: func(w *world) {
				lease := "/v3/service_instances/" + w.instance(leaseName)
				w.cf("DELETE", lease, nil, nil)
				n := len(w.writes())
				w.eventually("the stage's heartbeat has found no lease", func() bool {
					return slices.ContainsFunc(w.writes()[n:], func(one faults.Write) bool { return one.Method == "PATCH" && one.Path == lease })
				})
			},
			says: []string{"the lease was taken over by another process"},
		},
	}
}
