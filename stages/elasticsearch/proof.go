package elasticsearch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// The proof of a release, by which step 18 knows it and the steps after it open.

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
		tasks = append(tasks, s.waitsFor(stageAwaitRelease, "nothing is released yet", t))
	}
	return tasks
}
