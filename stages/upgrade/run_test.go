package upgrade_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// A process that was killed has recorded a run after this one looked for one.
func TestARunThatAnotherProcessBegan(t *testing.T) {
	for name, c := range map[string]struct {
		settings map[string]string
		between  func(*world)
		adopted  bool
	}{
		"the same run":        {map[string]string{"STAGE": "preview"}, func(*world) {}, true},
		"with other settings": {map[string]string{"STAGE": "production"}, func(*world) {}, false},
		"with another blue": {
			map[string]string{"STAGE": "preview"},
			func(w *world) {
				w.ok(w.cf.Apps.Scale(w.ctx, must(w.cf.Apps.ByName(w.ctx, liveApp))(w).GUID, 3))
			}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			killed := w.process(map[string]string{"STAGE": "preview"}, false)
			w.ok(killed.Begin(w.ctx, w.record(killed)))
			c.between(w)
			next := w.process(c.settings, false)
			err := next.Begin(w.ctx, w.record(next))
			if c.adopted {
				w.ok(err)
				if next.ID() != killed.ID() || !next.Started().Equal(killed.Started()) {
					t.Errorf("it has run %s, not %s", next.ID(), killed.ID())
				}
			} else if err == nil || next.Exists() {
				t.Errorf("it has run %s: %v", next.ID(), err)
			}
		})
	}
}

func TestARunIsRetired(t *testing.T) {
	w := begun(t)
	stays := w.made()
	first := w.run.ID()
	w.ok(w.run.Retire(w.ctx))
	w.retired(stays, first)
	w.ok(w.run.Retire(w.ctx)) // It may be repeated by a process that did not see its own last write.
	w.retired(stays, first)
}

// A process that dies at any write of Retire leaves a run that another process can
// load and retire: the run is there until nothing carries its labels any more.
func TestARunIsRetiredAfterACrash(t *testing.T) {
	died := errors.New("the process died")
	crashes := 0
	for ended := false; !ended; crashes++ {
		t.Run(fmt.Sprintf("after %d writes", crashes), func(t *testing.T) {
			w := begun(t)
			w.ok(w.run.Retire(w.ctx))
			w.ok(w.run.Begin(w.ctx, w.record(w.run)))
			stays, left := w.made(), crashes
			err := w.run.Retire(httpclient.WithPermit(w.ctx, func(context.Context) error {
				if left--; left < 0 {
					return died
				}
				return nil
			}))
			next := w.process(nil, false)
			exists := must(next.Load(w.ctx))(w)
			if ended = err == nil; ended {
				w.retired(stays, w.run.ID())
				return
			}
			if !errors.Is(err, died) || !exists || next.ID() != w.run.ID() {
				t.Fatalf("after the crash (%v) the run is %q, %v", err, next.ID(), exists)
			}
			w.ok(next.Retire(w.ctx))
			w.retired(stays, w.run.ID())
		})
	}
	if crashes < 6 {
		t.Errorf("Retire has %d writes; three labels, the run before it and its own name are 5", crashes-1)
	}
}

// made makes an app, a route and a service of the run, and an app of another run,
// and returns what has to be left of their labels, by name.
func (w *world) made() map[string]string {
	w.Helper()
	labels := w.run.Labels(upgrade.RoleGreen)
	w.built()
	must(w.cf.Routes.Create(w.ctx, "temporary.cloudapps.digital", labels))(w)
	must(w.cf.Services.CreateUserProvided(w.ctx, "notes", labels, nil))(w)
	another := map[string]string{cloudfoundry.RunLabel: "20260101-0000-aaaa", upgrade.RoleLabel: upgrade.RoleGreen}
	must(w.cf.Apps.Create(w.ctx, "another", another))(w)
	return map[string]string{"another": "20260101-0000-aaaa green", "cutover-search-api-last": w.run.ID() + " "}
}

// retired checks which labels are left, that no run is under way and which was last.
func (w *world) retired(stays map[string]string, last string) {
	w.Helper()
	left := map[string]string{}
	for _, label := range []string{cloudfoundry.RunLabel, upgrade.RoleLabel} {
		for _, one := range must(w.cf.Space.Labelled(w.ctx, label))(w) {
			left[one.Name] = one.Run() + " " + one.Labels[upgrade.RoleLabel]
		}
	}
	if diff := cmp.Diff(stays, left); diff != "" {
		w.Error(diff)
	}
	next := w.process(nil, false)
	if must(next.Load(w.ctx))(w) {
		w.Errorf("run %s is under way", next.ID())
	}
	if ended := must(next.Ended(w.ctx))(w); ended == nil || ended.Run != last {
		w.Errorf("the last run is %+v, not %s", ended, last)
	}
}

func TestADamagedRecordIsRefused(t *testing.T) {
	const damaged = "the record of run ID is damaged: cannot read its annotation "
	for name, c := range map[string]struct {
		annotation, value string
		read              func(*world) error
		want              string
	}{
		"blue": {
			"blue", "{", func(w *world) error { _, err := w.run.Blue(); return err },
			damaged + "blue (unexpected end of JSON input); restore it, or roll back",
		},
		"blue, for who serves": {
			"blue", "", func(w *world) error { _, err := w.live.Fallback(w.ctx); return err },
			damaged + "blue (unexpected end of JSON input); restore it, or roll back",
		},
		"settings": {
			"settings", "preview", func(w *world) error { return w.run.CheckSettings() },
			damaged + "settings (invalid character 'p' looking for beginning of value); restore it, or roll back",
		},
		"the released app": {
			"released", "search-api", func(w *world) error { _, err := w.live.Replacement(w.ctx); return err },
			damaged + "released (invalid character 's' looking for beginning of value); restore it, or roll back",
		},
		"when it began": {
			"started", "today", func(w *world) error { _, err := w.run.Load(w.ctx); return err },
			`read the run: service instance cutover-search-api: its annotation started cannot be read: ` +
				`parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := begun(t)
			object := must(w.cf.Services.ServiceInstanceByName(w.ctx, "cutover-search-api"))(w)
			w.ok(w.cf.Space.SetMetadata(w.ctx, cloudfoundry.ServiceInstanceKind, object.GUID, nil, map[string]*string{c.annotation: &c.value}))
			_, err := w.run.Load(w.ctx)
			if err == nil {
				err = c.read(w)
			}
			if diff := cmp.Diff(outcome{Class: runner.Refused, Error: c.want}, w.withoutID(failed(err))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A dry run from nothing plans the later stages on a run that it holds in memory.
func TestWhichRunADryRunHas(t *testing.T) {
	for name, c := range map[string]struct {
		dryRun, recorded bool
		want             string
	}{
		"a dry run has the one that it assumed":      {true, false, "assumed"},
		"a dry run has the one that was recorded":    {true, true, "recorded"},
		"a real run ignores the one that it assumed": {false, false, ""},
		"a real run has the one that was recorded":   {false, true, "recorded"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			run := w.process(nil, c.dryRun)
			assumed := w.record(run)
			assumed.ID = "assumed"
			run.Assume(assumed)
			if _, err := run.Blue(); err != nil || run.DryRun() != c.dryRun {
				t.Errorf("blue of the assumed run: %v", err)
			}
			if c.recorded {
				began := w.record(w.run)
				began.ID = "recorded"
				w.ok(w.run.Begin(w.ctx, began))
			}
			exists := must(run.Load(w.ctx))(w)
			if exists != (c.want != "") || exists != run.Exists() || exists != !run.Started().IsZero() {
				t.Errorf("there is a run: %v, %v", exists, run.Started())
			}
			if exists && run.ID() != c.want {
				t.Errorf("it is run %s", run.ID())
			}
		})
	}
}

func TestAnObjectThatThisRunDidNotMake(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		labels map[string]string
		want   string
	}{
		"a person made it": {nil, "app x exists and was not made by this run (it has no label of a run): remove or rename it"},
		"another run made it": {
			map[string]string{cloudfoundry.RunLabel: "20260101-0000-aaaa"},
			"app x exists and was not made by this run (run 20260101-0000-aaaa made it): remove or rename it",
		},
	} {
		err := w.run.NotOurs("app", "x", cloudfoundry.Metadata{Labels: c.labels})
		if diff := cmp.Diff(outcome{Class: runner.Refused, Error: c.want}, failed(err)); diff != "" {
			t.Error(name, diff)
		}
	}
}

// What one process recorded, another reads.
func TestTheRecordOfARun(t *testing.T) {
	w := begun(t)
	at := time.Date(2026, 11, 23, 1, 2, 3, 4000, time.UTC)
	w.ok(w.run.Complete(w.ctx, "push", runner.Completion{
		Verdict: runner.Done, Build: "build 41", Started: at, Ended: at.Add(time.Minute), Facts: []runner.Fact{{Name: "apps", Value: 1.0}},
	}))
	w.reached(upgrade.Begun)
	w.ok(w.run.Reopen(w.ctx, "check"))
	w.ok(w.run.GoBack(w.ctx))
	w.ok(w.run.Set(w.ctx, "when", at))
	release := upgrade.Release{GUID: "guid", Name: liveApp, Image: "image", At: at}
	w.ok(upgrade.SetRelease(w.ctx, w.run, release))

	next := w.process(nil, false)
	want := &runner.Record{Run: w.run.ID(), Back: true, Complete: map[string]runner.Completion{
		"push": {Verdict: runner.Done, Build: "build 41", Started: at, Ended: at.Add(time.Minute)},
	}}
	if diff := cmp.Diff(want, must(next.Record(w.ctx))(w)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(journal.Completion{
		Verdict: "done", Build: "build 41", Started: at, Ended: at.Add(time.Minute), Facts: map[string]any{"apps": 1.0},
	}, next.Completions()["push"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&release, must(upgrade.LastRelease(next))(w)); diff != "" {
		t.Error(diff)
	}
	if !next.GoesBack() || !next.Time("when").Equal(at) || !next.Reached(upgrade.GreenBuilt) || next.Reached(upgrade.Begun) {
		t.Errorf("it goes back: %v, and the time is %v", next.GoesBack(), next.Time("when"))
	}
}
