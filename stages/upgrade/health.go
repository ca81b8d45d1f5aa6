package upgrade

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Health is how well an app can answer, as the platform sees it.
type Health struct {
	App string
	// Wanted is how many instances it should have, Serving how many take requests,
	// States what the others do.
	Wanted, Serving int
	States          map[string]int
	Stopped         bool
	// Deployment is the one that replaces its instances now; nil where none does.
	Deployment *cloudfoundry.Deployment
	// Canceled says that the last one was canceled: the variables and services that came
	// with it have stayed, and are not those of what runs.
	Canceled bool
}

// HealthOf reads how well an app can answer.
func HealthOf(ctx context.Context, platform *cloudfoundry.Client, app *cloudfoundry.App) (Health, error) {
	h := Health{App: app.Name, Stopped: app.State == cloudfoundry.Stopped, States: map[string]int{}}
	if h.Stopped {
		return h, nil
	}
	process, err := platform.Apps.Process(ctx, app.GUID)
	if err != nil {
		return h, err
	}
	h.Wanted = process.Instances
	var instances []cloudfoundry.Instance
	if h.Serving, instances, err = Routable(ctx, platform, app.GUID); err != nil {
		return h, err
	}
	for _, i := range instances {
		if !i.Serving() {
			h.States[i.State]++
		}
	}
	last, err := platform.Apps.LastDeployment(ctx, app.GUID)
	if err != nil || last == nil {
		return h, err
	}
	if last.Active {
		h.Deployment = last
	}
	h.Canceled = last.State == "CANCELED"
	return h, nil
}

// Nobody reports whether no instance takes requests. While a deployment is under way
// that cannot be told: the platform shows the new instances alone.
func (h Health) Nobody() bool { return h.Serving == 0 && h.Deployment == nil }

// Why is what is wrong with the app; "" where it has all its instances and keeps them.
func (h Health) Why() string {
	switch {
	case h.Stopped:
		return h.App + " is stopped"
	case h.Deployment != nil:
		why := "a " + h.Deployment.Strategy + " deployment of " + h.App + " is under way (" + h.Deployment.State + ")"
		if h.Deployment.Fault != "" {
			why += ", and gets no further: " + h.Deployment.Fault
		}
		return why
	case h.Wanted == 0:
		return h.App + " has 0 instances"
	case h.Serving < h.Wanted:
		return fmt.Sprintf("%d of %s of %s run%s", h.Serving, runner.Count(h.Wanted, "instance", "instances"), h.App, h.others())
	}
	return ""
}

// others are the instances that take no requests: ", 2 crashed".
func (h Health) others() string {
	text := ""
	for _, one := range []struct{ state, word string }{
		{"CRASHED", "crashed"}, {"STARTING", "starting"}, {"DOWN", "down"}, {"STOPPING", "stopping"}, {"RUNNING", "not ready"},
	} {
		if n := h.States[one.state]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, one.word)
		}
	}
	return text
}

// Cure is what a person types so that it gets well.
func (h Health) Cure() string {
	switch {
	case h.Stopped:
		return "cf start " + h.App
	case h.Deployment != nil:
		return "cf cancel-deployment " + h.App
	case h.Wanted == 0:
		return "cf scale " + h.App + " -i 2"
	case h.States["CRASHED"] > 0:
		return "cf logs " + h.App + " --recent; cf restart " + h.App
	}
	return "cf app " + h.App
}

// Nobody is why nobody answers on the live routes.
type Nobody struct {
	// Apps are those on the live routes, none of which answers.
	Apps []Health
}

// Why is the reason, of each app.
func (n *Nobody) Why() string {
	var why []string
	for _, h := range n.Apps {
		why = append(why, h.Why())
	}
	return strings.Join(why, ", and ")
}

// Error says so with the reason.
func (n *Nobody) Error() string { return "nobody answers: " + n.Why() }

// Cure is what a person types so that somebody answers.
func (n *Nobody) Cure() string { return n.Apps[0].Cure() }

// Answers returns how well each app can answer, and a *Nobody where none can. An app
// that is deleted is left out.
func Answers(ctx context.Context, platform *cloudfoundry.Client, apps ...string) ([]Health, error) {
	var all []Health
	nobody := true
	for _, guid := range apps {
		app, err := GoneIfNotFound(platform.Apps.Get(ctx, guid))
		if err != nil {
			return nil, err
		}
		if app == nil {
			continue
		}
		h, err := HealthOf(ctx, platform, app)
		if err != nil {
			return nil, err
		}
		all, nobody = append(all, h), nobody && h.Nobody()
	}
	if nobody && len(all) > 0 {
		return all, &Nobody{all}
	}
	return all, nil
}

// WellToBegin checks that an app is as a run may begin with it: all its instances take
// requests, and no deployment replaces them.
func WellToBegin(ctx context.Context, platform *cloudfoundry.Client, o *runner.Observation, app string) error {
	all, err := Answers(ctx, platform, app)
	if none, is := errors.AsType[*Nobody](err); is {
		if none.Apps[0].States["CRASHED"] > 0 {
			o.Detail(LastLines(ctx, platform, app))
		}
		return runner.Refuse("%w: %s", none, none.Cure())
	}
	if err != nil {
		return err
	}
	for _, h := range all {
		switch why := h.Why(); {
		case why == "":
		case h.Deployment != nil:
			return runner.Refuse("%s: let it end, or %s", why, h.Cure())
		default:
			return fmt.Errorf("%s: %s", why, h.Cure())
		}
		canceled := ""
		if h.Canceled {
			canceled = "; its last deployment was canceled: green gets the variables and services that came with it, if nobody has set them back (cf env " + h.App + ")"
		}
		o.Say("%d of %s of %s%s", h.Serving, runner.Count(h.Wanted, "instance", "instances"), h.App, canceled)
	}
	return nil
}

// SomebodyAnswers checks that an app on the live routes takes requests. The others of
// what is not well is said.
func (c *Checks) SomebodyAnswers() runner.Task {
	return runner.Task{Name: "somebody answers on the live routes", Do: func(ctx context.Context, o *runner.Observation) error {
		b, err := c.run().Blue()
		if err != nil {
			return err
		}
		apps, err := c.Live.Apps(ctx, b)
		if err != nil {
			return err
		}
		all, err := Answers(ctx, c.Live.Pair.Platform, apps...)
		if none, is := errors.AsType[*Nobody](err); is {
			return runner.Refuse("%w: %s", none, none.Cure())
		}
		var said []string
		for _, h := range all {
			if why := h.Why(); why != "" {
				said = append(said, why)
				continue
			}
			said = append(said, h.App+", "+runner.Count(h.Wanted, "instance", "instances"))
		}
		o.Say("%s", strings.Join(said, ", and "))
		return err
	}}
}
