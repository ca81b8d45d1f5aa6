package backing_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// milestones are those that the tests record, with names of stages.
func milestones() map[upgrade.Milestone]string {
	return map[upgrade.Milestone]string{
		upgrade.Begun: "check", upgrade.ServiceCreated: "create-service", upgrade.GreenBuilt: "push-app",
		upgrade.NamesFinal: "rename-new-app", upgrade.BlueRemoved: "remove-old-app", upgrade.Ended: "remove-old-service",
	}
}

// world is a sandbox in which a run has begun.
type world struct {
	*testing.T
	ctx      context.Context
	box      *sandbox.Sandbox
	cf       *cloudfoundry.Client
	run      *upgrade.Run
	services *backing.Services
	creation *backing.Creation
	variable *backing.Variable
	renaming *backing.Renaming
	removal  *backing.Removal
}

func newWorld(t *testing.T) *world {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Documents: 1, Briefs: 1, Pace: sandbox.PaceInstant})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	env := box.Env()
	w := &world{T: t, box: box, ctx: httpclient.WithPermit(t.Context(), func(context.Context) error { return nil })}
	w.cf = must(cloudfoundry.Open(t.Context(), cloudfoundry.Settings{
		API: env["CF_API"], Org: env["CF_ORG"], Space: env["CF_SPACE"], Username: env["CF_USERNAME"], Password: environ.Secret(env["CF_PASSWORD"]),
	}, cloudfoundry.Options{Poll: 5 * time.Millisecond}))(w)
	w.run = upgrade.NewRun(upgrade.RunOptions{Journal: journal.New(journal.On(w.cf), "search-api"), Platform: w.cf, Milestones: milestones()})
	pair := &upgrade.Pair{Platform: w.cf, Run: w.run, NewApp: "elasticsearch-migration", OldApp: "search-api-old"}
	called := names.New(w.cf)
	w.services = &backing.Services{Live: &upgrade.Live{Pair: pair}, Of: bluegreen.Names{
		Service: "search_api_elasticsearch", OldService: "search_api_elasticsearch_old", NewService: "search_api_elasticsearch_new",
		ReleasedService: "search_api_elasticsearch_released", ServiceVariable: "DM_ELASTICSEARCH_SERVICE_NAME",
	}}
	w.creation = &backing.Creation{Services: w.services, Names: called, Offering: "elasticsearch", Plan: env["SERVICE_PLAN"], Timeout: time.Minute}
	w.variable = &backing.Variable{Services: w.services, Names: called}
	w.renaming = &backing.Renaming{Variable: w.variable}
	w.removal = &backing.Removal{Services: w.services, Names: called, Timeout: time.Minute}

	b := must(upgrade.FindBlue(w.ctx, w.cf, "search-api", "dm-search-api-preview.cloudapps.digital"))(w)
	w.ok(backing.FindBlue(w.ctx, w.cf, "search_api_elasticsearch", &b))
	w.ok(w.run.Begin(w.ctx, must(w.run.New("1.0.0", b, nil))(w)))
	return w
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

// try runs a task as the runner does: with the right to write only where it says that
// it changes something, and again until its wait is over.
func (w *world) try(t runner.Task) (*runner.Observation, error) {
	ctx := httpclient.WithoutPermit(w.ctx)
	if t.Effect != runner.Proves {
		ctx = w.ctx
	}
	for began := time.Now(); ; {
		o := &runner.Observation{}
		err := t.Do(ctx, o)
		if err == nil || t.Wait == 0 || runner.IsFinal(err) || runner.ClassOf(err) >= runner.Refused || time.Since(began) > t.Wait {
			return o, err
		}
		<-time.After(5 * time.Millisecond)
	}
}

// apply runs tasks in their order.
func (w *world) apply(tasks []runner.Task, err error) {
	w.Helper()
	w.ok(err)
	for _, t := range tasks {
		if _, err := w.try(t); err != nil {
			w.Fatalf("%s: %s", t.Name, err)
		}
	}
}

// planned compares the names of tasks.
func (w *world) planned(want ...string) func([]runner.Task, error) {
	return func(tasks []runner.Task, err error) {
		w.Helper()
		w.ok(err)
		var got []string
		for _, t := range tasks {
			got = append(got, t.Name)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			w.Errorf("planned is %q, not %q", got, want)
		}
	}
}

// refused expects an error that leaves everything as it is, and says so.
func (w *world) refused(err error, words string) {
	w.Helper()
	if runner.ClassOf(err) != runner.Refused || !strings.Contains(err.Error(), words) {
		w.Errorf("it is not refused with %q: %v", words, err)
	}
}

func (w *world) notYet(err error, stage string) {
	w.Helper()
	var notYet *runner.NotYet
	if !errors.As(err, &notYet) || notYet.Stage != stage {
		w.Errorf("it does not wait for %s: %v", stage, err)
	}
}

// stays expects an undo that leaves an object to somebody else.
func (w *world) stays(err error, words string) {
	w.Helper()
	var why *runner.Irreversible
	if !errors.As(err, &why) || !strings.Contains(why.Why, words) {
		w.Errorf("it is not left with %q: %v", words, err)
	}
}

// reached records that milestones are reached, an hour ago.
func (w *world) reached(all ...upgrade.Milestone) {
	w.Helper()
	at := time.Now().Add(-time.Hour)
	for _, m := range all {
		w.ok(w.run.Complete(w.ctx, milestones()[m], runner.Completion{Verdict: runner.Done, Started: at, Ended: at}))
	}
}

// brokerFails makes the next creation of a service fail.
func (w *world) brokerFails(words string) {
	w.Helper()
	resp := must(http.Post(w.box.ControlURL+"/_sandbox/engine", "application/json", strings.NewReader(`{"fail_next_creation": "`+words+`"}`)))(w)
	w.ok(resp.Body.Close())
}

func (w *world) created() *cloudfoundry.ServiceInstance {
	w.Helper()
	w.apply(w.creation.Tasks(w.ctx))
	w.apply([]runner.Task{w.creation.Ready()}, nil)
	return must(w.services.New(w.ctx))(w)
}

// app makes an app that is bound to a service.
func (w *world) app(name, service string, labels map[string]string) *cloudfoundry.App {
	w.Helper()
	app := must(w.cf.Apps.Create(w.ctx, name, labels))(w)
	must(w.cf.Services.Bind(w.ctx, app.GUID, service, "", nil))(w)
	return app
}

func (w *world) blue() upgrade.Blue {
	w.Helper()
	return must(w.run.Blue())(w)
}

// servedBy maps the live routes to one app alone.
func (w *world) servedBy(app *cloudfoundry.App) {
	w.Helper()
	b := w.blue()
	for _, route := range b.Routes {
		w.ok(w.cf.Routes.Map(w.ctx, route.GUID, app.GUID))
		w.ok(w.cf.Routes.Unmap(w.ctx, route.GUID, b.App))
	}
}
