package main

import (
	"context"
	"errors"
	"io"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/console"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

func (x *site) runner(dryRun bool, observer runner.Observer) *runner.Runner {
	return &runner.Runner{
		Options: runner.Options{
			Environment: x.settings.Stage, App: x.names.LiveApp, Version: version, DryRun: dryRun, Command: command,
			VerifyFor: x.settings.VerifyTimeout, RetryFor: x.settings.RetryFor, Every: x.settings.Poll, Situation: x.situation.Now,
		},
		Runbook: runbook(x), Journal: x.run, Lease: upgrade.Lease{Lease: x.lease, Run: x.run}, Observer: observer,
	}
}

// forward runs the stages from one to another, with the witness where they move all of
// the live traffic.
func (x *site) forward(ctx context.Context, r *runner.Runner, first, last string) error {
	steps := r.Runbook.Between(first, last)
	if len(steps) == 0 {
		return runner.Misconfigure("there are no stages from %q to %q", first, last)
	}
	ranged := runner.Runbook{Steps: steps}
	if moved := r.Runbook.Switch; ranged.Named(moved.First) != nil && ranged.Named(moved.Last) != nil {
		r.Monitor = &runner.Monitor{Range: moved, Companion: x.witness(), Revert: x.traffic.Revert}
	}
	return r.Run(ctx, steps)
}

func (x *site) rollback(ctx context.Context, r *runner.Runner) error {
	r.Monitor = &runner.Monitor{Range: r.Runbook.Switch, Companion: traffic.RollbackWitness{Witness: x.witness(), Traffic: x.traffic}}
	return r.Rollback(ctx)
}

// plan prints a dry run of everything.
func (x *site) plan(ctx context.Context, to io.Writer) error {
	plan := &console.Plan{Runbook: runbook(x), Took: report.Took(ctx, x.run)}
	world, err := x.world(ctx)
	failed := x.runner(true, plan).Run(ctx, runbook(x).Steps)
	if failed == nil && err == nil {
		plan.World = world
	}
	return errors.Join(plan.Print(to), failed, err)
}

// world is what a plan depends on.
func (x *site) world(ctx context.Context) ([]report.Subject, error) {
	subjects, err := x.situation.Subjects(ctx)
	values := report.Settings{Values: environ.Values(x.settings, x.settings.Stage), NotApproved: []string{"*_TIMEOUT", "LEASE_*", "POLL_INTERVAL"}}
	return append(subjects, values.Subjects()...), err
}

func (x *site) status(ctx context.Context, to io.Writer) error {
	reporter := &report.Reporter{
		Environment: x.settings.Stage, Runbook: command, App: x.names.LiveApp, Command: command, Book: runbook(x), Run: x.run,
		Lease:     &report.Lease{Lease: x.lease, Run: x.run, StaleAfter: x.settings.Lease.StaleAfter, Now: x.platform.Space.Now},
		Situation: x.situation.Now,
		Others: &report.Others{
			Platform: x.platform, Run: x.run, Watched: x.situation.Watched,
			Account: report.Account{ClientID: x.settings.CF.ClientID, Username: x.settings.CF.Username},
		},
		Leftovers: &report.Leftovers{
			Platform: x.platform, Run: x.run, App: x.names.LiveApp, Called: called,
			RemovedBy: x.situation.RemovedBy, Unlabelled: x.situation.Replaced,
		},
	}
	status, err := reporter.Status(ctx)
	if err != nil {
		return err
	}
	return console.Status(to, status)
}
