package pipeline

import (
	"fmt"
	"net/http"

	"go.yaml.in/yaml/v3"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform"
)

// release is one run of the pipeline.
type release struct {
	*session
	space string       // GUID
	app   platform.App // what the manifest says
}

func (r *release) run(image string) error {
	old, err := r.find(r.app.Name)
	if err != nil {
		return err
	}
	next, err := r.push(image)
	if err != nil {
		return err
	}
	routes, err := r.mapRoutes(next)
	if err != nil {
		return err
	}
	if old != "" {
		if err := r.retire(old, routes); err != nil {
			return err
		}
	}
	_, err = r.json(http.MethodPatch, "/v3/apps/"+next, obj{"name": r.app.Name})
	return err
}

// push is "cf push --no-start --no-route", the sleep, and the start. It returns the GUID of the new app, which runs.
func (r *release) push(image string) (guid string, err error) {
	name := r.app.Name + "-release"
	manifest, err := r.manifest(name, image)
	if err != nil {
		return "", err
	}
	if _, err := r.send(http.MethodPost, "/v3/spaces/"+r.space+"/actions/apply_manifest", "application/x-yaml", manifest); err != nil {
		return "", err
	}
	if guid, err = r.find(name); err != nil {
		return "", err
	}
	droplet, err := r.stage(guid, image)
	if err != nil {
		return "", err
	}
	if _, err := r.json(http.MethodPatch, "/v3/apps/"+guid+"/relationships/current_droplet", obj{"data": obj{"guid": droplet}}); err != nil {
		return "", err
	}
	if err := r.clock.Sleep(r.ctx, settle); err != nil {
		return "", err
	}
	if _, err := r.json(http.MethodPost, "/v3/apps/"+guid+"/actions/start", nil); err != nil {
		return "", err
	}
	return guid, r.until("start "+name, func() (bool, error) { return r.runs(guid, name) })
}

func (r *release) manifest(name, image string) ([]byte, error) {
	services := []any{}
	for _, s := range r.app.Services {
		one := obj{"name": s.Name}
		if s.BindingName != "" {
			one["binding_name"] = s.BindingName
		}
		services = append(services, one)
	}
	return yaml.Marshal(obj{"applications": []any{obj{
		"name": name, "docker": obj{"image": image, "username": r.app.DockerUser}, "instances": r.app.Instances,
		"memory": fmt.Sprintf("%dM", r.app.MemoryMB), "disk_quota": fmt.Sprintf("%dM", r.app.DiskMB), "no-route": true,
		"health-check-type": "http", "health-check-http-endpoint": r.app.HealthCheckEndpoint, "env": r.app.Env, "services": services,
	}}})
}

// runs reports whether every instance runs. A crash is an error.
func (r *release) runs(guid, name string) (bool, error) {
	rows, err := r.list("/v3/apps/" + guid + "/processes/web/stats")
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		switch row["state"] {
		case "RUNNING":
		case "CRASHED":
			return false, fmt.Errorf("%s crashed", name)
		default:
			return false, nil
		}
	}
	return true, nil
}

// stage makes a package and a build of the image, and returns the GUID of the droplet.
func (r *release) stage(guid, image string) (droplet string, err error) {
	pack, err := r.json(http.MethodPost, "/v3/packages", obj{
		"type": "docker", "relationships": obj{"app": obj{"data": obj{"guid": guid}}},
		"data": obj{"image": image, "username": r.app.DockerUser, "password": r.app.DockerPassword},
	})
	if err != nil {
		return "", err
	}
	b, err := r.json(http.MethodPost, "/v3/builds", obj{"package": obj{"guid": pack["guid"]}})
	if err != nil {
		return "", err
	}
	build, _ := b["guid"].(string)
	err = r.until("stage "+image, func() (bool, error) {
		if b, err = r.json(http.MethodGet, "/v3/builds/"+build, nil); err != nil {
			return false, err
		}
		if b["state"] == "FAILED" {
			return false, fmt.Errorf("%v", b["error"])
		}
		return b["state"] == "STAGED", nil
	})
	if err != nil {
		return "", err
	}
	made, _ := b["droplet"].(obj)
	droplet, _ = made["guid"].(string)
	return droplet, nil
}

// mapRoutes maps every route of the manifest to the app, and returns the GUIDs of the routes.
func (r *release) mapRoutes(app string) (routes []string, err error) {
	for _, url := range r.app.Routes {
		guid, err := r.route(url)
		if err != nil {
			return nil, err
		}
		body := obj{"destinations": []obj{{"app": obj{"guid": app}}}}
		if _, err := r.json(http.MethodPost, "/v3/routes/"+guid+"/destinations", body); err != nil {
			return nil, err
		}
		routes = append(routes, guid)
		// Two commands: mapping, and binding the allow-list, which every live route has already.
		if err := r.clock.Sleep(r.ctx, 2*command); err != nil {
			return nil, err
		}
	}
	return routes, nil
}

// route is the GUID of a route, by its address ("host.domain/path").
func (r *release) route(url string) (string, error) {
	rows, err := r.list("/v3/routes?per_page=5000&space_guids=" + r.space)
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		if row["url"] == url {
			guid, _ := row["guid"].(string)
			return guid, nil
		}
	}
	return "", fmt.Errorf("no route %s", url)
}

// retire unmaps the old app from the routes, sleeps, and stops and deletes the app.
func (r *release) retire(old string, routes []string) error {
	for _, route := range routes {
		if err := r.unmap(old, route); err != nil {
			return err
		}
	}
	if err := r.clock.Sleep(r.ctx, settle); err != nil {
		return err
	}
	if _, err := r.json(http.MethodPost, "/v3/apps/"+old+"/actions/stop", nil); err != nil {
		return err
	}
	_, err := r.json(http.MethodDelete, "/v3/apps/"+old, nil)
	return err
}

func (r *release) unmap(app, route string) error {
	out, err := r.json(http.MethodGet, "/v3/routes/"+route+"/destinations", nil)
	if err != nil {
		return err
	}
	for _, d := range objects(out["destinations"]) {
		if to, _ := d["app"].(obj); to["guid"] != app {
			continue
		}
		if _, err := r.json(http.MethodDelete, fmt.Sprintf("/v3/routes/%s/destinations/%s", route, d["guid"]), nil); err != nil {
			return err
		}
	}
	return nil
}

// find is the GUID of the app that has the name in the space now; "" if none has it.
func (r *release) find(name string) (string, error) {
	return r.first("/v3/apps", "names", name, "space_guids", r.space)
}
