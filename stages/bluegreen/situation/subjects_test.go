package situation_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// subjects reads them as another process does.
func (u *upgradeOfTest) subjects() []report.Subject {
	u.t.Helper()
	all, err := u.Subjects(u.ctx)
	u.must(err)
	return all
}

func names(all []report.Subject) []string {
	var out []string
	for _, s := range all {
		out = append(out, s.Name)
	}
	return out
}

func TestAPlanFromNothingHasTheseSubjects(t *testing.T) {
	u := begin(t)
	want := []string{
		"run", "run-before", "blue", "blue-size", "blue-image", "blue-bindings", "blue-variables", "blue-policies",
		"routes", "other-routes", "traffic", "blue-service-users", "green-service-users", "names", "green-service", "green", "released-app",
	}
	if diff := cmp.Diff(want, names(u.subjects())); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
	u.Backing = nil
	u.FindBlue = func(ctx context.Context) (upgrade.Blue, error) {
		return upgrade.FindBlue(ctx, u.cf, "search-api", liveRoute)
	}
	for _, s := range u.subjects() {
		if strings.Contains(s.Name+s.Now, "service") && s.Name != "routes" {
			t.Errorf("without a backing service there is %+v", s)
		}
	}
}

// A plan that was approved before the run agrees with everything that the run makes
// of the world.
func TestASubjectStaysWhatItWasWhateverTheRunDoes(t *testing.T) {
	u := begin(t)
	digest := report.Digest(u.subjects())
	agrees := func(when, traffic string) {
		t.Helper()
		all := u.subjects()
		if err := report.Agrees(digest, all); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		for _, s := range all {
			if s.Name == "traffic" && s.Now != traffic {
				t.Errorf("%s: traffic is %s, not %s", when, s.Now, traffic)
			}
		}
	}
	u.begun()
	agrees("begun", "blue")
	u.built()
	agrees("green is built", "blue")
	digestOfBuilt := report.Digest(u.subjects())
	green := u.guid("elasticsearch-migration")
	u.must(u.cf.Routes.Map(u.ctx, u.blue().Routes[0].GUID, green))
	agrees("both serve on one route", "blue")
	u.mapped(green)
	u.reached(upgrade.OnLiveRoutes)
	agrees("both serve", "both")
	u.unmapped(u.blue().App)
	u.reached(upgrade.BlueOff)
	agrees("green serves", "green")
	u.variableFollows()
	u.renamed()
	agrees("the names are final", "green")
	u.must(u.cf.Apps.Stop(u.ctx, u.blue().App))
	u.reached(upgrade.BlueRemoved)
	agrees("blue is stopped", "green")
	released := u.app("search-api-release")
	u.mapped(released)
	agrees("a release is under way", "green")
	u.unmapped(green)
	u.must(u.cf.Apps.Rename(u.ctx, green, "search-api-venerable"))
	u.must(u.cf.Apps.Rename(u.ctx, released, "search-api"))
	agrees("green is about to be deleted", "green")
	u.must(u.cf.Apps.Delete(u.ctx, green))
	u.reached(upgrade.Released)
	agrees("the release has ended", "green")
	u.reached(upgrade.Refreshed)
	u.must(u.cf.Apps.Delete(u.ctx, u.blue().App))
	agrees("blue is deleted", "green")
	digest = digestOfBuilt
	agrees("blue is deleted, and the plan was approved when green was built", "green")
}

// variableFollows lets blue's variable say its service's new name, as the run does.
func (u *upgradeOfTest) variableFollows() {
	u.t.Helper()
	const name = "DM_ELASTICSEARCH_SERVICE_NAME"
	env, err := u.cf.Apps.Environment(u.ctx, u.blue().App)
	u.must(err)
	was := struct {
		Name  string
		Value *string
	}{Name: name}
	if value, set := env.User[name]; set {
		was.Value = &value
	}
	u.must(u.run.Set(u.ctx, "variable", was))
	now := u.Names.OldService
	u.must(u.cf.Apps.SetEnvironment(u.ctx, u.blue().App, map[string]*string{name: &now}))
}

func TestWhatOthersChangeIsASubjectThatDiffers(t *testing.T) {
	yes := "yes"
	for name, c := range map[string]struct {
		change func(*upgradeOfTest)
		says   []string
	}{
		"another app on a live route":     {func(u *upgradeOfTest) { u.mapped(u.app("somebody")) }, []string{"routes was another", liveRoute + " (", "leads to app somebody ("}},
		"a live route that leads nowhere": {func(u *upgradeOfTest) { u.unmapped(u.blue().App) }, []string{"routes was another", "leads to nobody"}},
		"a live route is deleted":         {func(u *upgradeOfTest) { u.dropLiveRoute() }, []string{"routes was another", ") is deleted"}},
		"green on another route": {func(u *upgradeOfTest) {
			route, err := u.cf.Routes.Create(u.ctx, "elsewhere.cloudapps.digital", nil)
			u.must(err)
			u.must(u.cf.Routes.Map(u.ctx, route.GUID, u.guid("elasticsearch-migration")))
		}, []string{"other-routes was another", "elsewhere.cloudapps.digital leads to green"}},
		"another app on the temporary route": {func(u *upgradeOfTest) {
			route, err := u.cf.Routes.ByAddress(u.ctx, u.Names.TemporaryRoute)
			u.must(err)
			u.must(u.cf.Routes.Map(u.ctx, route.GUID, u.app("somebody")))
		}, []string{"other-routes was another", "dm-elasticsearch-migration-preview.cloudapps.digital leads to app somebody ("}},
		"an app bound to blue's service": {func(u *upgradeOfTest) {
			_, err := u.cf.Services.Bind(u.ctx, u.app("somebody"), u.service("search_api_elasticsearch"), "", nil)
			u.must(err)
		}, []string{"blue-service-users was another", "app somebody ("}},
		"an app bound to green's service": {func(u *upgradeOfTest) {
			_, err := u.cf.Services.Bind(u.ctx, u.app("somebody"), u.service("search_api_elasticsearch_new"), "", nil)
			u.must(err)
		}, []string{"green-service-users was another", "app somebody ("}},
		"a variable of blue": {func(u *upgradeOfTest) {
			u.must(u.cf.Apps.SetEnvironment(u.ctx, u.blue().App, map[string]*string{"EXTRA": &yes}))
		}, []string{"blue-variables was another", "EXTRA"}},
		"the value of a variable of blue": {func(u *upgradeOfTest) {
			u.must(u.cf.Apps.SetEnvironment(u.ctx, u.blue().App, map[string]*string{"DM_LOG_PATH": &yes}))
		}, []string{"blue-variables was another", "DM_LOG_PATH"}},
		"the value of a variable of green": {func(u *upgradeOfTest) {
			u.must(u.cf.Apps.SetEnvironment(u.ctx, u.guid("elasticsearch-migration"), map[string]*string{"DM_LOG_PATH": &yes}))
		}, []string{"green was another", "DM_LOG_PATH"}},
		"a variable of green": {func(u *upgradeOfTest) {
			u.must(u.cf.Apps.SetEnvironment(u.ctx, u.guid("elasticsearch-migration"), map[string]*string{"EXTRA": &yes}))
		}, []string{"green was another", "EXTRA"}},
		"blue is scaled":        {func(u *upgradeOfTest) { u.must(u.cf.Apps.Scale(u.ctx, u.blue().App, 5)) }, []string{"blue-size was another", "now 5 instances of"}},
		"blue has another name": {func(u *upgradeOfTest) { u.must(u.cf.Apps.Rename(u.ctx, u.blue().App, "moved")) }, []string{"names was another", "now blue is named moved"}},
		"blue's service has another name": {func(u *upgradeOfTest) {
			u.must(u.cf.Services.RenameServiceInstance(u.ctx, u.service("search_api_elasticsearch"), "moved"))
		}, []string{"names was another", "now blue's service is named moved"}},
		"green has another name":        {func(u *upgradeOfTest) { u.must(u.cf.Apps.Rename(u.ctx, u.guid("elasticsearch-migration"), "moved")) }, []string{"names was another", "now green is named moved"}},
		"a stranger has our app's name": {func(u *upgradeOfTest) { u.app("search-api-old") }, []string{"names was another", "now search-api-old is app "}},
		"a stranger has our service's name": {func(u *upgradeOfTest) {
			_, err := u.cf.Services.CreateUserProvided(u.ctx, "search_api_elasticsearch_old", nil, nil)
			u.must(err)
		}, []string{"names was another", "now search_api_elasticsearch_old is service "}},
		"blue is unbound": {func(u *upgradeOfTest) { u.unbound(u.service("search_api_elasticsearch")) }, []string{"blue-bindings was another"}},
		"blue is deleted": {func(u *upgradeOfTest) { u.must(u.cf.Apps.Delete(u.ctx, u.blue().App)) }, []string{"blue was another", "; the app is deleted", "blue-image was another", "now no longer compared"}},
		"green's service is deleted": {func(u *upgradeOfTest) {
			u.must(u.cf.Services.DeleteServiceInstance(u.ctx, u.service("search_api_elasticsearch_new")))
		}, []string{"green-service was another", "now not there"}},
		"green is deleted": {
			func(u *upgradeOfTest) { u.must(u.cf.Apps.Delete(u.ctx, u.guid("elasticsearch-migration"))) },
			[]string{"green was another", "now deleted"},
		},
		"the run was rolled back": {func(u *upgradeOfTest) {
			u.must(u.run.GoBack(u.ctx))
			u.must(u.run.Retire(u.ctx))
		}, []string{"run was another", "now not begun", "run-before was another"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := begin(t)
			u.begun()
			u.built()
			digest := report.Digest(u.subjects())
			if err := report.Agrees(digest, u.subjects()); err != nil {
				t.Fatalf("before: %v", err)
			}
			c.change(u)
			err := report.Agrees(digest, u.subjects())
			if err == nil {
				t.Fatal("no subject differs")
			}
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestTheValuesOfVariablesAreNotShown(t *testing.T) {
	u := begin(t)
	secret := "s3cret"
	u.begun()
	u.built()
	for _, app := range []string{u.blue().App, u.guid("elasticsearch-migration")} {
		u.must(u.cf.Apps.SetEnvironment(u.ctx, app, map[string]*string{"TOKEN": &secret}))
	}
	for _, s := range u.subjects() {
		if strings.Contains(s.Now+s.None, secret) {
			t.Errorf("%s shows it: %s", s.Name, s.Now)
		}
	}
}
