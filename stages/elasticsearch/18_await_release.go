package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const awaitReleaseHelp = `Waits, for as long as RELEASE_TIMEOUT says, until the pipeline has released the live app, so that what serves is the pipeline's own app again, made of its own manifest. The release replaces and deletes the new app; this step changes nothing but the record of the run.

Proves that every live route leads to one app that is neither the old nor the new one, that it has the live app's name, is bound to the new service and finds it by its final name, that each of its instances answers on every live route at every router, and that the document counts are right. From then on that app is the pipeline's: no later step and no way back deletes it or its service, and releases are free.

Fails where nobody has released, and at once where the release is bound to another service or looks for it by another name: mend the manifest and release again.

By hand: run the release job, release-app-paas, for the live app.`

// awaitRelease looks until somebody has released. There is nothing to undo by hand;
// a way back takes the released app off the live routes, and leaves it there.
type awaitRelease struct{ *Site }

func (a *awaitRelease) Check() []runner.Task {
	return []runner.Task{
		a.settingsHold(),
		a.waitsFor(stageRemoveOldApp, "the old app is not removed", runner.Task{Name: "the old app is off the live routes", Do: a.oldIsOff}),
	}
}

// oldIsOff is all that can be asked of the live routes while a release may be
// under way.
func (a *awaitRelease) oldIsOff(ctx context.Context, o *runner.Observation) error {
	b, err := a.recorded()
	if err != nil {
		return err
	}
	for _, route := range b.Routes {
		now, err := a.liveNow(ctx, route)
		if err != nil {
			return err
		}
		if now.Reaches(b.App) {
			return runner.Refuse("%s leads to the old app", route.Address)
		}
	}
	o.Say("%d of %d", len(b.Routes), len(b.Routes))
	return nil
}

// Plan has nothing to do where the release that serves is recorded.
func (a *awaitRelease) Plan(ctx context.Context) ([]runner.Task, error) {
	if !a.marked(stageRemoveOldApp) {
		return nil, &runner.NotYet{Stage: stageRemoveOldApp, Why: "the old app is not removed"}
	}
	app, err := a.theirs(ctx)
	if err != nil {
		return nil, err
	}
	last, err := a.lastRelease()
	if err != nil || app != nil && last != nil && last.GUID == app.GUID {
		return nil, err
	}
	return []runner.Task{a.await(), a.noteTask()}, nil
}

func (a *awaitRelease) await() runner.Task {
	return runner.Task{
		Name: "wait for the release of " + a.Settings.LiveApp, Wait: a.Settings.ReleaseTimeout,
		Do: func(ctx context.Context, o *runner.Observation) error {
			for _, t := range a.releaseHolds() {
				if err := t.Do(ctx, o); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (a *awaitRelease) Verify() []runner.Task {
	b, err := a.recorded()
	if err != nil {
		return []runner.Task{{Name: "the run is there", Do: func(context.Context, *runner.Observation) error { return err }}}
	}
	tasks := append(a.releaseHolds(), a.onEveryRouter("the released app", b.Routes, a.successorInstances, "answers", served)...)
	return append(tasks, a.liveCountsHold(a.Settings.VerifyTimeout))
}

// Undo notes which app was released, if one was: by that record the way back knows
// it, once it is off the live routes, and takes its names from it. While a release
// is under way, or where a name that it would get is another's, there is no way back.
func (a *awaitRelease) Undo(ctx context.Context) ([]runner.Task, error) {
	app, err := a.theirs(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	b, err := a.recorded()
	if err != nil {
		return nil, err
	}
	stranger, err := a.released(ctx, b)
	if err != nil {
		return nil, err
	}
	if stranger != "" {
		return nil, &runner.Irreversible{Why: "the live routes lead to " + stranger + " as well: a release is under way, or was left half-way; go back when it has ended"}
	}
	if err := a.roomForReleased(ctx, app.GUID); err != nil {
		return nil, err
	}
	return a.noteRelease(ctx)
}

// roomForReleased sees that the names that a way back gives to the released app
// and its service are nobody else's.
func (a *awaitRelease) roomForReleased(ctx context.Context, app string) error {
	instance, err := a.findNewService(ctx)
	if err != nil {
		return err
	}
	taken, err := a.appNamed(ctx, a.Settings.ReleasedApp)
	if err != nil {
		return err
	}
	if taken != "" && taken != app {
		return &runner.Irreversible{Why: "the released app would be called " + a.Settings.ReleasedApp + ", and another app is: rename or remove that first"}
	}
	if taken, err = a.serviceNamed(ctx, a.Settings.ReleasedService); err != nil {
		return err
	}
	if taken == "" || instance != nil && taken == instance.GUID {
		return nil
	}
	// A rollback that was killed in its last moments has taken our label off it.
	bindings, err := a.cf.Bindings(ctx, cloudfoundry.BindingFilter{App: app, Instance: taken})
	if err != nil {
		return err
	}
	if len(bindings) == 0 {
		return &runner.Irreversible{Why: "the service of the released app would be called " + a.Settings.ReleasedService + ", and another service is: rename or remove that first"}
	}
	return nil
}
