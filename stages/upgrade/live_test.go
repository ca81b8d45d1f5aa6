package upgrade_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

func TestARouteThatWasDeletedAndRecreatedIsFoundByItsAddress(t *testing.T) {
	w := begun(t)
	green, route := w.built(), w.blue().Routes[0]
	w.ok(w.cf.Routes.Delete(w.ctx, route.GUID))
	made := must(w.cf.Routes.Create(w.ctx, route.Address, nil))(w)
	w.ok(w.cf.Routes.Map(w.ctx, made.GUID, green))
	if found := must(w.live.Route(w.ctx, route))(w); found.GUID != made.GUID {
		t.Errorf("found is %s, not %s", found.GUID, made.GUID)
	}
	want := serving{Traffic: "green, blue", Replacement: greenApp, Fallback: liveApp}
	if diff := cmp.Diff(want, w.serving()); diff != "" {
		t.Error(diff)
	}
	some := must(w.live.Select(w.ctx, func(r *cloudfoundry.Route) bool { return r.Reaches(green) }))(w)
	if diff := cmp.Diff([]upgrade.LiveRoute{route}, some); diff != "" {
		t.Error(diff)
	}
}

// A deleted live route is an error of its own in everything that reads the routes.
func TestADeletedLiveRouteIsNamed(t *testing.T) {
	w := begun(t)
	w.alone(w.built())
	w.reached(upgrade.NamesFinal)
	gone := w.blue().Routes[1]
	w.ok(w.cf.Routes.Delete(w.ctx, gone.GUID))
	for name, read := range map[string]func() error{
		"Route": func() error { _, err := w.live.Route(w.ctx, gone); return err },
		"Where": func() error { _, _, err := w.live.Where(w.ctx, w.blue(), "", gone); return err },
		"Apps":  func() error { _, err := w.live.Apps(w.ctx, w.blue()); return err },
		"Select": func() error {
			_, err := w.live.Select(w.ctx, func(*cloudfoundry.Route) bool { return true })
			return err
		},
		"Replacement": func() error { _, err := w.live.Replacement(w.ctx); return err },
		"Stranger":    func() error { _, err := w.live.Stranger(w.ctx, w.blue()); return err },
	} {
		err := read()
		var deleted *upgrade.RouteDeleted
		if !errors.As(err, &deleted) || deleted.Route != gone || runner.ClassOf(err) != runner.Refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHowManyInstancesAnAppShouldHave(t *testing.T) {
	w := begun(t)
	_, _, err := w.live.ReplacementInstances(w.ctx)
	want := outcome{Class: runner.Failed, Error: "there is no " + greenApp, WaitsFor: "push"}
	if diff := cmp.Diff(want, failed(err)); diff != "" {
		t.Error("before green is built:", diff)
	}
	green, blue := w.built(), w.blue().App
	w.ok(w.cf.Apps.Scale(w.ctx, green, 3))
	type size struct {
		App       string
		Instances int
	}
	of := func(app string, instances int, err error) size { w.ok(err); return size{app, instances} }
	got := map[string]size{
		"replacement": of(w.live.ReplacementInstances(w.ctx)), "blue": of(w.live.BlueInstances(w.ctx)), "fallback": of(w.live.FallbackInstances(w.ctx)),
	}
	if diff := cmp.Diff(map[string]size{"replacement": {green, 3}, "blue": {blue, 2}, "fallback": {blue, 2}}, got); diff != "" {
		t.Error(diff)
	}
	w.deleted(blue)
	_, _, err = w.live.FallbackInstances(w.ctx)
	want = outcome{Class: runner.Refused, Error: "blue, once " + liveApp + ", is gone, and no other app has the live routes to itself"}
	if diff := cmp.Diff(want, failed(err)); diff != "" {
		t.Error("once blue is deleted:", diff)
	}
}
