package clone_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// deleted brings a world to where green serves alone, and blue is recorded and deleted.
func (w *world) deleted() {
	w.Helper()
	w.servedByGreen(w.built())
	_, app, err := w.pair.NeedBlue(w.ctx)
	w.ok(err)
	w.apply([]runner.Task{w.rebuild.Record(app), w.apps.Stop(app), w.apps.DeleteUnmapped(app)}, nil)
	if _, app, err := w.pair.Blue(w.ctx); err != nil || app != nil {
		w.Fatalf("blue is still there: %+v, %v", app, err)
	}
}

// Blue, rebuilt after it was deleted, is what it was, on no route.
func TestBlueIsRebuiltAsItWas(t *testing.T) {
	w := newWorld(t)
	notes := must(w.cf.Services.CreateUserProvided(w.ctx, "notes", nil, nil))(w)
	must(w.cf.Services.Bind(w.ctx, w.blue().App, notes.GUID, "diary", nil))(w)
	before, was := w.blue(), w.madeOf(w.blue().App)
	w.deleted()
	o := w.apply(w.rebuild.Tasks(w.ctx, w.blue()))
	if o.Said() != "everything was rebuilt" {
		t.Errorf("it says %q", o.Said())
	}
	_, app, err := w.pair.NeedBlue(w.ctx)
	w.ok(err)
	if app.Name != "search-api-old" || app.GUID == before.App || app.Labels[upgrade.RoleLabel] != upgrade.RoleBlue {
		t.Errorf("blue is %+v", app)
	}
	if diff := cmp.Diff(was, w.madeOf(app.GUID)); diff != "" {
		t.Error(diff)
	}
	if routes := must(w.cf.Routes.OfApp(w.ctx, app.GUID))(w); len(routes) > 0 {
		t.Errorf("it is on %+v", routes)
	}
	after := w.blue()
	if droplet := must(w.cf.Apps.CurrentDroplet(w.ctx, app.GUID))(w); droplet.GUID != after.Droplet {
		t.Errorf("the run records droplet %s, and it has %s", after.Droplet, droplet.GUID)
	}
	after.App, after.Droplet = before.App, before.Droplet
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

// Blue looks for its service by the name that it has at the time.
func TestARebuiltBlueFindsARenamedService(t *testing.T) {
	w := newWorld(t)
	w.ok(w.cf.Services.RenameServiceInstance(w.ctx, w.blue().Service, "search_api_elasticsearch_old"))
	w.deleted()
	w.apply(w.rebuild.Tasks(w.ctx, w.blue()))
	made := w.madeOf(w.blue().App)
	if made.Env[variable] != "search_api_elasticsearch_old" || made.Services[w.blue().Service] != "search_api_elasticsearch_old" {
		t.Errorf("it looks for %s, and is bound as %v", made.Env[variable], made.Services)
	}
}

// A process that is killed after any of the tasks leaves a blue that the next one
// completes: until it runs, it is not recorded as blue.
func TestBlueIsCompletedAfterEachOfItsTasks(t *testing.T) {
	w := newWorld(t)
	w.deleted()
	gone := w.blue()
	all := must(w.rebuild.Tasks(w.ctx, gone))(w)
	last := len(all) - 1
	for done := range all[:last] {
		w.apply(all[done:done+1], nil)
		if w.blue().App != gone.App {
			t.Fatalf("after %q it is recorded as blue", all[done].Name)
		}
	}
	w.planned("every instance of blue runs", "record search-api-old as blue")(w.rebuild.Tasks(w.ctx, gone))
}

// What cannot be had again is left out, and named.
func TestWhatIsLostIsNamed(t *testing.T) {
	w := newWorld(t)
	extra := "blue alone has this"
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, w.blue().App, map[string]*string{"ONLY_BLUE": &extra}))
	gone := must(w.cf.Services.CreateUserProvided(w.ctx, "notes", nil, nil))(w)
	must(w.cf.Services.Bind(w.ctx, w.blue().App, gone.GUID, "", nil))(w)
	w.deleted()
	green := must(w.pair.NeedGreen(w.ctx))(w)
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, green.GUID, map[string]*string{"ONLY_BLUE": nil}))
	for _, b := range must(w.cf.Services.Bindings(w.ctx, cloudfoundry.BindingFilter{Instance: gone.GUID}))(w) {
		w.ok(w.cf.Services.Unbind(w.ctx, b.GUID))
	}
	w.ok(w.cf.Services.DeleteServiceInstance(w.ctx, gone.GUID))

	o := w.apply(w.rebuild.Tasks(w.ctx, w.blue()))
	if want := "left out: variable ONLY_BLUE, which elasticsearch-migration does not have, service notes, which is gone"; o.Said() != want {
		t.Errorf("it says %q, not %q", o.Said(), want)
	}
	if value, set := w.madeOf(w.blue().App).Env["ONLY_BLUE"]; set {
		t.Errorf("blue has it, as %q", value)
	}
}

// The record of blue holds no value of a variable.
func TestTheRecordHoldsNoSecret(t *testing.T) {
	w := newWorld(t)
	env := must(w.cf.Apps.Environment(w.ctx, w.blue().App))(w).User
	_, app, err := w.pair.NeedBlue(w.ctx)
	w.ok(err)
	w.apply([]runner.Task{w.rebuild.Record(app)}, nil)
	record := w.run.Fact(upgrade.FactBlueMadeOf)
	if strings.Contains(record, liveRoute) {
		t.Errorf("the record has a route: %s", record)
	}
	for _, name := range []string{"DM_SEARCH_API_AUTH_TOKENS", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"} {
		if !strings.Contains(record, name) || strings.Contains(record, env[name]) {
			t.Errorf("of %s the record is %s", name, record)
		}
	}
	if w.run.Fact(clone.FactPolicies) == "" {
		t.Error("no network policies are recorded")
	}
}

// However many variables blue has, what it is made of is recorded.
func TestALongRecordFits(t *testing.T) {
	w := newWorld(t)
	for _, letter := range "ABCDEFGHIJKLMNOP" {
		short := "x"
		w.ok(w.cf.Apps.SetEnvironment(w.ctx, w.blue().App, map[string]*string{strings.Repeat(string(letter), 900): &short}))
	}
	_, app, err := w.pair.NeedBlue(w.ctx)
	w.ok(err)
	_, err = w.try(w.rebuild.Record(app))
	w.ok(err)
	if made := w.run.Fact(upgrade.FactBlueMadeOf); len(made) < 14_000 {
		t.Errorf("%d characters are recorded", len(made))
	}
}

// A record that has no room keeps blue from being deleted, but for the last step.
func TestARecordThatDoesNotFit(t *testing.T) {
	w := newWorld(t)
	_, most, err := journal.Size(nil)
	w.ok(err)
	w.ok(w.run.Set(w.ctx, "ballast", strings.Repeat("x", (most-5)*5000)))
	_, app, err := w.pair.NeedBlue(w.ctx)
	w.ok(err)
	if _, err := w.try(w.rebuild.Record(app)); err == nil || !strings.Contains(err.Error(), "REMOVE_OLD_APP=stop") {
		t.Errorf("it is recorded: %v", err)
	}
	if o, err := w.try(w.rebuild.RecordIfItFits(app)); err != nil || !strings.Contains(o.Said(), "not recorded") {
		t.Errorf("it says %q: %v", o.Said(), err)
	}
	if w.run.BlueCanBeRebuilt() {
		t.Error("some of it is recorded")
	}
}

// An app of somebody else has blue's name by now.
func TestAStrangerWithBluesNameIsRefused(t *testing.T) {
	w := newWorld(t)
	w.deleted()
	must(w.cf.Apps.Create(w.ctx, "search-api-old", nil))(w)
	_, err := w.rebuild.Tasks(w.ctx, w.blue())
	w.refused(err, "app search-api-old exists and was not made by this run")
}

// A blue that was only stopped is started again.
func TestBlueIsStartedAgain(t *testing.T) {
	w := newWorld(t)
	_, app, err := w.pair.NeedBlue(w.ctx)
	w.ok(err)
	w.apply([]runner.Task{w.apps.Stop(app)}, nil)
	w.routable(app.GUID, 0)
	if o := w.apply(w.apps.StartBlue(app), nil); o.Said() != "2 of 2 instances" {
		t.Errorf("it says %q", o.Said())
	}
}

// The values of its variables come from the live app, and are made known to the
// redactor before they are used.
func TestBlueIsRebuiltFromTheLiveApp(t *testing.T) {
	w := newWorld(t)
	w.deleted()
	w.secrets = nil
	must(w.rebuild.Tasks(w.ctx, w.blue()))(w)
	green := must(w.pair.NeedGreen(w.ctx))(w)
	if secret := must(w.cf.Apps.Environment(w.ctx, green.GUID))(w).User["AWS_SECRET_ACCESS_KEY"]; !slices.Contains(w.secrets, secret) {
		t.Errorf("%q is not redacted", secret)
	}
	w.ok(w.cf.Apps.Delete(w.ctx, green.GUID))
	_, err := w.rebuild.Tasks(w.ctx, w.blue())
	w.refused(err, "there is no app of the run from which blue could get its variables")
}

// NO_PARAMETERS names the replaced service as it was when the run began.
func TestAVouchedServiceMayBeRenamed(t *testing.T) {
	w := newWorld(t)
	w.ok(w.cf.Services.RenameServiceInstance(w.ctx, w.blue().Service, "search_api_elasticsearch_old"))
	w.deleted()
	must(w.box.Faults().Add(hiddenParameters()))(w)
	_, err := w.rebuild.Tasks(w.ctx, w.blue())
	w.refused(err, "the binding to "+replacedName+",")
	w.rebuild.Source.NoParameters = []string{replacedName}
	w.apply(w.rebuild.Tasks(w.ctx, w.blue()))
}

// A binding with a name of its own is bound under it again, and looked for by it.
func TestARebuiltBlueHasItsBindingsName(t *testing.T) {
	w := newWorld(t)
	b, name := w.blue(), "elasticsearch"
	w.rebind(b.Service, name, "")
	b.BindingName = name
	w.ok(w.run.SetBlue(w.ctx, b))
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, b.App, map[string]*string{variable: &name}))
	w.ok(w.cf.Services.RenameServiceInstance(w.ctx, b.Service, "search_api_elasticsearch_old"))
	w.deleted()
	w.apply(w.rebuild.Tasks(w.ctx, b))
	if made := w.madeOf(w.blue().App); made.Env[variable] != name || made.Services[b.Service] != name {
		t.Errorf("it looks for %s, and is bound as %v", made.Env[variable], made.Services)
	}
}
