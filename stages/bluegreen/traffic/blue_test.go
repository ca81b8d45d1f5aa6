package traffic_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const (
	unmapLiveBlue    = "- unmap " + live + " from search-api"
	unmapMetricsBlue = "- unmap " + metrics + " from search-api"
	mapLiveToBlue    = "+ map " + live + " to search-api"
	mapMetricsToBlue = "+ map " + metrics + " to search-api"
	blueUnmapped     = "· every instance of blue is unmapped on "
	drain            = "· let the requests in flight end"
	beforeUnmapped   = "~ catch up green before blue is unmapped"
	atOnceToGreen    = "~ catch up green at once after blue was unmapped"
	lastToGreen      = "~ catch up green with the last writes to blue"
	recordOff        = "+ record that blue is off the live routes"
	recordBack       = "~ record that blue serves again"
	catchUpMeanwhile = "~ catch up blue with what changed meanwhile"
	growBlue         = "~ scale search-api from 1 to 2 instances"
	blueRuns         = "· every instance of blue runs"
	createPrivate    = "+ create route " + private
	mapPrivate       = "+ map " + private + " to search-api"
	catchUpBlue      = "~ catch up blue before it gets live traffic"
	completeBlue     = "· complete: blue"
)

func TestUnmapBlue(t *testing.T) {
	w := newWorld(t)
	w.apply(w.MapGreen(w.ctx))
	w.follower.calls, w.entered = nil, nil
	rest := []string{atOnceToGreen, blueUnmapped + live, blueUnmapped + metrics, drain, lastToGreen, recordOff}
	all := w.planned(append([]string{beforeUnmapped, unmapLiveBlue, unmapMetricsBlue}, rest...)...)(w.UnmapBlue(w.ctx))

	// A process that is killed after any of the tasks leaves the rest to the next one.
	w.apply(all[:2], nil)
	w.serve(live, "green")
	w.serve(metrics, "blue", "green")
	w.planned(append([]string{beforeUnmapped, unmapMetricsBlue}, rest...)...)(w.UnmapBlue(w.ctx))
	for _, one := range all[2 : len(all)-1] {
		w.apply([]runner.Task{one}, nil)
		w.planned(rest...)(w.UnmapBlue(w.ctx))
		if w.BlueIsOff() {
			t.Errorf("after %q blue is off", one.Name)
		}
	}
	w.apply(all[len(all)-1:], nil)
	if !w.BlueIsOff() {
		t.Error("blue is not off")
	}
	w.planned()(w.UnmapBlue(w.ctx))
	w.serve(metrics, "green")
	w.follower.called("catch up green", "catch up green", "catch up green")
	if diff := cmp.Diff([]string{"during", "during", "after"}, w.entered); diff != "" {
		t.Errorf("the phases: %s", diff)
	}
}

// How long green serves alone without what was written to blue last is measured by the
// process that unmaps blue.
func TestHowLongGreenIsNotLevel(t *testing.T) {
	w := newWorld(t)
	w.apply(w.MapGreen(w.ctx))
	all, err := w.UnmapBlue(w.ctx)
	w.ok(err)
	w.apply(all[:3], nil)
	next := &traffic.Traffic{Live: w.Live, Proof: w.Proof, Names: w.Names, Follower: w.follower, Entered: w.Entered}
	rest, err := next.UnmapBlue(w.ctx)
	w.ok(err)
	for who, c := range map[string]struct {
		task  runner.Task
		facts int
	}{"the process that unmapped blue": {all[3], 1}, "the next one": {rest[0], 0}} {
		o := new(runner.Observation)
		w.ok(c.task.Do(w.ctx, o))
		if facts := o.Facts(); c.task.Name != atOnceToGreen[len("~ "):] || len(facts) != c.facts ||
			c.facts > 0 && (facts[0].Name != "seconds from unmapped to level" || !strings.HasPrefix(o.Said(), "level with blue 0.")) {
			t.Errorf("%s: %q says %q and %+v", who, c.task.Name, o.Said(), facts)
		}
	}
}

func TestUnmapBlueWhereNothingFollows(t *testing.T) {
	w := newWorld(t)
	w.Follower = nil
	w.apply(w.MapGreen(w.ctx))
	w.entered = nil
	w.apply(w.planned(unmapLiveBlue, unmapMetricsBlue, blueUnmapped+live, blueUnmapped+metrics, drain, recordOff)(w.UnmapBlue(w.ctx)), nil)
	if diff := cmp.Diff([]string{"during", "during", "after"}, w.entered); diff != "" {
		t.Errorf("the phases: %s", diff)
	}
}

// Without green blue stays.
func TestUnmapBlueNeedsGreen(t *testing.T) {
	w := newWorld(t)
	w.ok(w.cf.Apps.Delete(w.ctx, w.green))
	var notYet *runner.NotYet
	if _, err := w.UnmapBlue(w.ctx); !errors.As(err, &notYet) {
		t.Errorf("without green: %v", err)
	}
}

func TestReturnToBlue(t *testing.T) {
	privately := []string{createPrivate, mapPrivate, blueAnswers + private, catchUpBlue, completeBlue}
	onLive := []string{mapLiveToBlue, mapMetricsToBlue, blueAnswers + live, blueAnswers + metrics, recordBack}
	atOnce := append(onLive[:5:5], catchUpMeanwhile)
	byPrivate := []string{"catch up blue at " + private, "complete: blue at " + private}
	byLive := []string{"catch up blue at " + live + ", blue"}
	for name, c := range map[string]struct {
		change func(*world)
		want   []string
		calls  []string
	}{
		"green serves": {func(*world) {}, append(privately[:5:5], onLive...), byPrivate},
		"somebody scaled blue down": {
			func(w *world) { w.scaled(w.blue.App, 1) },
			append(append([]string{growBlue, blueRuns}, privately...), onLive...), byPrivate,
		},
		"the private route is there": {
			func(w *world) {
				route, err := w.cf.Routes.Create(w.ctx, private, w.labels())
				w.ok(err)
				w.ok(w.cf.Routes.Map(w.ctx, route.GUID, w.blue.App))
			},
			append(privately[2:5:5], onLive...), byPrivate,
		},
		"the private route is there, and leads nowhere": {
			func(w *world) {
				_, err := w.cf.Routes.Create(w.ctx, private, w.labels())
				w.ok(err)
			},
			append(privately[1:5:5], onLive...), byPrivate,
		},
		"blue is back on one of the routes": {
			func(w *world) { w.on(w.blue.App, metrics) },
			append(privately[:5:5], mapLiveToBlue, blueAnswers+live, blueAnswers+metrics, recordBack), byPrivate,
		},
		"nothing follows":         {func(w *world) { w.Follower = nil }, onLive, nil},
		"nobody is on the routes": {func(w *world) { w.off(w.green) }, atOnce, byLive},
		"nobody is on one of the routes": {
			func(w *world) { w.off(w.green, metrics) }, atOnce, byLive,
		},
		"green is stopped": {
			func(w *world) { w.ok(w.cf.Apps.Stop(w.ctx, w.green)); w.routable(w.green, 0) }, atOnce, byLive,
		},
		"nobody serves, and somebody scaled blue down": {
			func(w *world) { w.off(w.green); w.scaled(w.blue.App, 1) },
			append(onLive[:5:5], growBlue, blueRuns, catchUpMeanwhile), byLive,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.switched()
			c.change(w)
			w.apply(w.planned(c.want...)(w.ReturnToBlue(w.ctx)), nil)
			w.follower.called(c.calls...)
			w.stays(live, "blue")
			w.stays(metrics, "blue")
			if w.BlueIsOff() {
				t.Error("blue is recorded as off")
			}
			w.apply(w.UndoMapGreen(w.ctx))
			w.serve(live, "blue")
			w.planned()(w.ReturnToBlue(w.ctx))
		})
	}
}

// No answer of green's is no service, though its instances run.
func TestReturnToBlueAtOnceWhereGreenDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	w.switched()
	answering := w.Proof.Fresh
	w.Proof.Fresh = httpclient.New(httpclient.Options{Dial: "127.0.0.1:1", FreshConnections: true, Attempts: 1})
	tasks, err := w.ReturnToBlue(w.ctx)
	w.Proof.Fresh = answering
	w.planned(mapLiveToBlue, mapMetricsToBlue, blueAnswers+live, blueAnswers+metrics, recordBack, catchUpMeanwhile)(tasks, err)
}

// The live routes are left to an app of others, and so is the private route.
func TestReturnToBlueLeavesWhatIsOthers(t *testing.T) {
	w := newWorld(t)
	w.switched()
	other, err := w.cf.Routes.Create(w.ctx, private, nil)
	w.ok(err)
	_, err = w.ReturnToBlue(w.ctx)
	w.refused(err, "PRIVATE_ROUTE: route "+private+" exists and was not made by this run")
	w.ok(w.cf.Routes.Delete(w.ctx, other.GUID))

	somebody := w.stranger()
	w.on(somebody, metrics)
	for name, plan := range map[string]func(context.Context) ([]runner.Task, error){"ReturnToBlue": w.ReturnToBlue, "MapBlue": w.MapBlue} {
		tasks, err := plan(w.ctx)
		var left *runner.Irreversible
		if len(tasks) > 0 || !errors.As(err, &left) || !left.Covered {
			t.Errorf("%s: %d tasks, %v", name, len(tasks), err)
		}
	}
}

// Somebody deletes the private route between plan and mapping.
func TestThePrivateRouteMustBeTheRuns(t *testing.T) {
	w := newWorld(t)
	w.switched()
	tasks := must(w.ReturnToBlue(w.ctx))(w)
	w.refused(w.try(tasks[1]), "route "+private+" is gone, or was not made by this run")
}

func TestMapBlue(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		want   []string
	}{
		"green serves alone": {
			(*world).switched,
			[]string{mapLiveToBlue, mapMetricsToBlue, blueAnswers + live, blueAnswers + metrics, recordBack, catchUpMeanwhile},
		},
		"blue was unmapped from one route, as an unmapping fails half-way": {
			func(w *world) { w.apply(w.MapGreen(w.ctx)); w.off(w.blue.App, live) },
			[]string{mapLiveToBlue, blueAnswers + live, blueAnswers + metrics, catchUpMeanwhile},
		},
		"blue serves, and is recorded as off": {
			func(w *world) { w.switched(); w.on(w.blue.App) },
			[]string{recordBack, catchUpMeanwhile},
		},
		"both serve":        {func(w *world) { w.apply(w.MapGreen(w.ctx)) }, nil},
		"blue serves alone": {func(*world) {}, nil},
		"somebody scaled blue down": {
			func(w *world) { w.switched(); w.scaled(w.blue.App, 1) },
			[]string{mapLiveToBlue, mapMetricsToBlue, blueAnswers + live, blueAnswers + metrics, recordBack, growBlue, blueRuns, catchUpMeanwhile},
		},
		"nothing follows": {
			func(w *world) { w.switched(); w.Follower = nil },
			[]string{mapLiveToBlue, mapMetricsToBlue, blueAnswers + live, blueAnswers + metrics, recordBack},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.change(w)
			w.apply(w.planned(c.want...)(w.MapBlue(w.ctx)), nil)
			w.stays(live, "blue")
			w.stays(metrics, "blue")
			w.planned()(w.MapBlue(w.ctx))
		})
	}
}

// What is left of the drain is waited for.
func TestDrained(t *testing.T) {
	w := newWorld(t)
	w.refused(w.try(w.Drained()), "the run does not record when blue was taken off the live routes")
	for name, c := range map[string]struct {
		since, drain time.Duration
		waits        bool
	}{
		"long ago":          {2 * time.Hour, time.Hour, false},
		"just now":          {0, time.Hour, true},
		"nothing to drain":  {time.Minute, 0, false},
		"a part of it ago ": {30 * time.Minute, time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			w.ok(w.run.Set(w.ctx, "drained", w.cf.Space.Now().Add(-c.since)))
			w.Drain = c.drain
			stopped, stop := context.WithCancel(t.Context())
			stop()
			err := w.Drained().Do(stopped, new(runner.Observation))
			if waits := errors.Is(err, context.Canceled); waits != c.waits || !waits && err != nil {
				t.Errorf("it waits: %t (%v)", waits, err)
			}
		})
	}
}

// must ends the test at an error.
func must[V any](v V, err error) func(*world) V {
	return func(w *world) V {
		w.t.Helper()
		w.ok(err)
		return v
	}
}
