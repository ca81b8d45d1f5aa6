package clone

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// Running follows the start of green.
type Running struct {
	Live *upgrade.Live
	// Timeout is how long the start may take.
	Timeout time.Duration
	// crashes are the reads in a row that found a crashed instance.
	crashes int
}

// AllRun is the postcondition that all instances take requests.
func (r *Running) AllRun() runner.Task {
	return runner.Task{Name: "all instances run and are routable", Wait: r.Timeout, Do: r.allRun}
}

// Crashed reports whether the start has failed. A start that crashes is tried again by
// the platform; one that has crashed at three reads in a row has failed.
func (r *Running) Crashed() bool { return r.crashes >= 3 }

func (r *Running) allRun(ctx context.Context, o *runner.Observation) error {
	platform := r.Live.Pair.Platform
	app, want, err := r.Live.ReplacementInstances(ctx)
	if err != nil {
		return err
	}
	ready, instances, err := upgrade.Routable(ctx, platform, app)
	if err != nil {
		return err
	}
	o.Say("%d of %s", ready, runner.Count(want, "instance", "instances"))
	o.Set("routable instances", ready)
	if ready >= want && want > 0 {
		return nil
	}
	var states []string
	crashed := false
	for _, i := range instances {
		crashed = crashed || i.State == "CRASHED"
		states = append(states, strings.TrimSpace(fmt.Sprintf("%d %s %s", i.Index, i.State, i.Details)))
	}
	err = fmt.Errorf("%d of %s run and are routable: %s", ready, runner.Count(want, "instance", "instances"), strings.Join(states, ", "))
	if !crashed {
		r.crashes = 0
		return err
	}
	r.crashes++
	o.Detail(upgrade.LastLines(ctx, platform, app))
	if r.Crashed() {
		return runner.Final(err)
	}
	return err
}
