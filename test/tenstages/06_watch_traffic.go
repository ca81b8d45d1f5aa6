package main

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
)

const watchTrafficHelp = `Sends probes to the live host and finds them in the logs of both apps. Writes nothing to the platform.`

// watchTraffic proves by the routers' own logs that both apps serve. It needs no undo.
type watchTraffic struct {
	checks *upgrade.Checks
	probes *proof.Probes
}

func newWatchTraffic(s *site) runner.Stage {
	return &watchTraffic{checks: s.checks, probes: &proof.Probes{
		Pair: s.live.Pair, Client: s.clients.probes, Address: s.liveURL(), Routers: s.settings.Routers, Timeout: s.settings.RouteTimeout,
	}}
}

func (w *watchTraffic) Check() []runner.Task { return w.checks.Common(upgrade.ToBoth) }

func (w *watchTraffic) Plan(ctx context.Context) ([]runner.Task, error) { return w.probes.Tasks(ctx) }

func (w *watchTraffic) Verify() []runner.Task { return w.probes.Logged() }

func (w *watchTraffic) Undo(context.Context) ([]runner.Task, error) { return nil, nil }
