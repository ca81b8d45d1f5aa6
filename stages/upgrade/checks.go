package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Afterwards are checks as postconditions, with names of their own: two tasks of one
// stage never share a name.
func Afterwards(checks ...runner.Task) []runner.Task {
	for i := range checks {
		checks[i].Name += ", afterwards"
	}
	return checks
}

// StillOnBlue is why the stages after the switch wait.
const StillOnBlue = "blue serves the live routes"

// Checks are those that stages begin with.
type Checks struct {
	Live *Live
	// Serving are further checks of a runbook, of the stages from when on green serves
	// alone: such as that green has all documents.
	Serving []runner.Task
}

func (c *Checks) run() *Run { return c.Live.Pair.Run }

// Common are the checks of every stage after the first: the settings are the run's,
// blue has its image, and the live routes lead where they should at this point:
// allowed, the wanted one first; and somebody answers there.
func (c *Checks) Common(allowed ...Traffic) []runner.Task {
	return []runner.Task{
		c.Settings(),
		{Name: "the live routes lead to the apps of the run", Do: func(ctx context.Context, o *runner.Observation) error {
			return c.RoutesLeadTo(ctx, o, allowed...)
		}},
		c.SomebodyAnswers(),
		c.sameDroplet(),
	}
}

// GreenServes are the checks of every stage after green serves alone.
func (c *Checks) GreenServes() []runner.Task { return append(c.Common(ToGreen), c.Serving...) }

// Settings checks that the settings are those that the run began with.
func (c *Checks) Settings() runner.Task {
	return runner.Task{Name: "the settings are those of the run", Do: func(_ context.Context, o *runner.Observation) error {
		if err := c.run().CheckSettings(); err != nil {
			return err
		}
		o.Say("run %s, begun %s", c.run().ID(), c.run().Started().UTC().Format("2006-01-02 15:04 MST"))
		return nil
	}}
}

// RoutesLeadTo compares where each live route leads with where it may lead.
func (c *Checks) RoutesLeadTo(ctx context.Context, o *runner.Observation, allowed ...Traffic) error {
	b, err := c.run().Blue()
	if err != nil {
		return err
	}
	replacement, err := c.Live.ReplacementGUID(ctx)
	if err != nil {
		return err
	}
	var all []error
	var said []string
	var found []Traffic
	for _, route := range b.Routes {
		traffic, stranger, err := c.Live.Where(ctx, b, replacement, route)
		if err != nil {
			return err
		}
		said = append(said, fmt.Sprintf("%s: %s", route.Address, traffic))
		if !slices.Contains(found, traffic) {
			found = append(found, traffic)
		}
		o.Set("live route "+route.Address, traffic)
		switch {
		case stranger != nil:
			all = append(all, fmt.Errorf("%s leads to app %s, %s", route.Address, stranger, c.whyStrange()))
		case !slices.Contains(allowed, traffic):
			all = append(all, fmt.Errorf("%s leads to %s; here it should lead to %s", route.Address, traffic, join(allowed, " or ")))
		}
	}
	o.Say("%s", strings.Join(said, ", "))
	if len(said) > mostRoutesSaid && len(found) == 1 {
		o.Say("%s: %s", runner.Count(len(said), "route", "routes"), found[0])
	}
	if len(all) == 0 {
		return nil
	}
	if m := onTheWay(found, allowed[0]); m != "" {
		return c.run().NotYet(m, "the live routes lead to %s", join(found, " and "))
	}
	return runner.Refuse("%w", errors.Join(all...))
}

// mostRoutesSaid is how many routes are said one by one where all of them lead to one app.
const mostRoutesSaid = 5

// onTheWay is the milestone that brings the live routes to where they are wanted,
// where all of them lead there or to an earlier point; "" where one does not.
func onTheWay(found []Traffic, wanted Traffic) Milestone {
	order := []Traffic{ToBlue, ToBoth, ToGreen}
	for _, traffic := range found {
		if at := slices.Index(order, traffic); at < 0 || at > slices.Index(order, wanted) {
			return ""
		}
	}
	return map[Traffic]Milestone{ToBoth: OnLiveRoutes, ToGreen: BlueOff}[wanted]
}

func join(all []Traffic, with string) string {
	var text []string
	for _, one := range all {
		text = append(text, string(one))
	}
	return strings.Join(text, with)
}

func (c *Checks) whyStrange() string {
	if c.run().ReleaseAllowed() {
		return "and to another app: a release is under way, or stopped half-way; run this again when it has ended"
	}
	return "which is not of this run: somebody released since the run began"
}

// sameDroplet checks that blue is what it was: a release that replaces an app's droplet
// in place changes neither its GUID nor its routes, and maybe not even its image's tag.
func (c *Checks) sameDroplet() runner.Task {
	return runner.Task{Name: "blue has the droplet that the run recorded", Do: func(ctx context.Context, o *runner.Observation) error {
		b, err := c.run().Blue()
		if err != nil {
			return err
		}
		droplet, err := c.Live.Pair.Platform.Apps.CurrentDroplet(ctx, b.App)
		if err != nil {
			return err
		}
		if droplet == nil {
			o.Say("the app is deleted")
			return nil
		}
		o.Say("%s", droplet.What())
		if droplet.GUID == b.Droplet {
			return nil
		}
		now, then := droplet.What(), b.From().What()
		if now == then { // The same tag was pushed again, and may name another image.
			now, then = now+" in droplet "+droplet.GUID, "it in "+b.Droplet
		}
		return runner.Refuse("app %s has %s, and had %s when run %s began: somebody released since", c.Live.Pair.BlueName(ctx, b), now, then, c.run().ID())
	}}
}

// BlueHasNoRoute checks that nobody can reach blue, before it is stopped or deleted.
func (c *Checks) BlueHasNoRoute() runner.Task {
	return runner.Task{
		Name: "blue has no route", After: c.run().NotYet(BlueOff, StillOnBlue),
		Do: func(ctx context.Context, o *runner.Observation) error {
			_, app, err := c.Live.Pair.Blue(ctx)
			if err != nil {
				return err
			}
			if app == nil {
				o.Say("it is deleted already")
				return nil
			}
			return HasNoRoute(ctx, c.Live.Pair.Platform, o, app)
		},
	}
}

// HasNoRoute checks that an app is on no route at all.
func HasNoRoute(ctx context.Context, platform *cloudfoundry.Client, o *runner.Observation, app *cloudfoundry.App) error {
	routes, err := platform.Routes.OfApp(ctx, app.GUID)
	if err != nil {
		return err
	}
	if len(routes) > 0 {
		return runner.Refuse("app %s is on %s, %s among them: it is in use", app.Name, runner.Count(len(routes), "route", "routes"), routes[0].Address)
	}
	o.Say("%s, %s", app.Name, app.State)
	return nil
}
