package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// customise gives the live app settings that are not defaults, among them those that no manifest has.
func (w *world) customise() {
	w.t.Helper()
	blue := w.app("search-api")
	w.cf("PATCH", "/v3/apps/"+blue, map[string]any{"metadata": map[string]any{
		"labels": map[string]any{"team": "search"}, "annotations": map[string]any{"contact": "search@example.com"},
	}}, nil)
	w.cf("PATCH", "/v3/apps/"+blue+"/features/ssh", map[string]any{"enabled": false}, nil)
	w.setVariable(blue, "DM_PARTICULAR_TOKEN", "aws-secret-access-key-of-blue")
	w.cf("POST", "/v3/processes/"+w.guid("/v3/apps/"+blue+"/processes")+"/actions/scale", map[string]any{"instances": 3, "memory_in_mb": 768}, nil)
	w.awaitRunning(blue, 3)
	w.addPolicy(blue, blue, 9000, 9001)
}

// A deleted blue is recreated as it was: image, size, environment, features, metadata, bindings, policies, names and routes.
func TestADeletedBlueIsRecreated(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.customise()
	w.Env["REMOVE_OLD_APP"] = "delete"
	was := w.state()
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	if found := indented(t, w.record()); strings.Contains(found, "of-blue") || !strings.Contains(found, "DM_PARTICULAR_TOKEN") {
		t.Errorf("the record must have the names of the variables and none of their values:\n%s", found)
	}
	n := len(w.writes())
	plan := w.run(0, "elasticsearch", "rollback", "--dry-run").Stderr()
	if some := w.writes()[n:]; len(some) > 0 {
		t.Errorf("the dry run wrote %+v", some)
	}
	for _, line := range []string{
		"create app search-api-old: cf create-app search-api-old", "start app search-api-old: cf start search-api-old",
		"rename app search-api-old to search-api: cf rename search-api-old search-api", "cf delete-service search_api_elasticsearch_new",
	} {
		if !strings.Contains(plan, line) {
			t.Errorf("the plan of the rollback does not contain %q:\n%s", line, plan)
		}
	}
	p := w.run(0, "elasticsearch", "rollback")
	if strings.Contains(p.Stderr(), "of-blue") {
		t.Error("a secret is in the log")
	}
	w.noSecret(p)
	w.removeRetired()
	w.wantState(was)
}

func TestARecreatedBlueHasEveryChange(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.Env["REMOVE_OLD_APP"] = "delete"
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	w.edits()
	out := w.run(0, "elasticsearch", "status").Stdout()
	if !strings.Contains(out, "safe, minutes: blue is rebuilt from image digitalmarketplace/search-api:release-1234") {
		t.Errorf("status does not say how long a rollback takes:\n%s", out)
	}
	w.run(0, "elasticsearch", "rollback")
	w.wantIndices("search_api_elasticsearch")
	// Nothing is left of the rolled back run that would stop the next run.
	w.Env["REMOVE_OLD_APP"] = "stop"
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
}

// After a release the values of blue's variables come from the released app. A variable that it does not have cannot be
// restored, which is logged.
func TestADeletedBlueIsRecreatedAfterARelease(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.Env["REMOVE_OLD_APP"] = "delete"
	was := w.state()
	w.setVariable(w.app("search-api"), "DM_PARTICULAR_TOKEN", "aws-secret-access-key-of-blue")
	w.forward("reindex")
	w.edits()
	p := w.run(0, "elasticsearch", "rollback")
	p.wantLog("left out: variable DM_PARTICULAR_TOKEN, which search-api does not have")
	w.wantIndices("search_api_elasticsearch")
	w.removeRetired()
	w.removeReleased()
	if diff := cmp.Diff(platformOf(t, was), platformOf(t, w.state())); diff != "" {
		t.Errorf("the platform differs (-want +got):\n%s", diff)
	}
}

// Blue is not deleted while a rollback is possible if its settings do not fit into the record.
func TestABlueThatCannotBeRecordedIsNotDeleted(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "rename-new-app")
	id := w.fault(faults.Fault{
		Place: "cloud-controller", UserAgent: "^cutover/", Method: "PATCH", Path: "/service_instances/" + w.instance("cutover-search-api"),
		Kind: faults.ErrorBefore, Status: 422,
		Body: `{"errors":[{"code":10008,"title":"CF-UnprocessableEntity","detail":"Failed to add 12 annotations because it would exceed maximum of 200"}]}`,
	})
	p := w.with(map[string]string{"REMOVE_OLD_APP": "delete"}, 1, "elasticsearch", "remove-old-app")
	p.wantLog("without that there would be no rollback (REMOVE_OLD_APP=stop needs none)")
	w.removeFault(id)
	w.app("search-api-old")
	w.forward("")
}

// platformOf is the Cloud Foundry of a state, without the documents.
func platformOf(t *testing.T, state string) any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(state), &all); err != nil {
		t.Fatal(err)
	}
	delete(all, "search")
	delete(all, "data")
	return all
}

// Nothing is recorded of a blue that somebody else deleted.
func TestABlueThatSomebodyDeletedCannotBeRolledBackTo(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	w.deleteApp(w.app("search-api-old"))
	was := w.state()
	for _, args := range [][]string{{"elasticsearch", "rollback"}, {"elasticsearch", "rollback", "--dry-run"}} {
		w.refused(nil, "17. remove-old-app: somebody deleted blue; by hand: push image", args...)
	}
	w.wantState(was)
}
