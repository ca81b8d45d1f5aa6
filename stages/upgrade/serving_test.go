package upgrade_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// serving is what the platform says about who serves: names of apps, "" for none.
type serving struct {
	// Traffic is where each of the two live routes leads.
	Traffic                                   string
	Replacement, Released, Fallback, Stranger string
}

func (w *world) serving() serving {
	w.Helper()
	ctx := httpclient.WithoutPermit(w.ctx)
	name := func(app *cloudfoundry.App, err error) string {
		w.Helper()
		if w.ok(err); app == nil {
			return ""
		}
		return app.Name
	}
	s := serving{
		Replacement: name(w.live.Replacement(ctx)), Released: name(w.live.ReleasedApp(ctx)), Fallback: name(w.live.Fallback(ctx)),
	}
	stranger, err := w.live.Stranger(ctx, w.blue())
	if w.ok(err); stranger != nil {
		s.Stranger = stranger.Name
	}
	replacement := must(w.live.ReplacementGUID(ctx))(w)
	var all []string
	for _, route := range w.blue().Routes {
		traffic, _, err := w.live.Where(ctx, w.blue(), replacement, route)
		w.ok(err)
		all = append(all, string(traffic))
	}
	s.Traffic = strings.Join(all, ", ")
	return s
}

func TestWhoServesBeforeTheRelease(t *testing.T) {
	for name, c := range map[string]struct {
		reach func(*world)
		want  serving
	}{
		"blue alone": {
			func(*world) {},
			serving{Traffic: "blue, blue", Fallback: liveApp},
		},
		"green is built, and on no live route": {
			func(w *world) { w.built() },
			serving{Traffic: "blue, blue", Replacement: greenApp, Fallback: liveApp},
		},
		"an app with green's name is not green": {
			func(w *world) { w.other(greenApp) },
			serving{Traffic: "blue, blue", Fallback: liveApp},
		},
		"a blue that a rollback rebuilt is not green": {
			func(w *world) { w.built(); must(w.cf.Apps.Create(w.ctx, "rebuilt", w.run.Labels(upgrade.RoleBlue)))(w) },
			serving{Traffic: "blue, blue", Replacement: greenApp, Fallback: liveApp},
		},
		"an app that another run made is not green": {
			func(w *world) {
				labels := map[string]string{cloudfoundry.RunLabel: "20260101-0000-aaaa", upgrade.RoleLabel: upgrade.RoleGreen}
				w.mapped(must(w.cf.Apps.Create(w.ctx, greenApp, labels))(w).GUID)
			},
			serving{Traffic: "another app, another app", Fallback: liveApp, Stranger: greenApp},
		},
		"blue and green": {
			func(w *world) { w.mapped(w.built()) },
			serving{Traffic: "both, both", Replacement: greenApp, Fallback: liveApp},
		},
		"green is on one of the live routes": {
			func(w *world) { w.ok(w.cf.Routes.Map(w.ctx, w.blue().Routes[1].GUID, w.built())) },
			serving{Traffic: "blue, both", Replacement: greenApp, Fallback: liveApp},
		},
		"green alone": {
			func(w *world) { w.alone(w.built()) },
			serving{Traffic: "green, green", Replacement: greenApp, Fallback: liveApp},
		},
		"green alone, and blue is deleted": {
			func(w *world) { w.alone(w.built()); w.deleted(w.blue().App) },
			serving{Traffic: "green, green", Replacement: greenApp},
		},
		"nobody": {
			func(w *world) { w.built(); w.unmapped(w.blue().App) },
			serving{Traffic: "nobody, nobody", Replacement: greenApp, Fallback: liveApp},
		},
		"blue and another app": {
			func(w *world) { w.mapped(w.other("somebody")) },
			serving{Traffic: "another app, another app", Fallback: liveApp, Stranger: "somebody"},
		},
		"green and another app": {
			func(w *world) { w.alone(w.built()); w.mapped(w.other("somebody")) },
			serving{Traffic: "another app, another app", Replacement: greenApp, Fallback: liveApp, Stranger: "somebody"},
		},
		"another app on the second route only": {
			func(w *world) {
				w.alone(w.built())
				w.ok(w.cf.Routes.Map(w.ctx, w.blue().Routes[1].GUID, w.other("somebody")))
			},
			serving{Traffic: "green, another app", Replacement: greenApp, Fallback: liveApp, Stranger: "somebody"},
		},
		"a release took blue's place and deleted blue": {
			func(w *world) { w.built(); w.alone(w.other("somebody")); w.deleted(w.blue().App) },
			serving{Traffic: "another app, another app", Replacement: greenApp, Fallback: "somebody", Stranger: "somebody"},
		},
		"a release deleted blue while green was on the live routes too": {
			func(w *world) { w.mapped(w.built(), w.other("somebody")); w.deleted(w.blue().App) },
			serving{Traffic: "another app, another app", Replacement: greenApp, Fallback: "somebody", Stranger: "somebody"},
		},
		"blue is deleted, and two other apps serve": {
			func(w *world) { w.built(); w.mapped(w.other("one"), w.other("two")); w.deleted(w.blue().App) },
			serving{Traffic: "another app, another app", Replacement: greenApp, Stranger: "one"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := begun(t)
			c.reach(w)
			if diff := cmp.Diff(c.want, w.serving()); diff != "" {
				t.Error(diff)
			}
			if w.run.ReleaseAllowed() {
				t.Error("a release is allowed")
			}
		})
	}
}

// In each case green has had the live routes to itself, and the final names.
func TestWhoServesOnceAReleaseIsAllowed(t *testing.T) {
	for name, c := range map[string]struct {
		reach func(w *world, green string)
		want  serving
	}{
		"nothing is released yet": {
			func(*world, string) {},
			serving{Traffic: "green, green", Replacement: greenApp, Fallback: liveApp},
		},
		"a release is under way": {
			func(w *world, _ string) { w.mapped(w.other("somebody")) },
			serving{Traffic: "another app, another app", Replacement: greenApp, Fallback: liveApp, Stranger: "somebody"},
		},
		"a release is on one live route, green on the other": {
			func(w *world, green string) {
				route := w.blue().Routes[0].GUID
				w.ok(w.cf.Routes.Map(w.ctx, route, w.other("somebody")))
				w.ok(w.cf.Routes.Unmap(w.ctx, route, green))
			},
			serving{Traffic: "another app, green", Replacement: greenApp, Fallback: liveApp, Stranger: "somebody"},
		},
		"the released app alone": {
			func(w *world, _ string) { w.alone(w.other("somebody")) },
			serving{Traffic: "green, green", Replacement: "somebody", Released: "somebody", Fallback: liveApp},
		},
		"the released app alone, and green is deleted": {
			func(w *world, green string) { w.alone(w.other("somebody")); w.deleted(green) },
			serving{Traffic: "green, green", Replacement: "somebody", Released: "somebody", Fallback: liveApp},
		},
		"the released app alone, and recorded": {
			func(w *world, green string) {
				released := w.other("somebody")
				w.alone(released)
				w.recorded(released)
				w.deleted(green)
			},
			serving{Traffic: "green, green", Replacement: "somebody", Released: "somebody", Fallback: liveApp},
		},
		"the released app beside blue, which a rollback mapped": {
			func(w *world, _ string) {
				released := w.other("somebody")
				w.alone(released)
				w.recorded(released)
				w.mapped(w.blue().App)
			},
			serving{Traffic: "both, both", Replacement: "somebody", Released: "somebody", Fallback: liveApp},
		},
		"the released app, which is recorded, and green, which somebody mapped again": {
			func(w *world, green string) {
				released := w.other("somebody")
				w.alone(released)
				w.recorded(released)
				w.mapped(green)
			},
			serving{Traffic: "another app, another app", Replacement: "somebody", Released: "somebody", Fallback: liveApp, Stranger: greenApp},
		},
		"green is mapped again instead of the recorded app, and a release is under way": {
			func(w *world, _ string) { w.recorded(w.other("first")); w.mapped(w.other("second")) },
			serving{Traffic: "another app, another app", Replacement: greenApp, Fallback: liveApp, Stranger: "second"},
		},
		"a rollback unmapped the released app, which is recorded": {
			func(w *world, green string) {
				released := w.other("somebody")
				w.recorded(released)
				w.alone(w.blue().App)
				w.deleted(green)
			},
			serving{Traffic: "blue, blue", Replacement: "somebody", Released: "somebody", Fallback: liveApp},
		},
		"a rollback unmapped the released app and withdrew the names": {
			func(w *world, _ string) {
				w.recorded(w.other("somebody"))
				w.alone(w.blue().App)
				w.ok(w.run.Reopen(w.ctx, w.run.StageOf(upgrade.NamesFinal)))
			},
			serving{Traffic: "blue, blue", Replacement: "somebody", Released: "somebody", Fallback: liveApp},
		},
		"the released app is unmapped, and not recorded": {
			func(w *world, green string) { w.other("somebody"); w.alone(w.blue().App); w.deleted(green) },
			serving{Traffic: "blue, blue", Fallback: liveApp},
		},
		"the recorded app is deleted, and blue serves": {
			func(w *world, green string) {
				released := w.other("somebody")
				w.recorded(released)
				w.alone(w.blue().App)
				w.deleted(released)
			},
			serving{Traffic: "blue, blue", Replacement: greenApp, Fallback: liveApp},
		},
		"the recorded app serves, and the next release is under way": {
			func(w *world, green string) {
				first := w.other("first")
				w.recorded(first)
				w.alone(w.other("second"))
				w.mapped(first)
				w.deleted(green)
			},
			serving{Traffic: "another app, another app", Replacement: "first", Released: "first", Fallback: liveApp, Stranger: "second"},
		},
		"the next release replaced the recorded app": {
			func(w *world, green string) {
				first := w.other("first")
				w.recorded(first)
				w.alone(w.other("second"))
				w.deleted(first)
				w.deleted(green)
			},
			serving{Traffic: "green, green", Replacement: "second", Released: "second", Fallback: liveApp},
		},
		"the next release replaced the recorded app without deleting it": {
			func(w *world, green string) {
				w.recorded(w.other("first"))
				w.alone(w.other("second"))
				w.deleted(green)
			},
			serving{Traffic: "green, green", Replacement: "second", Released: "second", Fallback: liveApp},
		},
		"two other apps, and green is deleted": {
			func(w *world, green string) { w.mapped(w.other("one"), w.other("two")); w.deleted(green) },
			serving{Traffic: "another app, another app", Fallback: liveApp, Stranger: "one"},
		},
		"two other apps, and green is left over": {
			func(w *world, green string) { w.mapped(w.other("one"), w.other("two")); w.unmapped(green) },
			serving{Traffic: "another app, another app", Replacement: greenApp, Fallback: liveApp, Stranger: "one"},
		},
		"nobody": {
			func(w *world, green string) { w.unmapped(green) },
			serving{Traffic: "nobody, nobody", Replacement: greenApp, Fallback: liveApp},
		},
		"the released app alone, and blue is deleted": {
			func(w *world, _ string) { w.alone(w.other("somebody")); w.deleted(w.blue().App) },
			serving{Traffic: "green, green", Replacement: "somebody", Released: "somebody"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := begun(t)
			green := w.built()
			w.alone(green)
			w.reached(upgrade.NamesFinal)
			c.reach(w, green)
			if diff := cmp.Diff(c.want, w.serving()); diff != "" {
				t.Error(diff)
			}
			if !w.run.ReleaseAllowed() {
				t.Error("a release is not allowed")
			}
		})
	}
}
