package proof_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
)

const instances = 2

func (w *world) everyRouter(address string, want proof.Want) (*runner.Observation, error) {
	o := new(runner.Observation)
	return o, w.EveryRouter(w.t.Context(), o, address, w.app, instances, want)
}

// eventually repeats a proof until it holds, as the runner does.
func (w *world) eventually(address string, want proof.Want) *runner.Observation {
	w.t.Helper()
	for began := time.Now(); ; {
		o, err := w.everyRouter(address, want)
		if err == nil {
			return o
		}
		if time.Since(began) > w.Timeout {
			w.t.Fatal(err)
		}
	}
}

// answered waits until some router has sent a request to the app.
func (w *world) answered(address string) {
	w.t.Helper()
	for began := time.Now(); ; {
		a, err := w.Ask(w.ctx, address)
		if err == nil && proof.Served(a) == nil {
			return
		}
		if time.Since(began) > w.Timeout {
			w.t.Fatalf("no router sends a request for %s to the app: %s, %v", address, a, err)
		}
	}
}

// never says with which words a proof fails however often it is repeated.
func (w *world) never(address string, want proof.Want, said string) {
	w.t.Helper()
	for range 5 {
		if _, err := w.everyRouter(address, want); err == nil || !strings.Contains(err.Error(), said) {
			w.t.Errorf("it is not found that one router disagrees (%s): %v", said, err)
		}
	}
}

func TestEveryRouterIsAsked(t *testing.T) {
	w := newWorld(t)
	o := w.eventually(host, proof.Served)
	k := proof.Requests(w.Routers)
	if want := fmt.Sprintf("2 instances, %d fresh connections each, on %s", k, host); o.Said() != want {
		t.Errorf("it says %q, not %q", o.Said(), want)
	}
	if diff := cmp.Diff([]runner.Fact{{Name: "fresh connections", Value: k * instances}}, o.Facts()); diff != "" {
		t.Error(diff)
	}
	w.never(host, proof.Unknown, "still reached: answered 200")
}

func TestARouterThatNeverHearsOfARouteIsFound(t *testing.T) {
	w := newWorld(t)
	const other = "dm-other-preview.cloudapps.digital"
	w.eventually(host, proof.Served)
	w.freeze(1)
	w.route(other)
	w.answered(other)
	w.never(other, proof.Served, "on "+other+": answered 400 unknown_route from the router")
	w.never(other, proof.Unknown, "still reached: answered 200")
}

func TestARouterThatNeverForgetsARouteIsFound(t *testing.T) {
	w := newWorld(t)
	const other = "dm-other-preview.cloudapps.digital"
	route := w.route(other)
	w.eventually(other, proof.Served)
	w.freeze(0)
	w.ok(w.cf.Routes.Unmap(w.ctx, route.GUID, w.app))
	w.never(other, proof.Unknown, "on "+other+": still reached: answered 200")
}

func TestARouteThatEveryRouterHasForgotten(t *testing.T) {
	w := newWorld(t)
	const other = "dm-other-preview.cloudapps.digital"
	route := w.route(other)
	w.eventually(other, proof.Served)
	w.ok(w.cf.Routes.Unmap(w.ctx, route.GUID, w.app))
	w.eventually(other, proof.Unknown)
}

// An instance that is not there is found, even where all others answer.
func TestAnInstanceThatIsMissingIsFound(t *testing.T) {
	w := newWorld(t)
	w.eventually(host, proof.Served)
	err := w.EveryRouter(w.ctx, new(runner.Observation), host, w.app, instances+1, proof.Served)
	if err == nil || !strings.Contains(err.Error(), "instance 2 on "+host+": answered 400 unknown_route") {
		t.Errorf("of three instances, where two run: %v", err)
	}
}

// What is behind a path may ask for a login; the app's status may not.
func TestAPathThatAsksForALogin(t *testing.T) {
	w := newWorld(t)
	const path = host + "/g-cloud-12"
	w.route(path)
	w.eventually(path, proof.Served)
	a, err := w.Ask(w.ctx, path)
	if err != nil || a.Status != 401 {
		t.Errorf("the path answers %s, %v; it should ask for a login", a, err)
	}
	w.Path = "/g-cloud-12"
	w.never(host, proof.Served, "answered 401")
}

func TestACancelledContextEndsIt(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	o := new(runner.Observation)
	if err := w.EveryRouter(ctx, o, host, w.app, instances, proof.Served); !errors.Is(err, context.Canceled) || runner.ClassOf(err) != runner.Interrupted {
		t.Errorf("cancelled before: %v", err)
	}
	ctx, cancel = context.WithCancel(w.ctx)
	err := w.EveryRouter(ctx, o, host, w.app, instances, func(proof.Answer) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) || runner.ClassOf(err) != runner.Interrupted {
		t.Errorf("cancelled meanwhile: %v", err)
	}
	if o.Said() != "" {
		t.Errorf("it says %q", o.Said())
	}
}

func TestTheTasksOfAProof(t *testing.T) {
	w := newWorld(t)
	gone := errors.New("the app is gone")
	for name, c := range map[string]struct {
		app  proof.App
		want string
	}{
		"two instances":          {func(context.Context) (string, int, error) { return w.app, instances, nil }, ""},
		"an app scaled to none":  {func(context.Context) (string, int, error) { return w.app, 0, nil }, "blue has no instances"},
		"an app that is deleted": {func(context.Context) (string, int, error) { return "", 0, gone }, gone.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			tasks := w.OnEveryRouter("blue", []upgrade.LiveRoute{{Address: host}, {Address: host + "/_metrics"}}, c.app, "answers", proof.Served)
			var names []string
			for _, one := range tasks {
				names = append(names, one.Name)
				if one.Effect != runner.Proves || one.Wait != w.Timeout {
					t.Errorf("%s: effect %s, wait %s", one.Name, one.Effect, one.Wait)
				}
				if got := words(one.Do(t.Context(), new(runner.Observation))); got != c.want {
					t.Errorf("%s: %q, not %q", one.Name, got, c.want)
				}
			}
			want := []string{"every instance of blue answers on " + host, "every instance of blue answers on " + host + "/_metrics"}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What blue answers behind a path is what green must answer there; at the app itself, and
// where a router answers, nothing but Served counts.
func TestWhatBlueAnswersBehindAPathIsTheProof(t *testing.T) {
	w := newWorld(t)
	const path, bare = host + "/nothing/is/here/at/all", "dm-other-preview.cloudapps.digital"
	w.route(path)
	w.route(bare)
	w.eventually(bare, proof.Served)
	blue := upgrade.Blue{App: w.app, Routes: []upgrade.LiveRoute{{Address: host}, {Address: path}, {Address: host + "/_metrics"}, {Address: "nowhere.cloudapps.digital/x"}}}
	w.Measure(w.ctx, &blue)
	want := []upgrade.LiveRoute{{Address: host}, {Address: path, Answer: 404}, {Address: host + "/_metrics"}, {Address: "nowhere.cloudapps.digital/x"}}
	if diff := cmp.Diff(want, blue.Routes); diff != "" {
		t.Fatal(diff)
	}
	find := func(routes ...upgrade.LiveRoute) func(context.Context) (upgrade.Blue, error) {
		return func(context.Context) (upgrade.Blue, error) { return upgrade.Blue{App: w.app, Routes: routes}, nil }
	}
	o := new(runner.Observation)
	if err := w.Provable(find(blue.Routes[:3]...)).Do(w.ctx, o); err != nil || o.Said() != "3 routes; "+path+" answers 404, and so must green" {
		t.Errorf("%q, %v", o.Said(), err)
	}
	err := w.Provable(find(blue.Routes...)).Do(w.ctx, o)
	if err == nil || err.Error() != "nowhere.cloudapps.digital/x: answered 400 unknown_route from the router" {
		t.Errorf("a route that no router knows: %v", err)
	}
	app := func(context.Context) (string, int, error) { return w.app, instances, nil }
	for status, good := range map[int]bool{404: true, 410: false} {
		task := w.OnEveryRouter("green", []upgrade.LiveRoute{{Address: path, Answer: status}}, app, "answers", proof.Served)[0]
		if err := task.Do(w.ctx, new(runner.Observation)); (err == nil) != good {
			t.Errorf("where blue answers %d: %v", status, err)
		}
	}
}
