package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// ordinary are the checks that every stage from 2 on opens with: the settings
// are the run's, and the apps behind the live routes are the ones that belong
// there at this point. allowed are the states of a live route that do.
func (s *Site) ordinary(allowed ...string) []runner.Task {
	return []runner.Task{
		s.settingsHold(),
		{Name: "the live routes lead to the apps of the run", Do: func(ctx context.Context, o *runner.Observation) error {
			b, err := s.recorded()
			if err != nil {
				return err
			}
			return s.routesAre(ctx, b, o, allowed)
		}},
		s.sameImage(),
	}
}

func (s *Site) settingsHold() runner.Task {
	return runner.Task{Name: "the settings are those of the run", Do: func(_ context.Context, o *runner.Observation) error {
		if err := s.settingsAgree(); err != nil {
			return err
		}
		o.Say("run %s, begun %s", s.run.ID, s.run.Started.UTC().Format("2006-01-02 15:04 MST"))
		return nil
	}}
}

// The states of a live route.
const (
	toBlue  = "blue"
	toBoth  = "both"
	toGreen = "green"
	toNone  = "nobody"
	toOther = "another app"
)

// routesAre compares where each live route leads with where it may lead.
func (s *Site) routesAre(ctx context.Context, b blue, o *runner.Observation, allowed []string) error {
	next, err := s.successorApp(ctx)
	if err != nil {
		return err
	}
	var all []error
	var said, states []string
	for _, route := range b.Routes {
		state, stranger, err := s.routeState(ctx, b, next, route)
		if err != nil {
			return err
		}
		said = append(said, route.Address+": "+state)
		if !slices.Contains(states, state) {
			states = append(states, state)
		}
		o.Set("live route "+route.Address, state)
		switch {
		case stranger != "":
			all = append(all, fmt.Errorf("%s leads to app %s, %s", route.Address, stranger, s.whoseIsIt()))
		case !slices.Contains(allowed, state):
			all = append(all, fmt.Errorf("%s leads to %s; here it should lead to %s", route.Address, state, strings.Join(allowed, " or ")))
		}
	}
	o.Say("%s", strings.Join(said, ", "))
	if len(all) == 0 {
		return nil
	}
	if stage := before(states, allowed); stage != "" {
		return &runner.NotYet{Stage: stage, Why: "the live routes lead to " + strings.Join(states, " and ")}
	}
	return runner.Refuse("%w", errors.Join(all...))
}

// before tells which stage brings the live routes to where they are wanted, if
// they are all on their way there; "" if they are not.
func before(states, allowed []string) string {
	order := []string{toBlue, toBoth, toGreen}
	wanted := slices.Index(order, allowed[0])
	for _, state := range states {
		if at := slices.Index(order, state); at < 0 || at > wanted {
			return ""
		}
	}
	return map[string]string{toBoth: stageMapLiveRoute, toGreen: stageUnmapOldApp}[allowed[0]]
}

// routeState tells where a live route leads, and names the first app behind it
// that is neither blue nor its successor.
func (s *Site) routeState(ctx context.Context, b blue, next string, route liveRoute) (state, stranger string, err error) {
	r, err := s.liveNow(ctx, route)
	if err != nil {
		return "", "", err
	}
	for _, d := range r.Destinations {
		if d.AppGUID != b.App && d.AppGUID != next {
			return toOther, s.appName(ctx, d.AppGUID), nil
		}
	}
	isBlue, isGreen := r.Reaches(b.App), next != "" && r.Reaches(next)
	switch {
	case isBlue && isGreen:
		return toBoth, "", nil
	case isBlue:
		return toBlue, "", nil
	case isGreen:
		return toGreen, "", nil
	}
	return toNone, "", nil
}

// whoseIsIt says of an app that has no place on the live routes what it is.
func (s *Site) whoseIsIt() string {
	if s.mayRelease() {
		return "beside another: a release is under way, or was left half-way; run this again when it has ended"
	}
	return "which is none of this run: somebody released in between"
}

func (s *Site) appName(ctx context.Context, guid string) string {
	if name := s.appCalled(ctx, guid); name != guid {
		return name + " (" + guid + ")"
	}
	return guid
}

// appCalled is an app's name, or its GUID where that cannot be read.
func (s *Site) appCalled(ctx context.Context, guid string) string {
	app, err := s.cf.App(ctx, guid)
	if err != nil {
		return guid
	}
	return app.Name
}

// stillServes is why the stages after the switch wait.
const stillServes = "the old app serves the live routes"

// marked tells whether a stage of the run is complete.
func (s *Site) marked(stage string) bool {
	if s.run == nil {
		return false
	}
	_, is := s.run.Complete[stage]
	return is
}

// settled are the checks that every stage opens with once green serves alone.
func (s *Site) settled() []runner.Task {
	return append(s.ordinary(toGreen), s.liveCountsHold(s.Settings.VerifyTimeout))
}

// waitsFor makes a task that does not hold wait for an earlier stage as long as
// that is not complete: in a dry run that is no failure.
func (s *Site) waitsFor(stage, why string, t runner.Task) runner.Task {
	t.After = &runner.NotYet{Stage: stage, Why: why}
	return t
}

// oldHasNoRoute sees that nobody can reach blue, before it is stopped or deleted.
func (s *Site) oldHasNoRoute() runner.Task {
	return s.waitsFor(stageUnmapOldApp, stillServes, runner.Task{
		Name: "the old app has no route",
		Do: func(ctx context.Context, o *runner.Observation) error {
			_, app, err := s.oldApp(ctx)
			if err != nil {
				return err
			}
			if app == nil {
				o.Say("it is deleted already")
				return nil
			}
			return s.routeless(ctx, o, app)
		},
	})
}

// routeless sees that an app is on no route at all.
func (s *Site) routeless(ctx context.Context, o *runner.Observation, app *cloudfoundry.App) error {
	routes, err := s.cf.RoutesOfApp(ctx, app.GUID)
	if err != nil {
		return err
	}
	if len(routes) > 0 {
		return runner.Refuse("app %s is on %s, %s among them: it is in use", app.Name, runner.Count(len(routes), "route", "routes"), routes[0].Address)
	}
	o.Say("%s, %s", app.Name, app.State)
	return nil
}
