package e2e

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
)

// A step that is missing in the order of the rollback would be undone by none.
func TestTheRollbackUndoesEveryStep(t *testing.T) {
	t.Parallel()
	var done, undone []string
	for _, step := range elasticsearch.Runbook(nil).Steps {
		done = append(done, step.Name)
	}
	for _, step := range elasticsearch.Runbook(nil).RollbackSteps() {
		undone = append(undone, step.Name)
	}
	before := func(first, second string) {
		if slices.Index(undone, first) > slices.Index(undone, second) {
			t.Errorf("%s is undone after %s", first, second)
		}
	}
	before("remove-old-app", "unmap-old-app")
	before("unmap-old-app", "map-live-route")
	before("map-live-route", "rename-new-app")
	before("rename-new-app", "rename-old-app")
	before("rename-new-service", "rename-old-service")
	before("rename-old-service", "push-app")
	slices.Sort(done)
	slices.Sort(undone)
	if diff := cmp.Diff(done, undone); diff != "" {
		t.Errorf("steps (-done +undone):\n%s", diff)
	}
}

// refused wants exit code 3 and a reason, and that nothing but the lease was written.
func (w *world) refused(extra map[string]string, reason string, args ...string) {
	w.t.Helper()
	n := len(w.writes())
	settings := noHeartbeat()
	maps.Copy(settings, extra)
	w.with(settings, 3, args...).wantLog(reason)
	if some := choose(w.writes()[n:], notOfLease); len(some) > 0 {
		w.t.Errorf("%v wrote %+v", args, some)
	}
}

func TestAServiceThatOthersUseIsRenamedOnlyIfAllowedAndNeverDeleted(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "unmap-temporary-route")
	old := w.instance("search_api_elasticsearch")
	w.bind("key", "backup", "search_api_elasticsearch")
	w.refused(nil, "blue's service is used by key backup", "elasticsearch", "rename-old-service")
	w.with(map[string]string{"ALSO_BOUND": "another, backup"}, 0, "elasticsearch", "rename-old-service").
		wantLog("key backup, let pass by ALSO_BOUND; remove-old-service refuses")
	w.forward("reindex")
	// ALSO_BOUND allows the rename, not the deletion.
	w.refused(map[string]string{"ALSO_BOUND": "backup"}, "once they need it no longer: cf delete-service-key search_api_elasticsearch_old backup", "elasticsearch", "remove-old-service")

	keys := "/v3/service_credential_bindings?type=key&service_instance_guids=" + old
	w.cf("DELETE", "/v3/service_credential_bindings/"+w.guid(keys), nil, nil)
	w.eventually("the key is deleted", func() bool { return len(w.guids(keys)) == 0 })
	w.run(0, "elasticsearch", "remove-old-service")
}

func TestTheOldServiceIsHeldForTheTimeThatIsSet(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.Env["HOLD_OLD_SERVICE_FOR"] = "24h"
	w.forward("reindex")
	w.refused(nil, "(HOLD_OLD_SERVICE_FOR=24h0m0s after remove-old-app)", "elasticsearch", "remove-old-service")
	w.moveClock(25 * time.Hour)
	w.run(0, "elasticsearch", "remove-old-service")
}

// Blue finds its service by the name in its variable, whatever the service is called when blue starts; the rollback restores the
// variable.
func TestABlueThatIsStartedAgainFindsItsService(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	blue := w.app("search-api")
	w.setVariable(blue, "DM_ELASTICSEARCH_SERVICE_NAME", "search_api_elasticsearch")
	was := w.state()
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	w.renameService("search_api_elasticsearch_old", "renamed_by_hand")
	w.run(0, "elasticsearch", "rollback")
	w.removeRetired()
	w.wantState(was)
}

func TestABlueThatSomebodyUsesIsNotRemoved(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "rename-new-app")
	w.createRoute("somebody")
	w.mapTo("somebody", w.app("search-api-old"))
	w.refused(nil, "app search-api-old is on 1 route,", "elasticsearch", "remove-old-app")
}

// labelled are the apps, services and routes that carry a run's label.
func (w *world) labelled() []string {
	w.t.Helper()
	var all []string
	for _, kind := range []string{"apps", "service_instances", "routes"} {
		var list struct {
			Resources []struct {
				Name string `json:"name"`
				URL  string `json:"url"`
			} `json:"resources"`
		}
		w.cf("GET", "/v3/"+kind+"?label_selector=cutover-run", nil, &list)
		for _, one := range list.Resources {
			all = append(all, one.Name+one.URL)
		}
	}
	return all
}

// The green of a run is the blue of the next.
func TestASecondMigrationFollowsTheFirst(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.forward("")
	first := w.app("search-api")
	w.forward("")
	if w.app("search-api") == first {
		t.Error("the second run created no app")
	}
	if left := w.labelled(); !slices.Equal(left, []string{retiredName}) {
		t.Errorf("%v still carry the label of a run", left)
	}
	if guid := w.instance("search_api_elasticsearch_old") + w.instance("search_api_elasticsearch_new"); guid != "" {
		t.Errorf("a service is a leftover: %s", guid)
	}
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	w.run(0, "elasticsearch", "rollback")
	w.forward("")
}

func TestANameThatAnotherAppHasIsNotTaken(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "rename-new-service")
	w.createApp("search-api-old")
	w.refused(nil, "search-api-old is the name of another", "elasticsearch", "rename-old-app")
}
