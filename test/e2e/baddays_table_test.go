package e2e

import (
	"maps"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// badDays is the table: the faults of the network and of other people.
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
			upTo: "check-apps", command: "build-indices", verdict: runner.Done, traffic: "blue", left: built(), like: "search_api_elasticsearch_new",
			faults: []set{
				on("cloud-controller", "error-before", set{"status": 429, "headers": set{"Retry-After": "0"}, "n": 3, "times": 3}),
				on("search-api", "error-before", set{"status": 429, "headers": set{"Retry-After": "0"}, "method": "PUT", "n": 20, "times": 3}),
				on("data-api", "error-before", set{"status": 429, "headers": set{"Retry-After": "0"}, "n": 2, "times": 2}),
			},
		},
		"429 without an end": {
			upTo: "verify-indices", command: "map-live-route", exit: 4, verdict: runner.Errored, traffic: "blue", left: built(),
			faults: []set{on("cloud-controller", "error-before", set{"status": 429, "headers": set{"Retry-After": "0"}, "method": "POST", "path": "/destinations$"})},
			says:   []string{"429", "run again +yes, once what it names answers again"},
		},
		"5xx now and then, before and after the effect": {
			upTo: "edit-manifest", command: "run --to check-apps", verdict: runner.Done, traffic: "blue", left: built(),
			faults: []set{
				on("cloud-controller", "error-before", set{"status": 502, "method": "GET", "n": 5, "times": 2}),
				on("cloud-controller", "error-after", set{"status": 500, "writes_only": true, "n": 2, "times": 4}),
			},
		},
		"5xx without an end": {
			upTo: "verify-indices", command: "map-live-route", exit: 4, verdict: runner.Errored, traffic: "blue", left: built(),
			faults: []set{on("cloud-controller", "error-before", set{"status": 503, "method": "GET", "path": "/v3/routes"})},
			says:   []string{"run again +yes, once what it names answers again", "next +cutover elasticsearch map-live-route"},
		},
	}
}

func losses() map[string]badDay {
	return map[string]badDay{
		"resets of reads": {
			upTo: "edit-manifest", command: "run --to check-apps", verdict: runner.Done, traffic: "blue", left: built(),
			faults: []set{on("cloud-controller", "drop-before", set{"method": "GET", "probability": 0.1, "seed": 7})},
		},
		"resets after the effect of a write": {
			upTo: "verify-indices", command: "switch", verdict: runner.Done, traffic: "green", like: "search_api_elasticsearch_new",
			left:   []string{"app elasticsearch-migration", "service cutover-search-api", "service search_api_elasticsearch_new", "app search-api", "service search_api_elasticsearch"},
			faults: []set{on("cloud-controller", "drop-after", set{"writes_only": true})},
		},
		"a reset before the effect of a write": {
			upTo: "verify-indices", command: "map-live-route", exit: 4, verdict: runner.Errored, traffic: "blue", left: built(),
			faults: []set{on("cloud-controller", "drop-before", set{"method": "POST", "path": "/destinations$", "n": 2})},
			// The write may be done late: whoever comes next waits until that cannot be.
			stale: true,
			says:  []string{"ok     abort  unmap dm-search-api-preview", "traffic +blue"},
		},
		"slow answers": {
			upTo: "verify-indices", command: "map-live-route", verdict: runner.Done, traffic: "both", left: built(),
			faults: []set{on("cloud-controller", "delay", set{"delay_ms": 40}), on("search-api", "delay", set{"delay_ms": 40}), on("data-api", "delay", set{"delay_ms": 40})},
		},
		"cut answers to reads": {
			upTo: "check-apps", command: "build-indices", verdict: runner.Done, traffic: "blue", left: built(), like: "search_api_elasticsearch_new",
			faults: []set{
				on("cloud-controller", "cut", set{"method": "GET", "n": 4, "times": 2}),
				on("data-api", "cut", set{"method": "GET", "n": 4, "times": 2}),
				on("search-api", "cut", set{"method": "GET", "n": 1, "times": 2}),
			},
		},
		"cut answers to writes": {
			upTo: "check-release", command: "run --to build-indices", verdict: runner.Done, traffic: "blue", left: built(), like: "search_api_elasticsearch_new",
			faults: []set{on("cloud-controller", "cut", set{"writes_only": true}), on("search-api", "cut", set{"method": "PUT", "n": 10, "times": 20})},
		},
	}
}

func pages() map[string]badDay {
	html := func(more set) set {
		more["status"], more["body"] = 200, page
		return more
	}
	return map[string]badDay{
		"HTML for the platform's JSON": {
			command: "check-release", exit: 4, verdict: runner.Errored, traffic: "blue", left: []string{},
			faults: []set{on("cloud-controller", "error-before", html(set{"method": "GET", "path": "/v3/routes"}))},
			says:   []string{"run again +yes, once what it names answers again"},
		},
		"HTML for the platform's answer to a creation": {
			upTo: "check-release", command: "create-service", verdict: runner.Done, traffic: "blue", left: made(),
			faults: []set{on("cloud-controller", "error-after", html(set{"method": "POST", "path": "/v3/service_instances$", "n": 2}))},
		},
		"HTML for the search API's JSON, and no document put": {
			upTo: "check-apps", command: "build-indices", verdict: runner.Done, traffic: "blue", left: built(), like: "search_api_elasticsearch_new",
			faults: []set{on("search-api", "error-before", html(set{"method": "PUT", "path": "/services/", "n": 10, "times": 3}))},
		},
		"HTML for the data API's JSON, a few times": {
			upTo: "check-apps", command: "build-indices", verdict: runner.Done, traffic: "blue", left: built(), like: "search_api_elasticsearch_new",
			faults: []set{on("data-api", "error-before", html(set{"query": "page=2", "times": 3}))},
		},
		"no answer at all in a 200": {
			upTo: "remove-old-app", command: "run --from remove-old-service", exit: 4, verdict: runner.Errored, traffic: "green",
			left:   []string{"service cutover-search-api", "service search_api_elasticsearch", "app search-api-old", "service search_api_elasticsearch_old"},
			faults: []set{on("cloud-controller", "error-before", set{"status": 200, "body": "{}", "method": "GET", "path": "/v3/service_credential_bindings$"})},
			before: func(w *world) {
				w.call("POST", "/_sandbox/release", set{"image": "digitalmarketplace/search-api:release-1235"}, nil)
				w.run(0, "elasticsearch", "run", "--to", "reindex")
			},
			says: []string{"the response is empty: a proxy may have answered instead of the platform"},
		},
		"a page of the listing that changes while it is read": {
			upTo: "check-apps", command: "build-indices", verdict: runner.Done, traffic: "blue", left: built(), like: "search_api_elasticsearch_new",
			faults: []set{on("data-api", "hold", set{"method": "GET", "query": "page=2", "n": 1})},
			while: func(w *world) {
				for range 5 {
					w.call("POST", "/_sandbox/edit", set{"kind": "unpublish-service"}, nil)
					w.call("POST", "/_sandbox/edit", set{"kind": "publish-draft-service"}, nil)
				}
			},
		},
	}
}

func apps() map[string]badDay {
	return map[string]badDay{
		"a broker that fails after 40 minutes": {
			upTo: "check-release", command: "create-service", exit: 1, verdict: runner.Failure, traffic: "blue", left: made(),
			world: func(o *sandbox.Options) { o.ProvisionTime, o.Pace = 40*time.Minute, 0.0005 },
			wrong: func(w *world) {
				w.call("POST", "/_sandbox/engine", set{"fail_next_creation": "no capacity left"}, nil)
			},
			says: []string{"the broker failed to create search_api_elasticsearch_new: \"no capacity left\"", "run again +yes"},
		},
		"the new app dies once both serve": {
			upTo: "watch-traffic", command: "unmap-old-app", exit: 3, verdict: runner.Failure, traffic: "both", left: built(),
			wrong: func(w *world) { w.stop("elasticsearch-migration") },
			says:  []string{"the new app is stopped: somebody stopped it; cf start elasticsearch-migration"},
			again: 3,
		},
		"the new app dies in the switch, and the old one is put back": {
			upTo: "verify-indices", command: "switch", exit: 1, verdict: runner.Failure, traffic: "blue", left: built(),
			env:    map[string]string{"DRAIN": "5s", "WITNESS_BASELINE": "300ms", "VERIFY_TIMEOUT": "1s"},
			faults: []set{on("cloud-controller", "hold", set{"method": "DELETE", "path": "/destinations/", "n": 1})},
			while:  func(w *world) { w.stop("elasticsearch-migration") },
			says:   []string{"the live address failed at", "ok     abort  map dm-search-api-preview", "next +cutover elasticsearch switch"},
			again:  4,
		},
		"the new app fails in the switch, and the old one is down: nothing is put back": {
			upTo: "verify-indices", command: "switch", exit: 3, verdict: runner.Failure, traffic: "green", left: built(),
			env: map[string]string{"DRAIN": "5s", "WITNESS_BASELINE": "300ms"},
			faults: []set{
				on("cloud-controller", "hold", set{"method": "DELETE", "path": "/destinations/", "n": 1}),
			},
			while: func(w *world) {
				w.stop("search-api")
				w.fault(on("search-api", "error-before", set{"status": 500, "app": "elasticsearch-migration", "path": "/_status", "times": 1}))
			},
			says: []string{"the old app has 0 of 2 instances that are routable"},
		},
		"a router that never hears of the new app": {
			upTo: "verify-indices", command: "map-live-route", exit: 1, verdict: runner.Failure, traffic: "blue", left: built(),
			env:   map[string]string{"ROUTE_TIMEOUT": "500ms"},
			wrong: func(w *world) { w.call("POST", "/_sandbox/router", set{"replica": 0, "deaf": true}, nil) },
			says:  []string{"400 unknown_route from the router", "ok     abort  unmap dm-search-api-preview", "traffic +blue"},
			again: 1,
		},
		"a router that never forgets the old app": {
			upTo: "watch-traffic", command: "unmap-old-app", exit: 1, verdict: runner.Failure, traffic: "both", left: built(),
			env:   map[string]string{"ROUTE_TIMEOUT": "500ms"},
			wrong: func(w *world) { w.call("POST", "/_sandbox/router", set{"replica": 0, "deaf": true}, nil) },
			says:  []string{"still reached", "ok     abort  map dm-search-api-preview", "traffic +both"},
			again: 1,
		},
		"the old app is restarted before the switch": {
			upTo: "verify-indices", command: "switch", verdict: runner.Done, traffic: "green", like: "search_api_elasticsearch_new",
			left:  []string{"app elasticsearch-migration", "service cutover-search-api", "service search_api_elasticsearch_new", "app search-api", "service search_api_elasticsearch"},
			wrong: func(w *world) { w.cf("POST", "/v3/apps/"+w.app("search-api")+"/actions/restart", nil, nil) },
		},
		"an instance of the old app dies while both serve": {
			upTo: "map-live-route", command: "run --to unmap-temporary-route", verdict: runner.Done, traffic: "green", like: "search_api_elasticsearch_new",
			left:  []string{"app elasticsearch-migration", "service cutover-search-api", "service search_api_elasticsearch_new", "app search-api", "service search_api_elasticsearch"},
			wrong: func(w *world) { w.cf("DELETE", "/v3/apps/"+w.app("search-api")+"/processes/web/instances/0", nil, nil) },
		},
	}
}

func people() map[string]badDay {
	return map[string]badDay{
		"somebody renames the new app": {
			upTo: "verify-indices", command: "switch", verdict: runner.Done, traffic: "green", like: "search_api_elasticsearch_new",
			left:  []string{"app mine", "service cutover-search-api", "service search_api_elasticsearch_new", "app search-api", "service search_api_elasticsearch"},
			wrong: func(w *world) { w.cf("PATCH", "/v3/apps/"+w.app("elasticsearch-migration"), set{"name": "mine"}, nil) },
		},
		"somebody renames the new service": {
			upTo: "verify-indices", command: "run --to rename-new-app", verdict: runner.Done, traffic: "green", like: "search_api_elasticsearch",
			left: []string{"app search-api", "service cutover-search-api", "service search_api_elasticsearch", "app search-api-old", "service search_api_elasticsearch_old"},
			wrong: func(w *world) {
				w.cf("PATCH", "/v3/service_instances/"+w.instance("search_api_elasticsearch_new"), set{"name": "mine"}, nil)
			},
		},
		"somebody renames the old app": {
			upTo: "verify-indices", command: "run --to rename-new-app", exit: 3, verdict: runner.Failure, traffic: "green", like: "search_api_elasticsearch", again: 3,
			left:  []string{"app elasticsearch-migration", "service cutover-search-api", "service search_api_elasticsearch", "app mine", "service search_api_elasticsearch_old"},
			wrong: func(w *world) { w.cf("PATCH", "/v3/apps/"+w.app("search-api"), set{"name": "mine"}, nil) },
			says:  []string{"app mine was search-api when the run began: somebody renamed it"},
		},
		"somebody deletes the new app": {
			upTo: "verify-indices", command: "map-live-route", exit: 3, verdict: runner.Failure, traffic: "blue", again: 3,
			left:  []string{"route dm-elasticsearch-migration-preview.cloudapps.digital", "service cutover-search-api", "service search_api_elasticsearch_new"},
			wrong: func(w *world) { w.deleteApp(w.app("elasticsearch-migration")) },
			says:  []string{"there is no elasticsearch-migration, and 5. push-app is complete: somebody has undone it"},
		},
		"somebody deletes the new service": {
			upTo: "check-apps", command: "build-indices", exit: 3, verdict: runner.Failure, traffic: "blue", again: 3,
			left: []string{"app elasticsearch-migration", "route dm-elasticsearch-migration-preview.cloudapps.digital", "service cutover-search-api"},
			wrong: func(w *world) {
				w.cf("DELETE", "/v3/service_instances/"+w.instance("search_api_elasticsearch_new"), nil, nil)
				w.eventually("it is gone", func() bool { return w.instance("search_api_elasticsearch_new") == "" })
			},
			says: []string{"there is no search_api_elasticsearch_new, and 2. create-service is complete: somebody has undone it"},
		},
		"somebody deletes the temporary route": {
			upTo: "check-apps", command: "build-indices", exit: 3, verdict: runner.Failure, traffic: "blue", again: 3,
			left: []string{"app elasticsearch-migration", "service cutover-search-api", "service search_api_elasticsearch_new"},
			wrong: func(w *world) {
				w.cf("DELETE", "/v3/routes/"+w.route("dm-elasticsearch-migration-preview"), nil, nil)
				w.eventually("it is gone", func() bool { return w.route("dm-elasticsearch-migration-preview") == "" })
			},
			says: []string{"does not lead to elasticsearch-migration, and 5. push-app is complete"},
		},
		"somebody deletes the old app while both serve": {
			upTo: "watch-traffic", command: "unmap-old-app", exit: 3, verdict: runner.Failure, traffic: "green", again: 3, left: built(),
			wrong: func(w *world) { w.deleteApp(w.app("search-api")) },
			says:  []string{"somebody deleted"},
		},
		"somebody maps another app to the live route": {
			upTo: "verify-indices", command: "switch", exit: 3, verdict: runner.Failure, traffic: "another app", again: 3, left: built(),
			wrong: func(w *world) { w.onTheLiveRoute("elsewhere") },
			says:  []string{"which is none of this run"},
		},
		"somebody releases while both serve": {
			upTo: "watch-traffic", command: "unmap-old-app", exit: 3, verdict: runner.Failure, traffic: "another app", again: 3, left: built(),
			wrong: func(w *world) {
				w.call("POST", "/_sandbox/release", set{"image": "digitalmarketplace/search-api:release-1235"}, nil)
			},
			says: []string{"somebody released in between"},
		},
		"somebody breaks the lease of a stage at work": {
			upTo: "verify-indices", command: "map-live-route", exit: 3, verdict: runner.Failure, traffic: "both", left: built(),
			faults: []set{on("cloud-controller", "hold", set{"method": "POST", "path": "/destinations$", "n": 1})},
			while: func(w *world) {
				lease := "/v3/service_instances/" + w.instance("cutover-search-api-lease")
				w.cf("DELETE", lease, nil, nil)
				n := len(w.writes())
				w.eventually("the stage's heartbeat finds no lease", func() bool {
					return slices.ContainsFunc(w.writes()[n:], func(one write) bool { return one.Method == "PATCH" && one.Path == lease })
				})
			},
			says: []string{"the lease was taken by another process"},
		},
	}
}
