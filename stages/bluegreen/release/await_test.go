package release_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const (
	waits  = "wait for the release of search-api"
	record = "record the released app"
)

func TestARunWaitsForARelease(t *testing.T) {
	w := waiting(t)
	tasks := must(w.release.Await(w.ctx))(w)
	if diff := cmp.Diff([]string{waits, record}, taskNames(tasks)); diff != "" {
		t.Fatal(diff)
	}
	if tasks[0].Wait != w.release.Timeout {
		t.Errorf("it waits %s, not %s", tasks[0].Wait, w.release.Timeout)
	}
	nobody := outcome{Class: runner.Failed, Error: "nobody has released yet: the live routes lead to green, search-api (GUID): run the release job, then this again"}
	for _, one := range tasks {
		if diff := cmp.Diff(nobody, w.outcome(w.try(one))); diff != "" {
			t.Error(one.Name, diff)
		}
	}
	if last := must(upgrade.LastRelease(w.run))(w); last != nil {
		t.Fatalf("recorded is %+v", last)
	}

	first := w.deployed()
	for _, one := range tasks {
		o, err := w.try(one)
		w.ok(err)
		w.Log(one.Name, o.Said())
	}
	app := must(w.cf.Apps.Get(w.ctx, first))(w)
	want := &upgrade.Release{GUID: first, Name: liveApp, Image: nextImage, At: app.Created.UTC()}
	if diff := cmp.Diff(want, must(upgrade.LastRelease(w.run))(w)); diff != "" {
		t.Error(diff)
	}
	w.plans(nil)

	second := w.deployed()
	w.plans([]string{waits, record})
	_, err := w.try(must(w.release.Record(w.ctx))(w)[0])
	w.ok(err)
	if last := must(upgrade.LastRelease(w.run))(w); last.GUID != second {
		t.Errorf("recorded is %s, not %s", last.GUID, second)
	}
	w.plans(nil)
}

// plans compares what Await plans.
func (w *world) plans(want []string) {
	w.Helper()
	if diff := cmp.Diff(want, taskNames(must(w.release.Await(w.ctx))(w))); diff != "" {
		w.Error(diff)
	}
}

// While only one of the proofs holds, the release is not recorded.
func TestAReleaseOnTheWrongServiceIsNotWaitedFor(t *testing.T) {
	w := waiting(t)
	must(w.cf.Services.Bind(w.ctx, w.released(), w.services.old.GUID, "", nil))(w)
	wait := must(w.release.Await(w.ctx))(w)[0]
	want := outcome{
		Said: "search-api (GUID)", Class: runner.Failed, Final: true,
		Error: "released app search-api is not bound to the new service search_api_elasticsearch, but to search_api_elasticsearch_old: correct its manifest and release again",
	}
	if diff := cmp.Diff(want, w.outcome(w.try(wait))); diff != "" {
		t.Error(diff)
	}
}

func TestNothingIsReleasedBeforeBlueIsRemoved(t *testing.T) {
	w := waiting(t)
	w.released()
	w.ok(w.run.Reopen(w.ctx, "remove"))
	tasks, err := w.release.Await(w.ctx)
	wait, is := errors.AsType[*runner.NotYet](err)
	if !is || tasks != nil {
		t.Fatalf("planned is %q: %v", taskNames(tasks), err)
	}
	if diff := cmp.Diff(&runner.NotYet{Stage: "remove", Why: "blue is not removed"}, wait); diff != "" {
		t.Error(diff)
	}
}

func TestBlueIsOffTheLiveRoutes(t *testing.T) {
	for name, c := range map[string]struct {
		reach func(*world)
		want  outcome
	}{
		"green serves":           {func(*world) {}, outcome{Said: "2 of 2"}},
		"a release is under way": {func(w *world) { w.mapped(w.app(inProgress)) }, outcome{Said: "2 of 2"}},
		"nobody serves":          {func(w *world) { w.unmapped(w.green.GUID) }, outcome{Said: "2 of 2"}},
		"blue is on the second route": {
			func(w *world) { w.ok(w.cf.Routes.Map(w.ctx, w.blue().Routes[1].GUID, w.blue().App)) },
			outcome{Class: runner.Refused, Error: secondRoute + " leads to blue"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := waiting(t)
			c.reach(w)
			check := w.release.BlueIsOff()
			if diff := cmp.Diff(c.want, w.outcome(w.try(check))); diff != "" {
				t.Error(diff)
			}
			if check.After == nil || check.After.Stage != "remove" {
				t.Errorf("it comes after %+v", check.After)
			}
		})
	}
}

// What a rollback does with the released app, and with a green that is left over.
func TestUndoingARelease(t *testing.T) {
	const (
		underWay = "the live routes lead to search-api-release (GUID) as well: a release is under way, or stopped half-way; roll back when it has ended"
		appName  = "the released app would get the name search-api-released, and another app has it: rename or remove that first"
		service  = "the service of the released app would get the name search_api_elasticsearch_released, and another service has it: rename or remove that first"
	)
	recorded := func(w *world) string {
		app := w.released()
		w.ok(upgrade.SetRelease(w.ctx, w.run, upgrade.Release{GUID: app}))
		return app
	}
	anotherService := func(w *world) string {
		return must(w.cf.Services.CreateUserProvided(w.ctx, w.release.Names.ReleasedService, nil, nil))(w).GUID
	}
	const rename = "rename app search-api to search-api-released"
	for name, c := range map[string]struct {
		reach func(*world)
		// undo is what Undo plans, and away what RenamedAway plans; left is the green that
		// is left over.
		undo, away []string
		left       string
		refused    string
	}{
		"nobody has released":                              {reach: func(*world) {}},
		"it is not recorded":                               {reach: func(w *world) { w.released() }, undo: []string{record}, away: []string{rename}},
		"it is recorded":                                   {reach: func(w *world) { recorded(w) }, away: []string{rename}},
		"it is recorded, and off the routes":               {reach: func(w *world) { w.unmapped(recorded(w)) }, away: []string{rename}},
		"green is left over":                               {reach: func(w *world) { w.leftGreen("somebody") }, undo: []string{record}, away: []string{"rename app somebody to search-api-released"}, left: liveApp},
		"it has its name already":                          {reach: func(w *world) { w.ok(w.cf.Apps.Rename(w.ctx, recorded(w), "search-api-released")) }},
		"the first release is under way":                   {reach: func(w *world) { w.mapped(w.app(inProgress)) }},
		"the next release is under way":                    {reach: func(w *world) { recorded(w); w.mapped(w.app(inProgress)) }, away: []string{rename}, refused: underWay},
		"another app has the name it gets":                 {reach: func(w *world) { w.released(); w.app("search-api-released") }, away: []string{rename}, refused: appName},
		"another service has the name":                     {reach: func(w *world) { w.released(); anotherService(w) }, away: []string{rename}, refused: service},
		"another service has it, and the runbook has none": {reach: func(w *world) { recorded(w); anotherService(w); w.release.NewService = nil }, away: []string{rename}},
		"another service has the name, and blue uses it": {
			reach: func(w *world) {
				w.released()
				must(w.cf.Services.Bind(w.ctx, w.blue().App, anotherService(w), "", nil))(w)
			}, away: []string{rename}, refused: service,
		},
		"its service has the name and no label": {
			reach: func(w *world) { must(w.cf.Services.Bind(w.ctx, recorded(w), anotherService(w), "", nil))(w) }, away: []string{rename},
		},
		"the run's service has the name": {
			reach: func(w *world) {
				recorded(w)
				w.ok(w.cf.Services.RenameServiceInstance(w.ctx, w.services.new.GUID, w.release.Names.ReleasedService))
			}, away: []string{rename},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := waiting(t)
			c.reach(w)
			undo, err := w.release.Undo(w.ctx)
			if diff := cmp.Diff(c.undo, taskNames(undo)); diff != "" {
				t.Error("undo:", diff)
			}
			no, is := errors.AsType[*runner.Irreversible](err)
			if got := w.outcome(new(runner.Observation), err).Error; got != c.refused || is != (c.refused != "") || is && no.Covered {
				t.Errorf("undo is refused with %q, not %q", got, c.refused)
			}
			away := must(w.release.RenamedAway(w.ctx, names.New(w.cf).RenameApp))(w)
			if diff := cmp.Diff(c.away, taskNames(away)); diff != "" {
				t.Error("renamed away:", diff)
			}
			left := ""
			if app := must(w.release.LeftGreen(w.ctx))(w); app != nil {
				left = app.Name
			}
			if left != c.left {
				t.Errorf("left over is %q, not %q", left, c.left)
			}
		})
	}
}
