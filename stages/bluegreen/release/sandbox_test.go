package release_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/release"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

const (
	liveApp     = "search-api"
	inProgress  = "search-api-release"
	liveRoute   = "dm-search-api-preview.cloudapps.digital"
	secondRoute = liveRoute + "/_metrics"
	serviceName = "search_api_elasticsearch"
	variable    = "DM_ELASTICSEARCH_SERVICE_NAME"
	nextImage   = "digitalmarketplace/search-api:release-1235"
)

// world is a sandbox in which a run waits for the release: green and its service have
// the final names, and green is alone on the two live routes.
type world struct {
	*testing.T
	ctx      context.Context
	box      *sandbox.Sandbox
	cf       *cloudfoundry.Client
	run      *upgrade.Run
	release  *release.Release
	green    *cloudfoundry.App
	services struct{ old, new *cloudfoundry.ServiceInstance }
}

// newWorld is a world without a run.
func newWorld(t *testing.T) *world {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Documents: 1, Briefs: 1, Pace: sandbox.PaceInstant, ProvisionTime: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	env := box.Env()
	w := &world{T: t, box: box, ctx: httpclient.WithPermit(t.Context(), func(context.Context) error { return nil })}
	w.cf, err = cloudfoundry.Open(w.ctx, cloudfoundry.Settings{
		API: env["CF_API"], Org: env["CF_ORG"], Space: env["CF_SPACE"], Username: env["CF_USERNAME"], Password: environ.Secret(env["CF_PASSWORD"]),
	}, cloudfoundry.Options{Poll: 5 * time.Millisecond})
	w.ok(err)
	w.run = upgrade.NewRun(upgrade.RunOptions{
		Journal: journal.New(journal.On(w.cf), liveApp), Platform: w.cf,
		Milestones: map[upgrade.Milestone]string{upgrade.Begun: "check", upgrade.NamesFinal: "rename", upgrade.BlueRemoved: "remove", upgrade.Released: "await"},
	})
	w.release = &release.Release{
		Live: &upgrade.Live{Pair: &upgrade.Pair{Platform: w.cf, Run: w.run, NewApp: "elasticsearch-migration", OldApp: "search-api-old"}},
		Names: bluegreen.Names{
			LiveApp: liveApp, ReleasedApp: "search-api-released", Service: serviceName, ReleasedService: "search_api_elasticsearch_released",
			ServiceVariable: variable,
		},
		NewService: func(ctx context.Context) (*cloudfoundry.ServiceInstance, error) {
			return w.cf.Services.ServiceInstance(ctx, w.services.new.GUID)
		},
		Timeout: time.Minute,
	}
	return w
}

// waiting is a world in which a run waits for the release.
func waiting(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	b := must(upgrade.FindBlue(w.ctx, w.cf, liveApp, liveRoute))(w)
	w.ok(w.run.Begin(w.ctx, must(w.run.New("1.0.0", b, nil))(w)))
	labels := w.run.Labels(upgrade.RoleGreen)
	w.services.old = must(w.cf.Services.ServiceInstanceByName(w.ctx, serviceName))(w)
	w.ok(w.cf.Services.RenameServiceInstance(w.ctx, w.services.old.GUID, "search_api_elasticsearch_old"))
	plan := must(w.cf.Services.PlanByName(w.ctx, "elasticsearch", w.box.Env()["SERVICE_PLAN"]))(w)
	w.services.new = must(w.cf.Services.CreateServiceInstance(w.ctx, serviceName, plan.GUID, nil, labels))(w)
	must(w.cf.Services.AwaitServiceInstance(w.ctx, w.services.new.GUID))(w)
	w.ok(w.cf.Apps.Rename(w.ctx, b.App, "search-api-old"))
	w.green = must(w.cf.Apps.Create(w.ctx, liveApp, labels))(w)
	w.mapped(w.green.GUID)
	w.unmapped(b.App)
	w.complete("check", "rename", "remove")
	return w
}

// complete records stages as complete.
func (w *world) complete(stages ...string) {
	w.Helper()
	for _, stage := range stages {
		w.ok(w.run.Complete(w.ctx, stage, runner.Completion{Verdict: runner.Done}))
	}
}

// must ends the test at an error.
func must[V any](v V, err error) func(*world) V {
	return func(w *world) V {
		w.Helper()
		w.ok(err)
		return v
	}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) blue() upgrade.Blue {
	w.Helper()
	return must(w.run.Blue())(w)
}

// app makes an app that is not of the run.
func (w *world) app(name string) string {
	w.Helper()
	return must(w.cf.Apps.Create(w.ctx, name, nil))(w).GUID
}

// mapped maps both live routes to an app, and unmapped unmaps them.
func (w *world) mapped(app string) {
	w.Helper()
	for _, route := range w.blue().Routes {
		w.ok(w.cf.Routes.Map(w.ctx, route.GUID, app))
	}
}

func (w *world) unmapped(app string) {
	w.Helper()
	for _, route := range w.blue().Routes {
		w.ok(w.cf.Routes.Unmap(w.ctx, route.GUID, app))
	}
}

// released makes by hand what a release leaves, an app that runs nowhere; with its
// green deleted.
func (w *world) released() string {
	w.Helper()
	app := w.leftGreen(inProgress)
	w.ok(w.cf.Apps.Delete(w.ctx, w.green.GUID))
	w.ok(w.cf.Apps.Rename(w.ctx, app, liveApp))
	return app
}

// leftGreen puts an app in green's place, and leaves green.
func (w *world) leftGreen(name string) string {
	w.Helper()
	app := w.app(name)
	w.mapped(app)
	w.unmapped(w.green.GUID)
	return app
}

// deployed runs the release pipeline.
func (w *world) deployed() string {
	w.Helper()
	w.ok(rig.Control{URL: w.box.Addresses().Control}.Deploy(w.ctx, rig.Deployment{Image: nextImage}))
	return must(w.cf.Apps.ByName(w.ctx, liveApp))(w).GUID
}

// try runs a task as the runner does: with the right to write only where it says that
// it changes something.
func (w *world) try(t runner.Task) (*runner.Observation, error) {
	ctx := w.ctx
	if t.Effect == runner.Proves {
		ctx = httpclient.WithoutPermit(ctx)
	}
	o := new(runner.Observation)
	return o, t.Do(ctx, o)
}

// outcome is how a task ended, for comparing, with GUID for each GUID and ID for the
// run's id.
type outcome struct {
	Said, Error string
	Class       runner.Class
	Final       bool
}

func (w *world) outcome(o *runner.Observation, err error) outcome {
	plain := func(text string) string {
		text = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(text, "GUID")
		if id := w.run.ID(); id != "" {
			text = strings.ReplaceAll(text, id, "ID")
		}
		return text
	}
	out := outcome{Said: plain(o.Said()), Class: runner.ClassOf(err), Final: runner.IsFinal(err)}
	if err != nil {
		out.Error = plain(err.Error())
	}
	return out
}

// taskNames are the names of tasks.
func taskNames(tasks []runner.Task) []string {
	var all []string
	for _, one := range tasks {
		all = append(all, one.Name)
	}
	return all
}
