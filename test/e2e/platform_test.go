package e2e

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// This file has what an operator does to the sandbox's Cloud Foundry, beside the program.

// cf sends one request to the Cloud Controller, as cf curl does.
func (w *world) cf(method, path string, body, into any) {
	w.t.Helper()
	w.check(w.CF(w.t.Context(), method, path, body, into))
}

// guids are those of a listing.
func (w *world) guids(path string) []string {
	w.t.Helper()
	var found struct {
		Resources []struct {
			GUID string `json:"guid"`
		} `json:"resources"`
	}
	w.cf("GET", path, nil, &found)
	var all []string
	for _, one := range found.Resources {
		all = append(all, one.GUID)
	}
	return all
}

// guid is the first GUID of a listing that is not empty.
func (w *world) guid(path string) string {
	w.t.Helper()
	all := w.guids(path)
	if len(all) == 0 {
		w.t.Fatalf("%s lists nothing", path)
	}
	return all[0]
}

// app finds an app's GUID by its name.
func (w *world) app(name string) string {
	w.t.Helper()
	all := w.guids("/v3/apps?names=" + url.QueryEscape(name))
	if len(all) != 1 {
		w.t.Fatalf("there are %d apps %s", len(all), name)
	}
	return all[0]
}

// hasApp reports whether there is an app with that name.
func (w *world) hasApp(name string) bool {
	w.t.Helper()
	return len(w.guids("/v3/apps?names="+url.QueryEscape(name))) > 0
}

// instance finds a service instance's GUID by its name; "" if there is none.
func (w *world) instance(name string) string {
	w.t.Helper()
	return strings.Join(w.guids("/v3/service_instances?names="+url.QueryEscape(name)), ",")
}

const (
	liveHost    = "dm-search-api-preview"
	privateHost = "dm-search-api-rollback-preview"
)

// route finds the GUID of the route of a host without a path; "" if there is none.
func (w *world) route(host string) string {
	w.t.Helper()
	return strings.Join(w.guids("/v3/routes?paths=&hosts="+url.QueryEscape(host)), ",")
}

// to is a relationship, as the platform wants it.
func to(guid string) map[string]any { return map[string]any{"data": map[string]any{"guid": guid}} }

// createApp creates an app without instances that is not of the run, and returns its GUID.
func (w *world) createApp(name string) string {
	w.t.Helper()
	w.cf("POST", "/v3/apps", map[string]any{
		"name": name, "lifecycle": map[string]any{"type": "docker", "data": map[string]any{}},
		"relationships": map[string]any{"space": to(w.guid("/v3/spaces"))},
	}, nil)
	return w.app(name)
}

func (w *world) renameApp(guid, name string) {
	w.t.Helper()
	w.cf("PATCH", "/v3/apps/"+guid, map[string]any{"name": name}, nil)
}

// actOn starts, stops or restarts an app.
func (w *world) actOn(app, action string) {
	w.t.Helper()
	w.cf("POST", "/v3/apps/"+w.app(app)+"/actions/"+action, nil, nil)
}

// renameService renames a service instance.
func (w *world) renameService(from, to string) {
	w.t.Helper()
	w.cf("PATCH", "/v3/service_instances/"+w.instance(from), map[string]any{"name": to}, nil)
}

func (w *world) setVariable(app, name, value string) {
	w.t.Helper()
	w.cf("PATCH", "/v3/apps/"+app+"/environment_variables", map[string]any{"var": map[string]any{name: value}}, nil)
}

// deleteApp deletes an app, and waits until the platform's job has done it.
func (w *world) deleteApp(guid string) {
	w.t.Helper()
	w.cf("DELETE", "/v3/apps/"+guid, nil, nil)
	w.eventually("the app is deleted", func() bool { return len(w.guids("/v3/apps?guids="+guid)) == 0 })
}

// deleteService is deleteApp for a service instance.
func (w *world) deleteService(name string) {
	w.t.Helper()
	w.cf("DELETE", "/v3/service_instances/"+w.instance(name), nil, nil)
	w.eventually(name+" is deleted", func() bool { return w.instance(name) == "" })
}

// createRoute creates a route in the domain of the live one. It leads nowhere.
func (w *world) createRoute(host string) {
	w.t.Helper()
	w.cf("POST", "/v3/routes", map[string]any{"host": host, "relationships": map[string]any{
		"domain": to(w.guid("/v3/domains?names=cloudapps.digital")), "space": to(w.guid("/v3/spaces")),
	}}, nil)
}

// mapTo maps an app to the route of a host.
func (w *world) mapTo(host, app string) {
	w.t.Helper()
	w.cf("POST", "/v3/routes/"+w.route(host)+"/destinations", map[string]any{
		"destinations": []any{map[string]any{"app": map[string]any{"guid": app}}},
	}, nil)
}

// deleteRoute is deleteApp for the route of a host.
func (w *world) deleteRoute(host string) {
	w.t.Helper()
	w.cf("DELETE", "/v3/routes/"+w.route(host), nil, nil)
	w.eventually("the route is deleted", func() bool { return w.route(host) == "" })
}

// bind binds an app to a service, or creates a key of that name where kind is "key".
func (w *world) bind(kind, app, service string) {
	w.t.Helper()
	with := map[string]any{"service_instance": to(w.instance(service))}
	body := map[string]any{"type": kind, "relationships": with}
	if kind == "app" {
		with["app"] = to(app)
	} else {
		body["name"] = app
	}
	w.cf("POST", "/v3/service_credential_bindings", body, nil)
}

// repush gives an app another image in place, as cf push of a person who knows nothing of the run does.
func (w *world) repush(app, image string) {
	w.t.Helper()
	var pack, build struct {
		GUID    string `json:"guid"`
		State   string `json:"state"`
		Droplet struct {
			GUID string `json:"guid"`
		} `json:"droplet"`
	}
	w.cf("POST", "/v3/packages", map[string]any{
		"type": "docker", "relationships": map[string]any{"app": to(app)},
		"data": map[string]any{"image": image, "username": w.Env["DOCKER_USERNAME"], "password": w.Env["CF_DOCKER_PASSWORD"]},
	}, &pack)
	w.cf("POST", "/v3/builds", map[string]any{"package": map[string]any{"guid": pack.GUID}}, &build)
	w.eventually("the image is staged", func() bool {
		w.cf("GET", "/v3/builds/"+build.GUID, nil, &build)
		return build.State == "STAGED"
	})
	w.cf("PATCH", "/v3/apps/"+app+"/relationships/current_droplet", to(build.Droplet.GUID), nil)
}

// addPolicy lets one app reach TCP ports of another.
func (w *world) addPolicy(from, app string, first, last int) {
	w.t.Helper()
	w.cf("POST", "/networking/v1/external/policies", map[string]any{"policies": []any{map[string]any{
		"source":      map[string]any{"id": from},
		"destination": map[string]any{"id": app, "protocol": "tcp", "ports": map[string]any{"start": first, "end": last}},
	}}}, nil)
}

// everyRouter reports whether an answer on a host is as wanted by every router: 20 fresh connections reach both.
func (w *world) everyRouter(host, path string, wanted func(res *http.Response, body string) bool) bool {
	w.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 20 {
		req, err := http.NewRequestWithContext(w.t.Context(), "GET", "http://"+w.Env["ROUTER_ADDRESS"]+path, nil)
		w.check(err)
		req.Host = host
		res, err := client.Do(req)
		w.check(err)
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		w.check(err)
		if !wanted(res, string(text)) {
			return false
		}
	}
	return true
}

// serves wants the live route to lead to apps that answer, by every router.
func (w *world) serves() {
	w.t.Helper()
	w.everyRouter("dm-search-api-preview.cloudapps.digital", "/_status?ignore-dependencies", func(res *http.Response, _ string) bool {
		if res.StatusCode != http.StatusOK {
			w.t.Fatalf("the live route answers %d (%s)", res.StatusCode, res.Header.Get("X-Cf-RouterError"))
		}
		return true
	})
}

// removeReleased removes by hand what a rollback leaves of a release.
func (w *world) removeReleased() {
	w.t.Helper()
	w.deleteApp(w.app("search-api-released"))
	w.deleteService("search_api_elasticsearch_released")
}
