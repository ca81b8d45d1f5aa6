package upgrade_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

const (
	liveApp   = "search-api"
	greenApp  = "elasticsearch-migration"
	liveRoute = "dm-search-api-preview.cloudapps.digital"
)

// world is a sandbox whose live app has two live routes. No stage runs there: a test
// makes what stages and releases would make, and records the milestones.
type world struct {
	*testing.T
	ctx  context.Context
	env  map[string]string
	cf   *cloudfoundry.Client
	run  *upgrade.Run
	live *upgrade.Live
}

func newWorld(t *testing.T) *world {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Documents: 1, Briefs: 1, Pace: sandbox.PaceInstant})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	env := box.Env()
	w := &world{T: t, ctx: httpclient.WithPermit(t.Context(), func(context.Context) error { return nil }), env: env}
	w.cf, err = cloudfoundry.Open(w.ctx, cloudfoundry.Settings{
		API: env["CF_API"], Org: env["CF_ORG"], Space: env["CF_SPACE"], Username: env["CF_USERNAME"], Password: environ.Secret(env["CF_PASSWORD"]),
	}, cloudfoundry.Options{Poll: 5 * time.Millisecond})
	w.ok(err)
	w.run = w.process(nil, false)
	w.live = &upgrade.Live{Pair: &upgrade.Pair{Platform: w.cf, Run: w.run, NewApp: greenApp, OldApp: "search-api-old"}}
	return w
}

// begun is a world in which a run has begun.
func begun(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.ok(w.run.Begin(w.ctx, w.record(w.run)))
	return w
}

// process is a run as another process has it, which has not read it yet.
func (w *world) process(settings map[string]string, dryRun bool) *upgrade.Run {
	milestones := map[upgrade.Milestone]string{
		upgrade.Begun: "check", upgrade.GreenBuilt: "push", upgrade.OnLiveRoutes: "map", upgrade.BlueOff: "unmap", upgrade.NamesFinal: "rename",
	}
	return upgrade.NewRun(upgrade.RunOptions{
		Journal: journal.New(journal.On(w.cf), liveApp), Platform: w.cf, Settings: settings, Milestones: milestones, DryRun: dryRun,
	})
}

// record is the record of a run that begins now.
func (w *world) record(run *upgrade.Run) *journal.Run {
	w.Helper()
	b := must(upgrade.FindBlue(w.ctx, w.cf, liveApp, liveRoute))(w)
	return must(run.New("1.0.0", b, nil))(w)
}

// reached records milestones' stages as complete.
func (w *world) reached(all ...upgrade.Milestone) {
	w.Helper()
	for _, m := range all {
		w.ok(w.run.Complete(w.ctx, w.run.StageOf(m), runner.Completion{Verdict: runner.Done}))
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

// built makes green, on no route.
func (w *world) built() string {
	w.Helper()
	return must(w.cf.Apps.Create(w.ctx, greenApp, w.run.Labels(upgrade.RoleGreen)))(w).GUID
}

// other makes an app that is not of the run.
func (w *world) other(name string) string {
	w.Helper()
	return must(w.cf.Apps.Create(w.ctx, name, nil))(w).GUID
}

// mapped maps all live routes to apps.
func (w *world) mapped(apps ...string) {
	w.Helper()
	for _, route := range w.blue().Routes {
		for _, app := range apps {
			w.ok(w.cf.Routes.Map(w.ctx, route.GUID, app))
		}
	}
}

// unmapped unmaps all live routes from an app.
func (w *world) unmapped(app string) {
	w.Helper()
	for _, route := range w.blue().Routes {
		w.ok(w.cf.Routes.Unmap(w.ctx, route.GUID, app))
	}
}

// alone makes an app the only one on the live routes.
func (w *world) alone(app string) {
	w.Helper()
	w.mapped(app)
	for _, other := range must(w.live.Apps(w.ctx, w.blue()))(w) {
		if other != app {
			w.unmapped(other)
		}
	}
}

// deleted deletes an app, which unmaps it too.
func (w *world) deleted(app string) {
	w.Helper()
	w.ok(w.cf.Apps.Delete(w.ctx, app))
}

// recorded records an app as the released one.
func (w *world) recorded(app string) {
	w.Helper()
	w.ok(upgrade.SetRelease(w.ctx, w.run, upgrade.Release{GUID: app, Name: liveApp}))
}

// imaged gives an app another image in place, as a release of another kind does.
func (w *world) imaged(app, image string) {
	w.Helper()
	made := must(w.cf.Apps.CreateDockerPackage(w.ctx, app, image, w.env["DOCKER_USERNAME"], environ.Secret(w.env["CF_DOCKER_PASSWORD"])))(w)
	droplet := must(w.cf.Apps.Build(w.ctx, made.GUID))(w)
	w.ok(w.cf.Apps.SetCurrentDroplet(w.ctx, app, droplet.GUID))
}

// try runs a check as the runner does, without the right to write.
func (w *world) try(t runner.Task) (*runner.Observation, error) {
	o := new(runner.Observation)
	return o, t.Do(httpclient.WithoutPermit(w.ctx), o)
}

// outcome is how a check ended, for comparing: what it said, the class of its error,
// its text with GUID for each GUID, and the stage that it waits for.
type outcome struct {
	Said, Error, WaitsFor string
	Class                 runner.Class
}

func outcomeOf(o *runner.Observation, err error) outcome {
	out := outcome{Said: o.Said(), Class: runner.ClassOf(err)}
	if wait, is := errors.AsType[*runner.NotYet](err); is {
		out.WaitsFor, out.Error = wait.Stage, wait.Why
	} else if err != nil {
		out.Error = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(err.Error(), "GUID")
	}
	return out
}

// failed is the outcome of what only returned an error.
func failed(err error) outcome { return outcomeOf(new(runner.Observation), err) }

// withoutID replaces the run's id, which is random, by ID.
func (w *world) withoutID(o outcome) outcome {
	o.Said, o.Error = strings.ReplaceAll(o.Said, w.run.ID(), "ID"), strings.ReplaceAll(o.Error, w.run.ID(), "ID")
	return o
}
