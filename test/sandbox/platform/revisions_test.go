package platform

import "testing"

// Cloud Foundry v3 API docs, "Revisions"; ccng: app/actions/revision_resolver.rb, and db/migrations: apps have them unless
// they are turned off. A start without changes makes none, and a deployment to an old one restores its environment, but not
// its bindings.
func TestAStartThatChangesSomethingMakesARevision(t *testing.T) {
	w := start(t)
	blue := w.app("search-api")
	app := "/v3/apps/" + blue
	first := w.one(app + "/revisions")
	if first["version"] != 1.0 || first["description"] != "Initial revision." || first["deployable"] != true {
		t.Errorf("the first: %v", first)
	}
	w.must(200, "POST", app+"/actions/restart", nil)
	if n := len(w.all(app + "/revisions")); n != 1 {
		t.Errorf("%d revisions after a restart that changed nothing", n)
	}
	w.must(200, "PATCH", app+"/environment_variables", obj{"var": obj{"NEW": "1"}})
	w.must(200, "POST", app+"/actions/restart", nil)
	second := w.one(app + "/revisions/deployed")
	if second["version"] != 2.0 || second["description"] != "New environment variables deployed." {
		t.Errorf("the second: %v", second)
	}
	if r := w.must(200, "GET", app+"/processes/web", nil)["relationships"].(obj)["revision"].(obj)["data"].(obj); r["guid"] != second["guid"] {
		t.Errorf("the process has revision %v", r)
	}
	if env := w.must(200, "GET", "/v3/revisions/"+first["guid"].(string)+"/environment_variables", nil)["var"].(obj); env["NEW"] != nil || env["DM_APP_NAME"] != "search-api" {
		t.Errorf("the first's environment: %v", env)
	}
	w.running(blue)

	to := func(revision obj) obj {
		return obj{"revision": obj{"guid": revision["guid"]}, "relationships": obj{"app": toOne(blue)}}
	}
	w.refused(422, 10008, "Unable to rollback. The code and configuration you are rolling back to is the same as the deployed revision.", "POST", "/v3/deployments", to(second))
	w.refused(422, 10008, "The revision does not exist", "POST", "/v3/deployments", to(obj{"guid": "none"}))
	d := w.must(201, "POST", "/v3/deployments", to(first))
	if d["revision"].(obj)["version"] != 3.0 {
		t.Errorf("the deployment's revision: %v", d["revision"])
	}
	if s := w.finalized(d["guid"]); s["reason"] != "DEPLOYED" {
		t.Errorf("status: %v", s)
	}
	third := w.one(app + "/revisions?versions=3")
	if third["description"] != "New environment variables deployed. Rolled back to revision 1." {
		t.Errorf("the third: %v", third)
	}
	if env := w.must(200, "GET", app+"/environment_variables", nil)["var"].(obj); env["NEW"] != nil {
		t.Error("the app has kept its environment")
	}
	w.must(200, "PATCH", app+"/features/revisions", obj{"enabled": false})
	w.refused(422, 10008, "Cannot create deployment from a revision for an app without revisions enabled", "POST", "/v3/deployments", to(first))
}
