package release_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

func TestTheLiveRoutesLeadToOneReleasedApp(t *testing.T) {
	const (
		alone  = "a release is under way, or stopped half-way: the live routes lead to search-api-release (GUID) alone, and releasing again would take the routes from search-api-release; if no release job runs, undo it: cf start search-api; "
		beside = "a release is under way, or stopped half-way: the live routes lead to search-api (GUID) and search-api-release (GUID), and releasing again would take the routes from search-api-release; if no release job runs, undo it: cf start search-api; "
		first  = " cloudapps.digital --hostname dm-search-api-preview"
		second = first + " --path /_metrics"
		take   = "cf unmap-route search-api-release"
		give   = "cf map-route search-api"
	)
	for name, c := range map[string]struct {
		reach func(*world)
		want  outcome
	}{
		"nobody has released": {
			func(*world) {},
			outcome{Class: runner.Failed, Error: "nobody has released yet: the live routes lead to green, search-api (GUID): run the release job, then this again"},
		},
		"the next app is there, on no live route": {
			func(w *world) { w.app(inProgress) },
			outcome{Class: runner.Failed, Error: "search-api-release exists and is on no live route yet: its release is under way, or has failed"},
		},
		"the next app is on the live routes beside green": {
			func(w *world) { w.mapped(w.app(inProgress)) },
			outcome{Class: runner.Refused, Error: beside + take + first + "; " + take + second},
		},
		"the next app has one live route, green the other": {
			func(w *world) {
				route := w.blue().Routes[0].GUID
				w.ok(w.cf.Routes.Map(w.ctx, route, w.app(inProgress)))
				w.ok(w.cf.Routes.Unmap(w.ctx, route, w.green.GUID))
			},
			outcome{Class: runner.Refused, Error: beside + give + first + "; " + take + first},
		},
		"the next app has one live route, and nobody the other": {
			func(w *world) {
				w.ok(w.cf.Routes.Unmap(w.ctx, w.blue().Routes[1].GUID, w.leftGreen(inProgress)))
			},
			outcome{Class: runner.Refused, Error: alone + give + first + "; " + give + second + "; " + take + first},
		},
		"the next app is alone, and does not have the name yet": {
			func(w *world) { w.leftGreen(inProgress) },
			outcome{Class: runner.Refused, Error: alone + give + first + "; " + give + second + "; " + take + first + "; " + take + second},
		},
		"the released app is alone": {
			func(w *world) { w.released() },
			outcome{Said: "search-api (GUID)"},
		},
		"the released app is recorded, and the next one is mapped beside it": {
			func(w *world) {
				w.ok(upgrade.SetRelease(w.ctx, w.run, upgrade.Release{GUID: w.released()}))
				w.mapped(w.app(inProgress))
			},
			outcome{Class: runner.Refused, Error: beside + take + first + "; " + take + second},
		},
		"somebody else's app has the live routes beside green": {
			func(w *world) { w.mapped(w.app("somebody")) },
			outcome{Class: runner.Failed, Error: "the live routes lead to search-api (GUID) and somebody (GUID): a release is under way, or stopped half-way"},
		},
		"nobody is on the live routes": {
			func(w *world) { w.unmapped(w.green.GUID) },
			outcome{Class: runner.Failed, Error: "the live routes lead to nobody"},
		},
		"blue is mapped again beside green": {
			func(w *world) { w.mapped(w.blue().App) },
			outcome{Class: runner.Refused, Error: liveRoute + " leads to blue again: somebody mapped it"},
		},
		"blue is mapped again beside the released app": {
			func(w *world) { w.released(); w.ok(w.cf.Routes.Map(w.ctx, w.blue().Routes[1].GUID, w.blue().App)) },
			outcome{Class: runner.Refused, Error: secondRoute + " leads to blue again: somebody mapped it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := waiting(t)
			c.reach(w)
			if diff := cmp.Diff(c.want, w.outcome(w.try(w.release.Proof()[0]))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is wrong with the released app's service can only be corrected by a release:
// waiting cannot help.
func TestTheReleasedAppUsesTheNewService(t *testing.T) {
	bound := func(w *world, app, service, name string) {
		must(w.cf.Services.Bind(w.ctx, app, service, name, nil))(w)
	}
	env := func(w *world, app, value string) {
		w.ok(w.cf.Apps.SetEnvironment(w.ctx, app, map[string]*string{variable: &value}))
	}
	for name, c := range map[string]struct {
		reach func(*world)
		want  outcome
	}{
		"it does": {
			func(w *world) { bound(w, w.released(), w.services.new.GUID, "") },
			outcome{Said: "search-api is bound to it, as search_api_elasticsearch"},
		},
		"it does, and has the other service and the variable too": {
			func(w *world) {
				app := w.released()
				bound(w, app, w.services.old.GUID, "")
				bound(w, app, w.services.new.GUID, serviceName)
				env(w, app, serviceName)
			},
			outcome{Said: "search-api is bound to it, as search_api_elasticsearch"},
		},
		"it uses the old service": {
			func(w *world) { bound(w, w.released(), w.services.old.GUID, "") },
			outcome{Class: runner.Failed, Final: true, Error: "released app search-api is not bound to the new service search_api_elasticsearch, " +
				"but to search_api_elasticsearch_old: correct its manifest and release again"},
		},
		"it uses none": {
			func(w *world) { w.released() },
			outcome{Class: runner.Failed, Final: true, Error: "released app search-api is not bound to the new service search_api_elasticsearch, " +
				"but to no service: correct its manifest and release again"},
		},
		"its variable has another name": {
			func(w *world) {
				app := w.released()
				bound(w, app, w.services.new.GUID, "")
				env(w, app, "search_api_elasticsearch_new")
			},
			outcome{Class: runner.Failed, Final: true, Error: variable + " of released app search-api is search_api_elasticsearch_new: " +
				"unset it or set it to search_api_elasticsearch, and release again"},
		},
		"its binding has another name": {
			func(w *world) { bound(w, w.released(), w.services.new.GUID, "elasticsearch") },
			outcome{Class: runner.Failed, Final: true, Error: "released app search-api knows its service as elasticsearch, and looks for search_api_elasticsearch"},
		},
		"nobody has released": {
			func(*world) {},
			outcome{Class: runner.Failed, Error: "nobody has released yet: the live routes lead to green, search-api (GUID): run the release job, then this again"},
		},
		"the new service cannot be found": {
			func(w *world) {
				w.released()
				w.release.NewService = func(context.Context) (*cloudfoundry.ServiceInstance, error) { return nil, errors.New("there are two") }
			},
			outcome{Class: runner.Failed, Error: "there are two"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := waiting(t)
			c.reach(w)
			if diff := cmp.Diff(c.want, w.outcome(w.try(w.release.Proof()[1]))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryInstanceOfTheReleasedAppRuns(t *testing.T) {
	for name, c := range map[string]struct {
		reach func(*world)
		want  outcome
	}{
		"both do": {
			func(w *world) { w.deployed() },
			outcome{Said: "2 of 2 instances"},
		},
		"none was started": {
			func(w *world) { w.ok(w.cf.Apps.Scale(w.ctx, w.released(), 3)) },
			outcome{Said: "0 of 3 instances", Class: runner.Failed, Error: "0 of 3 instances of the released app are routable: DOWN, DOWN, DOWN"},
		},
		"it has no instances": {
			func(w *world) { w.ok(w.cf.Apps.Scale(w.ctx, w.deployed(), 0)) },
			outcome{Said: "0 of 0 instances", Class: runner.Failed, Error: "0 of 0 instances of the released app are routable: none"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := waiting(t)
			c.reach(w)
			if diff := cmp.Diff(c.want, w.outcome(w.try(w.release.Proof()[2]))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsProvedOfARelease(t *testing.T) {
	w := newWorld(t)
	all := []string{"the live routes lead to one released app", "the released app uses the new service", "every instance of the released app runs"}
	if diff := cmp.Diff(all, taskNames(w.release.Proof())); diff != "" {
		t.Error(diff)
	}
	for _, one := range w.release.Released() {
		if diff := cmp.Diff(&runner.NotYet{Stage: "await", Why: "nothing is released yet"}, one.After); diff != "" {
			t.Error(one.Name, diff)
		}
	}
	w.release.NewService = nil
	if diff := cmp.Diff([]string{all[0], all[2]}, taskNames(w.release.Proof())); diff != "" {
		t.Error("without a backing service:", diff)
	}
}
