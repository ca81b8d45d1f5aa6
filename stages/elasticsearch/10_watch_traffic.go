package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
)

const watchTrafficHelp = `Sends probes with a User-Agent of their own to the live host, over fresh connections, and finds them in both apps' logs, as the routers wrote them (RTR lines): proof that both take live traffic. Writes nothing to the platform; runs again each time.

By hand: cf logs search-api --recent | grep RTR; cf logs elasticsearch-migration --recent | grep RTR.`

// watchTraffic proves by the routers' own logs that both apps serve. It needs no undo.
type watchTraffic struct {
	checks *upgrade.Checks
	probes *proof.Probes
}

func newWatchTraffic(s *Site) runner.Stage {
	return &watchTraffic{checks: s.checks, probes: &proof.Probes{
		Pair: s.live.Pair, Client: s.clients.probes, Address: s.Settings.RouteScheme + "://" + s.names.LiveRoute + statusPath,
		Routers: s.Settings.Routers, Timeout: s.Settings.RouteTimeout,
	}}
}

func (w *watchTraffic) Check() []runner.Task { return w.checks.Common(upgrade.ToBoth) }

func (w *watchTraffic) Plan(ctx context.Context) ([]runner.Task, error) { return w.probes.Tasks(ctx) }

func (w *watchTraffic) Verify() []runner.Task { return w.probes.Logged() }

func (w *watchTraffic) Undo(context.Context) ([]runner.Task, error) { return nil, nil }
