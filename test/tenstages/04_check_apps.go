package main

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const checkAppsHelp = `Changes nothing. Checks that green is there, on its temporary route, and bound to each service of blue.`

// checkApps compares the two apps.
type checkApps struct {
	checks *upgrade.Checks
	green  *clone.Green
}

func newCheckApps(s *site) runner.Stage { return &checkApps{checks: s.checks, green: s.green} }

func (c *checkApps) Check() []runner.Task { return c.checks.Common(upgrade.ToBlue) }

// OnlyLooks: there is nothing to do but to verify.
func (c *checkApps) OnlyLooks() {}

func (c *checkApps) Plan(ctx context.Context) ([]runner.Task, error) {
	_, err := c.green.Apps.Pair.NeedGreen(ctx)
	return nil, err
}

func (c *checkApps) Verify() []runner.Task {
	return []runner.Task{c.green.Built(), {Name: "green is bound to each service of blue", Do: c.bound}}
}

// bound asks for what green still lacks: nothing, once it is complete.
func (c *checkApps) bound(ctx context.Context, o *runner.Observation) error {
	missing, err := c.green.Tasks(ctx)
	if err == nil && len(missing) > 0 {
		return runner.Refuse("green lacks a piece: %s", missing[0].Name)
	}
	o.Say("no piece is missing")
	return err
}

func (c *checkApps) Undo(context.Context) ([]runner.Task, error) { return nil, nil }
