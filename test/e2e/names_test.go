package e2e

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
)

// What undoes a step is found by its place in the order, and a step without one
// would be left behind by every rollback.
func TestTheWayBackPassesEveryStep(t *testing.T) {
	t.Parallel()
	var there, back []string
	for _, step := range elasticsearch.Runbook(nil).Steps {
		there = append(there, step.Name)
	}
	for _, step := range elasticsearch.Runbook(nil).RollbackSteps() {
		back = append(back, step.Name)
	}
	before := func(first, second string) {
		if slices.Index(back, first) > slices.Index(back, second) {
			t.Errorf("%s is undone after %s", first, second)
		}
	}
	before("remove-old-app", "unmap-old-app")
	before("unmap-old-app", "map-live-route")
	before("map-live-route", "rename-new-app")
	before("rename-new-app", "rename-old-app")
	before("rename-new-service", "rename-old-service")
	before("rename-old-service", "push-app")
	slices.Sort(there)
	slices.Sort(back)
	if diff := cmp.Diff(there, back); diff != "" {
		t.Errorf("steps, and those undone (-there +back):\n%s", diff)
	}
}

// refused wants exit code 3 and a reason, and that nothing but the lease was written.
func (w *world) refused(extra map[string]string, reason string, args ...string) {
	w.t.Helper()
	n := len(w.writes())
	settings := unbeating()
	maps.Copy(settings, extra)
	p := w.with(settings, 3, args...)
	if !strings.Contains(p.log.String(), reason) {
		w.t.Errorf("%v does not say %q:\n%s", args, reason, p.log.String())
	}
	for _, one := range w.writes()[n:] {
		if !strings.HasPrefix(one.Path, "/v3/service_instances") || one.Method == http.MethodPatch {
			w.t.Errorf("%v wrote %+v", args, one)
		}
	}
}

func TestAServiceThatOthersUseIsNeitherRenamedUnaskedNorDeleted(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "unmap-temporary-route")
	old := w.instance("search_api_elasticsearch")
	w.cf("POST", "/v3/service_credential_bindings", map[string]any{
		"type": "key", "name": "backup", "relationships": map[string]any{"service_instance": map[string]any{"data": map[string]any{"guid": old}}},
	}, nil)
	w.refused(nil, "the old service is used by key backup", "elasticsearch", "rename-old-service")
	w.with(map[string]string{"ALSO_BOUND": "another, backup"}, 0, "elasticsearch", "rename-old-service")
	w.forward("reindex")
	// Naming it is no leave to take it away.
	w.refused(map[string]string{"ALSO_BOUND": "backup"}, "search_api_elasticsearch_old is used by key backup", "elasticsearch", "remove-old-service")

	var keys struct {
		Resources []struct {
			GUID string `json:"guid"`
		} `json:"resources"`
	}
	w.cf("GET", "/v3/service_credential_bindings?type=key&service_instance_guids="+old, nil, &keys)
	w.cf("DELETE", "/v3/service_credential_bindings/"+keys.Resources[0].GUID, nil, nil)
	w.eventually("the key is gone", func() bool {
		w.cf("GET", "/v3/service_credential_bindings?type=key&service_instance_guids="+old, nil, &keys)
		return len(keys.Resources) == 0
	})
	w.run(0, "elasticsearch", "remove-old-service")
}

func TestTheOldServiceIsKeptForAsLongAsIsAsked(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.env["HOLD_OLD_SERVICE_FOR"] = "24h"
	w.forward("reindex")
	w.refused(nil, "(HOLD_OLD_SERVICE_FOR=24h0m0s after step 17)", "elasticsearch", "remove-old-service")
	w.call("POST", "/_sandbox/clock", map[string]any{"move": "25h"}, nil)
	w.run(0, "elasticsearch", "remove-old-service")
}

// The old app finds its service by the name that its variable says, whatever the
// service is called at that moment; and what the variable said comes back.
func TestAnOldAppThatIsStartedAgainFindsItsService(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	blue := w.app("search-api")
	w.cf("PATCH", "/v3/apps/"+blue+"/environment_variables", map[string]any{"var": map[string]any{"DM_ELASTICSEARCH_SERVICE_NAME": "search_api_elasticsearch"}}, nil)
	was := w.state()
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	w.cf("PATCH", "/v3/service_instances/"+w.instance("search_api_elasticsearch_old"), map[string]any{"name": "renamed_by_hand"}, nil)
	w.run(0, "elasticsearch", "rollback")
	w.removeLast()
	if diff := cmp.Diff(was, w.state()); diff != "" {
		t.Errorf("there and back (-before +after):\n%s", diff)
	}
}

func TestAnOldAppThatSomebodyUsesIsNotRemoved(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "rename-new-app")
	var found struct {
		Resources []struct {
			GUID string `json:"guid"`
		} `json:"resources"`
	}
	w.cf("GET", "/v3/domains?names=cloudapps.digital", nil, &found)
	domain := found.Resources[0].GUID
	w.cf("GET", "/v3/spaces", nil, &found)
	one := func(guid string) map[string]any { return map[string]any{"data": map[string]any{"guid": guid}} }
	var route struct {
		GUID string `json:"guid"`
	}
	w.cf("POST", "/v3/routes", map[string]any{
		"host": "somebody", "relationships": map[string]any{"domain": one(domain), "space": one(found.Resources[0].GUID)},
	}, &route)
	to := map[string]any{"app": map[string]any{"guid": w.app("search-api-old")}}
	w.cf("POST", "/v3/routes/"+route.GUID+"/destinations", map[string]any{"destinations": []any{to}}, nil)
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
		w.cf("GET", "/v3/"+kind+"?label_selector="+"cutover-run", nil, &list)
		for _, one := range list.Resources {
			all = append(all, one.Name+one.URL)
		}
	}
	return all
}

// What was green is the next one's blue.
func TestASecondMigrationFollowsTheFirst(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.forward("")
	first := w.app("search-api")
	w.forward("")
	if w.app("search-api") == first {
		t.Error("the second migration made no app of its own")
	}
	if left := w.labelled(); !slices.Equal(left, []string{"cutover-search-api-last"}) {
		t.Errorf("labels of a run are left on %v", left)
	}
	if guid := w.instance("search_api_elasticsearch_old") + w.instance("search_api_elasticsearch_new"); guid != "" {
		t.Errorf("a service was left behind: %s", guid)
	}
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	w.run(0, "elasticsearch", "rollback")
	w.forward("")
}

func TestANameThatIsTakenMeanwhileIsLeftToItsOwner(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "rename-new-service")
	w.stranger("search-api-old")
	w.refused(nil, "search-api-old is the name of another", "elasticsearch", "rename-old-app")
}
