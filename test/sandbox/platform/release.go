package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// settle is what the release pipeline waits, blindly, after a binding and after unmapping
// (alphagov/digitalmarketplace-aws: Makefile, deploy-app).
const settle = 60 * time.Second

// command is what one cf command of the pipeline takes. It is why its mapping and unmapping do not overtake each other
// on the way to a router.
const command = 2 * time.Second

// Release is the house's release job: it pushes the image as "<app>-release" with the environment, services and routes
// of the manifest that the app was seeded with, maps every route, unmaps what is called app at that time, stops and
// deletes it, and takes its name. It knows nothing of migrations: whatever has the name is replaced. Its writes go
// through the API like everybody's.
func (p *Platform) Release(ctx context.Context, app, image string, other Manifest) error {
	r := &releaser{p: p, app: app, ctx: ctx, other: other}
	if err := r.run(image); err != nil {
		return fmt.Errorf("release %s: %w", app, err)
	}
	return nil
}

// Manifest is what a release's manifest says otherwise than the app was seeded with: the mistakes that a person makes in it.
type Manifest struct {
	Env map[string]string `json:"env,omitempty"`
	// Services has another service's name for each that is not the one the manifest had.
	Services map[string]string `json:"services,omitempty"`
}

func (m Manifest) of(app App) App {
	app.Env, app.Services = maps.Clone(app.Env), slices.Clone(app.Services)
	maps.Copy(app.Env, m.Env)
	for i := range app.Services {
		if name, is := m.Services[app.Services[i].Name]; is {
			app.Services[i].Name = name
		}
	}
	return app
}

type releaser struct {
	other Manifest
	p     *Platform
	ctx   context.Context
	app   string
	token string
	space string
	want  App
}

func (r *releaser) run(image string) error {
	if err := r.prepare(); err != nil {
		return err
	}
	oldGUID, err := r.find(r.app)
	if err != nil {
		return err
	}
	next, err := r.push(image)
	if err != nil {
		return err
	}
	var routes []string
	for _, url := range r.want.Routes {
		guid, err := r.route(url)
		if err != nil {
			return err
		}
		body := obj{"destinations": []obj{{"app": obj{"guid": next}}}}
		if _, err := r.json("POST", "/v3/routes/"+guid+"/destinations", body); err != nil {
			return err
		}
		routes = append(routes, guid)
		// Mapping, and binding the allow-list, which every live route has already.
		if err := r.p.opts.Clock.Sleep(r.ctx, 2*command); err != nil {
			return err
		}
	}
	if oldGUID != "" {
		if err := r.retire(oldGUID, routes); err != nil {
			return err
		}
	}
	_, err = r.json("PATCH", "/v3/apps/"+next, obj{"name": r.app})
	return err
}

func (r *releaser) prepare() error {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	var ok bool
	if r.want, ok = r.p.manifests[r.app]; !ok {
		return fmt.Errorf("there is no manifest for it")
	}
	r.want = r.other.of(r.want)
	robot := r.p.accounts["release-app-paas"]
	if robot == nil {
		robot = &account{guid: r.p.newGUID(), name: "release-app-paas", secret: r.p.newGUID()}
		r.p.accounts[robot.name] = robot
	}
	r.token = r.p.token(robot, "password", "http://localhost", 24*time.Hour)
	r.space = r.p.spaces.rows[0].guid
	return nil
}

// push is "cf push --no-start --no-route", the wait, and the start.
func (r *releaser) push(image string) (guid string, err error) {
	name := r.app + "-release"
	services := []any{}
	for _, s := range r.want.Services {
		one := obj{"name": s.Name}
		if s.BindingName != "" {
			one["binding_name"] = s.BindingName
		}
		services = append(services, one)
	}
	manifest, err := yaml.Marshal(obj{"applications": []any{obj{
		"name": name, "docker": obj{"image": image, "username": r.want.DockerUser}, "instances": r.want.Instances,
		"memory": itoa(r.want.MemoryMB) + "M", "disk_quota": itoa(r.want.DiskMB) + "M", "no-route": true,
		"health-check-type": "http", "health-check-http-endpoint": r.want.HealthCheckEndpoint, "env": r.want.Env, "services": services,
	}}})
	if err != nil {
		return "", err
	}
	if _, err := r.send("POST", "/v3/spaces/"+r.space+"/actions/apply_manifest", "application/x-yaml", manifest); err != nil {
		return "", err
	}
	if guid, err = r.find(name); err != nil {
		return "", err
	}
	droplet, err := r.stage(guid, image)
	if err != nil {
		return "", err
	}
	if _, err := r.json("PATCH", "/v3/apps/"+guid+"/relationships/current_droplet", obj{"data": obj{"guid": droplet}}); err != nil {
		return "", err
	}
	if err := r.p.opts.Clock.Sleep(r.ctx, settle); err != nil {
		return "", err
	}
	if _, err := r.json("POST", "/v3/apps/"+guid+"/actions/start", nil); err != nil {
		return "", err
	}
	return guid, r.until("start "+name, func() (bool, error) {
		out, err := r.json("GET", "/v3/apps/"+guid+"/processes/web/stats", nil)
		if err != nil {
			return false, err
		}
		rows, _ := out["resources"].([]any)
		for _, row := range rows {
			switch row.(obj)["state"] {
			case "RUNNING":
			case "CRASHED":
				return false, fmt.Errorf("%s crashed", name)
			default:
				return false, nil
			}
		}
		return true, nil
	})
}

func (r *releaser) stage(guid, image string) (droplet string, err error) {
	v, err := r.json("POST", "/v3/packages", obj{
		"type": "docker", "relationships": obj{"app": toOne(guid)},
		"data": obj{"image": image, "username": r.want.DockerUser, "password": r.want.DockerPassword},
	})
	if err != nil {
		return "", err
	}
	b, err := r.json("POST", "/v3/builds", obj{"package": obj{"guid": v["guid"]}})
	if err != nil {
		return "", err
	}
	build, _ := b["guid"].(string)
	err = r.until("stage "+image, func() (bool, error) {
		if b, err = r.json("GET", "/v3/builds/"+build, nil); err != nil {
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
	droplet, _ = b["droplet"].(obj)["guid"].(string)
	return droplet, nil
}

// retire unmaps the old app from the routes, waits, stops and deletes it.
func (r *releaser) retire(old string, routes []string) error {
	for _, route := range routes {
		out, err := r.json("GET", "/v3/routes/"+route+"/destinations", nil)
		if err != nil {
			return err
		}
		rows, _ := out["destinations"].([]any)
		for _, d := range rows {
			if d.(obj)["app"].(obj)["guid"] != old {
				continue
			}
			if _, err := r.json("DELETE", fmt.Sprintf("/v3/routes/%s/destinations/%s", route, d.(obj)["guid"]), nil); err != nil {
				return err
			}
		}
	}
	if err := r.p.opts.Clock.Sleep(r.ctx, settle); err != nil {
		return err
	}
	if _, err := r.json("POST", "/v3/apps/"+old+"/actions/stop", nil); err != nil {
		return err
	}
	_, err := r.json("DELETE", "/v3/apps/"+old, nil)
	return err
}

func (r *releaser) find(name string) (string, error) {
	return r.first("/v3/apps?" + url.Values{"names": {name}, "space_guids": {r.space}}.Encode())
}

func (r *releaser) first(path string) (string, error) {
	out, err := r.json("GET", path, nil)
	if err != nil {
		return "", err
	}
	rows, _ := out["resources"].([]any)
	if len(rows) == 0 {
		return "", nil
	}
	guid, _ := rows[0].(obj)["guid"].(string)
	return guid, nil
}

func (r *releaser) route(u string) (string, error) {
	r.p.mu.Lock()
	host, path, d := r.p.splitRoute(u)
	r.p.mu.Unlock()
	if d == nil {
		return "", fmt.Errorf("no domain for %s", u)
	}
	guid, err := r.first("/v3/routes?" + url.Values{"hosts": {host}, "paths": {path}, "domain_guids": {d.guid}}.Encode())
	if err == nil && guid == "" {
		err = fmt.Errorf("no route %s", u)
	}
	return guid, err
}

func (r *releaser) json(method, path string, body any) (obj, error) {
	var raw []byte
	if body != nil {
		raw, _ = json.Marshal(body)
	}
	return r.send(method, path, "application/json", raw)
}

// send makes one call; a job is waited for.
func (r *releaser) send(method, path, kind string, body []byte) (obj, error) {
	req, err := http.NewRequestWithContext(r.ctx, method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "bearer "+r.token)
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", "release-app-paas")
	w := &captured{header: http.Header{}}
	if err := r.serve(w, req); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if w.status >= 400 {
		return nil, fmt.Errorf("%s %s: %d %s", method, path, w.status, strings.TrimSpace(w.body.String()))
	}
	if at := w.header.Get("Location"); w.status == http.StatusAccepted && at != "" {
		return nil, r.await(strings.TrimPrefix(at, r.p.baseOf(req)))
	}
	var out obj
	if w.body.Len() > 0 {
		err = json.Unmarshal(w.body.Bytes(), &out)
	}
	return out, err
}

// serve calls the API in this process; a fault may break the connection, which a handler does by panicking.
func (r *releaser) serve(w http.ResponseWriter, req *http.Request) (err error) {
	defer func() {
		if recover() != nil {
			err = errCut
		}
	}()
	r.p.api.ServeHTTP(w, req)
	return nil
}

func (r *releaser) await(job string) error {
	return r.until(job, func() (bool, error) {
		out, err := r.json("GET", job, nil)
		if err != nil {
			return false, err
		}
		if out["state"] == jobFailed {
			return false, fmt.Errorf("%v", out["errors"])
		}
		return out["state"] == jobComplete, nil
	})
}

func (r *releaser) until(what string, done func() (bool, error)) error {
	for {
		ok, err := done()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if ok {
			return nil
		}
		wait := max(r.p.opts.Clock.Scale(3*time.Second), 5*time.Millisecond)
		if err := clock.Wait(r.ctx, wait); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}
