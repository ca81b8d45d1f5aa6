package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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
// routes: once blue is removed the release that the run waits for may come.
func (s *Site) mayRelease() bool {
	return s.run != nil && (s.marked("remove-old-app") || s.run.Facts[factReleased] != "")
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
		now, err := s.cf.Route(ctx, route.GUID)
		if err != nil {
			return nil, fmt.Errorf("live route %s: %w", route.Address, err)
		}
		for _, d := range now.Destinations {
			if !slices.Contains(all, d.AppGUID) {
				all = append(all, d.AppGUID)
			}
		}
	}
	return all, nil
}

// appThere reads an app; nil where it is gone.
func (s *Site) appThere(ctx context.Context, guid string) (*cloudfoundry.App, error) {
	app, err := s.cf.App(ctx, guid)
	if cloudfoundry.IsNotFound(err) {
		return nil, nil
	}
	return app, err
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
		return "", 0, &runner.NotYet{Stage: "push-app", Why: "there is no " + s.Settings.NewApp}
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
		now, err := s.cf.Route(ctx, route.GUID)
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

// notReleased says what is on the live routes instead of a release.
func (s *Site) notReleased(ctx context.Context) error {
	b, err := s.recorded()
	if err != nil {
		return err
	}
	serving, err := s.onLiveRoutes(ctx, b)
	if err != nil {
		return err
	}
	var names []string
	for _, guid := range serving {
		names = append(names, s.appName(ctx, guid))
	}
	switch {
	case slices.Contains(serving, b.App):
		return runner.Refuse("the live routes lead to the old app again: somebody mapped it")
	case len(serving) == 0:
		return fmt.Errorf("the live routes lead to nobody")
	case len(serving) > 1:
		return fmt.Errorf("the live routes lead to %s: a release goes on, or was left half-way", strings.Join(names, " and "))
	}
	next, err := s.cf.AppByName(ctx, s.Settings.LiveApp+underRelease)
	if err != nil {
		return err
	}
	if next != nil {
		return fmt.Errorf("%s is there, and on no live route yet: its release goes on, or has failed", next.Name)
	}
	return fmt.Errorf("nobody has released yet, the live routes lead to %s, which this run made: run the release job, then this again", names[0])
}

// underRelease is what the release job adds to an app's name until it has taken the
// old one's place (alphagov/digitalmarketplace-aws: Makefile, deploy-app).
const underRelease = "-release"

// onNewService sees that the released app uses the new service, and finds it by
// its final name, now and after every restart. What is wrong here only another
// release can mend.
func (s *Site) onNewService(ctx context.Context, o *runner.Observation) error {
	app, err := s.theirs(ctx)
	if err != nil {
		return err
	}
	if app == nil {
		return s.notReleased(ctx)
	}
	instance, err := s.newService(ctx)
	if err != nil {
		return err
	}
	env, err := s.cf.Environment(ctx, app.GUID)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(env.Services, func(bound cloudfoundry.BoundService) bool { return bound.InstanceGUID == instance.GUID })
	if at < 0 {
		var others []string
		for _, bound := range env.Services {
			others = append(others, bound.InstanceName)
		}
		return runner.Final(fmt.Errorf("released app %s is not bound to the new service %s, but to %s: mend its manifest and release again",
			app.Name, instance.Name, strings.Join(others, ", ")))
	}
	want := s.Settings.Service
	if says, set := env.User[s.Settings.ServiceVar]; set && says != want {
		return runner.Final(fmt.Errorf("%s of released app %s is %s: unset it or set it to %s, and release again", s.Settings.ServiceVar, app.Name, says, want))
	}
	if bound := env.Services[at].Name; bound != want {
		return runner.Final(fmt.Errorf("released app %s knows its service as %s, and looks for %s", app.Name, bound, want))
	}
	o.Say("%s is bound to it, as %s", app.Name, want)
	return nil
}

// releasedRuns sees that every instance of the released app takes requests.
func (s *Site) releasedRuns(ctx context.Context, o *runner.Observation) error {
	guid, want, err := s.successorInstances(ctx)
	if err != nil {
		return err
	}
	ready, instances, err := s.routable(ctx, guid)
	if err != nil {
		return err
	}
	o.Say("%d of %d instances", ready, want)
	if ready >= max(want, 1) {
		return nil
	}
	var states []string
	for _, i := range instances {
		states = append(states, i.State)
	}
	return fmt.Errorf("%d of %d instances of the released app are routable: %s", ready, want, strings.Join(states, ", "))
}

// releaseHolds is the proof of a release: one app has the live routes to itself,
// uses the new service, and runs.
func (s *Site) releaseHolds() []runner.Task {
	return []runner.Task{
		{Name: "the live routes lead to one released app", Do: func(ctx context.Context, o *runner.Observation) error {
			_, err := s.alone(ctx, o)
			return err
		}},
		{Name: "the released app uses the new service", Do: s.onNewService},
		{Name: "every instance of the released app runs", Do: s.releasedRuns},
	}
}

// afterRelease is that proof as the steps after 18 open with it.
func (s *Site) afterRelease() []runner.Task {
	var tasks []runner.Task
	for _, t := range s.releaseHolds() {
		tasks = append(tasks, s.waitsFor("await-release", "nothing is released yet", t))
	}
	return tasks
}

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
	return runner.Task{Name: "note which app was released", Do: func(ctx context.Context, o *runner.Observation) error {
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
