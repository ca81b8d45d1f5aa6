package backing_test

import (
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/situation"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Status and digest read the services through this.
var _ situation.Backing = backing.Reader{}

// Green's service is created once, with the run's label, and blue's stays as it is.
func TestGreensServiceIsCreatedOnce(t *testing.T) {
	w := newWorld(t)
	_, err := w.try(w.creation.Offered())
	w.ok(err)
	_, err = w.services.New(w.ctx)
	w.notYet(err, "create-service")

	instance := w.created()
	if instance.Name != "search_api_elasticsearch_new" || !w.run.Owns(instance.Metadata) || instance.Labels[upgrade.RoleLabel] != upgrade.RoleGreen {
		t.Errorf("green's service is %+v", instance)
	}
	if plan := must(w.cf.Services.Plan(w.ctx, instance.PlanGUID))(w); plan.Name != w.creation.Plan {
		t.Errorf("its plan is %+v", plan)
	}
	if _, blues, err := w.services.Blue(w.ctx); err != nil || blues == nil || blues.GUID == instance.GUID {
		t.Errorf("blue's service is %+v: %v", blues, err)
	}
	w.planned()(w.creation.Tasks(w.ctx))

	w.apply(w.creation.Undo(w.ctx))
	if instance := must(w.services.FindNew(w.ctx))(w); instance != nil {
		t.Errorf("after undo there is %+v", instance)
	}
	w.planned()(w.creation.Undo(w.ctx))
}

// A creation that failed is shown with the broker's words, and made again.
func TestAFailedCreationIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.brokerFails("no room in the rack")
	w.apply(w.creation.Tasks(w.ctx))
	if _, err := w.try(w.creation.Ready()); !runner.IsFinal(err) || !strings.Contains(err.Error(), "no room in the rack") {
		t.Errorf("the broker's failure is %v", err)
	}
	_, err := w.try(w.services.NewIsReady())
	w.notYet(err, "create-service")

	failed := must(w.services.FindNew(w.ctx))(w)
	w.planned("delete the service whose creation failed", "create service search_api_elasticsearch_new")(w.creation.Tasks(w.ctx))
	if made := w.created(); made.GUID == failed.GUID {
		t.Error("it is still the one that failed")
	}
	o, err := w.try(w.services.NewIsReady())
	if err != nil || o.Said() != "search_api_elasticsearch_new" {
		t.Errorf("the new one is not ready: %q, %v", o.Said(), err)
	}
}

// What somebody else has made is not taken for green's, nor deleted.
func TestAStrangersServiceIsRefused(t *testing.T) {
	w := newWorld(t)
	plan := must(w.creation.MarketplacePlan(w.ctx))(w)
	stranger := must(w.cf.Services.CreateServiceInstance(w.ctx, "search_api_elasticsearch_new", plan.GUID, nil, nil))(w)
	must(w.cf.Services.AwaitServiceInstance(w.ctx, stranger.GUID))(w)

	_, err := w.creation.Tasks(w.ctx)
	w.refused(err, "service search_api_elasticsearch_new exists and was not made by this run")
	w.planned()(w.creation.Undo(w.ctx))
}

func TestAPlanThatTheMarketplaceDoesNotHaveIsASetting(t *testing.T) {
	w := newWorld(t)
	w.creation.Plan = "no-such-plan"
	if _, err := w.try(w.creation.Offered()); runner.ClassOf(err) != runner.Misconfigured || !strings.Contains(err.Error(), "SERVICE_PLAN") {
		t.Errorf("it is %v", err)
	}
}

// Deleting a service would unbind whoever is bound to it.
func TestABoundServiceIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	w.app("elasticsearch-migration", w.created().GUID, w.run.Labels(upgrade.RoleGreen))
	tasks := must(w.creation.Undo(w.ctx))(w)
	_, err := w.try(tasks[0])
	w.refused(err, "1 app is bound to service search_api_elasticsearch_new")
	if must(w.services.FindNew(w.ctx))(w) == nil {
		t.Error("it is deleted")
	}
}

// A rollback leaves green's service to an app that was released onto it: it renames it
// and lets that app know.
func TestAReleasedAppKeepsGreensService(t *testing.T) {
	w := newWorld(t)
	instance := w.created()
	w.apply(w.rename())
	released := w.app("search-api-release", instance.GUID, nil)
	w.ok(w.cf.Apps.SetEnvironment(w.ctx, released.GUID, map[string]*string{"DM_ELASTICSEARCH_SERVICE_NAME": &w.services.Of.Service}))
	w.servedBy(released)
	w.reached(upgrade.NamesFinal)

	_, err := w.creation.Undo(w.ctx)
	w.stays(err, "the released app search-api-release uses it")
	w.planned("set DM_ELASTICSEARCH_SERVICE_NAME of search-api-release", "rename service search_api_elasticsearch to search_api_elasticsearch_released")(w.renaming.UndoNew(w.ctx))
	w.apply(w.renaming.UndoNew(w.ctx))
	w.planned()(w.renaming.UndoNew(w.ctx))
	if name := must(w.variable.Finds(w.ctx, released.GUID, instance.GUID))(w); name != "search_api_elasticsearch_released" {
		t.Errorf("the released app finds it as %s", name)
	}
}

// A run replaces the service that blue is bound to, and no other.
func TestBluesServiceIsTheOneItIsBoundTo(t *testing.T) {
	w := newWorld(t)
	b := w.blue()
	if b.Service == "" || b.ServiceName != "search_api_elasticsearch" || b.BindingName != "" {
		t.Errorf("blue is %+v", b)
	}
	w.refused(backing.FindBlue(w.ctx, w.cf, "no_such_service", &b), "there is no service no_such_service")
	w.created()
	w.refused(backing.FindBlue(w.ctx, w.cf, "search_api_elasticsearch_new", &b), "app search-api is not bound to service search_api_elasticsearch_new")
}

// A released app that uses another service leaves green's to be deleted.
func TestAReleasedAppWithAnotherServiceKeepsNone(t *testing.T) {
	w := newWorld(t)
	w.created()
	w.servedBy(must(w.cf.Apps.Create(w.ctx, "search-api-release", nil))(w))
	w.reached(upgrade.NamesFinal)
	w.planned("delete service search_api_elasticsearch_new")(w.creation.Undo(w.ctx))
	w.planned()(w.renaming.UndoNew(w.ctx))
}
