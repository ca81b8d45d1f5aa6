package main

import (
	"context"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/release"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const awaitReleaseHelp = `Waits until the pipeline has released the live app in green's place, proves it, and deletes what is left of blue and green: the end of the run.`

// awaitRelease ends the run. It cannot be undone once it is complete.
type awaitRelease struct {
	checks  *upgrade.Checks
	release *release.Release
	traffic *traffic.Traffic
	removal *clone.Removal
}

func newAwaitRelease(s *site) runner.Stage {
	return &awaitRelease{checks: s.checks, release: s.release, traffic: s.traffic, removal: s.removal}
}

func (a *awaitRelease) Check() []runner.Task {
	return []runner.Task{a.checks.Settings(), a.release.BlueIsOff()}
}

func (a *awaitRelease) Plan(ctx context.Context) ([]runner.Task, error) {
	tasks, err := a.release.Await(ctx)
	if err != nil {
		return nil, err
	}
	if len(tasks) == 0 {
		tasks = a.release.Proof() // An earlier process recorded the release.
	}
	blue, err := a.removal.End(ctx)
	return slices.Concat(tasks, []runner.Task{a.removal.EndGreen(a.release.LeftGreen)}, blue), err
}

func (a *awaitRelease) Verify() []runner.Task {
	return slices.Concat(a.release.Proof(), a.traffic.GreenAnswers("the released app"), []runner.Task{a.removal.BlueIsGone()})
}

func (a *awaitRelease) Undo(ctx context.Context) ([]runner.Task, error) { return a.release.Undo(ctx) }
