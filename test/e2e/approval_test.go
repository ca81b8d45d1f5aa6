package e2e

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
	"github.com/digitalmarketplace/cutover/test/jenkins"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// subjects reads the world as a stage's first check does, in this process: it is
// read hundreds of times.
func (w *world) subjects() []report.Subject {
	w.t.Helper()
	settings, problems := environ.Load[elasticsearch.Settings](w.t.Context(), func(name string) (string, bool) { v, ok := w.env[name]; return v, ok })
	if len(problems) > 0 {
		w.t.Fatal(problems)
	}
	site, err := elasticsearch.Open(w.t.Context(), settings, elasticsearch.Options{Redact: environ.NewRedactor(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	world, err := site.World(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return world
}

func (w *world) digest() string { w.t.Helper(); return report.Digest(w.subjects()) }

// few is a world with a handful of documents: what is approved are not they.
func few() sandbox.Options {
	o := small()
	o.Documents, o.Briefs = 12, 4
	return o
}

// The digest of a plan, taken before any stage, agrees before and after each write
// of that stage and of all that follow.
func TestAnApprovedPlanIsAgreedWithAtEveryStateOnItsWay(t *testing.T) {
	t.Parallel()
	for _, then := range []string{"stop", "delete"} {
		t.Run(then, func(t *testing.T) {
			t.Parallel()
			w := start(t, few())
			w.env["OLD_APP"] = then
			var names, digests []string
			states := 0
			agree := func(when string) {
				t.Helper()
				states++
				if w.mark("remove-old-service") != "" || w.instance("cutover-search-api-last") != "" {
					// Nothing is left but to end the run: the stage is passed over.
					w.with(map[string]string{"PLAN_DIGEST": digests[0]}, 0, "elasticsearch", "remove-old-service", "--dry-run")
					return
				}
				world := w.subjects()
				for i, digest := range digests {
					if err := report.Agrees(digest, world); err != nil {
						t.Errorf("approved before %s, %s: %v", names[i], when, err)
					}
				}
			}
			for _, step := range elasticsearch.Runbook(nil).Steps {
				w.before(step)
				names, digests = append(names, step.Name), append(digests, w.digest())
				extra := unbeating()
				extra["PLAN_DIGEST"] = digests[0]
				hold := func() string {
					return w.fault(map[string]any{"place": "cloud-controller", "kind": "hold", "writes_only": true, "n": 1})
				}
				held := hold()
				p := w.begin(extra, "elasticsearch", step.Name)
				for {
					w.eventually("a write, or the end", func() bool { return w.hits(held) > 0 || p.ended() })
					if p.ended() {
						break
					}
					w.awaitHeld(held)
					agree("at a write of " + step.Name)
					if t.Failed() {
						return
					}
					next := hold()
					w.release(held, "do")
					held = next
				}
				if code := p.wait(); code != 0 {
					t.Fatalf("%s: exit code %d\n%s", step.Name, code, p.log.String())
				}
				w.call("DELETE", "/_sandbox/faults/"+held, nil, nil)
				if !isLast(elasticsearch.Runbook(nil).Steps, step) {
					agree("after " + step.Name)
				}
			}
			if states < 100 {
				t.Errorf("only %d states were looked at", states)
			}
		})
	}
}

// mark is what the run records of a stage; "" where it is not complete, or there is
// no run.
func (w *world) mark(stage string) string {
	w.t.Helper()
	guid := w.instance("cutover-search-api")
	if guid == "" {
		return ""
	}
	var run struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	w.cf("GET", "/v3/service_instances/"+guid, nil, &run)
	return run.Metadata.Annotations["stage-"+stage]
}

// one is a relationship as the platform wants it.
func one(guid string) map[string]any { return map[string]any{"data": map[string]any{"guid": guid}} }

// guid reads the first GUID of a listing.
func (w *world) guid(path string) string {
	w.t.Helper()
	var found struct {
		Resources []struct {
			GUID string `json:"guid"`
		} `json:"resources"`
	}
	w.cf("GET", path, nil, &found)
	if len(found.Resources) == 0 {
		w.t.Fatalf("%s lists nothing", path)
	}
	return found.Resources[0].GUID
}

// stranger makes an app that is none of the run's.
func (w *world) stranger(name string) string {
	w.t.Helper()
	var made struct {
		GUID string `json:"guid"`
	}
	w.cf("POST", "/v3/apps", map[string]any{
		"name": name, "lifecycle": map[string]any{"type": "docker", "data": map[string]any{}}, "relationships": map[string]any{"space": one(w.guid("/v3/spaces"))},
	}, &made)
	return made.GUID
}

func (w *world) mapTo(host, app string) {
	w.t.Helper()
	route := w.guid("/v3/routes?hosts=" + host)
	w.cf("POST", "/v3/routes/"+route+"/destinations", map[string]any{"destinations": []any{map[string]any{"app": map[string]any{"guid": app}}}}, nil)
}

func (w *world) bind(kind, app, service string) {
	w.t.Helper()
	with := map[string]any{"service_instance": one(w.instance(service))}
	body := map[string]any{"type": kind, "relationships": with}
	if kind == "app" {
		with["app"] = one(app)
	} else {
		body["name"] = app
	}
	w.cf("POST", "/v3/service_credential_bindings", body, nil)
}

func (w *world) setVariable(app, name, value string) {
	w.t.Helper()
	w.cf("PATCH", "/v3/apps/"+app+"/environment_variables", map[string]any{"var": map[string]any{name: value}}, nil)
}

// repush gives an app another image in place, as cf push of one who knows no
// better does.
func (w *world) repush(app, image string) {
	w.t.Helper()
	var pack, build struct {
		GUID    string `json:"guid"`
		State   string `json:"state"`
		Droplet struct {
			GUID string `json:"guid"`
		} `json:"droplet"`
	}
	w.cf("POST", "/v3/packages", map[string]any{"type": "docker", "relationships": map[string]any{"app": one(app)},
		"data": map[string]any{"image": image, "username": w.env["DOCKER_USERNAME"], "password": w.env["CF_DOCKER_PASSWORD"]}}, &pack)
	w.cf("POST", "/v3/builds", map[string]any{"package": map[string]any{"guid": pack.GUID}}, &build)
	w.eventually("the image is staged", func() bool {
		w.cf("GET", "/v3/builds/"+build.GUID, nil, &build)
		return build.State == "STAGED"
	})
	w.cf("PATCH", "/v3/apps/"+app+"/relationships/current_droplet", one(build.Droplet.GUID), nil)
}

// What others change between the approval and the stage is refused, by its name,
// and nothing is written.
func TestWhatOthersChangeAfterTheApprovalIsRefusedAndNamed(t *testing.T) {
	t.Parallel()
	for _, point := range []struct{ reach, stage string }{
		{"verify-indices", "map-live-route"}, {"verify-indices", "switch"}, {"rename-new-app", "remove-old-app"},
	} {
		t.Run(point.stage, func(t *testing.T) {
			t.Parallel()
			w := start(t, few())
			w.run(0, "elasticsearch", "run", "--to", point.reach)
			names := map[string]string{"blue": "search-api", "green": "elasticsearch-migration", "old": "search_api_elasticsearch", "new": "search_api_elasticsearch_new"}
			if point.reach == "rename-new-app" {
				names = map[string]string{"blue": "search-api-old", "green": "search-api", "old": "search_api_elasticsearch_old", "new": "search_api_elasticsearch"}
			}
			blue, green, somebody := w.app(names["blue"]), w.app(names["green"]), w.stranger("somebody")
			for _, c := range []struct {
				what, says string
				change     func()
				settings   map[string]string
			}{
				{"another app on a live route", "routes was another .* leads to app somebody", func() { w.mapTo("dm-search-api-preview", somebody) }, nil},
				{"an app on the old service", "old-service-users was another .* now app somebody", func() { w.bind("app", somebody, names["old"]) }, nil},
				{"a key of the new service", "new-service-users was another .* now key backup", func() { w.bind("key", "backup", names["new"]) }, nil},
				{"a variable of the old app", "old-variables was another .* now .*DM_LOG_PATH", func() { w.setVariable(blue, "DM_LOG_PATH", "/tmp/changed") }, nil},
				{"a new variable of the new app", "new-app was another .*EXTRA", func() { w.setVariable(green, "EXTRA", "yes") }, nil},
				{"the new app on another route", "other-routes was another .* leads to the new app", func() {
					w.cf("POST", "/v3/routes", map[string]any{"host": "elsewhere", "relationships": map[string]any{
						"domain": one(w.guid("/v3/domains?names=cloudapps.digital")), "space": one(w.guid("/v3/spaces"))}}, nil)
					w.mapTo("elsewhere", green)
				}, nil},
				{"a binding of the old app taken away", "old-bindings was another", func() {
					w.cf("DELETE", "/v3/service_credential_bindings/"+w.guid("/v3/service_credential_bindings?app_guids="+blue+"&service_instance_guids="+w.instance("digitalmarketplace_splunk")), nil, nil)
				}, nil},
				{"another image in the old app", "old-image was another .* now digitalmarketplace/search-api:release-1236", func() { w.repush(blue, "digitalmarketplace/search-api:release-1236") }, nil},
				{"a network policy of the old app", "old-policies was another .* tcp 8080-8080", func() {
					w.cf("POST", "/networking/v1/external/policies", map[string]any{"policies": []any{map[string]any{
						"source": map[string]any{"id": somebody}, "destination": map[string]any{"id": blue, "protocol": "tcp", "ports": map[string]any{"start": 8080, "end": 8080}}}}}, nil)
				}, nil},
				{"the guard of the live routes taken away", "routes was another", func() {
					w.cf("DELETE", "/v3/service_route_bindings/"+w.guid("/v3/service_route_bindings?route_guids="+w.guid("/v3/routes?hosts=dm-search-api-preview&paths=")), nil, nil)
				}, nil},
				{"a live route that leads nowhere", "routes was another .*/_metrics [^,]*leads to nobody", func() {
					w.cf("PATCH", "/v3/routes/"+w.guid("/v3/routes?hosts=dm-search-api-preview&paths=/_metrics")+"/destinations", map[string]any{"destinations": []any{}}, nil)
				}, nil},
				{"the old app under another name", "names was another .* the old app is moved", func() { w.cf("PATCH", "/v3/apps/"+blue, map[string]any{"name": "moved"}, nil) }, nil},
				{"a stranger under a name of ours", "names was another .* search-api-old is app", func() { w.stranger("search-api-old") }, nil},
				{"a setting of the job", `DRAIN was another .* now "7s"`, nil, map[string]string{"DRAIN": "7s"}},
				{"a setting that was the default", `ALSO_BOUND was the default .* now "backup"`, nil, map[string]string{"ALSO_BOUND": "backup"}},
				{"a setting that is the default again", `WITNESS_RATE was another .* now the default`, nil, map[string]string{"WITNESS_RATE": "20"}},
				{"the new app deleted", "other-routes was another .* now none; new-app was another .* now deleted", func() { w.deleteApp(green) }, nil},
			} {
				settings := unbeating()
				settings["PLAN_DIGEST"], settings["ROUTE_TIMEOUT"] = w.digest(), "1s"
				if c.change != nil {
					was := settings["PLAN_DIGEST"]
					c.change()
					w.eventually(c.what, func() bool { return w.digest() != was })
				}
				for name, value := range c.settings {
					settings[name] = value
				}
				n := len(w.writes())
				p := w.with(settings, 3, "elasticsearch", point.stage)
				line := regexp.MustCompile(`FAILED check +the world is the one that was approved: .*`).FindString(p.log.String())
				differ := strings.Count(line, "when the plan was approved")
				if !regexp.MustCompile(c.says).MatchString(line) || differ != strings.Count(c.says, " was ") {
					t.Errorf("%s: it says %q, and not %q alone\n%s", c.what, line, c.says, p.log.String())
				}
				for _, some := range w.writes()[n:] {
					if !strings.HasPrefix(some.Path, "/v3/service_instances") || some.Method == "PATCH" {
						t.Errorf("%s: it wrote %+v", c.what, some)
					}
				}
			}
		})
	}
}

// Before there is a run its beginning says what is wrong.
func TestAnotherAppOnTheLiveRouteBeforeTheRunBegins(t *testing.T) {
	t.Parallel()
	w := start(t, few())
	settings := unbeating()
	settings["PLAN_DIGEST"] = w.digest()
	w.mapTo("dm-search-api-preview", w.stranger("somebody"))
	w.refused(settings, "the world is the one that was approved: the live route dm-search-api-preview.cloudapps.digital leads to 2 apps", "elasticsearch", "check-release")
}

// Neither what a rollback left nor the run that begins after it was approved.
func TestAnotherRunWasNotApproved(t *testing.T) {
	t.Parallel()
	w := start(t, few())
	beginning := w.digest()
	w.run(0, "elasticsearch", "check-release")
	begun := w.digest()
	w.run(0, "elasticsearch", "rollback")
	refused := func(digest, says string) {
		t.Helper()
		p := w.with(map[string]string{"PLAN_DIGEST": digest}, 3, "elasticsearch", "run", "--to", "create-service")
		if !regexp.MustCompile(says).MatchString(p.log.String()) {
			t.Errorf("it does not say %q:\n%s", says, p.log.String())
		}
	}
	refused(beginning, "run-before was another .* now 2")
	refused(begun, "run was another .* and is now not begun")
	w.run(0, "elasticsearch", "check-release")
	refused(beginning, "run-before was another .* now 2")
	refused(begun, "run was another .* now 2")
}

// planFor makes a plan for the stages that are to be approved, and returns its files.
func (w *world) planFor(stages string) map[string]string {
	w.t.Helper()
	p := w.with(map[string]string{"PLAN_FOR": stages}, 0, "elasticsearch", "plan")
	w.noSecret(p)
	if strings.Contains(p.out.String(), "s3cret-parameter") {
		w.t.Errorf("the parameters are shown:\n%s", p.out.String())
	}
	files := map[string]string{"stdout": p.out.String()}
	for _, name := range []string{"plan.txt", "plan.json", "plan.digest", "plan.question"} {
		text, err := os.ReadFile(filepath.Join(p.dir, "reports", name))
		if err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
		files[name] = string(text)
	}
	return files
}

func TestAPlanIsApprovedAndCarriedOut(t *testing.T) {
	t.Parallel()
	w := start(t, few())
	w.env["SERVICE_PARAMETERS"] = `{"password":"s3cret-parameter"}`
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	files := w.planFor("map-live-route..rename-new-app")
	if !strings.HasSuffix(files["stdout"], "plan digest "+files["plan.digest"]+"\n") || files["plan.txt"] != files["stdout"] {
		t.Errorf("the digest %q does not end what is printed, or another plan is kept:\n%s", files["plan.digest"], files["stdout"])
	}
	for _, want := range []string{"9. Map the live route: ", "16. Rename the new app: rename app elasticsearch-migration to search-api", "Going back after 16: seconds to minutes"} {
		if !strings.Contains(files["plan.question"], want) {
			t.Errorf("the question does not say %q:\n%s", want, files["plan.question"])
		}
	}
	approved := map[string]string{"PLAN_DIGEST": files["plan.digest"], "APPROVED_BY": "ann"}
	p := w.with(approved, 0, "elasticsearch", "switch")
	if n := strings.Count(p.log.String(), "the world is the one that was approved: "); n != 4 || !strings.Contains(p.log.String(), "approved by ann") {
		t.Errorf("%d of 4 stages say that the world was approved:\n%s", n, p.log.String())
	}
	if mark := w.mark("unmap-old-app"); !strings.Contains(mark, `"approved by":"ann"`) {
		t.Errorf("the run does not record who approved: %s", mark)
	}
	w.with(approved, 0, "elasticsearch", "run", "--to", "rename-new-app")
	if files := w.planFor("map-live-route..rename-new-app"); files["plan.question"] != "" || files["plan.digest"] == "" {
		t.Errorf("what is complete is asked for: %q", files["plan.question"])
	}
}

// Who looks or goes back needs no approval, whatever the job still exports.
func TestAnApprovalIsForTheWayForwardAlone(t *testing.T) {
	t.Parallel()
	w := start(t, few())
	w.env["PLAN_DIGEST"] = w.digest()
	w.run(0, "elasticsearch", "run", "--to", "create-service")
	w.setVariable(w.app("search-api"), "DM_LOG_PATH", "/tmp/changed")
	w.refused(nil, "old-variables was another", "elasticsearch", "generate-manifest")
	w.run(0, "elasticsearch", "plan")
	w.run(0, "elasticsearch", "status")
	w.run(3, "elasticsearch", "guard")
	w.run(0, "elasticsearch", "rollback")
}

// A production build asks, is bound to what was approved, and goes on from the
// approval in another build, in an empty workspace.
func TestAProductionBuildIsApprovedStepByStep(t *testing.T) {
	t.Parallel()
	o := few()
	o.Stage, o.Drift = "production", -1
	w := start(t, o)
	params := map[string]any{"STAGE": "production", "DRY_RUN": false}
	first := w.build(t, jenkins.Scenario{Number: 1, Params: params, Inputs: map[string]string{"switch": "proceed"}})
	wantResult(t, first, "ABORTED")
	if mark := w.mark("unmap-old-app"); !strings.Contains(mark, `"approved by":"someone"`) {
		t.Errorf("the run does not record who approved the switch: %s", mark)
	}
	if w.mark("rename-new-app") == "" || w.mark("remove-old-app") != "" {
		t.Errorf("it did not stop behind 16:\n%s", outputs(first))
	}
	questions := first.Steps("input")
	for i, want := range []string{"9. Map the live route: ", "17. Remove the old app: stop app search-api-old"} {
		if message := questions[i].Args["message"].(string); !strings.Contains(message, want) {
			t.Errorf("the question does not say %q:\n%s", want, message)
		}
	}

	n := len(w.writes())
	behind := w.build(t, jenkins.Scenario{Number: 2, StartAt: "17. Remove the old app", Params: params})
	wantResult(t, behind, "FAILURE")
	if some := w.writes()[n:]; len(some) > 0 {
		t.Errorf("without an approval it wrote %+v", some)
	}
	again := w.build(t, jenkins.Scenario{
		Number: 3, StartAt: "Approve 17", Params: params, Inputs: map[string]string{"remove-old-app": "proceed", "remove-old-service": "proceed"},
	})
	wantResult(t, again, "SUCCESS")
	if w.instance("cutover-search-api-last") == "" {
		t.Error("the run has not come to its end")
	}
}
