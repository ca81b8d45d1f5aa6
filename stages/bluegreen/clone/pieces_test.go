package clone_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/sandbox"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// task finds a planned task by its name.
func (w *world) task(name string) runner.Task {
	w.Helper()
	tasks := must(w.green.Tasks(w.ctx))(w)
	at := slices.IndexFunc(tasks, func(t runner.Task) bool { return t.Name == name })
	if at < 0 {
		w.Fatalf("there is no task %q among %d", name, len(tasks))
	}
	return tasks[at]
}

// parametersOf are those of an app's binding to a service.
func (w *world) parametersOf(app, service string) string {
	w.Helper()
	bound := must(w.cf.Services.Bindings(w.ctx, cloudfoundry.BindingFilter{App: app, Instance: service}))(w)
	if len(bound) != 1 {
		w.Fatalf("there are %d bindings", len(bound))
	}
	return string(must(w.cf.Services.BindingParameters(w.ctx, bound[0].GUID))(w))
}

// rebind binds blue to a service again, under a name and with parameters.
func (w *world) rebind(service, name, parameters string) {
	w.Helper()
	app := w.blue().App
	for _, b := range must(w.cf.Services.Bindings(w.ctx, cloudfoundry.BindingFilter{App: app, Instance: service}))(w) {
		w.ok(w.cf.Services.Unbind(w.ctx, b.GUID))
	}
	must(w.cf.Services.Bind(w.ctx, app, service, name, json.RawMessage(parameters)))(w)
}

// Parameters of bindings go to green, and from there back to a blue that is rebuilt.
func TestParametersOfBindingsAreCopied(t *testing.T) {
	w := newWorld(t)
	plan := must(w.cf.Services.PlanByName(w.ctx, "elasticsearch", "tiny-7.x"))(w)
	other := must(w.cf.Services.CreateServiceInstance(w.ctx, "logs", plan.GUID, nil, nil))(w).GUID
	must(w.cf.Services.AwaitServiceInstance(w.ctx, other))(w)
	w.rebind(w.blue().Service, "", `{"role":"writer"}`)
	w.rebind(other, "", `{"role":"reader"}`)
	w.deleted()
	w.apply(w.rebuild.Tasks(w.ctx, w.blue()))

	green, service := must(w.pair.NeedGreen(w.ctx))(w).GUID, must(w.greensService(w.ctx))(w).GUID
	for _, is := range []struct{ app, service, want string }{
		{green, service, "writer"}, {green, other, "reader"}, {w.blue().App, w.blue().Service, "writer"}, {w.blue().App, other, "reader"},
	} {
		if have := w.parametersOf(is.app, is.service); !strings.Contains(have, is.want) {
			t.Errorf("parameters are %s, not those of a %s", have, is.want)
		}
	}
}

// hiddenParameters is an offering that does not show the parameters of its bindings.
func hiddenParameters() faults.Fault {
	return faults.Fault{
		Path: "/parameters$", Kind: faults.ErrorBefore, Status: 400,
		Body: `{"errors": [{"code": 90007, "title": "CF-ServiceFetchBindingParametersNotSupported", "detail": "not supported"}]}`,
	}
}

// Parameters that the platform does not show are refused by the service's name, unless
// somebody vouches for it that there are none.
func TestHiddenParametersAreRefused(t *testing.T) {
	w := newWorld(t)
	must(w.box.Faults().Add(hiddenParameters()))(w)
	_, err := w.green.Tasks(w.ctx)
	w.refused(err, "the binding to "+replacedName)
	_, err = w.try(w.green.Copyable())
	w.refused(err, "NO_PARAMETERS")
	w.green.Source.NoParameters = []string{replacedName}
	w.built()
}

// The answer to a manifest may be lost, though the app became what it says.
func TestAManifestWhoseAnswerIsLost(t *testing.T) {
	w := newWorld(t)
	tasks := must(w.green.Tasks(w.ctx))(w)
	at := slices.IndexFunc(tasks, func(t runner.Task) bool { return t.Name == "apply the manifest" })
	w.apply(tasks[:at], nil)
	must(w.box.Faults().Add(faults.Fault{Method: "POST", Path: "/apply_manifest$", Kind: faults.ErrorAfter, Status: 502, N: 1}))(w)
	if _, err := w.try(tasks[at]); runner.ClassOf(err) != runner.Unavailable {
		t.Errorf("its answer was lost: %v", err)
	}
	for _, left := range must(w.green.Tasks(w.ctx))(w) {
		if left.Name == tasks[at].Name {
			t.Error("it is applied, and planned again")
		}
	}

	w = newWorld(t)
	w.apply(w.green.Tasks(w.ctx))
	name := "somebody"
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, must(w.pair.NeedGreen(w.ctx))(w).GUID, map[string]*string{"DM_ENVIRONMENT": &name}))
	must(w.box.Faults().Add(faults.Fault{Method: "POST", Path: "/apply_manifest$", Kind: faults.ErrorBefore, Status: 502}))(w)
	if _, err := w.try(w.task("apply the manifest")); runner.ClassOf(err) != runner.Unavailable {
		t.Errorf("a manifest that was not applied: %v", err)
	}
}

// A package that is there is used; one whose staging fails, as after a password was
// changed, is made again.
func TestStagingGoesOnWithAPackage(t *testing.T) {
	w := newWorld(t)
	stage := w.task("stage the image of the release")
	w.apply([]runner.Task{w.task("create app elasticsearch-migration")}, nil)
	green := must(w.pair.NeedGreen(w.ctx))(w).GUID
	packages := func() int { return len(must(w.cf.Apps.DockerPackages(w.ctx, green))(w)) }

	password := w.apps.DockerPassword
	w.apps.DockerPassword = "of last year"
	if _, err := w.try(stage); err == nil || !strings.Contains(err.Error(), "staging failed") {
		t.Errorf("with a wrong password: %v", err)
	}
	w.apps.DockerPassword = password
	w.apply([]runner.Task{stage}, nil)
	if n := packages(); n != 2 {
		t.Errorf("there are %d packages, of which one could not be staged", n)
	}
	if droplet := must(w.cf.Apps.CurrentDroplet(w.ctx, green))(w); droplet == nil || droplet.Image != newImage {
		t.Errorf("the droplet is %+v", droplet)
	}
	w.apply([]runner.Task{stage}, nil)
	if n := packages(); n != 2 {
		t.Errorf("there are %d packages after it was staged again", n)
	}
}

// An instance that has crashed is not made of what the app is made of by now: the
// app is started again.
func TestACrashedGreenIsStartedAgain(t *testing.T) {
	w := newWorldAt(t, sandbox.PaceQuick)
	green := w.built()
	wrong, right := "no_such_service", replacedName
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, green.GUID, map[string]*string{variable: &wrong}))
	w.apply([]runner.Task{w.apps.Stop(green)}, nil)
	w.apps.StartTimeout = time.Second
	start := w.apps.StartBlue(green)
	w.apply(start[:1], nil)
	if o, err := w.try(start[1]); err == nil || !strings.Contains(o.Detailed(), wrong) {
		t.Errorf("it runs, or its last lines are not shown: %q, %v", o.Detailed(), err)
	}
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, green.GUID, map[string]*string{variable: &right}))
	w.apps.StartTimeout = 10 * time.Second

	// The platform starts it over and over, so that it is not always seen as crashed.
	var tasks []runner.Task
	w.apply([]runner.Task{{Wait: 10 * time.Second, Do: func(context.Context, *runner.Observation) error {
		if tasks = must(w.green.Tasks(w.ctx))(w); len(tasks) == 0 {
			return errors.New("nothing is planned")
		}
		return nil
	}}}, nil)
	w.planned("stop app elasticsearch-migration", "start app elasticsearch-migration")(tasks, nil)
	w.apply(tasks, nil)
	w.routable(green.GUID, 2)
}
