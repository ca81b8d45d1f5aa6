package elasticsearch

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// What the commands around the stages need of the runbook.

// Runbook has stages that can be run.
func (s *Site) Runbook() runner.Runbook { return Runbook(s) }

// Options are those of the settings.
func (s *Site) Options() runner.Options {
	return runner.Options{
		Environment: s.Settings.Stage, App: s.names.LiveApp, VerifyFor: s.Settings.VerifyTimeout, RetryFor: s.Settings.RetryFor, Every: s.Settings.Poll,
		Situation: s.Situation, Checks: s.checksOfApproval(),
	}
}

// Journal is the run, as the runner knows it.
func (s *Site) Journal() runner.Journal { return s.run }

// Lease is the right to write, as the runner knows it.
func (s *Site) Lease() runner.Lease {
	return upgrade.Lease{Lease: s.lease, Run: s.run, Build: s.options.Build}
}

// Situation reads where live traffic is, and what a rollback costs from there.
func (s *Site) Situation(ctx context.Context) (runner.Situation, error) {
	if _, err := s.run.Load(ctx); err != nil {
		return runner.Situation{}, err
	}
	return s.situation.Now(ctx)
}

// Monitor is the witness of the live address beside the stages that move traffic; nil
// where steps do not move all of it.
func (s *Site) Monitor(steps []runner.Step) *runner.Monitor {
	has := func(name string) bool {
		return slices.ContainsFunc(steps, func(step runner.Step) bool { return step.Name == name })
	}
	if !has(stageMapLiveRoute) || !has(stageUnmapOldApp) {
		return nil
	}
	return &runner.Monitor{Range: switchRange(), Companion: s.witness(), Revert: s.traffic.Revert}
}

// RollbackMonitor is the same witness beside the part of a rollback that moves traffic.
func (s *Site) RollbackMonitor() *runner.Monitor {
	return &runner.Monitor{
		Range:     runner.Range{First: stageMapLiveRoute, Last: stageUnmapOldApp},
		Companion: traffic.RollbackWitness{Witness: s.witness(), Traffic: s.traffic},
	}
}

// Status reads how far the run is; command is what a person types before a stage's name.
func (s *Site) Status(ctx context.Context, command string) (report.Status, error) {
	account := report.Account{ClientID: s.Settings.CF.ClientID, Username: s.Settings.CF.Username}
	reporter := &report.Reporter{
		Environment: s.Settings.Stage, Runbook: Runbook(s).Name, App: s.names.LiveApp, Command: command,
		Book: Runbook(s), Run: s.run, Lease: s.leaseReport(), Situation: s.situation.Now,
		Others: &report.Others{Platform: s.platform, Run: s.run, Account: account, Watched: s.situation.Watched},
		Leftovers: &report.Leftovers{
			Platform: s.platform, Run: s.run, App: s.names.LiveApp, Called: called,
			RemovedBy: s.situation.RemovedBy, Unlabelled: s.situation.Replaced,
		},
	}
	status, err := reporter.Status(ctx)
	if err != nil {
		return status, err
	}
	passed, err := s.apis.refused()
	for _, alias := range slices.Sorted(maps.Keys(passed)) {
		for _, one := range passed[alias] {
			status.LetPass = append(status.LetPass, strings.TrimSuffix(alias+", document "+one.ID+": "+one.Why, ": "))
		}
	}
	return status, err
}

func (s *Site) leaseReport() *report.Lease {
	return &report.Lease{Lease: s.lease, Run: s.run, StaleAfter: s.Settings.Lease.StaleAfter, Now: s.platform.Space.Now}
}

// Holder says who holds the lease.
func (s *Site) Holder(ctx context.Context) (string, error) { return s.leaseReport().Holder(ctx) }

// Unlock deletes the lease of the run that is named; another run's is left.
func (s *Site) Unlock(ctx context.Context, run string) (string, error) {
	return s.leaseReport().Unlock(ctx, run)
}

// Guard refuses while a release would cross a run, and says why one may begin.
func (s *Site) Guard(ctx context.Context) (string, error) {
	return s.release.Guard(ctx, Runbook(nil).Steps[:position(stageAwaitRelease)], func(ctx context.Context) (string, error) {
		now, err := s.situation.Now(ctx)
		return now.Blocked, err
	})
}

// Took says how long each stage took: in this run, or else in the one before.
func (s *Site) Took(ctx context.Context) func(stage string) time.Duration {
	return report.Took(ctx, s.run)
}

// World is all that a plan depends on: who is who, who is on the live routes, who uses
// the services, who has the names, and the settings that say what is done.
func (s *Site) World(ctx context.Context) ([]report.Subject, error) {
	all, err := s.situation.Subjects(ctx)
	if err != nil {
		return nil, err
	}
	settings := report.Settings{
		Values: environ.Values(s.Settings, s.Settings.Stage),
		NotApproved: []string{
			"*_TIMEOUT", "LEASE_*", "CF_USERNAME", "CF_CLIENT_ID", "DOCKER_USERNAME", "CONCURRENCY", "RATE", "SEARCH_API_WORKERS",
			"POLL_INTERVAL", "RETRY_FOR", "MANIFESTS", "PLAN_DIGEST", "APPROVED_BY",
		},
		MayHoldSecrets: []string{"SERVICE_PARAMETERS", "SMOKE_TEST", "RELEASE_REPOSITORY"},
	}
	return slices.Concat(all, settings.Subjects()), nil
}

// checksOfApproval are run first in every stage: where a plan was approved, that the
// world is still the one that it was made of.
func (s *Site) checksOfApproval() []runner.Task {
	if s.Settings.PlanDigest == "" {
		return nil
	}
	approval := &report.Approval{Digest: s.Settings.PlanDigest, By: s.Settings.ApprovedBy, Subjects: s.World}
	return []runner.Task{{Name: "the world is the one that was approved", Do: approval.Check}}
}
