package e2e

import (
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
	"github.com/digitalmarketplace/cutover/test/sandbox/pipeline"
)

// A release after step 17, whether or not step 18 has seen it, does not prevent a rollback: the released app is unmapped from the
// live routes and stays, with its service, able to start.
func TestARollbackKeepsTheReleasedApp(t *testing.T) {
	t.Parallel()
	for name, until := range map[string]string{
		"early": "rename-new-app", "not awaited yet": "remove-old-app", "awaited": "await-release", "released twice": "reindex", "blue deleted": "await-release",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, small())
			if name == "blue deleted" {
				w.Env["REMOVE_OLD_APP"] = "delete"
			}
			was := w.state()
			if until == "rename-new-app" {
				w.run(0, "elasticsearch", "run", "--to", until)
			} else {
				w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
			}
			w.deploy(nextImage)
			w.run(0, "elasticsearch", "run", "--to", until)
			if until == "reindex" {
				w.deploy(nextImage) // a second time, which no stage has seen
			}
			app, service := w.app("search-api"), w.instance("search_api_elasticsearch")
			w.startReaders(50)
			w.run(0, "elasticsearch", "rollback")
			if tally := w.readers(); tally.Failed > 0 || tally.ByApp["search-api-release"] == 0 {
				t.Errorf("live requests during the rollback: %+v", tally)
			}
			if w.app("search-api-released") != app || w.instance("search_api_elasticsearch_released") != service {
				t.Error("the released app or its service is another one")
			}
			w.cf("POST", "/v3/apps/"+app+"/actions/restart", nil, nil)
			w.awaitRunning(app, 2)
			w.removeRetired()
			w.removeReleased()
			w.wantState(was)
		})
	}
}

// A release that uses the old service does not keep the new one.
func TestARollbackAfterAReleaseOnTheOldService(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	was := w.state()
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	w.deployWith(pipeline.Overrides{
		Env:      map[string]string{"DM_ELASTICSEARCH_SERVICE_NAME": "search_api_elasticsearch_old"},
		Services: map[string]string{"search_api_elasticsearch": "search_api_elasticsearch_old"},
	})
	w.run(1, "elasticsearch", "await-release")
	w.run(0, "elasticsearch", "rollback")
	w.removeRetired()
	w.deleteApp(w.app("search-api-released"))
	w.wantState(was)
}

func TestARollbackIsRefusedDuringAReleaseAndWhereItsNameIsInUse(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.forward("await-release")
	half := w.fault(faults.Fault{Kind: faults.Hold, Place: "cloud-controller", Method: "POST", Path: "/destinations$", N: 2})
	w.startDeployment(laterImage)
	w.awaitHeld(half)
	w.refused(nil, "a release is under way, or stopped half-way", "elasticsearch", "rollback")
	w.refused(nil, "a release is under way, or stopped half-way; run this again when it has ended", "elasticsearch", "reindex")
	w.release(half, rig.Do)
	w.deploymentEnds("done")

	other := w.createApp("search-api-released")
	w.refused(nil, "the released app would get the name search-api-released, and another app has it", "elasticsearch", "rollback")
	w.deleteApp(other)
	w.run(0, "elasticsearch", "rollback")

	// The next run needs no cleaning up.
	w.forward("")
	if !w.hasApp("search-api-released") {
		t.Error("a later run deleted the released app")
	}
}

// A release that fails to delete green leaves it off the live routes: the last step removes it, unless somebody uses it.
func TestTheLastStepRemovesAGreenThatTheReleaseHasLeft(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	green := w.app("search-api")
	kept := w.fault(faults.Fault{Kind: faults.ErrorBefore, Status: 403, Place: "cloud-controller", Method: "DELETE", Path: "/v3/apps/" + green})
	w.startDeployment(nextImage)
	w.deploymentEnds("failed")
	w.removeFault(kept)
	p := w.with(map[string]string{"RELEASE_TIMEOUT": "300ms"}, 3, "elasticsearch", "await-release")
	p.wantLog("finish it: cf delete search-api -f; cf rename search-api-release search-api")
	w.renameApp(green, "search-api-venerable")
	w.renameApp(w.app("search-api-release"), "search-api")
	w.run(0, "elasticsearch", "run", "--to", "reindex")
	w.run(0, "elasticsearch", "remove-old-service")
	if w.hasApp("search-api-venerable") {
		t.Error("the app that this run created is a leftover")
	}
	if w.app("search-api") == green {
		t.Error("the released app is not the live app")
	}
}

// A release that was cut off when its app alone had the live routes is neither waited for nor begun again: its push would take the
// routes from the only app that serves. The commands of the refusal finish it.
func TestAReleaseThatWasCutOffIsNotBegunAgain(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	w.startReaders(50)
	w.fault(faults.Fault{Kind: faults.DropAfter, Place: "cloud-controller", UserAgent: "release-app-paas", Method: "DELETE", Path: "/destinations/", N: 2})
	w.startDeployment(nextImage)
	w.deploymentEnds("failed")
	next := w.app("search-api-release")
	for _, command := range []string{"guard", "await-release"} {
		w.refused(map[string]string{"RELEASE_TIMEOUT": "0s"}, "the live routes lead to search-api-release ("+next+") alone, and releasing again would take the routes "+
			"from search-api-release; if no release job runs, finish it: cf delete search-api -f; cf rename search-api-release search-api; or undo it: "+
			"cf map-route search-api cloudapps.digital --hostname dm-search-api-preview; ", "elasticsearch", command)
	}
	says := w.run(0, "elasticsearch", "status").Stdout()
	if want := "next         once no release job runs: cf delete search-api -f; cf rename search-api-release search-api"; !strings.Contains(says, want) {
		t.Errorf("status does not contain %q:\n%s", want, says)
	}
	w.deleteApp(w.app("search-api"))
	w.renameApp(next, "search-api")
	w.run(0, "elasticsearch", "guard")
	w.run(0, "elasticsearch", "run", "--to", "reindex")
	if tally := w.readers(); tally.Failed > 0 {
		t.Errorf("live requests: %+v", tally)
	}
}

// A reindex before step 18 has seen the release may have been of the app before it.
func TestTheOldServiceIsRemovedOnlyAfterAReindexSinceTheRelease(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.forward("reindex")
	// The approval of the deletion does not cover a later release either.
	approved := map[string]string{"PLAN_DIGEST": w.digest()}
	w.deploy(laterImage)
	released := "and is now app " + w.app("search-api") + ", image " + laterImage + "; make a new plan, and approve that"
	w.refused(approved, released, "elasticsearch", "remove-old-service")
	w.uncomplete("await-release")
	w.run(0, "elasticsearch", "await-release")
	w.refused(nil, "no reindex has ended since the release:", "elasticsearch", "remove-old-service")
	w.run(0, "elasticsearch", "reindex")
	w.run(0, "elasticsearch", "remove-old-service")
}

// Before step 13 a release replaces blue and deletes it. After the rollback the released app alone serves the live routes, with
// every change that was made while green served.
func TestARollbackLeavesTheLiveRoutesToAReleaseInBetween(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.run(0, "elasticsearch", "run", "--to", "unmap-temporary-route")
	w.edits()
	w.deploy(nextImage)
	w.startReaders(50)
	w.run(0, "elasticsearch", "rollback")
	if tally := w.readers(); tally.Failed > 0 || tally.ByApp["search-api-release"] == 0 {
		t.Errorf("live requests during the rollback: %+v", tally)
	}
	w.serves()
	if w.hasApp("elasticsearch-migration") || w.instance("search_api_elasticsearch_new") != "" {
		t.Error("what the run created is still there")
	}
	w.wantIndices("search_api_elasticsearch")
}

// From step 14 on a release uses the new service. Before step 16 green still serves beside it; the commands in the status unmap
// the released app, so that green alone serves, and the run continues. Before step 15 the release has deleted blue.
func TestAReleaseBeforeTheNamesAreFinalIsUnmappedByHand(t *testing.T) {
	t.Parallel()
	for _, until := range []string{"rename-new-service", "rename-old-app"} {
		t.Run(until, func(t *testing.T) {
			t.Parallel()
			releasedAfter(t, until)
		})
	}
}

func releasedAfter(t *testing.T, until string) {
	t.Helper()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", until)
	w.deploy(nextImage)
	app := w.app("search-api")
	w.refused(nil, "status says how to unmap it", "elasticsearch", "rollback")
	says := w.run(0, "elasticsearch", "status").Stdout()
	for _, want := range []string{
		"and beside it elasticsearch-migration",
		"next         cf unmap-route search-api cloudapps.digital --hostname dm-search-api-preview; cf unmap-route search-api cloudapps.digital --hostname dm-search-api-preview --path /_metrics; cf rename search-api search-api-released",
	} {
		if !strings.Contains(says, want) {
			t.Errorf("status does not contain %q:\n%s", want, says)
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
	w.renameApp(app, "search-api-released")
	w.startReaders(50)
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	if tally := w.readers(); tally.Failed > 0 {
		t.Errorf("live requests: %+v", tally)
	}
	w.deploy(laterImage)
	w.run(0, "elasticsearch", "run")
	w.wantIndices("search_api_elasticsearch")
}
