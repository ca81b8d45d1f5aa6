package platform

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func buildpackApp(_ *Options, content *World) {
	content.Apps[0].Buildpacks, content.Apps[0].Command = []string{"python_buildpack"}, "gunicorn app"
}

// ccng: app/actions/droplet_copy.rb, app/presenters/v3/droplet_presenter.rb
func TestACopyOfADropletIsWhatItsSourceIs(t *testing.T) {
	for lifecycle, change := range map[string]func(*Options, *World){"docker": func(*Options, *World) {}, "buildpack": buildpackApp} {
		t.Run(lifecycle, func(t *testing.T) {
			w := start(t, change, func(o *Options, _ *World) { o.JobTime = 5 * time.Minute })
			source := w.must(200, "GET", "/v3/apps/"+w.app("search-api")+"/droplets/current", nil)
			made := w.must(201, "POST", "/v3/apps", obj{"name": "green", "lifecycle": obj{"type": lifecycle, "data": obj{}}, "relationships": obj{"space": toOne(w.space)}})
			green := made["guid"].(string)
			to := obj{"relationships": obj{"app": toOne(green)}}
			copied := w.must(201, "POST", "/v3/droplets?source_guid="+source["guid"].(string), to)
			at := "/v3/droplets/" + copied["guid"].(string)
			if lifecycle == "buildpack" {
				if copied["state"] != "COPYING" {
					t.Errorf("it is %s at once", copied["state"])
				}
				w.refused(422, 10008, "source droplet is not staged", "POST", "/v3/droplets?source_guid="+copied["guid"].(string), to)
			}
			w.until("the copy is staged", func() bool { return w.must(200, "GET", at, nil)["state"] == "STAGED" })
			now := w.must(200, "GET", at, nil)
			for _, key := range []string{"image", "checksum", "buildpacks", "stack", "process_types", "execution_metadata", "lifecycle"} {
				if diff := cmp.Diff(source[key], now[key]); diff != "" {
					t.Errorf("%s (-source +copy): %s", key, diff)
				}
			}
			if now["links"].(obj)["package"] != nil {
				t.Error("the copy has a package")
			}
			w.must(200, "PATCH", "/v3/apps/"+green+"/relationships/current_droplet", toOne(copied["guid"].(string)))
			w.must(200, "POST", "/v3/apps/"+green+"/actions/start", nil)
			w.running(green)
		})
	}
	w := start(t)
	to := obj{"relationships": obj{"app": toOne("nobody")}}
	w.refused(404, 10010, "Droplet not found", "POST", "/v3/droplets?source_guid=none", to)
	guid := w.must(200, "GET", "/v3/apps/"+w.app("search-api")+"/droplets/current", nil)["guid"].(string)
	w.refused(404, 10010, "App not found", "POST", "/v3/droplets?source_guid="+guid, to)
}

// ccng: app/presenters/v3/app_manifest_presenters/buildpack_presenter.rb
func TestAManifestHasBuildpacksStackAndCommand(t *testing.T) {
	w := start(t, buildpackApp)
	of := w.manifestOf("search-api")
	if diff := cmp.Diff([]any{"python_buildpack"}, of["buildpacks"]); diff != "" || of["stack"] != "cflinuxfs4" || of["docker"] != nil {
		t.Errorf("%v", of)
	}
	web := of["processes"].([]any)[0].(obj)
	if web["command"] != "gunicorn app" {
		t.Errorf("%v", web)
	}
	w.done("POST", "/v3/spaces/"+w.space+"/actions/apply_manifest", "applications:\n- {name: green, buildpacks: [go_buildpack], stack: cflinuxfs3}\n")
	data := w.must(200, "GET", "/v3/apps/"+w.app("green"), nil)["lifecycle"].(obj)["data"]
	if diff := cmp.Diff(obj{"buildpacks": []any{"go_buildpack"}, "stack": "cflinuxfs3"}, data); diff != "" {
		t.Error(diff)
	}
}

// ccng: app/controllers/v3/packages_controller.rb, upload
func TestBitsAreUploadedAndStaged(t *testing.T) {
	w := start(t, func(o *Options, _ *World) { o.Bits = "digitalmarketplace/search-api:release-1234" })
	app := w.must(201, "POST", "/v3/apps", obj{"name": "bits", "relationships": obj{"space": toOne(w.space)}})["guid"].(string)
	pkg := w.must(201, "POST", "/v3/packages", obj{"type": "bits", "relationships": obj{"app": toOne(app)}})
	guid := pkg["guid"].(string)
	w.refused(422, 10008, "not ready", "POST", "/v3/builds", obj{"package": obj{"guid": guid}})
	var form bytes.Buffer
	f := multipart.NewWriter(&form)
	part, err := f.CreateFormFile("bits", "bits.zip")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte("PK"))
	_ = f.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.api+"/v3/packages/"+guid+"/upload", &form)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", f.FormDataContentType())
	r.Header.Set("Authorization", "bearer "+w.token)
	if status, out := w.do(r); status != 200 {
		t.Fatal(status, out)
	}
	w.until("the package is ready", func() bool { return w.must(200, "GET", "/v3/packages/"+guid, nil)["state"] == "READY" })
	build := w.must(201, "POST", "/v3/builds", obj{"package": obj{"guid": guid}})["guid"].(string)
	w.until("it is staged", func() bool { return w.must(200, "GET", "/v3/builds/"+build, nil)["state"] == "STAGED" })
	droplet := w.one("/v3/apps/" + app + "/droplets")
	if droplet["image"] != nil || droplet["checksum"].(obj)["value"] == nil {
		t.Errorf("%v", droplet)
	}
	w.must(200, "PATCH", "/v3/apps/"+app+"/relationships/current_droplet", toOne(droplet["guid"].(string)))
	w.must(200, "POST", "/v3/apps/"+app+"/actions/start", nil)
	w.running(app)
}

// ccng: app/actions/sidecar_create.rb, app/presenters/v3/app_manifest_presenters/sidecar_properties_presenter.rb
func TestSidecarsAreOfAManifest(t *testing.T) {
	w := start(t)
	app := w.app("search-api")
	w.push("search-api", manifestFor("search-api", `  sidecars:
  - {name: proxy, command: ./proxy, process_types: [web, worker], memory: 64M}
  - {name: agent, command: ./agent, process_types: [worker]}
`))
	want := []any{
		obj{"name": "agent", "command": "./agent", "process_types": []any{"worker"}},
		obj{"name": "proxy", "command": "./proxy", "process_types": []any{"web", "worker"}, "memory": "64M"},
	}
	if diff := cmp.Diff(want, w.manifestOf("search-api")["sidecars"]); diff != "" {
		t.Error(diff)
	}
	if web := w.all("/v3/processes/" + app + "/sidecars"); len(web) != 1 || web[0]["name"] != "proxy" {
		t.Errorf("of the web process: %v", web)
	}
	w.push("search-api", manifestFor("search-api", "  sidecars:\n  - {name: agent, command: ./other, process_types: [web]}\n"))
	all := w.all("/v3/apps/" + app + "/sidecars")
	if len(all) != 2 || all[1]["command"] != "./other" {
		t.Errorf("%v", all)
	}
	one := obj{"name": "agent", "command": "true", "process_types": []string{"web"}}
	w.refused(422, 10008, "Sidecar with name 'agent' already exists for given app", "POST", "/v3/apps/"+app+"/sidecars", one)
	one["name"], one["memory_in_mb"] = "large", 512
	w.refused(422, 10008, "too large to run", "POST", "/v3/apps/"+app+"/sidecars", one)
	w.must(204, "DELETE", "/v3/sidecars/"+all[1]["guid"].(string), nil)
	w.refused(404, 10010, "Sidecar not found", "GET", "/v3/sidecars/"+all[1]["guid"].(string), nil)
}

func (w *world) manifestOf(name string) obj {
	w.t.Helper()
	var m struct{ Applications []obj }
	if err := yaml.Unmarshal([]byte(w.must(200, "GET", "/v3/apps/"+w.app(name)+"/manifest", nil)["text"].(string)), &m); err != nil {
		w.t.Fatal(err)
	}
	return m.Applications[0]
}
