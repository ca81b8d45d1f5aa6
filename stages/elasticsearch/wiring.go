package elasticsearch

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/backing"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/names"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/release"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/situation"
	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
	"github.com/digitalmarketplace/cutover/stages/witness"
)

// Options are what the program, and not the environment, says.
type Options struct {
	Version, Build string
	Redact         *environ.Redactor
	Log            *slog.Logger
	DryRun         bool
}

// Site is the wiring of the runbook: everything that a stage may be handed. No stage
// holds it.
type Site struct {
	Settings Settings
	options  Options
	names    bluegreen.Names
	indices  indexer.Indices
	platform *cloudfoundry.Client
	journal  *journal.Journal
	lease    *journal.Lease
	run      *upgrade.Run
	clients  clients

	live      *upgrade.Live
	checks    *upgrade.Checks
	prober    *proof.Prober
	renamer   *names.Names
	exchange  *names.Exchange
	services  *backing.Services
	variable  *backing.Variable
	creation  *backing.Creation
	apps      *clone.Apps
	source    *clone.Source
	green     *clone.Green
	rebuild   *clone.Rebuild
	removal   *clone.Removal
	traffic   *traffic.Traffic
	release   *release.Release
	situation *situation.Reader

	apis      *apis
	counts    *counts
	mappings  *mappings
	pacer     *pacer
	documents *documents
}

// dryCache is how long a dry run reuses what it has read: long enough for all of
// it, short enough for what it waits for.
const dryCache = 20 * time.Second

// statusPath asks an app for its status and nothing else.
const statusPath = "/_status?ignore-dependencies"

// Open connects to the platform and wires the runbook. It reads, and writes nothing.
func Open(ctx context.Context, settings Settings, o Options) (*Site, error) {
	indices, err := settings.indices()
	if err != nil {
		return nil, err
	}
	s := &Site{Settings: settings, options: o, names: settings.names(), indices: indices}
	platform := cloudfoundry.Options{UserAgent: s.agent, Log: o.Log, Poll: settings.Poll}
	if o.DryRun {
		platform.CacheFor = dryCache
	}
	if s.platform, err = cloudfoundry.Open(ctx, settings.CF, platform); err != nil {
		return nil, err
	}
	s.clients = newClients(settings, s.agent)
	s.journal = journal.New(journal.On(s.platform), settings.LiveApp)
	s.lease = journal.NewLease(journal.On(s.platform), settings.LiveApp, settings.Lease, o.Log)
	s.run = upgrade.NewRun(upgrade.RunOptions{
		Journal: s.journal, Platform: s.platform, Settings: settings.fixed(), Milestones: milestones(), DryRun: o.DryRun,
	})
	s.wireUpgrade()
	s.wireDocuments()
	s.wireBluegreen()
	return s, nil
}

// agent is the User-Agent: it names run and build in the logs of the other side.
func (s *Site) agent() string {
	parts := []string{"cutover/" + s.options.Version}
	if s.run != nil && s.run.ID() != "" {
		parts = append(parts, "run/"+s.run.ID())
	}
	if s.options.Build != "" {
		parts = append(parts, "("+s.options.Build+")")
	}
	return strings.Join(parts, " ")
}

// clients reach the apps.
type clients struct {
	// kept keeps its connections; fresh opens one for each request, so that each may
	// meet another router; once is kept without trying again, for the witness.
	kept, fresh, once *http.Client
	// probes is fresh without a User-Agent of ours; data reaches the data API.
	probes, data *http.Client
}

func newClients(settings Settings, agent func() string) clients {
	var c clients
	app := httpclient.Options{UserAgent: agent, Dial: settings.RouterAddress}
	app.MaxConnections, app.NoSpareConnections = settings.Concurrency+8, true
	c.kept = httpclient.New(app)
	app.NoSpareConnections, app.FreshConnections, app.Attempts = false, true, 1
	c.fresh = httpclient.New(app)
	app.UserAgent = nil
	c.probes = httpclient.New(app)
	c.once = httpclient.New(httpclient.Options{UserAgent: agent, Dial: settings.RouterAddress, Attempts: 1})
	c.data = httpclient.New(httpclient.Options{UserAgent: agent})
	return c
}

func (s *Site) wireUpgrade() {
	pair := &upgrade.Pair{Platform: s.platform, Run: s.run, NewApp: s.names.NewApp, OldApp: s.names.OldApp}
	s.live = &upgrade.Live{Pair: pair}
	s.checks = &upgrade.Checks{Live: s.live}
	s.prober = &proof.Prober{
		Fresh: s.clients.fresh, Scheme: s.Settings.RouteScheme, Path: statusPath,
		Routers: s.Settings.Routers, Timeout: s.Settings.RouteTimeout,
	}
	s.renamer = names.New(s.platform)
	s.exchange = &names.Exchange{Pair: pair, Names: s.renamer, LiveApp: s.names.LiveApp}
}

func (s *Site) wireDocuments() {
	settings := s.Settings
	s.apis = &apis{
		data: dataapi.New(dataapi.Options{
			BaseURL: settings.dataAPI(), Token: settings.DataAPIToken, TokenVariable: settings.perStage("DM_DATA_API_TOKEN"), HTTP: s.clients.data,
		}),
		search: func(base string, header http.Header) *searchapi.Client {
			return searchapi.New(searchapi.Options{
				BaseURL: base, Token: settings.SearchAPIToken, TokenVariable: settings.perStage("DM_SEARCH_API_TOKEN"), HTTP: s.clients.kept, Header: header,
			})
		},
		run: s.run, liveURL: settings.searchAPI(), scheme: settings.RouteScheme, temporaryRoute: s.names.TemporaryRoute,
	}
	s.counts = &counts{apis: s.apis, pair: s.live.Pair, indices: s.indices, timeout: settings.VerifyTimeout, compared: map[string]comparison{}}
	s.mappings = &mappings{data: s.apis.data, green: s.apis.green, pair: s.live.Pair, indices: s.indices}
	s.pacer = &pacer{
		platform: s.platform, run: s.run, journal: s.journal, lease: s.lease, index: s.indices[0], liveRoute: s.names.LiveRoute,
		workers: settings.Workers, concurrency: settings.Concurrency, ceiling: settings.Rate, log: s.options.Log,
	}
	s.documents = &documents{
		counts: s.counts, pace: s.pacer, answers: &greenIndices{s.run, s.indices}, limit: settings.CatchUpTimeout, stage: settings.Stage, maxFailed: settings.MaxFailed,
	}
	s.checks.Serving = []runner.Task{s.counts.ofLive()}
}

func (s *Site) wireBluegreen() {
	settings, pair := s.Settings, s.live.Pair
	s.services = &backing.Services{Live: s.live, Of: s.names}
	s.variable = &backing.Variable{Services: s.services, Names: s.renamer}
	s.creation = &backing.Creation{
		Services: s.services, Names: s.renamer, Offering: settings.Offering, Plan: settings.Plan, Parameters: settings.Parameters, Timeout: settings.CreateTimeout,
	}
	replaced := &clone.Replaced{
		Variable: s.names.ServiceVariable, Name: s.names.NewService, BindingName: s.names.Service, Find: s.services.FindNew, Ready: s.services.New,
	}
	s.apps = &clone.Apps{
		Pair: pair, DockerUsername: settings.DockerUsername, DockerPassword: settings.DockerPassword,
		Poll: settings.Poll, StartTimeout: settings.StartTimeout, NameOf: s.renamer.Of,
	}
	s.source = &clone.Source{Pair: pair, NoParameters: list(settings.NoParameters), Redact: s.options.Redact.Add}
	s.green = &clone.Green{Apps: s.apps, Source: s.source, Replaced: replaced, TemporaryRoute: s.names.TemporaryRoute, ManifestDir: settings.Manifests}
	s.rebuild = &clone.Rebuild{Apps: s.apps, Source: s.source, Live: s.live, Replaced: replaced}
	s.traffic = &traffic.Traffic{
		Live: s.live, Proof: s.prober, Names: s.names, Follower: s.documents, Drain: settings.Drain, StartTimeout: settings.StartTimeout,
		Hold: settings.OnBreach == "hold",
	}
	s.removal = &clone.Removal{
		Live: s.live, Apps: s.apps, Rebuild: s.rebuild, Drained: s.traffic.Drained,
		Delete: settings.RemoveOldApp == deleteOldApp, Timeout: settings.StartTimeout,
	}
	s.release = &release.Release{Live: s.live, Names: s.names, NewService: s.services.New, Timeout: settings.ReleaseTimeout}
	s.situation = &situation.Reader{
		Live: s.live, Names: s.names, Backing: backing.Reader{Services: s.services}, CatchUp: true,
		FindBlue: func(ctx context.Context) (upgrade.Blue, error) { return findBlue(ctx, s.platform, s.names) },
		Called:   called, AppDeleted: upgrade.Refreshed, ServiceDeleted: upgrade.Refreshed,
	}
	if settings.RemoveOldApp == deleteOldApp {
		s.situation.AppDeleted = upgrade.NamesFinal
	}
}

// witness asks the live address while traffic moves. The status asks the backend too,
// also when asked to ignore what it depends on (search API: app/status/views.py).
func (s *Site) witness() *witness.Witness {
	w := witness.New(witness.Options{
		URL:  s.Settings.RouteScheme + "://" + s.names.LiveRoute + statusPath,
		Kept: s.clients.once, Fresh: s.clients.fresh, Rate: s.Settings.WitnessRate,
		Baseline: s.Settings.WitnessBaseline, After: s.Settings.WitnessAfter, Who: s.documents.Who, Log: s.options.Log,
	})
	s.traffic.Entered = w.Enter
	return w
}

func (s *Site) prerequisites() *prerequisites {
	p := &prerequisites{
		platform: s.platform, run: s.run, names: s.names, renamer: s.renamer, creation: s.creation, counts: s.counts, mappings: s.mappings, prober: s.prober,
		release:    newestRelease{s.Settings.Repository, s.Settings.MainBranch},
		otherImage: s.Settings.Release != "" || s.Settings.Image != "",
	}
	p.before = &clone.Before{Platform: s.platform, Run: s.run, Find: p.findBlue}
	p.beginning = &upgrade.Beginning{
		Run: s.run, App: s.names.LiveApp, Version: s.options.Version, Find: p.findBlue, Later: recordedLater(s.indices),
		Facts: func(b upgrade.Blue) map[string]string {
			facts := map[string]string{upgrade.FactImage: s.Settings.image(b.Image)}
			if !p.otherImage {
				facts[upgrade.FactDroplet] = b.Droplet
			}
			return facts
		},
	}
	return p
}

func (s *Site) filler() *filler {
	return &filler{apis: s.apis, pair: s.live.Pair, indices: s.indices, pace: s.pacer, maxFailed: s.Settings.MaxFailed, stage: s.Settings.Stage}
}

func (s *Site) rewriter() *rewriter {
	return &rewriter{apis: s.apis, pace: s.pacer, maxFailed: s.Settings.MaxFailed, maxRemovals: s.Settings.MaxRemovals, stage: s.Settings.Stage}
}
