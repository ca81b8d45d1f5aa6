package main

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
)

const pushAppHelp = `Makes green from its manifest, bound to blue's own services, and starts it on its temporary route.`

// pushApp makes green piece by piece. To undo it by hand: cf delete.
type pushApp struct {
	checks  *upgrade.Checks
	green   *clone.Green
	running *clone.Running
	proof   *proof.Prober
}

func newPushApp(s *site) runner.Stage {
	return &pushApp{
		checks: s.checks, green: s.green, proof: s.proof,
		running: &clone.Running{Live: s.live, Timeout: s.settings.StartTimeout},
	}
}

func (p *pushApp) Check() []runner.Task { return p.checks.Common(upgrade.ToBlue) }

func (p *pushApp) Plan(ctx context.Context) ([]runner.Task, error) { return p.green.Tasks(ctx) }

func (p *pushApp) Verify() []runner.Task {
	route := []upgrade.LiveRoute{{Address: p.green.TemporaryRoute}}
	answers := p.proof.OnEveryRouter("green", route, p.running.Live.ReplacementInstances, "answers", proof.Served)
	return append([]runner.Task{p.running.AllRun()}, answers...)
}

func (p *pushApp) Undo(ctx context.Context) ([]runner.Task, error) { return p.green.Undo(ctx) }
