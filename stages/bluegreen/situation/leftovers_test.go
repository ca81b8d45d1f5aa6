package situation_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

func TestWhatRemovesAnObjectOfTheRun(t *testing.T) {
	u := begin(t)
	u.begun()
	made := func(kind cloudfoundry.Kind, name, role string) cloudfoundry.Labelled {
		return cloudfoundry.Labelled{Kind: kind, Name: name, Metadata: cloudfoundry.Metadata{Labels: u.run.Labels(role)}}
	}
	app, service := made(cloudfoundry.AppKind, "a", upgrade.RoleGreen), made(cloudfoundry.ServiceInstanceKind, "s", upgrade.RoleGreen)
	check := func(want string, one cloudfoundry.Labelled) {
		t.Helper()
		if got := u.RemovedBy(one); got != want {
			t.Errorf("%s %s: %q; want %q", one.Kind, one.Name, got, want)
		}
	}
	check("7. drop-route deletes it", made(cloudfoundry.RouteKind, u.Names.TemporaryRoute, upgrade.RoleGreen))
	check("made by a rollback, which removes it", made(cloudfoundry.RouteKind, u.Names.PrivateRoute, upgrade.RoleBlue))
	check("made by a rollback, which removes it", made(cloudfoundry.AppKind, "search-api", upgrade.RoleBlue))
	check("stays, and loses its label with 7. delete; a rollback before deletes it", app)
	check("stays, and loses its label with 7. delete; a rollback before deletes it", service)
	u.reached(upgrade.Released)
	check("a release replaced it and left it; 7. delete deletes it, and so does a rollback before", app)
	check("stays, and loses its label with 7. delete; a rollback before leaves it to the released app", service)
}

func TestBlueIsALeftoverOnceGreenServesAlone(t *testing.T) {
	u := begin(t)
	u.begun()
	leftovers := func() []report.Leftover {
		t.Helper()
		all, err := u.Replaced(u.ctx)
		u.must(err)
		return all
	}
	if all := leftovers(); len(all) > 0 {
		t.Errorf("before: %+v", all)
	}
	u.reached(upgrade.BlueOff)
	since := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	const removal = "7. delete deletes it; until then a rollback needs it"
	b := u.blue()
	want := []report.Leftover{
		{Kind: "app", Name: "search-api", GUID: b.App, Since: since, RemovedBy: removal},
		{Kind: "service", Name: "search_api_elasticsearch", GUID: b.Service, Since: since, RemovedBy: removal},
	}
	if diff := cmp.Diff(want, leftovers()); diff != "" {
		t.Errorf("leftovers (-want +got):\n%s", diff)
	}
	u.must(u.cf.Apps.Delete(u.ctx, b.App))
	if diff := cmp.Diff(want[1:], leftovers()); diff != "" {
		t.Errorf("once blue is deleted (-want +got):\n%s", diff)
	}
	u.Backing = nil
	if all := leftovers(); len(all) > 0 {
		t.Errorf("without a backing service: %+v", all)
	}
}

func TestWhatIsWatchedForChangesByOthers(t *testing.T) {
	u := begin(t)
	u.begun()
	u.built()
	w, err := u.Watched(u.ctx)
	u.must(err)
	b := u.blue()
	routes := []string{b.Routes[0].GUID, b.Routes[1].GUID}
	want := report.Watched{
		GUIDs:  slices.Concat([]string{b.App}, routes, []string{u.guid("elasticsearch-migration"), b.Service, u.service("search_api_elasticsearch_new")}),
		Routes: routes, Names: []string{"elasticsearch-migration", "search_api_elasticsearch_new"},
	}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("watched (-want +got):\n%s", diff)
	}
}
