package backing_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const variable = "DM_ELASTICSEARCH_SERVICE_NAME"

// rename gives blue's service its old name and green's the final one.
func (w *world) rename() ([]runner.Task, error) {
	b, app, instance, err := w.services.NeedBlue(w.ctx)
	w.ok(err)
	w.apply(w.renaming.Blue(w.ctx, b, app, instance))
	_, tasks, err := w.renaming.New(w.ctx)
	return tasks, err
}

// Blue's variable follows its service's name, so that blue can be started again, and
// comes back with it.
func TestBluesVariableFollowsItsServicesName(t *testing.T) {
	for name, before := range map[string]*string{"not set": nil, "set": ptr("search_api_elasticsearch"), "set to another": ptr("an_alias")} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.blue()
			w.ok(w.cf.Apps.SetEnvironment(w.ctx, b.App, map[string]*string{variable: before}))
			_, app, instance, err := w.services.NeedBlue(w.ctx)
			w.ok(err)
			want := []string{"record what " + variable + " of search-api was", "set " + variable + " of search-api", "rename service search_api_elasticsearch to search_api_elasticsearch_old"}
			w.planned(want...)(w.renaming.Blue(w.ctx, b, app, instance))

			w.apply(w.renaming.Blue(w.ctx, b, app, instance))
			_, _, now, err := w.services.NeedBlue(w.ctx)
			w.ok(err)
			w.planned()(w.renaming.Blue(w.ctx, b, app, now))
			w.ok(backing.Renamed(&runner.Observation{}, now, "search_api_elasticsearch_old", instance.Tags))
			if name := must(w.variable.Finds(w.ctx, b.App, b.Service))(w); name != "search_api_elasticsearch_old" {
				t.Errorf("blue finds it as %s", name)
			}
			if _, was, err := (backing.Reader{Services: w.services}).VariableBefore(); err != nil || !same(was, before) {
				t.Errorf("recorded is %v: %v", was, err)
			}

			w.apply(w.renaming.UndoBlue(w.ctx))
			w.planned()(w.renaming.UndoBlue(w.ctx))
			if now, set := must(w.cf.Apps.Environment(w.ctx, b.App))(w).User[variable]; set != (before != nil) || set && now != *before {
				t.Errorf("after undo the variable is %q, set %t", now, set)
			}
			if _, now, err := w.services.Blue(w.ctx); err != nil || now.Name != "search_api_elasticsearch" {
				t.Errorf("after undo the service is %+v: %v", now, err)
			}
			if w.run.Fact(backing.FactVariable) != "" {
				t.Error("after undo the record is still there")
			}
		})
	}
}

func ptr(text string) *string { return &text }

func same(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// A process that was killed after it set the variable has recorded what it was; the
// next one must not record what that made of it.
func TestTheVariableIsRecordedOnce(t *testing.T) {
	w := newWorld(t)
	_, app, instance, err := w.services.NeedBlue(w.ctx)
	w.ok(err)
	tasks := must(w.renaming.Blue(w.ctx, w.blue(), app, instance))(w)
	w.apply(tasks[:1], nil)
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, app.GUID, map[string]*string{variable: ptr("half_way")}))
	w.apply(w.renaming.Blue(w.ctx, w.blue(), app, instance))
	if was := must(backing.Recorded(w.run))(w); was == nil || was.Value != nil {
		t.Errorf("recorded is %v, and it was not set", was)
	}
}

// A binding with a name of its own never changes, whatever its service is called.
func TestABindingWithANameNeedsNoVariable(t *testing.T) {
	w := newWorld(t)
	_, app, instance, err := w.services.NeedBlue(w.ctx)
	w.ok(err)
	b := w.blue()
	b.BindingName = "elasticsearch"
	w.planned("rename service search_api_elasticsearch to search_api_elasticsearch_old")(w.renaming.Blue(w.ctx, b, app, instance))
}

// An app that would look for a name that its service does not have is named, with the
// command that mends it.
func TestAnAppThatWouldNotFindItsService(t *testing.T) {
	w := newWorld(t)
	b := w.blue()
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, b.App, map[string]*string{variable: ptr("somewhere_else")}))
	_, err := w.variable.Finds(w.ctx, b.App, b.Service)
	if !runner.IsFinal(err) || !strings.Contains(err.Error(), "cf set-env search-api "+variable+" search_api_elasticsearch") {
		t.Errorf("it is %v", err)
	}
	if _, err := w.variable.Finds(w.ctx, b.App, w.created().GUID); !runner.IsFinal(err) || !strings.Contains(err.Error(), "not bound") {
		t.Errorf("of another service it is %v", err)
	}
}

// A service that somebody renamed is not renamed again.
func TestARenamedServiceIsRefused(t *testing.T) {
	w := newWorld(t)
	w.ok(w.cf.Services.RenameServiceInstance(w.ctx, w.blue().Service, "mine"))
	_, app, instance, err := w.services.NeedBlue(w.ctx)
	w.ok(err)
	_, err = w.renaming.Blue(w.ctx, w.blue(), app, instance)
	w.refused(err, "cf rename-service mine search_api_elasticsearch")
}

// Green's service gets the final name once blue's has another, and its first one back.
func TestGreensServiceGetsTheFinalName(t *testing.T) {
	w := newWorld(t)
	instance := w.created()
	w.apply(w.rename())
	if now, tasks, err := w.renaming.New(w.ctx); err != nil || len(tasks) > 0 || now.Name != "search_api_elasticsearch" {
		t.Errorf("it is %+v, with %d tasks: %v", now, len(tasks), err)
	}
	green := must(w.cf.Apps.Create(w.ctx, "elasticsearch-migration", w.run.Labels(upgrade.RoleGreen)))(w)
	must(w.cf.Services.Bind(w.ctx, green.GUID, instance.GUID, "search_api_elasticsearch", nil))(w)
	w.ok(w.renaming.GreenFinds(w.ctx, &runner.Observation{}))
	w.ok(w.renaming.BlueFinds(w.ctx, &runner.Observation{}))

	w.apply(w.renaming.UndoNew(w.ctx))
	w.planned()(w.renaming.UndoNew(w.ctx))
	if now := must(w.services.New(w.ctx))(w); now.Name != "search_api_elasticsearch_new" {
		t.Errorf("after undo it is %s", now.Name)
	}
}

// Who would lose a service by its name, or by its deletion, is named.
func TestOtherUsersAreNamed(t *testing.T) {
	w := newWorld(t)
	b := w.blue()
	_, err := w.try(w.services.NobodyElseUsesBlue(nil))
	w.ok(err)
	w.app("reporting", b.Service, nil)

	if users := must(w.services.Users(w.ctx, b.Service, b.App))(w); !slices.Equal(users, []backing.User{{Kind: "app", Name: "reporting"}}) {
		t.Errorf("users are %v", users)
	}
	_, err = w.try(w.services.NobodyElseUsesBlue(nil))
	w.refused(err, "blue's service is used by app reporting")
	if o, err := w.try(w.services.NobodyElseUsesBlue([]string{"reporting"})); err != nil || o.Said() != "app reporting, let pass by ALSO_BOUND; remove-old-service refuses to delete the service as long as they use it" {
		t.Errorf("with ALSO_BOUND: %q, %v", o.Said(), err)
	}
	_, err = w.try(w.services.NobodyElseUsesNew(nil))
	w.notYet(err, "push-app")

	instance := w.created()
	w.app("elasticsearch-migration", instance.GUID, w.run.Labels(upgrade.RoleGreen))
	_, err = w.try(w.services.NobodyElseUsesNew(nil))
	w.ok(err)
	w.app("audit", instance.GUID, nil)
	_, err = w.try(w.services.NobodyElseUsesNew(nil))
	w.refused(err, "green's service is used by app audit")

	_, err = w.try(w.removal.Unused())
	w.refused(err, "is used by app reporting")
	w.refused(err, "once they need it no longer: cf unbind-service reporting search_api_elasticsearch")
}

// While an app that the run does not know is on the live routes, it may use green's
// service by its final name.
func TestGreensServiceKeepsItsNameDuringARelease(t *testing.T) {
	w := newWorld(t)
	w.created()
	w.apply(w.rename())
	w.servedBy(must(w.cf.Apps.Create(w.ctx, "search-api-release", nil))(w))
	_, err := w.renaming.UndoNew(w.ctx)
	w.stays(err, "the live routes lead to search-api-release")
}

// A rename changes nothing but the name.
func TestChangedTagsAreNotAccepted(t *testing.T) {
	instance := &cloudfoundry.ServiceInstance{Name: "old", Tags: []string{"search"}}
	if err := backing.Renamed(new(runner.Observation), instance, "old", []string{"search"}); err != nil {
		t.Error(err)
	}
	if err := backing.Renamed(new(runner.Observation), instance, "old", nil); !runner.IsFinal(err) {
		t.Errorf("with other tags: %v", err)
	}
	if err := backing.Renamed(new(runner.Observation), instance, "new", []string{"search"}); err == nil {
		t.Error("with another name it is renamed")
	}
}
