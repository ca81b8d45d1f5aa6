package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Situation tells where live traffic is, and what going back costs from there.
func (s *Site) Situation(ctx context.Context) (runner.Situation, error) {
	if _, err := s.Journal().Record(ctx); err != nil {
		return runner.Situation{}, err
	}
	b, err := s.recorded()
	var notYet *runner.NotYet
	if errors.As(err, &notYet) {
		return s.withoutRun(ctx)
	}
	if err != nil {
		return runner.Situation{}, err
	}
	for _, route := range b.Routes {
		_, err := s.liveNow(ctx, route)
		var gone *routeGone
		if errors.As(err, &gone) {
			return s.withoutRoute(ctx, b, gone), nil
		}
		if err != nil {
			return runner.Situation{}, err
		}
	}
	next, err := s.successorApp(ctx)
	if err != nil {
		return runner.Situation{}, err
	}
	for _, route := range b.Routes {
		if route.Address != s.Settings.LiveRoute {
			continue
		}
		state, stranger, err := s.routeState(ctx, b, next, route)
		if err != nil {
			return runner.Situation{}, err
		}
		if stranger != "" && s.marked(stageRemoveOldService) {
			return complete(stranger, s.run), nil
		}
		if stranger != "" && s.mayRelease() {
			return runner.Situation{
				Traffic: toOther, Detail: stranger + ", in the midst of a release",
				Back: "not while the release is under way; when it has ended, or was mended",
			}, nil
		}
		if stranger != "" {
			return s.releasedBetween(ctx, b, next, stranger)
		}
		return s.situated(ctx, b, state)
	}
	return runner.Situation{}, fmt.Errorf("the run has no route %s", s.Settings.LiveRoute)
}

// withoutRoute is the situation where somebody deleted a live route: nobody is
// reached there, and neither way goes on before it is made again.
func (s *Site) withoutRoute(ctx context.Context, b blue, gone *routeGone) runner.Situation {
	name := s.nameOf(ctx, b)
	if made, err := s.findGreen(ctx); err == nil && made != nil && s.marked(stageUnmapOldApp) {
		name = made.Name
	}
	return runner.Situation{
		Traffic: toNone, Detail: gone.Error(), Blocked: gone.Error(), Back: "only once that route is there",
		Next: "cf map-route " + name + " " + typed(gone.route.Address),
	}
}

// releasedBetween is the situation where an app that is none of this run is on the
// live routes before one may be.
func (s *Site) releasedBetween(ctx context.Context, b blue, next, stranger string) (runner.Situation, error) {
	now := runner.Situation{
		Traffic: toOther, Detail: stranger + ", which is none of this run",
		Blocked: "somebody released in between; roll back, and begin anew",
		Back:    "safe: the live routes are left alone, what was made for the run is removed",
	}
	serving, err := s.onLiveRoutes(ctx, b)
	if err != nil || next == "" || !slices.Contains(serving, next) {
		return now, err
	}
	now.Detail += "; and beside it " + s.appName(ctx, next) + ", which this run made"
	now.Back = "safe, seconds: the new app is taken off the live routes, which are left to the other; what was made for the run is removed"
	if !s.marked(stageRenameNewService) {
		return now, nil
	}
	name, _, _ := strings.Cut(stranger, " ")
	var off []string
	for _, route := range b.Routes {
		off = append(off, "cf unmap-route "+name+" "+typed(route.Address))
	}
	now.Blocked = "somebody released in between, and what was released uses the new service; take it off the live routes, and go on"
	now.Back = "only once that app is off the live routes"
	now.Next = strings.Join(off, "; ") + "; cf rename " + name + " " + s.Settings.ReleasedApp
	return now, nil
}

// withoutRun is the situation before a run, and after one that is complete.
func (s *Site) withoutRun(ctx context.Context) (runner.Situation, error) {
	none := runner.Situation{Traffic: "not known", Detail: "no run has begun", Back: "nothing to go back from"}
	orphans, err := s.cf.AppsByLabel(ctx, roleLabel, green)
	if err != nil {
		return none, err
	}
	if len(orphans) > 0 {
		lost := fmt.Sprintf("app %s is of run %s, whose record (service cutover-%s) is gone", orphans[0].Name, orphans[0].Run(), s.Settings.LiveApp)
		return runner.Situation{
			Traffic: "not known", Detail: lost, Back: "by hand only: nothing tells what was live",
			Blocked: lost + "; see which apps are on " + s.Settings.LiveRoute + ", and take that one off or remove its label " + roleLabel,
			Next:    "cf app " + orphans[0].Name,
		}, nil
	}
	route, err := s.cf.RouteByAddress(ctx, s.Settings.LiveRoute)
	if err != nil {
		return none, err
	}
	if route == nil {
		none.Detail = "there is no route " + s.Settings.LiveRoute + " in this space (LIVE_ROUTE); no run has begun"
		return none, nil
	}
	if len(route.Destinations) != 1 {
		none.Detail = fmt.Sprintf("%s leads to %s; no run has begun", route.Address, runner.Count(len(route.Destinations), "app", "apps"))
		return none, nil
	}
	app, err := s.cf.App(ctx, route.Destinations[0].AppGUID)
	if err != nil {
		return none, err
	}
	last, err := s.journal.LastRun(ctx)
	if err != nil {
		return none, err
	}
	if last != nil && last.Direction != journal.Back {
		return complete(app.Name, last), nil
	}
	none.Traffic, none.Detail = toBlue, app.Name+" alone; no run has begun"
	if app.Name != s.Settings.LiveApp {
		none.Traffic, none.Detail = toOther, app.Name+" alone, and LIVE_APP is "+s.Settings.LiveApp+"; no run has begun"
	}
	return none, nil
}

func complete(app string, run *journal.Run) runner.Situation {
	return runner.Situation{Traffic: toGreen, Detail: app + "; run " + run.ID + " is complete", Back: "there is no way back: the old service is deleted"}
}

// situated names the apps by the names that they have now.
func (s *Site) situated(ctx context.Context, b blue, state string) (runner.Situation, error) {
	old, new := s.nameOf(ctx, b), s.Settings.NewApp
	if app, err := s.successor(ctx); err == nil && app != nil {
		new = app.Name
		if !s.ours(app.Metadata) {
			new += ", as it was released in the new app's place"
		}
	}
	names := map[string]string{
		toBlue:  fmt.Sprintf("%s, %s", old, runner.Count(b.Instances, "instance", "instances")),
		toBoth:  fmt.Sprintf("%s and %s", old, new),
		toGreen: new,
		toNone:  "the live route leads nowhere",
	}
	cost, err := s.cost(ctx, b, state)
	return runner.Situation{Traffic: state, Detail: names[state], Back: cost}, err
}

// cost says what going back costs, by what is left of the old app and its service.
func (s *Site) cost(ctx context.Context, b blue, state string) (string, error) {
	app, err := s.blueApp(ctx, b)
	if err != nil {
		return "", err
	}
	instance, err := s.blueService(ctx, b)
	if err != nil {
		return "", err
	}
	names := ""
	if app != nil && instance != nil && (app.Name != b.Name || instance.Name != b.ServiceName) {
		names = "; then the names go back"
	}
	released, err := s.theirs(ctx)
	if err != nil {
		return "", err
	}
	if released != nil {
		names += "; the released app stays, as " + s.Settings.ReleasedApp
	}
	switch {
	case instance == nil:
		return "there is no way back: the old service is deleted", nil
	case app == nil && s.remembered():
		return "safe, minutes: the old app is pushed anew, image " + b.Image + " against service " + instance.Name + ", caught up and mapped again; then the names go back", nil
	case app == nil:
		return "by hand only: the old app is deleted, its service " + instance.Name + " is there; push image " + b.Image + " against it", nil
	case app.State != cloudfoundry.Started && state != toBlue:
		return "safe, minutes: the old app is started, caught up and mapped again" + names, nil
	}
	return map[string]string{
		toBlue:  "safe, seconds: live traffic is not touched; what was made for the run is removed",
		toBoth:  "safe, seconds: the new app is taken off the live routes",
		toGreen: "safe, seconds to minutes: the old app runs; it is caught up and mapped again",
		toNone:  "urgent: it maps the old app again",
	}[state] + names, nil
}
