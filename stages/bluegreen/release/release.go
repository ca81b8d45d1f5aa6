// Package release knows the pipeline's own release, between and after the stages of
// an upgrade: which app it left serving, the proof that this app is the wanted one,
// the states in which a release stopped half-way, and when one may begin. The pipeline
// makes an app of its own, puts it on the live routes in green's place and deletes
// green. No stage and no rollback ever deletes that app or its service.
package release

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// inProgress is what the release job adds to an app's name until it has taken the
// old one's place (alphagov/digitalmarketplace-aws: Makefile, deploy-app).
const inProgress = "-release"

// Release is the release that a run waits for.
type Release struct {
	Live  *upgrade.Live
	Names bluegreen.Names
	// NewService finds the service that the released app must use; nil where the
	// runbook replaces none.
	NewService func(context.Context) (*cloudfoundry.ServiceInstance, error)
	// Timeout is how long Await waits.
	Timeout time.Duration
}

func (r *Release) platform() *cloudfoundry.Client { return r.Live.Pair.Platform }
func (r *Release) run() *upgrade.Run              { return r.Live.Pair.Run }

// Proof are the tasks that prove a release: one app has the live routes to itself,
// uses the new service, and runs.
func (r *Release) Proof() []runner.Task {
	tasks := []runner.Task{{Name: "the live routes lead to one released app", Do: r.alone}}
	if r.NewService != nil {
		tasks = append(tasks, runner.Task{Name: "the released app uses the new service", Do: r.usesNewService})
	}
	return append(tasks, runner.Task{Name: "every instance of the released app runs", Do: r.allRun})
}

// Released is that proof as the stages after the release begin with it.
func (r *Release) Released() []runner.Task {
	tasks := r.Proof()
	for i := range tasks {
		tasks[i].After = r.run().NotYet(upgrade.Released, "nothing is released yet")
	}
	return tasks
}

// alone checks that every live route leads to the released app and to nothing else,
// and that the release has ended: the app has the live app's name. It refuses where the
// release may have been cut off.
func (r *Release) alone(ctx context.Context, o *runner.Observation) error {
	b, err := r.run().Blue()
	if err != nil {
		return err
	}
	for _, route := range b.Routes {
		now, err := r.Live.Route(ctx, route)
		if err != nil {
			return err
		}
		if now.Reaches(b.App) {
			return runner.Refuse("%s leads to blue again: somebody mapped it", route.Address)
		}
	}
	if err := r.refuseHalfWay(ctx); err != nil {
		return err
	}
	app, err := r.Live.ReleasedApp(ctx)
	if err != nil {
		return err
	}
	if app == nil {
		return r.notReleased(ctx)
	}
	for _, route := range b.Routes {
		now, err := r.Live.Route(ctx, route)
		if err != nil {
			return err
		}
		others := slices.ContainsFunc(now.Destinations, func(d cloudfoundry.Destination) bool { return d.AppGUID != app.GUID })
		if !now.Reaches(app.GUID) || others {
			return fmt.Errorf("%s does not lead to %s alone: its release is under way, or stopped half-way", route.Address, app.Name)
		}
	}
	if app.Name != r.Names.LiveApp {
		return fmt.Errorf("the app on the live routes is called %s, not %s: its release is under way, or stopped half-way", app.Name, r.Names.LiveApp)
	}
	o.Say("%s (%s)", app.Name, app.GUID)
	return nil
}

// notReleased says what is on the live routes instead of a release.
func (r *Release) notReleased(ctx context.Context) error {
	b, err := r.run().Blue()
	if err != nil {
		return err
	}
	serving, err := r.Live.Apps(ctx, b)
	if err != nil {
		return err
	}
	var names []string
	for _, guid := range serving {
		names = append(names, upgrade.Describe(ctx, r.platform(), guid))
	}
	switch {
	case slices.Contains(serving, b.App):
		return runner.Refuse("the live routes lead to blue again: somebody mapped it")
	case len(serving) == 0:
		return fmt.Errorf("the live routes lead to nobody")
	case len(serving) > 1:
		return fmt.Errorf("the live routes lead to %s: a release is under way, or stopped half-way", strings.Join(names, " and "))
	}
	next, err := r.platform().Apps.ByName(ctx, r.Names.LiveApp+inProgress)
	if err != nil {
		return err
	}
	if next != nil {
		return fmt.Errorf("%s exists and is on no live route yet: its release is under way, or has failed", next.Name)
	}
	return fmt.Errorf("nobody has released yet: the live routes lead to green, %s: run the release job, then this again", names[0])
}

// usesNewService checks that the released app uses the new service, and finds it by
// its final name, now and after every restart. Only another release can correct what
// is wrong here.
func (r *Release) usesNewService(ctx context.Context, o *runner.Observation) error {
	app, err := r.Live.ReleasedApp(ctx)
	if err != nil {
		return err
	}
	if app == nil {
		return r.notReleased(ctx)
	}
	instance, err := r.NewService(ctx)
	if err != nil {
		return err
	}
	env, err := r.platform().Apps.Environment(ctx, app.GUID)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(env.Services, func(bound cloudfoundry.BoundService) bool { return bound.InstanceGUID == instance.GUID })
	if at < 0 {
		var others []string
		for _, bound := range env.Services {
			others = append(others, bound.InstanceName)
		}
		return runner.Final(fmt.Errorf("released app %s is not bound to the new service %s, but to %s: correct its manifest and release again",
			app.Name, instance.Name, cmp.Or(strings.Join(others, ", "), "no service")))
	}
	want := r.Names.Service
	if value, set := env.User[r.Names.ServiceVariable]; set && value != want {
		return runner.Final(fmt.Errorf("%s of released app %s is %s: unset it or set it to %s, and release again", r.Names.ServiceVariable, app.Name, value, want))
	}
	if bound := env.Services[at].Name; bound != want {
		return runner.Final(fmt.Errorf("released app %s knows its service as %s, and looks for %s", app.Name, bound, want))
	}
	o.Say("%s is bound to it, as %s", app.Name, want)
	return nil
}

// allRun checks that every instance of the released app takes requests.
func (r *Release) allRun(ctx context.Context, o *runner.Observation) error {
	guid, want, err := r.Live.ReplacementInstances(ctx)
	if err != nil {
		return err
	}
	ready, instances, err := upgrade.Routable(ctx, r.platform(), guid)
	if err != nil {
		return err
	}
	o.Say("%d of %d instances", ready, want)
	if ready >= max(want, 1) {
		return nil
	}
	return fmt.Errorf("%d of %d instances of the released app are routable: %s", ready, want, upgrade.States(instances))
}
