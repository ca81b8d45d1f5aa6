package cloudfoundry_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
)

// A run calls everything that the runbook does, from reading blue to removing what the
// run created; in the end the space is as before.
func TestARunAgainstTheSandbox(t *testing.T) {
	c, p, _ := sandbox(t)
	before := snapshot(t, p)
	live := readBlue(t, c)
	es := createService(t, c)
	green := createGreen(t, c, es)
	temporary := mapAndUnmap(t, c, green, live)
	findByLabel(t, c, green, es, temporary)
	renameGreen(t, c, green, es)
	removeAll(t, c, green, es, temporary)
	if diff := cmp.Diff(before, snapshot(t, p)); diff != "" {
		t.Errorf("the space differs from before:\n%s", diff)
	}
}

// readBlue reads the live route and the app that is mapped to it.
func readBlue(t *testing.T, c *cloudfoundry.Client) *cloudfoundry.Route {
	t.Helper()
	const live = "dm-search-api-preview.cloudapps.digital"
	ctx := t.Context()
	route := must[*cloudfoundry.Route](t)(c.Routes.ByAddress(ctx, live))
	if route == nil || route.Address != live || len(route.Destinations) != 1 {
		t.Fatalf("live route: %+v", route)
	}
	blue := must[*cloudfoundry.App](t)(c.Apps.Get(ctx, route.Destinations[0].AppGUID))
	if blue.Name != "search-api" || blue.State != cloudfoundry.Started {
		t.Errorf("blue: %+v", blue)
	}
	if routes := must[[]cloudfoundry.Route](t)(c.Routes.OfApp(ctx, blue.GUID)); !slices.ContainsFunc(routes, func(r cloudfoundry.Route) bool { return r.Path == "/_metrics" }) {
		t.Errorf("no route with a path: %+v", routes)
	}
	if s := must[*cloudfoundry.RouteService](t)(c.Routes.ServiceOf(ctx, route.GUID)); s == nil || s.URL == "" {
		t.Errorf("route service: %+v", s)
	}
	if d := must[*cloudfoundry.Droplet](t)(c.Apps.CurrentDroplet(ctx, blue.GUID)); d == nil || d.Image == "" {
		t.Errorf("droplet: %+v", d)
	}
	process := must[*cloudfoundry.Process](t)(c.Apps.Process(ctx, blue.GUID))
	if process.Instances != 2 || process.MemoryMB == 0 || process.HealthCheckEndpoint != "/_status?ignore-dependencies" {
		t.Errorf("process: %+v", process)
	}
	waitUntilServing(t, c, blue.GUID, 2)
	readEnvironment(t, c, blue)
	if headroom := must[cloudfoundry.Headroom](t)(c.Space.Headroom(ctx)); headroom.MemoryMB == 0 || headroom.Services == 0 {
		t.Errorf("no headroom: %+v", headroom)
	}
	return route
}

// readEnvironment reads blue's variables, bindings and network policies.
func readEnvironment(t *testing.T, c *cloudfoundry.Client, blue *cloudfoundry.App) {
	t.Helper()
	ctx := t.Context()
	env := must[*cloudfoundry.Environment](t)(c.Apps.Environment(ctx, blue.GUID))
	if env.User["DM_ENVIRONMENT"] != "preview" || !slices.ContainsFunc(env.Services, func(s cloudfoundry.BoundService) bool { return s.Name == "search_api_elasticsearch" }) {
		t.Errorf("environment: %v", env.Services)
	}
	for _, b := range must[[]cloudfoundry.Binding](t)(c.Services.Bindings(ctx, cloudfoundry.BindingFilter{App: blue.GUID})) {
		if _, err := c.Services.BindingParameters(ctx, b.GUID); err != nil && !errors.Is(err, cloudfoundry.ErrParametersHidden) {
			t.Errorf("parameters of binding %+v: %v", b, err)
		}
	}
	must[[]cloudfoundry.NetworkPolicy](t)(c.Space.NetworkPolicies(ctx, blue.GUID))
}

func createService(t *testing.T, c *cloudfoundry.Client) *cloudfoundry.ServiceInstance {
	t.Helper()
	ctx := writing(t)
	plan := must[*cloudfoundry.Plan](t)(c.Services.PlanByName(ctx, "elasticsearch", "small-ha-7.x"))
	if p := must[*cloudfoundry.Plan](t)(c.Services.Plan(ctx, plan.GUID)); p.Offering != "elasticsearch" {
		t.Errorf("plan: %+v", p)
	}
	if _, err := c.Services.PlanByName(ctx, "elasticsearch", "huge"); err == nil || !strings.Contains(err.Error(), "small-ha-7.x") {
		t.Errorf("find a missing plan: %v", err)
	}
	es := must[*cloudfoundry.ServiceInstance](t)(c.Services.CreateServiceInstance(ctx, "es_new", plan.GUID, nil, labelled("r1")))
	if again := must[*cloudfoundry.ServiceInstance](t)(c.Services.CreateServiceInstance(ctx, "es_new", plan.GUID, nil, labelled("r1"))); again.GUID != es.GUID {
		t.Errorf("created twice: %+v and %+v", es, again)
	}
	if es = must[*cloudfoundry.ServiceInstance](t)(c.Services.AwaitServiceInstance(ctx, es.GUID)); es.LastOperation.State != "succeeded" || es.PlanGUID != plan.GUID {
		t.Errorf("service instance: %+v", es)
	}
	return es
}

func createGreen(t *testing.T, c *cloudfoundry.Client, es *cloudfoundry.ServiceInstance) *cloudfoundry.App {
	t.Helper()
	ctx := writing(t)
	green := must[*cloudfoundry.App](t)(c.Apps.Create(ctx, "green", labelled("r1")))
	if found := must[[]cloudfoundry.App](t)(c.Apps.ByLabel(ctx, cloudfoundry.RunLabel, "r1")); len(found) != 1 || found[0].GUID != green.GUID {
		t.Errorf("apps with the run's label: %+v", found)
	}
	binding := must[*cloudfoundry.Binding](t)(c.Services.Bind(ctx, green.GUID, es.GUID, "search_api_elasticsearch", nil))
	if binding.Name != "search_api_elasticsearch" || binding.LastOperation.State != "succeeded" {
		t.Errorf("binding: %+v", binding)
	}
	if err := c.Apps.ApplyManifest(ctx, []byte("applications:\n- name: green\n  memory: 256M\n  instances: 2\n  env: {A: b}\n")); err != nil {
		t.Fatal(err)
	}
	pkg := must[*cloudfoundry.Package](t)(c.Apps.CreateDockerPackage(ctx, green.GUID, "digitalmarketplace/search-api:release-1234", "robot", "registry-secret"))
	if all := must[[]cloudfoundry.Package](t)(c.Apps.DockerPackages(ctx, green.GUID)); len(all) != 1 || all[0].Image != pkg.Image {
		t.Errorf("packages: %+v", all)
	}
	droplet := must[*cloudfoundry.Droplet](t)(c.Apps.Build(ctx, pkg.GUID))
	if again := must[*cloudfoundry.Droplet](t)(c.Apps.Build(ctx, pkg.GUID)); again.GUID != droplet.GUID {
		t.Errorf("staged twice: %+v and %+v", droplet, again)
	}
	if err := errors.Join(c.Apps.SetCurrentDroplet(ctx, green.GUID, droplet.GUID), c.Apps.Start(ctx, green.GUID)); err != nil {
		t.Fatal(err)
	}
	waitUntilServing(t, c, green.GUID, 2)
	waitForLog(t, c, green.GUID, "starting up")
	if manifest := must[[]byte](t)(c.Apps.Manifest(ctx, green.GUID)); !strings.Contains(string(manifest), "name: green") {
		t.Errorf("manifest: %s", manifest)
	}
	return green
}

// mapAndUnmap maps and unmaps the live route and a temporary one, each twice.
func mapAndUnmap(t *testing.T, c *cloudfoundry.Client, green *cloudfoundry.App, live *cloudfoundry.Route) *cloudfoundry.Route {
	t.Helper()
	ctx := writing(t)
	temporary := must[*cloudfoundry.Route](t)(c.Routes.Create(ctx, "dm-green-preview.cloudapps.digital", labelled("r1")))
	if again := must[*cloudfoundry.Route](t)(c.Routes.Create(ctx, "dm-green-preview.cloudapps.digital", labelled("r1"))); again.GUID != temporary.GUID {
		t.Errorf("created twice: %+v and %+v", temporary, again)
	}
	for _, r := range []string{live.GUID, temporary.GUID} {
		if err := errors.Join(c.Routes.Map(ctx, r, green.GUID), c.Routes.Map(ctx, r, green.GUID)); err != nil {
			t.Fatal(err)
		}
		if now := must[*cloudfoundry.Route](t)(c.Routes.Get(ctx, r)); !now.Reaches(green.GUID) {
			t.Errorf("not mapped: %+v", now)
		}
		if err := errors.Join(c.Routes.Unmap(ctx, r, green.GUID), c.Routes.Unmap(ctx, r, green.GUID)); err != nil {
			t.Fatal(err)
		}
	}
	return temporary
}

func findByLabel(t *testing.T, c *cloudfoundry.Client, green *cloudfoundry.App, es *cloudfoundry.ServiceInstance, temporary *cloudfoundry.Route) {
	t.Helper()
	ctx := t.Context()
	var found []string
	for _, o := range must[[]cloudfoundry.Labelled](t)(c.Space.Labelled(ctx, cloudfoundry.RunLabel)) {
		if o.Run() != "r1" || o.Created.IsZero() {
			t.Errorf("got %+v", o)
		}
		found = append(found, string(o.Kind)+" "+o.Name)
	}
	for _, want := range []string{"apps " + green.Name, "service_instances " + es.Name, "routes " + temporary.Address} {
		if !slices.Contains(found, want) {
			t.Errorf("objects with the label are %q, want %s among them", found, want)
		}
	}
	if events := must[[]cloudfoundry.Event](t)(c.Space.Events(ctx, cloudfoundry.EventFilter{Targets: []string{green.GUID}}, c.Space.Now().Add(-time.Hour))); len(events) == 0 || events[0].Actor != "jenkins@example.com" {
		t.Errorf("events: %+v", events)
	}
}

// renameGreen renames green and its service, and removes the run's label.
func renameGreen(t *testing.T, c *cloudfoundry.Client, green *cloudfoundry.App, es *cloudfoundry.ServiceInstance) {
	t.Helper()
	ctx := writing(t)
	for _, err := range []error{
		c.Services.RenameServiceInstance(ctx, es.GUID, "es"), c.Apps.Rename(ctx, green.GUID, "green-two"),
		c.Space.SetMetadata(ctx, cloudfoundry.AppKind, green.GUID, map[string]*string{cloudfoundry.RunLabel: nil}, nil),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if app := must[*cloudfoundry.App](t)(c.Apps.ByName(ctx, "green-two")); app == nil || app.Run() != "" {
		t.Errorf("green: %+v", app)
	}
}

// removeAll deletes what the run created; the app and the service twice.
func removeAll(t *testing.T, c *cloudfoundry.Client, green *cloudfoundry.App, es *cloudfoundry.ServiceInstance, temporary *cloudfoundry.Route) {
	t.Helper()
	ctx := writing(t)
	for _, err := range []error{
		c.Apps.Stop(ctx, green.GUID), c.Apps.Delete(ctx, green.GUID), c.Apps.Delete(ctx, green.GUID), c.Routes.Delete(ctx, temporary.GUID),
		c.Services.DeleteServiceInstance(ctx, es.GUID), c.Services.DeleteServiceInstance(ctx, es.GUID),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}
