package release_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/release"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

const laterImage = "digitalmarketplace/search-api:release-1236"

// The release job is cut off after each of its writes. From when its app has a route
// until it has the live app's name, neither a stage nor the guard lets it begin again,
// with a run or without one; and the commands that they give end in one app that has
// the name and both live routes, and runs.
func TestEveryHalfWayStateOfTheReleaseJob(t *testing.T) {
	const none, both = "", "finish it: FINISH; or undo it: UNDO"
	for n, c := range []struct{ after, want string }{
		{"the push", none},
		{"the package", none},
		{"the build", none},
		{"the droplet", none},
		{"the start", none},
		{"the first route is mapped", both},
		{"the second route is mapped", both},
		{"the first route is unmapped", both},
		{"the second route is unmapped", both},
		{"the old app is stopped", both},
		{"the old app is deleted", "finish it: FINISH"},
		{"the new app has the name", none},
	} {
		t.Run(c.after, func(t *testing.T) {
			for _, finish := range []bool{true, false} {
				w := waiting(t)
				first := w.deployed()
				w.cutOff(n + 1)
				half := must(release.FindHalfWay(w.ctx, w.cf, liveApp, nil))(w)
				err := w.mayRelease()
				if c.want == none {
					w.ok(err)
					if half != nil {
						t.Fatalf("it is half-way: %v", half)
					}
					w.deployed()
					w.serves("")
					continue
				}
				if half == nil {
					t.Fatal("it is not half-way")
				}
				want := strings.NewReplacer("FINISH", half.Finish, "UNDO", half.Undo).Replace(c.want)
				_, awaited := w.try(w.release.Proof()[0])
				for _, err := range []error{err, awaited} {
					if runner.ClassOf(err) != runner.Refused || !strings.HasSuffix(err.Error(), "if no release job runs, "+want) {
						t.Errorf("%v, not: %s", err, want)
					}
				}
				switch {
				case finish:
					w.types(half.Finish)
					for _, proof := range w.release.Proof() {
						_, err := w.try(proof)
						w.ok(err)
					}
					w.serves("")
				case half.Undo == "":
					continue
				default:
					w.ok(w.run.Retire(w.ctx))
					if err := w.mayRelease(); runner.ClassOf(err) != runner.Refused {
						t.Errorf("without a run: %v", err)
					}
					w.types(half.Undo)
					w.serves(first)
				}
				w.ok(w.mayRelease())
				w.deployed()
				w.serves("")
			}
		})
	}
}

// An app that does not run is not what a release is finished with, unless no other is
// left.
func TestAReleaseWhoseAppDoesNotRunIsUndone(t *testing.T) {
	w := waiting(t)
	w.mapped(w.app(inProgress))
	half := must(release.FindHalfWay(w.ctx, w.cf, liveApp, nil))(w)
	if half.Finish != "" || half.Undo == "" || half.ByHand() != half.Undo {
		t.Errorf("finish %q, undo %q", half.Finish, half.Undo)
	}
	w.unmapped(w.green.GUID)
	w.ok(w.cf.Apps.Delete(w.ctx, w.green.GUID))
	half = must(release.FindHalfWay(w.ctx, w.cf, liveApp, nil))(w)
	if half.Finish != "cf rename search-api-release search-api" || half.Undo != "" {
		t.Errorf("finish %q, undo %q", half.Finish, half.Undo)
	}
}

// A release that lacks a live route which nothing leads to is finished with that route.
func TestAReleaseIsFinishedOnAllLiveRoutes(t *testing.T) {
	w := waiting(t)
	w.deployed()
	w.cutOff(11)
	next := must(w.cf.Apps.ByName(w.ctx, inProgress))(w)
	w.ok(w.cf.Routes.Unmap(w.ctx, w.blue().Routes[1].GUID, next.GUID))
	half := must(release.FindHalfWay(w.ctx, w.cf, liveApp, w.blue().Addresses()))(w)
	w.types(half.Finish)
	w.serves(next.GUID)
}

// cutOff runs the release job, and ends it after one of its writes.
func (w *world) cutOff(write int) {
	w.Helper()
	control := rig.Control{URL: w.box.Addresses().Control}
	id := must(control.AddFault(w.ctx, faults.Fault{Kind: faults.ErrorAfter, Place: "cloud-controller", UserAgent: "release-app-paas", WritesOnly: true, N: write}))(w)
	if err := control.Deploy(w.ctx, rig.Deployment{Image: laterImage}); err == nil {
		w.Fatalf("the job has no write %d", write)
	}
	w.ok(control.RemoveFault(w.ctx, id))
}

// mayRelease asks the guard, for a run that comes to its release next, or without one.
func (w *world) mayRelease() error {
	_, err := w.release.Guard(w.ctx, []runner.Step{{Number: 1, Name: "check"}}, func(context.Context) (string, error) { return "", nil })
	return err
}

// types does what a person does who types the commands.
func (w *world) types(commands string) {
	w.Helper()
	for one := range strings.SplitSeq(commands, "; ") {
		w.ok(w.command(strings.Fields(one)))
	}
}

func (w *world) command(words []string) error {
	if words[0] == "sleep" {
		return nil
	}
	app, err := w.cf.Apps.ByName(w.ctx, words[2])
	if err != nil || app == nil {
		return errors.Join(err, errors.New("there is no app "+words[2]))
	}
	switch words[1] {
	case "start":
		return w.cf.Apps.Start(w.ctx, app.GUID)
	case "delete":
		return w.cf.Apps.Delete(w.ctx, app.GUID)
	case "rename":
		return w.cf.Apps.Rename(w.ctx, app.GUID, words[3])
	}
	for _, address := range []string{liveRoute, secondRoute} {
		if w.cf.Routes.Arguments(address) != strings.Join(words[3:], " ") {
			continue
		}
		route, err := w.cf.Routes.ByAddress(w.ctx, address)
		if err != nil {
			return err
		}
		if words[1] == "map-route" {
			return w.cf.Routes.Map(w.ctx, route.GUID, app.GUID)
		}
		return w.cf.Routes.Unmap(w.ctx, route.GUID, app.GUID)
	}
	return errors.New("unknown command: " + strings.Join(words, " "))
}

// serves checks that both live routes lead to the app that has the live app's name, and
// to no other, and that it runs. guid is the app's, or "" for any.
func (w *world) serves(guid string) {
	w.Helper()
	app := must(w.cf.Apps.ByName(w.ctx, liveApp))(w)
	if guid != "" && app.GUID != guid {
		w.Errorf("%s is %s, not %s", liveApp, app.GUID, guid)
	}
	for _, address := range []string{liveRoute, secondRoute} {
		route := must(w.cf.Routes.ByAddress(w.ctx, address))(w)
		if len(route.Destinations) != 1 || !route.Reaches(app.GUID) {
			w.Errorf("%s leads to %+v, not to %s alone", address, route.Destinations, app.GUID)
		}
	}
	w.ok(upgrade.AllRun(w.ctx, w.cf, new(runner.Observation), app))
}
