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

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

// program is an app that answers every request.
type program struct{}

func (program) Boot(i diego.Instance) (http.Handler, error) {
	i.Log(false, "starting up")
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

func labelled(run string) map[string]string { return map[string]string{cloudfoundry.RunLabel: run} }

// sandbox starts a sandbox with the Digital Marketplace's space, and a client for it.
func sandbox(t *testing.T) (*cloudfoundry.Client, *platform.Platform, *faults.Engine) {
	t.Helper()
	fast := clock.New(0.001)
	engine := faults.New(fast)
	server := httptest.NewUnstartedServer(nil)
	p := platform.New(platform.Options{
		Clock: fast, Faults: engine, Broker: broker{}, ProvisionTime: 20 * time.Second, DeprovisionTime: 5 * time.Second,
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

func TestErrorsAgainstTheSandbox(t *testing.T) {
	c, _, _ := sandbox(t)
	ctx := writing(t)
	plan := must[*cloudfoundry.Plan](t)(c.Services.PlanByName(ctx, "elasticsearch", "small-ha-7.x"))
	es := must[*cloudfoundry.ServiceInstance](t)(c.Services.CreateServiceInstance(ctx, "es_new", plan.GUID, json.RawMessage(`{"wish":"impossible"}`), labelled("r1")))
	if es = must[*cloudfoundry.ServiceInstance](t)(c.Services.AwaitServiceInstance(ctx, es.GUID)); !es.LastOperation.Failed() || !strings.Contains(es.LastOperation.Description, "no such thing") {
		t.Errorf("got %+v", es.LastOperation)
	}
	if err := c.Services.DeleteServiceInstance(ctx, es.GUID); err != nil {
		t.Errorf("delete a failed instance: %v", err)
	}
	app := must[*cloudfoundry.App](t)(c.Apps.Create(ctx, "green", labelled("r1")))
	pkg := must[*cloudfoundry.Package](t)(c.Apps.CreateDockerPackage(ctx, app.GUID, "missing:1", "", ""))
	if _, err := c.Apps.Build(ctx, pkg.GUID); !errors.Is(err, cloudfoundry.ErrStaging) {
		t.Errorf("stage a missing image: %v", err)
	}
	if err := c.Apps.ApplyManifest(ctx, []byte("applications:\n- name: green\n  services: [no-such-service]\n")); err == nil || !strings.Contains(err.Error(), "no-such-service") {
		t.Errorf("bind to a missing service: %v", err)
	}
	if _, err := c.Apps.Create(ctx, "search-api", labelled("r1")); runner.ClassOf(err) != runner.Refused {
		t.Errorf("create an app whose name is taken: %v", err)
	}
	if _, err := c.Apps.Get(ctx, "nobody"); !cloudfoundry.IsNotFound(err) {
		t.Errorf("read a missing app: %v", err)
	}
}

// waitUntilServing waits until an app has the given number of instances and all serve.
func waitUntilServing(t *testing.T, c *cloudfoundry.Client, app string, want int) {
	t.Helper()
	eventually(t, func() (bool, any) {
		all := must[[]cloudfoundry.Instance](t)(c.Apps.Instances(t.Context(), app))
		return len(all) == want && !slices.ContainsFunc(all, func(i cloudfoundry.Instance) bool { return !i.Serving() }), all
	})
}

// waitForLog waits until the log of an app contains a text.
func waitForLog(t *testing.T, c *cloudfoundry.Client, app, text string) {
	t.Helper()
	eventually(t, func() (bool, any) {
		all := must[[]cloudfoundry.LogLine](t)(c.Apps.RecentLogs(t.Context(), app, 100))
		return slices.ContainsFunc(all, func(l cloudfoundry.LogLine) bool { return strings.Contains(l.Text, text) }), all
	})
}

func eventually(t *testing.T, holds func() (bool, any)) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		ok, got := holds()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("timed out: %+v", got)
		}
	}
}

// snapshot returns the state of the sandbox as JSON values.
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
