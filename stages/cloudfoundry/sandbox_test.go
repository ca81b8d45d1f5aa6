package cloudfoundry_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

// program answers everything, or crashes where its environment says so.
type program struct{}

func (program) Boot(i diego.Instance) (http.Handler, error) {
	i.Log(false, "starting up")
	if i.Env["CRASH"] != "" {
		return nil, errors.New("no service of that name")
	}
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), nil
}

type broker struct{}

func (broker) Provision(_, _ string, parameters json.RawMessage) error {
	if strings.Contains(string(parameters), "impossible") {
		return errors.New("the broker has no such thing")
	}
	return nil
}
func (broker) Deprovision(string) error { return nil }
func (broker) Credentials(_, _ string) map[string]any {
	return map[string]any{"uri": "https://es.invalid"}
}
func settled(i cloudfoundry.Instance) bool { return i.Serving() }
func named(name string) func(cloudfoundry.Binding) bool {
	return func(b cloudfoundry.Binding) bool { return b.Name == name }
}
func labelled(run string) map[string]string { return map[string]string{cloudfoundry.RunLabel: run} }

// sandbox is the Digital Marketplace's space on the rehearsal platform.
func sandbox(t *testing.T) (*cloudfoundry.Client, *platform.Platform, *faults.Engine) {
	t.Helper()
	ticking := clock.New(0.001)
	engine := faults.New(ticking)
	server := httptest.NewUnstartedServer(nil)
	p := platform.New(platform.Options{
		Clock: ticking, Faults: engine, Broker: broker{}, ProvisionTime: 20 * time.Second, DeprovisionTime: 5 * time.Second,
		Programs: func(image string) (diego.Program, bool) { return program{}, !strings.Contains(image, "missing") },
	})
	server.Config.Handler = p.API()
	server.Start()
	t.Cleanup(func() { engine.Close(); p.Close(); server.Close() })
	if err := p.Seed(platform.DigitalMarketplace("preview", "jenkins@example.com", password)); err != nil {
		t.Fatal(err)
	}
	c, err := cloudfoundry.Open(t.Context(), cloudfoundry.Settings{
		API: server.URL, Org: "digitalmarketplace", Space: "preview", Username: "jenkins@example.com", Password: password,
	}, cloudfoundry.Options{Poll: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c, p, engine
}

// Every call that a migration makes, from the live app to the clean space again.
func TestAMigrationsCallsOnTheRehearsalPlatform(t *testing.T) {
	c, p, _ := sandbox(t)
	ctx := writing(t)
	before := snapshot(t, p)

	const live = "dm-search-api-preview.cloudapps.digital"
	route := must[*cloudfoundry.Route](t)(c.RouteByAddress(ctx, live))
	if route == nil || route.Address != live || len(route.Destinations) != 1 {
		t.Fatalf("the live route is %+v", route)
	}
	blue := must[*cloudfoundry.App](t)(c.App(ctx, route.Destinations[0].AppGUID))
	if blue.Name != "search-api" || blue.State != cloudfoundry.Started || blue.Lifecycle != "docker" {
		t.Errorf("blue is %+v", blue)
	}
	if routes := must[[]cloudfoundry.Route](t)(c.RoutesOfApp(ctx, blue.GUID)); !slices.ContainsFunc(routes, func(r cloudfoundry.Route) bool { return r.Path == "/_metrics" }) {
		t.Errorf("the routes with a path are missing: %+v", routes)
	}
	if s := must[*cloudfoundry.RouteService](t)(c.RouteService(ctx, route.GUID)); s == nil || s.URL == "" {
		t.Errorf("the route service is %+v", s)
	}
	if d := must[*cloudfoundry.Droplet](t)(c.CurrentDroplet(ctx, blue.GUID)); d == nil || d.Image == "" {
		t.Errorf("blue's image is %+v", d)
	}
	process := must[*cloudfoundry.Process](t)(c.Process(ctx, blue.GUID))
	if process.Instances != 2 || process.MemoryMB == 0 || process.HealthCheckEndpoint != "/_status?ignore-dependencies" {
		t.Errorf("blue's process is %+v", process)
	}
	serving(t, c, blue.GUID, 2)
	env := must[*cloudfoundry.Environment](t)(c.Environment(ctx, blue.GUID))
	if env.User["DM_ENVIRONMENT"] != "preview" || !slices.ContainsFunc(env.Services, func(s cloudfoundry.BoundService) bool { return s.Name == "search_api_elasticsearch" }) {
		t.Errorf("blue's environment is %v", env.Services)
	}
	for _, b := range must[[]cloudfoundry.Binding](t)(c.Bindings(ctx, cloudfoundry.BindingFilter{App: blue.GUID})) {
		if _, err := c.BindingParameters(ctx, b.GUID); err != nil && !errors.Is(err, cloudfoundry.ErrParametersHidden) {
			t.Errorf("the parameters of binding %+v: %v", b, err)
		}
	}
	must[[]cloudfoundry.NetworkPolicy](t)(c.NetworkPolicies(ctx, blue.GUID))
	if room := must[cloudfoundry.Room](t)(c.Room(ctx)); room.MemoryMB == 0 || room.Services == 0 {
		t.Errorf("there is no room: %+v", room)
	}

	plan := must[*cloudfoundry.Plan](t)(c.Plan(ctx, "elasticsearch", "small-ha-7.x"))
	if of := must[*cloudfoundry.Plan](t)(c.PlanOf(ctx, plan.GUID)); of.Offering != "elasticsearch" {
		t.Errorf("the plan is %+v", of)
	}
	if _, err := c.Plan(ctx, "elasticsearch", "huge"); err == nil || !strings.Contains(err.Error(), "small-ha-7.x") {
		t.Errorf("a plan that is not there: %v", err)
	}
	es := must[*cloudfoundry.ServiceInstance](t)(c.CreateServiceInstance(ctx, "es_new", plan.GUID, nil, labelled("r1")))
	if again := must[*cloudfoundry.ServiceInstance](t)(c.CreateServiceInstance(ctx, "es_new", plan.GUID, nil, labelled("r1"))); again.GUID != es.GUID {
		t.Errorf("made twice: %+v and %+v", es, again)
	}
	if es = must[*cloudfoundry.ServiceInstance](t)(c.AwaitServiceInstance(ctx, es.GUID)); es.LastOperation.State != "succeeded" || es.PlanGUID != plan.GUID {
		t.Errorf("the new instance is %+v", es)
	}

	green := must[*cloudfoundry.App](t)(c.CreateApp(ctx, "green", labelled("r1")))
	if found := must[[]cloudfoundry.App](t)(c.AppsByLabel(ctx, cloudfoundry.RunLabel, "r1")); len(found) != 1 || found[0].GUID != green.GUID {
		t.Errorf("by its label: %+v", found)
	}
	bound := must[*cloudfoundry.Binding](t)(c.Bind(ctx, green.GUID, es.GUID, "search_api_elasticsearch", nil))
	if !named("search_api_elasticsearch")(*bound) || bound.LastOperation.State != "succeeded" {
		t.Errorf("the binding is %+v", bound)
	}
	yaml := []byte("applications:\n- name: green\n  memory: 256M\n  instances: 2\n  env: {A: b}\n")
	if diff := must[[]cloudfoundry.ManifestChange](t)(c.ManifestDiff(ctx, yaml)); len(diff) == 0 {
		t.Error("the manifest makes no difference")
	}
	if err := c.ApplyManifest(ctx, yaml); err != nil {
		t.Fatal(err)
	}
	pkg := must[*cloudfoundry.Package](t)(c.CreateDockerPackage(ctx, green.GUID, "digitalmarketplace/search-api:release-1234", "robot", "registry-secret"))
	if all := must[[]cloudfoundry.Package](t)(c.DockerPackages(ctx, green.GUID)); len(all) != 1 || all[0].Image != pkg.Image {
		t.Errorf("the packages are %+v", all)
	}
	droplet := must[*cloudfoundry.Droplet](t)(c.Build(ctx, pkg.GUID))
	if again := must[*cloudfoundry.Droplet](t)(c.Build(ctx, pkg.GUID)); again.GUID != droplet.GUID {
		t.Errorf("staged twice")
	}
	if err := errors.Join(c.SetCurrentDroplet(ctx, green.GUID, droplet.GUID), c.StartApp(ctx, green.GUID)); err != nil {
		t.Fatal(err)
	}
	serving(t, c, green.GUID, 2)
	if manifest := must[[]byte](t)(c.Manifest(ctx, green.GUID)); !strings.Contains(string(manifest), "name: green") {
		t.Errorf("the manifest is %s", manifest)
	}

	temporary := must[*cloudfoundry.Route](t)(c.CreateRoute(ctx, "dm-green-preview.cloudapps.digital", labelled("r1")))
	if again := must[*cloudfoundry.Route](t)(c.CreateRoute(ctx, "dm-green-preview.cloudapps.digital", labelled("r1"))); again.GUID != temporary.GUID {
		t.Errorf("made twice")
	}
	for _, r := range []string{route.GUID, temporary.GUID} {
		if err := errors.Join(c.MapRoute(ctx, r, green.GUID), c.MapRoute(ctx, r, green.GUID)); err != nil {
			t.Fatal(err)
		}
		if now := must[*cloudfoundry.Route](t)(c.Route(ctx, r)); !now.Reaches(green.GUID) {
			t.Errorf("not mapped: %+v", now)
		}
		if err := errors.Join(c.UnmapRoute(ctx, r, green.GUID), c.UnmapRoute(ctx, r, green.GUID)); err != nil {
			t.Fatal(err)
		}
	}
	logs(t, c, green.GUID, "starting up")
	var marked []string
	for _, one := range must[[]cloudfoundry.Labelled](t)(c.Labelled(ctx, cloudfoundry.RunLabel)) {
		if one.Run() != "r1" || one.Created.IsZero() {
			t.Errorf("listed: %+v", one)
		}
		marked = append(marked, string(one.Kind)+" "+one.Name)
	}
	if !slices.Contains(marked, "apps "+green.Name) || !slices.Contains(marked, "service_instances "+es.Name) || !slices.Contains(marked, "routes "+temporary.Address) {
		t.Errorf("labelled are %q", marked)
	}
	if events := must[[]cloudfoundry.Event](t)(c.Events(ctx, cloudfoundry.EventFilter{Targets: []string{green.GUID}}, c.Now().Add(-time.Hour))); len(events) == 0 || events[0].Actor != "jenkins@example.com" {
		t.Errorf("the events are %+v", events)
	}

	if err := c.RenameServiceInstance(ctx, es.GUID, "es"); err != nil {
		t.Error(err)
	}
	if err := c.RenameApp(ctx, green.GUID, "green-two"); err != nil {
		t.Error(err)
	}
	if err := c.SetMetadata(ctx, cloudfoundry.Apps, green.GUID, map[string]*string{cloudfoundry.RunLabel: nil}, nil); err != nil {
		t.Error(err)
	}
	if app := must[*cloudfoundry.App](t)(c.AppByName(ctx, "green-two")); app == nil || app.Run() != "" {
		t.Errorf("green is %+v", app)
	}

	for _, err := range []error{
		c.StopApp(ctx, green.GUID), c.DeleteApp(ctx, green.GUID), c.DeleteApp(ctx, green.GUID), c.DeleteRoute(ctx, temporary.GUID),
		c.DeleteServiceInstance(ctx, es.GUID), c.DeleteServiceInstance(ctx, es.GUID),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(before, snapshot(t, p)); diff != "" {
		t.Errorf("the space is not what it was:\n%s", diff)
	}
}

func TestWhatFailsOnTheRehearsalPlatformSaysWhy(t *testing.T) {
	c, _, _ := sandbox(t)
	ctx := writing(t)
	plan := must[*cloudfoundry.Plan](t)(c.Plan(ctx, "elasticsearch", "small-ha-7.x"))
	es := must[*cloudfoundry.ServiceInstance](t)(c.CreateServiceInstance(ctx, "es_new", plan.GUID, json.RawMessage(`{"wish":"impossible"}`), labelled("r1")))
	es = must[*cloudfoundry.ServiceInstance](t)(c.AwaitServiceInstance(ctx, es.GUID))
	if !es.LastOperation.Failed() || !strings.Contains(es.LastOperation.Description, "no such thing") {
		t.Errorf("got %+v", es.LastOperation)
	}
	if err := c.DeleteServiceInstance(ctx, es.GUID); err != nil {
		t.Errorf("a failed instance cannot be deleted: %v", err)
	}
	app := must[*cloudfoundry.App](t)(c.CreateApp(ctx, "green", labelled("r1")))
	pkg := must[*cloudfoundry.Package](t)(c.CreateDockerPackage(ctx, app.GUID, "missing:1", "", ""))
	if _, err := c.Build(ctx, pkg.GUID); err == nil || !strings.Contains(err.Error(), "failed") {
		t.Errorf("an image that is not there: %v", err)
	}
	if err := c.ApplyManifest(ctx, []byte("applications:\n- name: green\n  services: [no-such-service]\n")); err == nil || !strings.Contains(err.Error(), "no-such-service") {
		t.Errorf("a service that is not there: %v", err)
	}
	if _, err := c.CreateApp(ctx, "search-api", labelled("r1")); err == nil || !strings.Contains(err.Error(), "not ours") {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := c.App(ctx, "nobody"); !cloudfoundry.IsNotFound(err) {
		t.Errorf("an app that is not there: %v", err)
	}
}

// serving waits until so many instances serve.
func serving(t *testing.T, c *cloudfoundry.Client, app string, want int) {
	t.Helper()
	eventually(t, func() (bool, any) {
		all := must[[]cloudfoundry.Instance](t)(c.Instances(t.Context(), app))
		return len(all) == want && !slices.ContainsFunc(all, func(i cloudfoundry.Instance) bool { return !settled(i) }), all
	})
}

func logs(t *testing.T, c *cloudfoundry.Client, app, words string) {
	t.Helper()
	eventually(t, func() (bool, any) {
		all := must[[]cloudfoundry.LogLine](t)(c.RecentLogs(t.Context(), app, 100))
		return slices.ContainsFunc(all, func(l cloudfoundry.LogLine) bool { return strings.Contains(l.Text, words) }), all
	})
}

func eventually(t *testing.T, holds func() (bool, any)) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		is, got := holds()
		if is {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not come about: %+v", got)
		}
	}
}

func snapshot(t *testing.T, p *platform.Platform) any {
	t.Helper()
	b, err := json.Marshal(p.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
