package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/release"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const awaitReleaseHelp = `Waits, for as long as RELEASE_TIMEOUT says, until the pipeline has released the live app, so that what serves is the pipeline's own app again, made from its own manifest. The release replaces and deletes green; this step changes nothing but the record of the run.

Proves that every live route leads to one app that is neither blue nor green, that it has the live app's name, is bound to the new service and finds it by its final name, that each of its instances answers on every live route at every router, and that the document counts are right. From then on that app is the pipeline's: no later step and no rollback deletes it or its service, and releases are free.

Fails where nobody has released, and at once where the release is bound to another service or looks for it by another name: correct the manifest and release again. Refuses where a release stopped half-way, its app on live routes and without the live app's name: releasing again would take the routes from the app that serves. It says what to type to finish that release, or to undo it.

By hand: run the release job, release-app-paas, for the live app.`

// awaitRelease waits until somebody has released. There is nothing to undo by hand; a
// rollback unmaps the released app from the live routes, and leaves it there.
type awaitRelease struct {
	checks  *upgrade.Checks
	release *release.Release
	traffic *traffic.Traffic
	counts  *counts
}

func newAwaitRelease(s *Site) runner.Stage {
	return &awaitRelease{checks: s.checks, release: s.release, traffic: s.traffic, counts: s.counts}
}

func (a *awaitRelease) Check() []runner.Task {
	return []runner.Task{a.checks.Settings(), a.release.BlueIsOff()}
}

func (a *awaitRelease) Plan(ctx context.Context) ([]runner.Task, error) {
	return a.release.Await(ctx)
}

func (a *awaitRelease) Verify() []runner.Task {
	return append(append(a.release.Proof(), a.traffic.GreenAnswers("the released app")...), a.counts.ofLive())
}

// Undo records which app was released, if one was: a rollback takes its names from it.
func (a *awaitRelease) Undo(ctx context.Context) ([]runner.Task, error) { return a.release.Undo(ctx) }
