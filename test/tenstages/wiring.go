package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/release"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/situation"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
	"github.com/digitalmarketplace/cutover/stages/witness"
)

// version is what a run records.
const version = "test"

// site is the wiring: what a stage may be handed.
type site struct {
	settings settings
	names    bluegreen.Names
	platform *cloudfoundry.Client
	lease    *journal.Lease
	run      *upgrade.Run
	clients  clients

	live      *upgrade.Live
	checks    *upgrade.Checks
	proof     *proof.Prober
	renamer   *names.Names
	exchange  *names.Exchange
	green     *clone.Green
	removal   *clone.Removal
	traffic   *traffic.Traffic
	release   *release.Release
	situation *situation.Reader
}

// clients reach the apps: fresh opens a connection for each request, probes too and has
// no User-Agent, kept is the witness's.
type clients struct{ kept, fresh, probes *http.Client }

// open connects and wires. It writes nothing.
func open(ctx context.Context, s settings, dryRun bool, redact func(...string), log *slog.Logger) (*site, error) {
	x := &site{settings: s, names: s.names()}
	o := cloudfoundry.Options{UserAgent: agent, Log: log, Poll: s.Poll}
	if dryRun {
		o.CacheFor = 20 * time.Second
	}
	var err error
	if x.platform, err = cloudfoundry.Open(ctx, s.CF, o); err != nil {
		return nil, err
	}
	app := httpclient.Options{UserAgent: agent, Dial: s.RouterAddress, Attempts: 1}
	x.clients.kept = httpclient.New(app)
	app.FreshConnections = true
	x.clients.fresh = httpclient.New(app)
	app.UserAgent = nil
	x.clients.probes = httpclient.New(app)
	kept := journal.On(x.platform)
	x.lease = journal.NewLease(kept, s.LiveApp, s.Lease, log)
	x.run = upgrade.NewRun(upgrade.RunOptions{
		Journal: journal.New(kept, s.LiveApp), Platform: x.platform, Settings: s.fixed(), Milestones: milestones(), DryRun: dryRun,
	})
	x.wire(redact)
	return x, nil
}

func agent() string { return "cutover/tenstages" }

func (x *site) wire(redact func(...string)) {
	s := x.settings
	pair := &upgrade.Pair{Platform: x.platform, Run: x.run, NewApp: s.NewApp, OldApp: s.OldApp}
	x.live = &upgrade.Live{Pair: pair}
	x.checks = &upgrade.Checks{Live: x.live}
	x.proof = &proof.Prober{Fresh: x.clients.fresh, Scheme: s.RouteScheme, Path: s.StatusPath, Routers: s.Routers, Timeout: s.RouteTimeout}
	x.renamer = names.New(x.platform)
	x.exchange = &names.Exchange{Pair: pair, Names: x.renamer, LiveApp: s.LiveApp}
	apps := &clone.Apps{
		Pair: pair, DockerUsername: s.DockerUsername, DockerPassword: s.DockerPassword,
		Poll: s.Poll, StartTimeout: s.StartTimeout, NameOf: x.renamer.Of,
	}
	source := &clone.Source{Pair: pair, Redact: redact}
	x.green = &clone.Green{Apps: apps, Source: source, TemporaryRoute: s.TemporaryRoute, ManifestDir: s.Manifests}
	x.traffic = &traffic.Traffic{Live: x.live, Proof: x.proof, Names: x.names, Drain: s.Drain, StartTimeout: s.StartTimeout}
	x.removal = &clone.Removal{
		Live: x.live, Apps: apps, Rebuild: &clone.Rebuild{Apps: apps, Source: source, Live: x.live},
		Drained: x.traffic.Drained, Delete: s.RemoveOldApp == deleteOldApp, Timeout: s.StartTimeout,
	}
	x.release = &release.Release{Live: x.live, Names: x.names, Timeout: s.ReleaseTimeout}
	x.situation = &situation.Reader{
		Live: x.live, Names: x.names, FindBlue: x.findBlue, Called: called,
		AppDeleted: upgrade.BlueRemoved, ServiceDeleted: upgrade.BlueRemoved,
	}
	if x.removal.Delete {
		x.situation.AppDeleted = upgrade.NamesFinal
	}
}

func (x *site) findBlue(ctx context.Context) (upgrade.Blue, error) {
	return upgrade.FindBlue(ctx, x.platform, x.names.LiveApp, x.names.LiveRoute)
}

func (x *site) beginning() *upgrade.Beginning {
	return &upgrade.Beginning{
		Run: x.run, App: x.names.LiveApp, Version: version, Find: x.findBlue,
		Facts: func(b upgrade.Blue) map[string]string {
			return map[string]string{upgrade.FactImage: b.Image, upgrade.FactDroplet: b.Droplet}
		},
	}
}

func (x *site) liveURL() string {
	return x.settings.RouteScheme + "://" + x.names.LiveRoute + x.settings.StatusPath
}

// witness asks the live address while traffic moves.
func (x *site) witness() *witness.Witness {
	w := witness.New(witness.Options{
		URL: x.liveURL(), Kept: x.clients.kept, Fresh: x.clients.fresh, Rate: x.settings.WitnessRate,
		Baseline: x.settings.WitnessBaseline, After: x.settings.WitnessAfter,
	})
	x.traffic.Entered = w.Enter
	return w
}

// both are the tasks of two plans, in their order.
func both(ctx context.Context, first, second func(context.Context) ([]runner.Task, error)) ([]runner.Task, error) {
	tasks, err := first(ctx)
	if err != nil {
		return nil, err
	}
	more, err := second(ctx)
	return append(tasks, more...), err
}
