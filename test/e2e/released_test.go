package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// appsCalled are how many apps have a name.
func (w *world) appsCalled(name string) int {
	w.t.Helper()
	var list struct {
		Resources []struct{} `json:"resources"`
	}
	w.cf("GET", "/v3/apps?names="+name, nil, &list)
	return len(list.Resources)
}

// A release after 17, whether or not step 18 has seen it, ends no way back: what was
// released is taken off the live routes and stays, with its service, able to start.
func TestAWayBackLeavesWhatWasReleased(t *testing.T) {
	t.Parallel()
	for name, until := range map[string]string{
		"early": "rename-new-app", "not awaited yet": "remove-old-app", "awaited": "await-release", "once more": "reindex", "the old app deleted": "await-release",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, small())
			if name == "the old app deleted" {
				w.env["OLD_APP"] = "delete"
			}
			was := w.state()
			if until != "rename-new-app" {
				w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
			} else {
				w.run(0, "elasticsearch", "run", "--to", until)
			}
			w.released(nil)
			w.run(0, "elasticsearch", "run", "--to", until)
			if until == "reindex" {
				w.released(nil) // and once more, unseen
			}
			app, service := w.app("search-api"), w.instance("search_api_elasticsearch")
			w.call("POST", "/_sandbox/load", map[string]any{"rate": 50}, nil)
			w.run(0, "elasticsearch", "rollback")
			if tally := w.tally(); tally.Failed > 0 || tally.ByApp["search-api-release"] == 0 {
				t.Errorf("live requests on the way back: %+v", tally)
			}
			if w.app("search-api-released") != app || w.instance("search_api_elasticsearch_released") != service {
				t.Error("what was released is not what it was")
			}
			w.cf("POST", "/v3/apps/"+app+"/actions/restart", nil, nil)
			w.eventually("the released app runs again", func() bool {
				var stats struct {
					Resources []struct {
						State string `json:"state"`
					} `json:"resources"`
				}
				w.cf("GET", "/v3/apps/"+app+"/processes/web/stats", nil, &stats)
				return len(stats.Resources) == 2 && stats.Resources[0].State == "RUNNING" && stats.Resources[1].State == "RUNNING"
			})
			w.removeLast()
			w.removeReleased()
			if diff := cmp.Diff(was, w.state()); diff != "" {
				t.Errorf("there and back (-before +after):\n%s", diff)
			}
		})
	}
}

// A release that uses the old service is no reason to keep the new one.
func TestAWayBackFromAReleaseOnTheOldService(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	was := w.state()
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	w.released(map[string]any{
		"env":      map[string]any{"DM_ELASTICSEARCH_SERVICE_NAME": "search_api_elasticsearch_old"},
		"services": map[string]any{"search_api_elasticsearch": "search_api_elasticsearch_old"},
	})
	w.run(1, "elasticsearch", "await-release")
	w.run(0, "elasticsearch", "rollback")
	w.removeLast()
	w.deleteApp(w.app("search-api-released"))
	if diff := cmp.Diff(was, w.state()); diff != "" {
		t.Errorf("there and back (-before +after):\n%s", diff)
	}
}

func TestAWayBackWaitsForAReleaseAndTakesNobodysName(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.forward("await-release")
	half := w.fault(map[string]any{"kind": "hold", "place": "cloud-controller", "method": "POST", "path": "/destinations$", "n": 2})
	w.call("POST", "/_sandbox/release", map[string]any{"image": "digitalmarketplace/search-api:release-1236", "background": true}, nil)
	w.awaitHeld(half)
	w.refused(nil, "a release is under way, or was left half-way", "elasticsearch", "rollback")
	w.refused(nil, "a release is under way, or was left half-way; run this again when it has ended", "elasticsearch", "reindex")
	w.release(half, "do")
	w.eventually("the release has ended", func() bool {
		var all []struct {
			State string `json:"state"`
		}
		w.call("GET", "/_sandbox/release", nil, &all)
		return all[len(all)-1].State == "done"
	})

	taken := w.stranger("search-api-released")
	w.refused(nil, "the released app would be called search-api-released, and another app is", "elasticsearch", "rollback")
	w.deleteApp(taken)
	w.run(0, "elasticsearch", "rollback")

	// The next migration needs no clearing up, and goes to its end.
	w.forward("")
	if w.appsCalled("search-api-released") != 1 {
		t.Error("a later migration touched what was released")
	}
}

// A release that was made in another way leaves green behind, off the live routes:
// the last step removes it, unless somebody uses it.
func TestWhatAReleaseLeavesOfTheNewAppGoesInTheEnd(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	green := w.app("search-api")
	kept := w.fault(map[string]any{"kind": "error-before", "status": 403, "place": "cloud-controller", "method": "DELETE", "path": "/v3/apps/" + green})
	var failed struct{ State string }
	w.call("POST", "/_sandbox/release", map[string]any{"image": "digitalmarketplace/search-api:release-1235", "background": true}, nil)
	w.eventually("the release has failed to delete it", func() bool {
		var all []struct {
			State string `json:"state"`
		}
		w.call("GET", "/_sandbox/release", nil, &all)
		failed.State = all[0].State
		return failed.State == "failed"
	})
	w.call("DELETE", "/_sandbox/faults/"+kept, nil, nil)
	p := w.with(map[string]string{"RELEASE_TIMEOUT": "300ms"}, 1, "elasticsearch", "await-release")
	if !strings.Contains(p.log.String(), "the app on the live routes is called search-api-release, not search-api") {
		t.Errorf("the log does not say what is missing:\n%s", p.log.String())
	}
	w.cf(http.MethodPatch, "/v3/apps/"+green, map[string]any{"name": "search-api-venerable"}, nil)
	w.cf(http.MethodPatch, "/v3/apps/"+w.app("search-api-release"), map[string]any{"name": "search-api"}, nil)
	w.run(0, "elasticsearch", "run", "--to", "reindex")
	w.run(0, "elasticsearch", "remove-old-service")
	if n := w.appsCalled("search-api-venerable"); n != 0 {
		t.Error("the app that this run made was left behind")
	}
	if w.app("search-api") == green {
		t.Error("the released app is not the live one")
	}
}

// A reindex from before step 18 saw the release may have gone to the app before it.
func TestTheOldServiceGoesOnlyAfterAReindexSinceTheRelease(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.forward("reindex")
	// Nor is a later release what somebody looked at when the deletion was approved.
	approved := map[string]string{"PLAN_DIGEST": w.digest()}
	w.call("POST", "/_sandbox/release", map[string]any{"image": "digitalmarketplace/search-api:release-1236"}, nil)
	released := "and is now app " + w.app("search-api") + ", image digitalmarketplace/search-api:release-1236; look at a new plan"
	w.refused(approved, released, "elasticsearch", "remove-old-service")
	w.unmark("await-release")
	w.run(0, "elasticsearch", "await-release")
	w.refused(nil, "no reindex has ended since the release was seen", "elasticsearch", "remove-old-service")
	w.run(0, "elasticsearch", "reindex")
	w.run(0, "elasticsearch", "remove-old-service")
}

// Before step 13 a release takes blue's place, and deletes it. The live routes are
// left to it alone, with all that was changed while green served.
func TestAWayBackLeavesTheLiveRoutesToWhatWasReleasedInBetween(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.run(0, "elasticsearch", "run", "--to", "unmap-temporary-route")
	w.edits()
	w.released(nil)
	w.call("POST", "/_sandbox/load", map[string]any{"rate": 50}, nil)
	w.run(0, "elasticsearch", "rollback")
	if tally := w.tally(); tally.Failed > 0 || tally.ByApp["search-api-release"] == 0 {
		t.Errorf("live requests on the way back: %+v", tally)
	}
	w.serves()
	if n := w.appsCalled("elasticsearch-migration"); n != 0 || w.instance("search_api_elasticsearch_new") != "" {
		t.Error("what the run made is still there")
	}
	if diff := w.unlike("search_api_elasticsearch"); diff != "" {
		t.Errorf("what the released app serves lacks changes: %s", diff)
	}
}

// From step 14 on a release uses the new service. Before 16 green still serves beside
// it; what status says to type against that leaves green alone, and the run goes on.
func TestWhatWasReleasedBeforeTheNamesIsTakenOffByHand(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "rename-old-app")
	w.released(nil)
	app := w.app("search-api")
	w.refused(nil, "status tells how to take it off", "elasticsearch", "rollback")
	says := w.run(0, "elasticsearch", "status").out.String()
	for _, want := range []string{
		"and beside it elasticsearch-migration",
		"next         cf unmap-route search-api cloudapps.digital --hostname dm-search-api-preview; cf unmap-route search-api cloudapps.digital --hostname dm-search-api-preview --path /_metrics; cf rename search-api search-api-released",
	} {
		if !strings.Contains(says, want) {
			t.Errorf("status does not say %q:\n%s", want, says)
		}
	}
	var routes struct {
		Resources []struct {
			GUID         string `json:"guid"`
			Destinations []struct {
				GUID string                `json:"guid"`
				App  struct{ GUID string } `json:"app"`
			} `json:"destinations"`
		} `json:"resources"`
	}
	w.cf("GET", "/v3/apps/"+app+"/routes", nil, &routes)
	for _, route := range routes.Resources {
		for _, d := range route.Destinations {
			if d.App.GUID == app {
				w.cf("DELETE", "/v3/routes/"+route.GUID+"/destinations/"+d.GUID, nil, nil)
			}
		}
	}
	w.cf("PATCH", "/v3/apps/"+app, map[string]any{"name": "search-api-released"}, nil)
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
}
