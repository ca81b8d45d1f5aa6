package traffic_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

const (
	live      = "dm-search-api-preview.cloudapps.digital"
	metrics   = live + "/_metrics"
	temporary = "dm-elasticsearch-migration-preview.cloudapps.digital"
	private   = "dm-search-api-rollback-preview.cloudapps.digital"
	newApp    = "elasticsearch-migration"
)

// world is a sandbox in which a run has begun and green runs beside blue, on no route.
type world struct {
	*traffic.Traffic
	t        *testing.T
	ctx      context.Context
	cf       *cloudfoundry.Client
	run      *upgrade.Run
	follower *follower
	blue     upgrade.Blue
	green    string
	// entered are the phases that the witness was told of.
	entered []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Documents: 1, Briefs: 1, Pace: sandbox.PaceInstant})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	env := box.Env()
	w := &world{t: t, ctx: httpclient.WithPermit(t.Context(), func(context.Context) error { return nil })}
	w.cf, err = cloudfoundry.Open(w.ctx, cloudfoundry.Settings{
		API: env["CF_API"], Org: env["CF_ORG"], Space: env["CF_SPACE"], Username: env["CF_USERNAME"], Password: environ.Secret(env["CF_PASSWORD"]),
	}, cloudfoundry.Options{Poll: 5 * time.Millisecond})
	w.ok(err)
	w.run = upgrade.NewRun(upgrade.RunOptions{Journal: journal.New(journal.On(w.cf), "search-api"), Platform: w.cf})
	w.blue, err = upgrade.FindBlue(w.ctx, w.cf, "search-api", live)
	w.ok(err)
	run, err := w.run.New("1.0.0", w.blue, nil)
	w.ok(err)
	w.ok(w.run.Begin(w.ctx, run))
	w.build(env["DOCKER_USERNAME"], env["CF_DOCKER_PASSWORD"])
	routers, err := strconv.Atoi(env["ROUTERS"])
	w.ok(err)
	w.follower = &follower{w: w}
	w.Traffic = &traffic.Traffic{
		Live: &upgrade.Live{Pair: &upgrade.Pair{Platform: w.cf, Run: w.run, NewApp: newApp, OldApp: "search-api-old"}},
		Proof: &proof.Prober{
			Fresh:  httpclient.New(httpclient.Options{Dial: env["ROUTER_ADDRESS"], FreshConnections: true, Attempts: 1}),
			Scheme: "http", Path: "/_status?ignore-dependencies", Routers: routers, Timeout: 10 * time.Second,
		},
		Names:    bluegreen.Names{LiveApp: "search-api", NewApp: newApp, LiveRoute: live, TemporaryRoute: temporary, PrivateRoute: private},
		Follower: w.follower, StartTimeout: 10 * time.Second,
		Entered: func(phase string) { w.entered = append(w.entered, phase) },
	}
	return w
}

// build makes green of what blue is made of, with as many instances.
func (w *world) build(user, password string) {
	w.t.Helper()
	app, err := w.cf.Apps.Create(w.ctx, newApp, w.run.Labels(upgrade.RoleGreen))
	w.ok(err)
	w.green = app.GUID
	env, err := w.cf.Apps.Environment(w.ctx, w.blue.App)
	w.ok(err)
	variables := map[string]*string{}
	for name, value := range env.User {
		variables[name] = &value
	}
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, w.green, variables))
	for _, s := range env.Services {
		_, err := w.cf.Services.Bind(w.ctx, w.green, s.InstanceGUID, s.Name, nil)
		w.ok(err)
	}
	w.ok(w.cf.Apps.ApplyManifest(w.ctx, fmt.Appendf(nil, "applications:\n- name: %s\n  memory: %dM\n  instances: %d\n", newApp, w.blue.MemoryMB, w.blue.Instances)))
	made, err := w.cf.Apps.CreateDockerPackage(w.ctx, w.green, w.blue.Image, user, environ.Secret(password))
	w.ok(err)
	droplet, err := w.cf.Apps.Build(w.ctx, made.GUID)
	w.ok(err)
	w.ok(w.cf.Apps.SetCurrentDroplet(w.ctx, w.green, droplet.GUID))
	w.ok(w.cf.Apps.Start(w.ctx, w.green))
	w.routable(w.green, w.blue.Instances)
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// routable waits until so many instances of an app take requests.
func (w *world) routable(app string, want int) {
	w.t.Helper()
	w.apply([]runner.Task{{Name: "routable", Wait: 10 * time.Second, Do: func(ctx context.Context, _ *runner.Observation) error {
		n, instances, err := upgrade.Routable(ctx, w.cf, app)
		if err == nil && n != want {
			err = fmt.Errorf("instances are %s", upgrade.States(instances))
		}
		return err
	}}}, nil)
}

// try runs a task as the runner does: with the right to write only where it says that
// it changes something, and again until its wait is over.
func (w *world) try(t runner.Task) error {
	for began := time.Now(); ; {
		err := w.once(t)
		if err == nil || t.Wait == 0 || runner.IsFinal(err) || runner.ClassOf(err) >= runner.Refused || time.Since(began) > t.Wait {
			return err
		}
		<-time.After(5 * time.Millisecond)
	}
}

// once is try without the wait.
func (w *world) once(t runner.Task) error {
	ctx := w.ctx
	if t.Effect == runner.Proves {
		ctx = httpclient.WithoutPermit(ctx)
	}
	return t.Do(ctx, new(runner.Observation))
}

func (w *world) apply(tasks []runner.Task, err error) {
	w.t.Helper()
	w.ok(err)
	for _, t := range tasks {
		if err := w.try(t); err != nil {
			w.t.Fatalf("%s: %s", t.Name, err)
		}
	}
}

// planned compares tasks, each as a plan shows it: with the sign of its effect. No two
// may have the same name.
func (w *world) planned(want ...string) func([]runner.Task, error) []runner.Task {
	return func(tasks []runner.Task, err error) []runner.Task {
		w.t.Helper()
		w.ok(err)
		signs := map[runner.Effect]string{runner.Proves: "· ", runner.Creates: "+ ", runner.Changes: "~ ", runner.Deletes: "- "}
		var got []string
		named := map[string]bool{}
		for _, t := range tasks {
			got = append(got, signs[t.Effect]+t.Name)
			if named[t.Name] {
				w.t.Errorf("two tasks are named %q", t.Name)
			}
			named[t.Name] = true
			if t.Effect == runner.Proves && t.ByHand != "" {
				w.t.Errorf("%s proves, and is typed by hand as %s", t.Name, t.ByHand)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			w.t.Error(diff)
		}
		return tasks
	}
}

// refused expects an error that leaves everything as it is, and says so.
func (w *world) refused(err error, words string) {
	w.t.Helper()
	if runner.ClassOf(err) != runner.Refused || !strings.Contains(err.Error(), words) {
		w.t.Errorf("it is not refused with %q: %v", words, err)
	}
}

// on maps an app to live routes, and off unmaps it; none are all.
func (w *world) on(app string, addresses ...string) {
	w.t.Helper()
	w.each(addresses, func(route string) error { return w.cf.Routes.Map(w.ctx, route, app) })
}

func (w *world) off(app string, addresses ...string) {
	w.t.Helper()
	w.each(addresses, func(route string) error { return w.cf.Routes.Unmap(w.ctx, route, app) })
}

func (w *world) each(addresses []string, do func(route string) error) {
	w.t.Helper()
	if len(addresses) == 0 {
		addresses = []string{live, metrics}
	}
	for _, address := range addresses {
		route, err := w.cf.Routes.ByAddress(w.ctx, address)
		w.ok(err)
		w.ok(do(route.GUID))
	}
}

// switched brings the traffic to green alone, as the stages do.
func (w *world) switched() {
	w.t.Helper()
	w.apply(w.MapGreen(w.ctx))
	w.apply(w.UnmapBlue(w.ctx))
	w.follower.calls = nil
}

// serve compares whom an address leads to.
func (w *world) serve(address string, want ...string) {
	w.t.Helper()
	route, err := w.cf.Routes.ByAddress(w.ctx, address)
	w.ok(err)
	var got []string
	if route != nil {
		for _, d := range route.Destinations {
			got = append(got, w.called(d.AppGUID))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s leads to: %s", address, diff)
	}
}

// called is an app for a test: "blue", "green", or its GUID.
func (w *world) called(app string) string {
	switch app {
	case w.blue.App:
		return "blue"
	case w.green:
		return "green"
	}
	return app
}

// stranger makes an app that is not of the run.
func (w *world) stranger() string {
	w.t.Helper()
	app, err := w.cf.Apps.Create(w.ctx, "somebody", nil)
	w.ok(err)
	return app.GUID
}
