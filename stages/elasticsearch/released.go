package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// After step 17 the pipeline releases: it makes an app of its own, puts it on the
// live routes in green's place and deletes green. That app is the pipeline's: it is
// watched and, on a way back, taken off the live routes and given another name; it
// gets no label, and neither it nor its service is ever deleted. From step 18 on
// releases are free, so the app may be another each time it is looked at.

// release is the app that step 18 saw released, or a later step after it.
type release struct {
	GUID  string    `json:"guid"`
	Name  string    `json:"name"`
	Image string    `json:"image"`
	At    time.Time `json:"at"`
}

// lastRelease is the release that the run has recorded; nil where there is none.
func (s *Site) lastRelease() (*release, error) {
	if s.run == nil || s.run.Facts[factReleased] == "" {
		return nil, nil
	}
	var r release
	if err := json.Unmarshal([]byte(s.run.Facts[factReleased]), &r); err != nil {
		return nil, runner.Refuse("the record of run %s is damaged: its annotation %s cannot be read (%w)", s.run.ID, factReleased, err)
	}
	return &r, nil
}

// mayRelease tells whether an app that is none of this run may be on the live
// routes: once green and its service have their final names a release is like the
// one that the run waits for, though guard holds it off until blue is removed.
func (s *Site) mayRelease() bool {
	return s.run != nil && (s.marked(stageRenameNewApp) || s.run.Facts[factReleased] != "")
}

// heir is the app that has the live traffic once green is off the live routes:
// blue (in a dry run also where it is still to be made anew), or where somebody
// released before step 13, which deletes blue, the released app. nil where there is
// none.
func (s *Site) heir(ctx context.Context, b blue) (*cloudfoundry.App, error) {
	app, err := s.oldAppBack(ctx, b)
	if err != nil || app != nil {
		return app, err
	}
	next, err := s.successorApp(ctx)
	if err != nil {
		return nil, err
	}
	serving, err := s.onLiveRoutes(ctx, b)
	if err != nil {
		return nil, err
	}
	serving = slices.DeleteFunc(serving, func(one string) bool { return one == next })
	if len(serving) != 1 {
		return nil, nil
	}
	return s.appThere(ctx, serving[0])
}

// needHeir finds it, for a task that leaves the live traffic to it.
func (s *Site) needHeir(ctx context.Context, b blue) (*cloudfoundry.App, error) {
	app, err := s.heir(ctx, b)
	if err == nil && app == nil {
		err = runner.Refuse("the old app, once %s, is gone, and no one app is on the live routes in its place", b.Name)
	}
	return app, err
}

func (s *Site) heirInstances(ctx context.Context) (string, int, error) {
	b, err := s.recorded()
	if err != nil {
		return "", 0, err
	}
	app, err := s.needHeir(ctx, b)
	if err != nil {
		return "", 0, err
	}
	process, err := s.cf.Process(ctx, app.GUID)
	if err != nil {
		return "", 0, err
	}
	return app.GUID, process.Instances, nil
}

// successor is the app that serves, or is about to serve, in blue's place; nil
// where there is none: green, and once it is off the live routes the app that was
// released in its place. It is the one function that tells: everything that asks
// where live traffic is, who answers there, or whom to take off, asks it.
func (s *Site) successor(ctx context.Context) (*cloudfoundry.App, error) {
	made, err := s.findGreen(ctx)
	if err != nil || !s.mayRelease() {
		return made, err
	}
	b, err := s.recorded()
	if err != nil {
		return nil, err
	}
	serving, err := s.onLiveRoutes(ctx, b)
	if err != nil {
		return nil, err
	}
	last, err := s.lastRelease()
	if err != nil {
		return nil, err
	}
	serving = slices.DeleteFunc(serving, func(app string) bool { return app == b.App })
	switch {
	case last != nil && slices.Contains(serving, last.GUID):
		return s.appThere(ctx, last.GUID)
	case made != nil && slices.Contains(serving, made.GUID):
		return made, nil
	case len(serving) == 1:
		return s.appThere(ctx, serving[0])
	case last != nil:
		// On a way back it is off the live routes before it is given another name.
		if app, err := s.appThere(ctx, last.GUID); err != nil || app != nil {
			return app, err
		}
	}
	return made, nil
}

// onLiveRoutes are the apps that are on any of the live routes.
func (s *Site) onLiveRoutes(ctx context.Context, b blue) ([]string, error) {
	var all []string
	for _, route := range b.Routes {
		now, err := s.liveNow(ctx, route)
		if err != nil {
			return nil, err
		}
		for _, d := range now.Destinations {
			if !slices.Contains(all, d.AppGUID) {
				all = append(all, d.AppGUID)
			}
		}
	}
	return all, nil
}

// successorApp is the GUID of the successor, or "".
func (s *Site) successorApp(ctx context.Context) (string, error) {
	app, err := s.successor(ctx)
	if err != nil || app == nil {
		return "", err
	}
	return app.GUID, nil
}

// successorInstances is the successor and how many instances it should have.
func (s *Site) successorInstances(ctx context.Context) (string, int, error) {
	app, err := s.successor(ctx)
	if err != nil {
		return "", 0, err
	}
	if app == nil {
		return "", 0, &runner.NotYet{Stage: stagePushApp, Why: "there is no " + s.Settings.NewApp}
	}
	process, err := s.cf.Process(ctx, app.GUID)
	if err != nil {
		return "", 0, err
	}
	return app.GUID, process.Instances, nil
}

// theirs is the successor where it is the pipeline's and not of this run; nil else.
func (s *Site) theirs(ctx context.Context) (*cloudfoundry.App, error) {
	app, err := s.successor(ctx)
	if err != nil || app == nil || s.ours(app.Metadata) {
		return nil, err
	}
	return app, nil
}

// userOf is the released app where it uses a service, which then stays on a way
// back; nil else.
func (s *Site) userOf(ctx context.Context, instance *cloudfoundry.ServiceInstance) (*cloudfoundry.App, error) {
	app, err := s.theirs(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	bindings, err := s.cf.Bindings(ctx, cloudfoundry.BindingFilter{App: app.GUID, Instance: instance.GUID})
	if err != nil || len(bindings) == 0 {
		return nil, err
	}
	return app, nil
}

// alone is the released app, where every live route leads to it and to nothing
// else, and the release has ended: it has the live app's name.
func (s *Site) alone(ctx context.Context, o *runner.Observation) (*cloudfoundry.App, error) {
	app, err := s.theirs(ctx)
	if err != nil {
		return nil, err
	}
	if app == nil {
		return nil, s.notReleased(ctx)
	}
	b, err := s.recorded()
	if err != nil {
		return nil, err
	}
	for _, route := range b.Routes {
		now, err := s.liveNow(ctx, route)
		if err != nil {
			return nil, err
		}
		if now.Reaches(b.App) {
			return nil, runner.Refuse("%s leads to the old app again: somebody mapped it", route.Address)
		}
		if !now.Reaches(app.GUID) || slices.ContainsFunc(now.Destinations, func(d cloudfoundry.Destination) bool { return d.AppGUID != app.GUID }) {
			return nil, fmt.Errorf("%s does not lead to %s alone: its release goes on, or was left half-way", route.Address, app.Name)
		}
	}
	if app.Name != s.Settings.LiveApp {
		return nil, fmt.Errorf("the app on the live routes is called %s, not %s: its release goes on, or was left half-way", app.Name, s.Settings.LiveApp)
	}
	o.Say("%s (%s)", app.Name, app.GUID)
	return app, nil
}

// underRelease is what the release job adds to an app's name until it has taken the
// old one's place (alphagov/digitalmarketplace-aws: Makefile, deploy-app).
const underRelease = "-release"

// noteRelease records the released app where the run does not know it yet: nothing
// to do where it does, or where green serves.
func (s *Site) noteRelease(ctx context.Context) ([]runner.Task, error) {
	app, err := s.theirs(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	last, err := s.lastRelease()
	if err != nil || last != nil && last.GUID == app.GUID {
		return nil, err
	}
	return []runner.Task{s.noteTask()}, nil
}

func (s *Site) noteTask() runner.Task {
	return runner.Task{Effect: runner.Changes, Name: "note which app was released", Do: func(ctx context.Context, o *runner.Observation) error {
		app, err := s.theirs(ctx)
		if err != nil {
			return err
		}
		if app == nil {
			return s.notReleased(ctx)
		}
		droplet, err := s.cf.CurrentDroplet(ctx, app.GUID)
		if err != nil {
			return err
		}
		r := release{GUID: app.GUID, Name: app.Name, At: app.Created.UTC()}
		if droplet != nil {
			r.Image = droplet.Image
		}
		o.Say("%s, image %s, made %s", r.Name, r.Image, r.At.Format("2006-01-02 15:04 MST"))
		o.Set("released app", r.GUID)
		return s.set(ctx, factReleased, r)
	}}
}

// released names an app on a live route that is none of this run; "" if there is
// none.
func (s *Site) released(ctx context.Context, b blue) (string, error) {
	next, err := s.successorApp(ctx)
	if err != nil {
		return "", err
	}
	for _, route := range b.Routes {
		if _, stranger, err := s.routeState(ctx, b, next, route); err != nil || stranger != "" {
			return stranger, err
		}
	}
	return "", nil
}
