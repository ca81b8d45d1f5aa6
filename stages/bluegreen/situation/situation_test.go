package situation_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// unmapByHand takes app somebody off the two live routes and renames it.
const unmapByHand = "cf unmap-route somebody cloudapps.digital --hostname dm-search-api-preview; " +
	"cf unmap-route somebody cloudapps.digital --hostname dm-search-api-preview --path /_metrics; cf rename somebody search-api-released"

func TestWhereLiveTrafficIsAndWhatARollbackCosts(t *testing.T) {
	const (
		untouched = "safe, seconds: live traffic is not touched; what was made for the run is removed"
		leave     = "somebody released since the run began; roll back, and start again"
		deleted   = "live route " + liveRoute + " is deleted: create it again"
		lost      = ", which this run made, is deleted: roll back, and start again"
		alone     = "search-api-release (GUID) alone"
		beside    = "search-api (GUID) and search-api-release (GUID)"
		halfWay   = "a release is under way, or stopped half-way: the live routes lead to "
		again     = ", and releasing again would take the routes from search-api-release; if no release job runs, "
		undo      = "cf unmap-route search-api-release cloudapps.digital --hostname dm-search-api-preview; " +
			"cf unmap-route search-api-release cloudapps.digital --hostname dm-search-api-preview --path /_metrics"
	)
	for name, c := range map[string]struct {
		reach func(*upgradeOfTest)
		want  runner.Situation
	}{
		"no run": {
			func(*upgradeOfTest) {},
			runner.Situation{Traffic: "blue", Detail: "search-api alone; no run has begun", Back: "nothing to roll back"},
		},
		"no run, and the live app has another name": {
			func(u *upgradeOfTest) { u.must(u.cf.Apps.Rename(u.ctx, u.guid("search-api"), "somebody")) },
			runner.Situation{
				Traffic: "another app", Detail: "somebody alone, and LIVE_APP is search-api; no run has begun", Back: "nothing to roll back",
				Blocked: "somebody alone, and LIVE_APP is search-api", Next: "cf app somebody",
			},
		},
		"no run, and no live route": {
			func(u *upgradeOfTest) { u.Names.LiveRoute = "elsewhere.cloudapps.digital" },
			runner.Situation{
				Traffic: "nobody", Detail: "there is no route elsewhere.cloudapps.digital in this space (LIVE_ROUTE); no run has begun", Back: "nothing to roll back",
				Blocked: "there is no route elsewhere.cloudapps.digital in this space (LIVE_ROUTE)", Next: "cf map-route search-api cloudapps.digital --hostname elsewhere",
			},
		},
		"no run, and the live route leads to no app": {
			func(u *upgradeOfTest) {
				route, err := u.cf.Routes.ByAddress(u.ctx, liveRoute)
				u.must(err)
				u.must(u.cf.Routes.Unmap(u.ctx, route.GUID, u.guid("search-api")))
			},
			runner.Situation{
				Traffic: "nobody", Detail: liveRoute + " leads to no app; no run has begun", Back: "nothing to roll back",
				Blocked: liveRoute + " leads to no app", Next: "cf map-route search-api cloudapps.digital --hostname dm-search-api-preview",
			},
		},
		"no run, and the live app is stopped": {
			func(u *upgradeOfTest) { u.must(u.cf.Apps.Stop(u.ctx, u.guid("search-api"))) },
			runner.Situation{
				Traffic: "nobody", Detail: "search-api is stopped", Back: "nothing to roll back",
				Blocked: "nobody answers: search-api is stopped", Next: "cf start search-api",
			},
		},
		"no run, and the live app has no instances": {
			func(u *upgradeOfTest) { u.must(u.cf.Apps.Scale(u.ctx, u.guid("search-api"), 0)) },
			runner.Situation{
				Traffic: "nobody", Detail: "search-api has 0 instances", Back: "nothing to roll back",
				Blocked: "nobody answers: search-api has 0 instances", Next: "cf scale search-api -i 2",
			},
		},
		"no run, and the live app has crashed": {
			func(u *upgradeOfTest) { u.crashed("search-api") },
			runner.Situation{
				Traffic: "nobody", Detail: "0 of 2 instances of search-api run, 2 crashed", Back: "nothing to roll back",
				Blocked: "nobody answers: 0 of 2 instances of search-api run, 2 crashed", Next: "cf logs search-api --recent; cf restart search-api",
			},
		},
		"blue has crashed": {
			func(u *upgradeOfTest) { u.begun(); u.crashed("search-api") },
			runner.Situation{
				Traffic: "nobody", Detail: "0 of 2 instances of search-api run, 2 crashed", Back: untouched,
				Blocked: "nobody answers: 0 of 2 instances of search-api run, 2 crashed", Next: "cf logs search-api --recent; cf restart search-api",
			},
		},
		"blue was scaled down": {
			func(u *upgradeOfTest) { u.begun(); u.must(u.cf.Apps.Scale(u.ctx, u.guid("search-api"), 1)) },
			runner.Situation{Traffic: "blue", Detail: "search-api, 1 instance", Back: untouched},
		},
		"green is stopped while it serves alone": {
			func(u *upgradeOfTest) {
				u.switched()
				u.must(u.cf.Apps.Stop(u.ctx, u.guid("elasticsearch-migration")))
			},
			runner.Situation{
				Traffic: "nobody", Detail: "elasticsearch-migration is stopped", Back: "safe, seconds to minutes: blue runs; it is caught up and mapped again",
				Blocked: "nobody answers: elasticsearch-migration is stopped", Next: "cf start elasticsearch-migration",
			},
		},
		"green is stopped while a rollback is under way": {
			func(u *upgradeOfTest) {
				u.switched()
				u.must(u.run.GoBack(u.ctx))
				u.must(u.cf.Apps.Stop(u.ctx, u.guid("elasticsearch-migration")))
			},
			runner.Situation{Traffic: "nobody", Detail: "elasticsearch-migration is stopped", Back: "safe, seconds to minutes: blue runs; it is caught up and mapped again"},
		},
		"green is stopped while both serve": {
			func(u *upgradeOfTest) {
				u.begun()
				u.built()
				u.mapped(u.guid("elasticsearch-migration"))
			},
			runner.Situation{
				Traffic: "both", Detail: "search-api and elasticsearch-migration (elasticsearch-migration is stopped)",
				Back: "safe, seconds: green is unmapped from the live routes",
			},
		},
		"the run is complete, and nobody answers": {
			func(u *upgradeOfTest) {
				u.switched()
				u.renamed()
				u.must(u.run.Retire(u.ctx))
				u.must(u.cf.Apps.Stop(u.ctx, u.guid("search-api")))
			},
			runner.Situation{
				Traffic: "nobody", Detail: "search-api is stopped", Back: "there is no rollback: blue's service is deleted",
				Blocked: "nobody answers: search-api is stopped", Next: "cf start search-api",
			},
		},
		"no run, and two apps are live": {
			func(u *upgradeOfTest) {
				route, err := u.cf.Routes.ByAddress(u.ctx, liveRoute)
				u.must(err)
				u.must(u.cf.Routes.Map(u.ctx, route.GUID, u.app("somebody")))
			},
			runner.Situation{
				Traffic: "not known", Detail: liveRoute + " leads to 2 apps: a run begins with one; no run has begun", Back: "nothing to roll back",
				Blocked: liveRoute + " leads to 2 apps: a run begins with one", Next: "cf routes",
			},
		},
		"blue alone": {
			func(u *upgradeOfTest) { u.begun() },
			runner.Situation{Traffic: "blue", Detail: "search-api, 2 instances", Back: untouched},
		},
		"green beside, on its own route": {
			func(u *upgradeOfTest) { u.begun(); u.built() },
			runner.Situation{Traffic: "blue", Detail: "search-api, 2 instances", Back: untouched},
		},
		"green is deleted": {
			func(u *upgradeOfTest) {
				u.begun()
				u.built()
				u.must(u.cf.Apps.Delete(u.ctx, u.guid("elasticsearch-migration")))
			},
			runner.Situation{Traffic: "blue", Detail: "search-api, 2 instances; green, which this run made, is deleted: the next stage reopens 7. push", Back: untouched},
		},
		"green is deleted, and a rollback has begun": {
			func(u *upgradeOfTest) {
				u.begun()
				u.built()
				u.must(u.run.GoBack(u.ctx))
				u.must(u.cf.Apps.Delete(u.ctx, u.guid("elasticsearch-migration")))
			},
			runner.Situation{Traffic: "blue", Detail: "search-api, 2 instances", Back: untouched},
		},
		"green's service is deleted": {
			func(u *upgradeOfTest) {
				u.begun()
				u.built()
				u.must(u.cf.Services.DeleteServiceInstance(u.ctx, u.service("search_api_elasticsearch_new")))
			},
			runner.Situation{Traffic: "blue", Detail: "search-api, 2 instances; green's service, which this run made, is deleted: the next stage reopens 7. create-service", Back: untouched},
		},
		"green is deleted while it serves": {
			func(u *upgradeOfTest) {
				u.switched()
				u.must(u.cf.Apps.Delete(u.ctx, u.guid("elasticsearch-migration")))
			},
			runner.Situation{Traffic: "nobody", Detail: liveRoute + " leads to no app", Blocked: "green" + lost, Back: "urgent: it maps blue again"},
		},
		"both": {
			func(u *upgradeOfTest) {
				u.begun()
				u.built()
				u.started(u.guid("elasticsearch-migration"), "search_api_elasticsearch_new")
				u.mapped(u.guid("elasticsearch-migration"))
			},
			runner.Situation{Traffic: "both", Detail: "search-api and elasticsearch-migration", Back: "safe, seconds: green is unmapped from the live routes"},
		},
		"green alone": {
			func(u *upgradeOfTest) { u.switched() },
			runner.Situation{Traffic: "green", Detail: "elasticsearch-migration", Back: "safe, seconds to minutes: blue runs; it is caught up and mapped again"},
		},
		"green alone, with the final names": {
			func(u *upgradeOfTest) { u.switched(); u.renamed() },
			runner.Situation{Traffic: "green", Detail: "search-api", Back: "safe, seconds to minutes: blue runs; it is caught up and mapped again; then the names go back"},
		},
		"nobody is on the live routes": {
			func(u *upgradeOfTest) { u.begun(); u.unmapped(u.blue().App) },
			runner.Situation{Traffic: "nobody", Detail: liveRoute + " leads to no app", Back: "urgent: it maps blue again"},
		},
		"blue is stopped": {
			func(u *upgradeOfTest) { u.switched(); u.must(u.cf.Apps.Stop(u.ctx, u.blue().App)) },
			runner.Situation{Traffic: "green", Detail: "elasticsearch-migration", Back: "safe, minutes: blue is started, caught up and mapped again"},
		},
		"blue is deleted": {
			func(u *upgradeOfTest) { u.switched(); u.must(u.cf.Apps.Delete(u.ctx, u.blue().App)) },
			runner.Situation{Traffic: "green", Detail: "elasticsearch-migration", Back: "by hand only: blue is deleted, its service search_api_elasticsearch is there; push image " + image + " against it"},
		},
		"blue is deleted, and recorded": {
			func(u *upgradeOfTest) {
				u.switched()
				u.must(u.run.Set(u.ctx, upgrade.FactBlueMadeOf, "{}"))
				u.must(u.cf.Apps.Delete(u.ctx, u.blue().App))
			},
			runner.Situation{Traffic: "green", Detail: "elasticsearch-migration", Back: "safe, minutes: blue is rebuilt from image " + image + " against service search_api_elasticsearch, caught up and mapped again; then the names go back"},
		},
		"blue's service is deleted": {
			func(u *upgradeOfTest) {
				u.switched()
				service := u.blue().Service
				u.must(u.cf.Apps.Delete(u.ctx, u.blue().App))
				u.unbound(service)
				u.must(u.cf.Services.DeleteServiceInstance(u.ctx, service))
			},
			runner.Situation{Traffic: "green", Detail: "elasticsearch-migration", Back: "there is no rollback: blue's service is deleted"},
		},
		"a release before one is allowed": {
			func(u *upgradeOfTest) { u.begun(); u.built(); u.mapped(u.app("somebody")) },
			runner.Situation{
				Traffic: "another app", Detail: "somebody (GUID), which is not of this run", Blocked: leave,
				Back: "safe: the live routes are left alone, what was made for the run is removed",
			},
		},
		"a release beside green": {
			func(u *upgradeOfTest) { u.switched(); u.mapped(u.app("somebody")) },
			runner.Situation{
				Traffic: "another app", Detail: "somebody (GUID), which is not of this run; and beside it elasticsearch-migration (GUID), which this run made", Blocked: leave,
				Back: "safe, seconds: green is unmapped from the live routes, which are left to the other; what was made for the run is removed",
			},
		},
		"a release that uses green's service": {
			func(u *upgradeOfTest) {
				u.switched()
				u.reached(upgrade.OldServiceRenamed, upgrade.NewServiceRenamed)
				u.mapped(u.app("somebody"))
			},
			runner.Situation{
				Traffic: "another app", Detail: "somebody (GUID), which is not of this run; and beside it elasticsearch-migration (GUID), which this run made",
				Blocked: "somebody released since the run began, and what was released uses green's service; unmap it from the live routes, and go on",
				Back:    "only once that app is unmapped from the live routes", Next: unmapByHand,
			},
		},
		"a release under way, once one is allowed": {
			func(u *upgradeOfTest) { u.switched(); u.renamed(); u.mapped(u.app("search-api-release")) },
			runner.Situation{
				Traffic: "another app", Detail: beside + ": a release is under way, or stopped half-way",
				Blocked: halfWay + beside + again + "undo it: " + undo, Next: "once no release job runs: " + undo,
				Back: "not while the release is under way; once it has ended, or was repaired",
			},
		},
		"another app beside green, once a release is allowed": {
			func(u *upgradeOfTest) { u.switched(); u.renamed(); u.mapped(u.app("somebody")) },
			runner.Situation{
				Traffic: "another app", Detail: "somebody (GUID): a release is under way, or stopped half-way",
				Back: "not while the release is under way; once it has ended, or was repaired",
			},
		},
		"a released app in green's place, without its name": {
			func(u *upgradeOfTest) {
				u.switched()
				u.renamed()
				green := u.guid("search-api")
				released := u.app("search-api-release")
				u.started(released, "search_api_elasticsearch")
				u.mapped(released)
				u.unmapped(green)
				u.must(u.cf.Apps.Delete(u.ctx, green))
			},
			runner.Situation{
				Traffic: "green", Detail: alone + ": a release is under way, or stopped half-way",
				Blocked: halfWay + alone + again + "finish it: cf rename search-api-release search-api", Next: "once no release job runs: cf rename search-api-release search-api",
				Back: "safe, seconds to minutes: blue runs; it is caught up and mapped again; then the names go back; the released app stays, as search-api-released",
			},
		},
		"no run, and a release without its name": {
			func(u *upgradeOfTest) { u.must(u.cf.Apps.Rename(u.ctx, u.guid("search-api"), "search-api-release")) },
			runner.Situation{
				Traffic: "another app", Detail: alone + ": a release is under way, or stopped half-way",
				Blocked: halfWay + alone + again + "finish it: cf rename search-api-release search-api", Next: "once no release job runs: cf rename search-api-release search-api",
				Back: "nothing to roll back",
			},
		},
		"a released app in green's place": {
			func(u *upgradeOfTest) {
				u.switched()
				u.renamed()
				green := u.guid("search-api")
				released := u.app("search-api-next")
				u.started(released, "search_api_elasticsearch")
				u.mapped(released)
				u.unmapped(green)
				u.must(u.cf.Apps.Delete(u.ctx, green))
				u.must(u.cf.Apps.Rename(u.ctx, released, "search-api"))
				u.reached(upgrade.BlueRemoved, upgrade.Released)
			},
			runner.Situation{
				Traffic: "green", Detail: "search-api, released in green's place",
				Back: "safe, seconds to minutes: blue runs; it is caught up and mapped again; then the names go back; the released app stays, as search-api-released",
			},
		},
		"another release after the last stage": {
			func(u *upgradeOfTest) {
				u.switched()
				u.renamed()
				u.reached(upgrade.Ended)
				u.mapped(u.app("search-api-release"))
			},
			runner.Situation{Traffic: "green", Detail: "search-api-release (GUID); run RUN is complete", Back: "there is no rollback: blue's service is deleted"},
		},
		"a live route is deleted before the switch": {
			func(u *upgradeOfTest) { u.begun(); u.built(); u.dropLiveRoute() },
			runner.Situation{Traffic: "nobody", Detail: deleted, Blocked: deleted, Back: "only once that route exists", Next: "cf map-route search-api cloudapps.digital --hostname dm-search-api-preview"},
		},
		"a live route is deleted after the switch": {
			func(u *upgradeOfTest) { u.switched(); u.dropLiveRoute() },
			runner.Situation{Traffic: "nobody", Detail: deleted, Blocked: deleted, Back: "only once that route exists", Next: "cf map-route elasticsearch-migration cloudapps.digital --hostname dm-search-api-preview"},
		},
		"a live route was deleted and created again": {
			func(u *upgradeOfTest) {
				u.begun()
				u.dropLiveRoute()
				route, err := u.cf.Routes.Create(u.ctx, liveRoute, nil)
				u.must(err)
				u.must(u.cf.Routes.Map(u.ctx, route.GUID, u.blue().App))
			},
			runner.Situation{Traffic: "blue", Detail: "search-api, 2 instances", Back: untouched},
		},
		"the run is complete": {
			func(u *upgradeOfTest) { u.switched(); u.renamed(); u.must(u.run.Retire(u.ctx)) },
			runner.Situation{Traffic: "green", Detail: "search-api; run RUN is complete", Back: "there is no rollback: blue's service is deleted"},
		},
		"the run was rolled back": {
			func(u *upgradeOfTest) { u.begun(); u.must(u.run.GoBack(u.ctx)); u.must(u.run.Retire(u.ctx)) },
			runner.Situation{Traffic: "blue", Detail: "search-api alone; no run has begun", Back: "nothing to roll back"},
		},
		"somebody deleted the record of the run": {
			func(u *upgradeOfTest) {
				u.begun()
				u.built()
				u.must(u.cf.Services.DeleteServiceInstance(u.ctx, u.service("cutover-search-api")))
			},
			runner.Situation{
				Traffic: "not known", Detail: "app elasticsearch-migration is of run RUN, whose record (service cutover-search-api) is deleted",
				Blocked: "app elasticsearch-migration is of run RUN, whose record (service cutover-search-api) is deleted; look which apps are on " + liveRoute + ", and unmap that one or remove its label cutover-role",
				Back:    "by hand only: no record says what was live", Next: "cf app elasticsearch-migration",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pace := float64(sandbox.PaceInstant)
			if strings.Contains(name, "crashed") {
				pace = 0.1 // else an instance that crashes is started again at once
			}
			u := beginAt(t, pace)
			c.reach(u)
			id, names := u.run.ID(), u.Names
			u.forget()
			u.Names = names
			now, err := u.Now(u.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, u.known(now, id)); diff != "" {
				t.Errorf("situation (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARunbookWithoutABackingServiceHasASituation(t *testing.T) {
	for name, c := range map[string]struct {
		reach func(*upgradeOfTest)
		back  string
	}{
		"blue runs":       {func(*upgradeOfTest) {}, "safe, seconds to minutes: blue runs; it is caught up and mapped again"},
		"blue is renamed": {func(u *upgradeOfTest) { u.must(u.cf.Apps.Rename(u.ctx, u.blue().App, "old")) }, "safe, seconds to minutes: blue runs; it is caught up and mapped again; then the names go back"},
		"blue is deleted": {func(u *upgradeOfTest) { u.must(u.cf.Apps.Delete(u.ctx, u.blue().App)) }, "by hand only: blue is deleted; push image " + image},
		"blue is deleted, and recorded": {func(u *upgradeOfTest) {
			u.must(u.run.Set(u.ctx, upgrade.FactBlueMadeOf, "{}"))
			u.must(u.cf.Apps.Delete(u.ctx, u.blue().App))
		}, "safe, minutes: blue is rebuilt from image " + image + ", caught up and mapped again; then the names go back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := begin(t)
			u.switched()
			u.Backing = nil
			c.reach(u)
			now, err := u.Now(u.ctx)
			want := runner.Situation{Traffic: "green", Detail: "elasticsearch-migration", Back: c.back}
			if diff := cmp.Diff(want, now); err != nil || diff != "" {
				t.Errorf("%v; situation (-want +got):\n%s", err, diff)
			}
		})
	}
}

// known replaces the GUIDs of apps by GUID, and the run's id by RUN.
func (u *upgradeOfTest) known(s runner.Situation, run string) runner.Situation {
	u.t.Helper()
	apps, err := u.cf.Apps.All(u.ctx)
	u.must(err)
	pairs := []string{}
	if run != "" {
		pairs = append(pairs, run, "RUN")
	}
	for _, app := range apps {
		pairs = append(pairs, app.GUID, "GUID")
	}
	text := strings.NewReplacer(pairs...)
	s.Detail, s.Blocked = text.Replace(s.Detail), text.Replace(s.Blocked)
	return s
}

// crashed makes all instances of an app crash, again and again.
func (u *upgradeOfTest) crashed(name string) {
	u.t.Helper()
	app, other := u.guid(name), "misspelt"
	u.must(u.cf.Apps.SetEnvironment(u.ctx, app, map[string]*string{"DM_ELASTICSEARCH_SERVICE_NAME": &other}))
	u.must(u.cf.Apps.Stop(u.ctx, app))
	u.must(u.cf.Apps.Start(u.ctx, app))
	u.until(app, func(h upgrade.Health) bool { return h.States["CRASHED"] == 2 })
}

// dropLiveRoute deletes the live route without a path.
func (u *upgradeOfTest) dropLiveRoute() {
	u.t.Helper()
	for _, route := range u.blue().Routes {
		if route.Address == liveRoute {
			u.must(u.cf.Routes.Delete(u.ctx, route.GUID))
		}
	}
}

// unbound unbinds a service from every app.
func (u *upgradeOfTest) unbound(service string) {
	u.t.Helper()
	bindings, err := u.cf.Services.Bindings(u.ctx, cloudfoundry.BindingFilter{Instance: service})
	u.must(err)
	for _, b := range bindings {
		u.must(u.cf.Services.Unbind(u.ctx, b.GUID))
	}
}
