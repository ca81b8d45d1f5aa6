package release

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Guard refuses a release of which an earlier one is left half-way: it would take the
// live routes from an app that serves, whether or not a run is under way. It refuses
// while a release would cross a run: before all stages that come before
// the release are complete, where the stages know blue and green and no third app, and
// during a rollback. It lets the release through that the run waits for, and every one
// after it. It says why a release may begin. before are the stages before the release;
// blocked says why nothing may be released where no run is under way, or "".
func (r *Release) Guard(ctx context.Context, before []runner.Step, blocked func(context.Context) (string, error)) (string, error) {
	run := r.run()
	exists, err := run.Load(ctx)
	if err != nil {
		return "", err
	}
	var live []string
	if exists {
		b, err := run.Blue()
		if err != nil {
			return "", err
		}
		live = b.Addresses()
	}
	half, err := FindHalfWay(ctx, r.platform(), r.Names.LiveApp, live)
	if err != nil {
		return "", err
	}
	if half != nil {
		return "", runner.Refuse("%w", half)
	}
	if !exists {
		why, err := blocked(ctx)
		if err == nil && why != "" {
			err = runner.Refuse("%s", why)
		}
		return "no run is under way", err
	}
	if run.GoesBack() {
		return "", runner.Refuse("run %s is being rolled back: release when the rollback has ended", run.ID())
	}
	for _, step := range before {
		if _, complete := run.Completion(step.Name); !complete {
			return "", runner.Refuse("run %s is at %s: release when it waits for the release, or was rolled back", run.ID(), step.Called())
		}
	}
	if !run.Reached(upgrade.Released) {
		return fmt.Sprintf("run %s waits for a release", run.ID()), nil
	}
	return fmt.Sprintf("run %s has had its release", run.ID()), nil
}
