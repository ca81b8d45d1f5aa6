package main

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const checkAppHelp = `Finds the live app by its live route and records it as blue. Checks that no name is taken.`

// checkApp begins a run.
type checkApp struct {
	run       *upgrade.Run
	beginning *upgrade.Beginning
	renamer   *names.Names
	names     bluegreen.Names
}

func newCheckApp(s *site) runner.Stage {
	return &checkApp{run: s.run, beginning: s.beginning(), renamer: s.renamer, names: s.names}
}

func (c *checkApp) Check() []runner.Task {
	return []runner.Task{c.beginning.Found(), c.beginning.Well(), c.beginning.Carried(c.names.TemporaryRoute, c.names.PrivateRoute), c.renamer.NotTaken(c.run, c.names)}
}

func (c *checkApp) Plan(ctx context.Context) ([]runner.Task, error) { return c.beginning.Tasks(ctx) }

func (c *checkApp) Verify() []runner.Task { return []runner.Task{c.beginning.Recorded()} }

func (c *checkApp) Undo(context.Context) ([]runner.Task, error) { return nil, c.beginning.Undo() }
