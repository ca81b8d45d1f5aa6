package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// particular gives the live app what only a manifest, a policy or nobody tells.
func (w *world) particular() {
	w.t.Helper()
	blue := w.app("search-api")
	w.cf("PATCH", "/v3/apps/"+blue, map[string]any{"metadata": map[string]any{
		"labels": map[string]any{"team": "search"}, "annotations": map[string]any{"contact": "search@example.com"},
	}}, nil)
	w.cf("PATCH", "/v3/apps/"+blue+"/features/ssh", map[string]any{"enabled": false}, nil)
	w.cf("PATCH", "/v3/apps/"+blue+"/environment_variables", map[string]any{"var": map[string]any{"DM_PARTICULAR_TOKEN": "aws-secret-access-key-of-theirs"}}, nil)
	var found struct {
		Resources []struct {
			GUID string `json:"guid"`
		} `json:"resources"`
	}
	w.cf("GET", "/v3/apps/"+blue+"/processes", nil, &found)
	w.cf("POST", "/v3/processes/"+found.Resources[0].GUID+"/actions/scale", map[string]any{"instances": 3, "memory_in_mb": 768}, nil)
	w.cf("POST", "/networking/v1/external/policies", map[string]any{"policies": []any{map[string]any{
		"source": map[string]any{"id": blue}, "destination": map[string]any{"id": blue, "protocol": "tcp", "ports": map[string]any{"start": 9000, "end": 9001}},
	}}}, nil)
}

// An app that was deleted comes back as it was: image, size, environment, features,
// metadata, bindings, policies, names and routes.
func TestADeletedOldAppIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.particular()
	w.env["OLD_APP"] = "delete"
	was := w.state()
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	if found := w.record(); strings.Contains(found, "of-theirs") || !strings.Contains(found, "DM_PARTICULAR_TOKEN") {
		t.Errorf("the run is to hold the names of the variables, and no value:\n%s", found)
	}
	n := len(w.writes())
	plan := w.run(0, "elasticsearch", "rollback", "--dry-run").log.String()
	if some := w.writes()[n:]; len(some) > 0 {
		t.Errorf("the dry run wrote %+v", some)
	}
	for _, line := range []string{
		"create app search-api-old: cf create-app search-api-old", "start app search-api-old: cf start search-api-old",
		"rename app search-api-old to search-api: cf rename search-api-old search-api", "cf delete-service search_api_elasticsearch_new",
	} {
		if !strings.Contains(plan, line) {
			t.Errorf("the plan of the way back does not say %q:\n%s", line, plan)
		}
	}
	p := w.run(0, "elasticsearch", "rollback")
	if strings.Contains(p.log.String(), "of-theirs") {
		t.Error("a secret is in the log")
	}
	w.noSecret(p)
	w.removeLast()
	if diff := cmp.Diff(was, w.state()); diff != "" {
		t.Errorf("there and back (-before +after):\n%s", diff)
	}
}

func TestAnOldAppMadeAnewHasEveryChange(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.env["OLD_APP"] = "delete"
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	w.edits()
	out := w.run(0, "elasticsearch", "status").out.String()
	if !strings.Contains(out, "safe, minutes: the old app is pushed anew, image digitalmarketplace/search-api:release-1234") {
		t.Errorf("status does not say what going back costs:\n%s", out)
	}
	w.run(0, "elasticsearch", "rollback")
	if diff := w.unlike("search_api_elasticsearch"); diff != "" {
		t.Error(diff)
	}
	// What was made for it is nobody's any more, and the next migration goes through.
	w.env["OLD_APP"] = "stop"
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
}

// After a release its variables are those of the released app: what that has not
// cannot be had again, and is told.
func TestADeletedOldAppIsMadeAnewAfterARelease(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.env["OLD_APP"] = "delete"
	was := w.state()
	w.cf("PATCH", "/v3/apps/"+w.app("search-api")+"/environment_variables", map[string]any{"var": map[string]any{"DM_PARTICULAR_TOKEN": "aws-secret-access-key-of-theirs"}}, nil)
	w.forward("reindex")
	w.edits()
	p := w.run(0, "elasticsearch", "rollback")
	if out := p.log.String(); !strings.Contains(out, "left out: variable DM_PARTICULAR_TOKEN, which search-api has not") {
		t.Errorf("the log does not say what could not be had again:\n%s", out)
	}
	if diff := w.unlike("search_api_elasticsearch"); diff != "" {
		t.Error(diff)
	}
	w.removeLast()
	w.removeReleased()
	if diff := cmp.Diff(platform(t, was), platform(t, w.state())); diff != "" {
		t.Errorf("there and back (-before +after):\n%s", diff)
	}
}

// What does not fit into the record keeps the old app from being deleted as long as
// there is to be a way back, and no longer.
func TestAnOldAppThatCannotBeRecordedIsNotDeleted(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.cf("PATCH", "/v3/apps/"+w.app("search-api"), map[string]any{"metadata": map[string]any{
		"annotations": map[string]any{"contact": strings.Repeat("x", 4900)},
	}}, nil)
	w.run(0, "elasticsearch", "run", "--to", "rename-new-app")
	p := w.with(map[string]string{"OLD_APP": "delete"}, 1, "elasticsearch", "remove-old-app")
	if !strings.Contains(p.log.String(), "without that there would be no way back (OLD_APP=stop needs none)") {
		t.Errorf("the log does not say why:\n%s", p.log.String())
	}
	w.app("search-api-old")
	w.forward("")
}

// platform is the Cloud Foundry of a state, without the documents.
func platform(t *testing.T, state string) any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(state), &all); err != nil {
		t.Fatal(err)
	}
	delete(all, "search")
	delete(all, "data")
	return all
}

// Of an app that somebody else deleted nothing is recorded.
func TestAnOldAppThatSomebodyDeletedEndsTheWayBack(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	w.deleteApp(w.app("search-api-old"))
	was := w.state()
	for _, args := range [][]string{{"elasticsearch", "rollback"}, {"elasticsearch", "rollback", "--dry-run"}} {
		w.refused(nil, "17. remove-old-app: somebody deleted the old app; by hand: push image", args...)
	}
	if diff := cmp.Diff(was, w.state()); diff != "" {
		t.Errorf("a rollback that was refused (-before +after):\n%s", diff)
	}
}

// record is the run as the platform keeps it.
func (w *world) record() string {
	w.t.Helper()
	var found struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	w.cf("GET", "/v3/service_instances/"+w.instance("cutover-search-api"), nil, &found)
	return indented(w.t, found)
}
