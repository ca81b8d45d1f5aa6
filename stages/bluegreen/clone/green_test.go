package clone_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/test/sandbox"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// Green is blue with another image and service; made once, nothing is missing, and
// undone, nothing is left.
func TestGreenIsMadeWhole(t *testing.T) {
	w := newWorld(t)
	b := w.blue()
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, b.App, map[string]*string{variable: nil}))
	blue := w.madeOf(b.App)
	if o, err := w.try(w.green.Copyable()); err != nil || !strings.HasSuffix(o.Said(), "search_api_elasticsearch_new; 1 network policy") {
		t.Errorf("blue can be copied: %q, %v", o.Said(), err)
	}
	green := w.built()
	w.routable(green.GUID, b.Instances)

	service := must(w.greensService(w.ctx))(w)
	if diff := cmp.Diff(blue.asGreen(b.Service, service.GUID), w.madeOf(green.GUID)); diff != "" {
		t.Error(diff)
	}
	route := must(w.cf.Routes.ByAddress(w.ctx, temporaryRoute))(w)
	if route == nil || !route.Reaches(green.GUID) || !w.run.Owns(route.Metadata) {
		t.Errorf("the temporary route is %+v", route)
	}
	if green.Name != "elasticsearch-migration" || green.Labels[upgrade.RoleLabel] != upgrade.RoleGreen {
		t.Errorf("green is %+v", green)
	}
	w.planned()(w.green.Tasks(w.ctx))
	if diff := cmp.Diff(blue, w.madeOf(b.App)); diff != "" {
		t.Errorf("blue has changed: %s", diff)
	}

	w.apply(w.green.Undo(w.ctx))
	if app := must(w.pair.Green(w.ctx))(w); app != nil {
		t.Errorf("after undo there is %+v", app)
	}
	if route := must(w.cf.Routes.ByAddress(w.ctx, temporaryRoute))(w); route != nil {
		t.Errorf("after undo there is %+v", route)
	}
	w.planned()(w.green.Undo(w.ctx))
}

// A process that is killed after any of the tasks leaves a green that the next one
// completes.
func TestGreenIsCompletedAfterEachOfItsTasks(t *testing.T) {
	w := newWorld(t)
	all := must(w.green.Tasks(w.ctx))(w)
	for done := range all {
		w.apply(all[done:done+1], nil)
		rest := must(w.green.Tasks(w.ctx))(w)
		if len(rest) != len(all)-done-1 {
			t.Errorf("after %q there are %d tasks left, of %d", all[done].Name, len(rest), len(all)-done-1)
		}
	}
}

// What was taken from green is made again, and green is started with it.
func TestAMissingPieceIsMadeAgain(t *testing.T) {
	const stop, start = "stop app elasticsearch-migration", "start app elasticsearch-migration"
	for name, piece := range map[string]struct {
		remove func(w *world, green string)
		tasks  []string
	}{
		"a binding": {func(w *world, green string) {
			service := must(w.greensService(w.ctx))(w)
			bound := must(w.cf.Services.Bindings(w.ctx, cloudfoundry.BindingFilter{App: green, Instance: service.GUID}))(w)
			w.ok(w.cf.Services.Unbind(w.ctx, bound[0].GUID))
		}, []string{"bind service search_api_elasticsearch_new", stop, start}},
		"a variable": {func(w *world, green string) {
			w.ok(w.cf.Apps.SetEnvironment(w.ctx, green, map[string]*string{"DM_ENVIRONMENT": nil}))
		}, []string{"apply the manifest", stop, start}},
		"the route": {func(w *world, _ string) {
			w.ok(w.cf.Routes.Delete(w.ctx, must(w.cf.Routes.ByAddress(w.ctx, temporaryRoute))(w).GUID))
		}, []string{"create route " + temporaryRoute, "apply the manifest", stop, start}},
		"the image": {func(w *world, green string) {
			w.ok(w.run.Set(w.ctx, upgrade.FactImage, "digitalmarketplace/search-api:release-1236"))
		}, []string{"stage the image of the release", stop, start}},
		"the start": {func(w *world, green string) {
			w.ok(w.cf.Apps.Stop(w.ctx, green))
		}, []string{start}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			green := w.built().GUID
			w.routable(green, 2)
			piece.remove(w, green)
			w.planned(piece.tasks...)(w.green.Tasks(w.ctx))
			w.apply(w.green.Tasks(w.ctx))
			w.planned()(w.green.Tasks(w.ctx))
			w.routable(green, 2)
		})
	}
}

// An app or a route of somebody else is not taken for green's, nor deleted.
func TestAStrangerIsRefused(t *testing.T) {
	t.Run("an app", func(t *testing.T) {
		w := newWorld(t)
		must(w.cf.Apps.Create(w.ctx, "elasticsearch-migration", nil))(w)
		_, err := w.green.Tasks(w.ctx)
		w.refused(err, "app elasticsearch-migration exists and was not made by this run")
		w.planned()(w.green.Undo(w.ctx))
	})
	t.Run("a route", func(t *testing.T) {
		w := newWorld(t)
		must(w.cf.Routes.Create(w.ctx, temporaryRoute, map[string]string{cloudfoundry.RunLabel: "another"}))(w)
		_, err := w.green.Tasks(w.ctx)
		w.refused(err, "run another made it")
		w.planned()(w.green.Undo(w.ctx))
	})
}

// Without a backing service blue's services are copied as they are, and no variable is set.
func TestGreenOfARunbookWithoutABackingService(t *testing.T) {
	w := newWorld(t)
	b := w.blue()
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, b.App, map[string]*string{variable: nil}))
	b.Service, b.ServiceName = "", ""
	w.ok(w.run.SetBlue(w.ctx, b))
	w.green.Replaced = nil
	blue := w.madeOf(b.App)
	blue.Image = newImage
	if diff := cmp.Diff(blue, w.madeOf(w.built().GUID)); diff != "" {
		t.Error(diff)
	}
	w.planned()(w.green.Tasks(w.ctx))
}

// Before green's service is there a plan can be made, so that a dry run shows it; a
// green that is there already needs it to know what it is bound to.
func TestGreensServiceMayBeMissingInAPlan(t *testing.T) {
	w := newWorld(t)
	missing := errors.New("there is no service yet")
	w.green.Replaced.Ready = func(context.Context) (*cloudfoundry.ServiceInstance, error) { return nil, missing }
	tasks := must(w.green.Tasks(w.ctx))(w)
	if !slices.ContainsFunc(tasks, func(t runner.Task) bool { return t.Name == "bind service search_api_elasticsearch_new" }) {
		t.Errorf("the plan has no binding to it: %d tasks", len(tasks))
	}
	w.apply(tasks[:1], nil)
	if _, err := w.green.Tasks(w.ctx); !errors.Is(err, missing) {
		t.Errorf("of a green that is there: %v", err)
	}
}

// The live routes are what people reach: nothing that is on one is deleted.
func TestAnAppOnALiveRouteIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	green := w.built()
	w.servedByGreen(green)
	_, err := w.try(w.apps.Delete(green))
	w.refused(err, "is on the live route "+liveRoute)

	app := must(w.cf.Apps.Create(w.ctx, "other", nil))(w)
	other := must(w.cf.Routes.Create(w.ctx, "dm-other-preview.cloudapps.digital", nil))(w)
	w.ok(w.cf.Routes.Map(w.ctx, other.GUID, app.GUID))
	_, err = w.try(w.apps.DeleteUnmapped(app))
	w.refused(err, "it is in use")
	w.apply([]runner.Task{w.apps.Delete(app)}, nil)
	if app := must(w.cf.Apps.ByName(w.ctx, "other"))(w); app != nil {
		t.Errorf("there is %+v", app)
	}
}

// A temporary route that leads to somebody else's app by now is left.
func TestARouteInUseIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	w.built()
	route := must(w.cf.Routes.ByAddress(w.ctx, temporaryRoute))(w)
	app := must(w.cf.Apps.Create(w.ctx, "other", nil))(w)
	w.ok(w.cf.Routes.Map(w.ctx, route.GUID, app.GUID))
	_, err := w.try(w.green.DeleteRoute(route))
	w.refused(err, "leads to another app as well")
	w.ok(w.cf.Routes.Unmap(w.ctx, route.GUID, app.GUID))
	w.apply([]runner.Task{w.green.DeleteRoute(route), w.green.DeleteRoute(route)}, nil)
}

// The values of blue's secrets are made known to the redactor, each part of them.
func TestSecretsOfBlueAreRedacted(t *testing.T) {
	w := newWorld(t)
	must(w.green.Source.Manifest(w.ctx))(w)
	env := must(w.cf.Apps.Environment(w.ctx, w.blue().App))(w).User
	want := append(strings.Split(env["DM_SEARCH_API_AUTH_TOKENS"], ":"), env["AWS_SECRET_ACCESS_KEY"])
	for _, secret := range want {
		if !slices.Contains(w.secrets, secret) {
			t.Errorf("%q is not redacted", secret)
		}
	}
	for _, plain := range []string{env["DM_ENVIRONMENT"], env["DM_APP_NAME"], env["METRICS_BASIC_AUTH"]} {
		if slices.Contains(w.secrets, plain) {
			t.Errorf("%q is redacted, and says nothing", plain)
		}
	}
}

// Blue may carry labels of an earlier run, or have no route at the moment: neither is
// for green.
func TestWhatIsNotCopied(t *testing.T) {
	w := newWorld(t)
	b, earlier := w.blue(), "earlier"
	w.ok(w.cf.Space.SetMetadata(w.ctx, cloudfoundry.AppKind, b.App, map[string]*string{upgrade.RoleLabel: &earlier, "team": &earlier}, nil))
	text := strings.Replace(string(must(w.cf.Apps.Manifest(w.ctx, b.App))(w)), "lifecycle:", "no-route: true\n      random-route: true\n      lifecycle:", 1)
	must(w.box.Faults().Add(faults.Fault{Path: b.App + "/manifest$", Kind: faults.ErrorBefore, Status: 200, Body: text}))(w)

	m, _, err := w.green.Manifest(w.ctx)
	w.ok(err)
	made := string(must(m.Bytes())(w))
	for _, not := range []string{upgrade.RoleLabel, "no-route", "random-route", liveRoute} {
		if strings.Contains(made, not) {
			t.Errorf("green has blue's %s: %s", not, made)
		}
	}
	if !strings.Contains(made, "team: earlier") || !strings.Contains(made, temporaryRoute) {
		t.Errorf("green lacks a label of blue, or its route: %s", made)
	}
}

// An app is deleted only after its instances have ended.
func TestAnAppIsStoppedWhenNothingOfItRuns(t *testing.T) {
	w := newWorldAt(t, sandbox.PaceQuick)
	_, app, err := w.pair.NeedBlue(w.ctx)
	w.ok(err)
	w.apply([]runner.Task{w.apps.Stop(app)}, nil)
	for _, i := range must(w.cf.Apps.Instances(w.ctx, app.GUID))(w) {
		if i.State != "DOWN" {
			t.Errorf("instance %d is %s", i.Index, i.State)
		}
	}
	w.apply([]runner.Task{w.apps.Stop(app)}, nil)
}
