package elasticsearch

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/witness"
)

// roleLabel tells what an object of ours is for: green, or what a way back makes
// for the app that was live before.
const (
	roleLabel = "cutover-role"
	green     = "green"
	anew      = "blue"
)

// Options are what the program, and not the environment, says.
type Options struct {
	Version, Build string
	Redact         *environ.Redactor
	Log            *slog.Logger
	DryRun         bool
}

// Site is what the stages of this runbook share in one process: the settings,
// the clients, and the run as it was last read.
type Site struct {
	Settings Settings
	o        Options
	cf       *cloudfoundry.Client
	data     *dataapi.Client
	journal  *journal.Journal
	lease    *journal.Lease
	indices  indexer.Indices
	// kept keeps its connections; fresh opens one for each request, so that
	// each may meet another router.
	kept, fresh *http.Client
	// probes is fresh without a User-Agent of ours; once is kept without trying
	// again, for the witness.
	probes, once *http.Client
	// eyes is the witness of this process, where there is one.
	eyes *witness.Witness
	// run is the run as last read or written; in a dry run it may stand in
	// memory alone. nil: there is none.
	run *journal.Run
	// ahead are the names that a dry run has planned to give, by GUID.
	ahead map[string]string
	// counted are the counts that a dry run has taken.
	counted map[string]counted
	// id is the run's, and ourIndices the names of its indices, for requests that
	// other goroutines make.
	id, ourIndices atomic.Value
}

// dryRecall is for how long a dry run believes what it has read: long enough for
// all of it, short enough for what it waits for.
const dryRecall = 20 * time.Second

// Open connects to the platform. It reads, and writes nothing.
func Open(ctx context.Context, settings Settings, o Options) (*Site, error) {
	indices, err := settings.indices()
	if err != nil {
		return nil, err
	}
	s := &Site{Settings: settings, o: o, indices: indices, ahead: map[string]string{}}
	platform := cloudfoundry.Options{UserAgent: s.agent, Log: o.Log, Poll: settings.Poll}
	if o.DryRun {
		platform.CacheFor = dryRecall
	}
	s.cf, err = cloudfoundry.Open(ctx, settings.CF, platform)
	if err != nil {
		return nil, err
	}
	app := httpclient.Options{UserAgent: s.agent, Dial: settings.RouterAddress}
	app.MaxConnections, app.NoSpareConnections = settings.Concurrency+8, true
	s.kept = httpclient.New(app)
	app.NoSpareConnections, app.FreshConnections, app.Attempts = false, true, 1
	s.fresh = httpclient.New(app)
	app.UserAgent = nil
	s.probes = httpclient.New(app)
	s.once = httpclient.New(httpclient.Options{UserAgent: s.agent, Dial: settings.RouterAddress, Attempts: 1})
	s.data = dataapi.New(dataapi.Options{
		BaseURL: settings.dataAPI(), Token: settings.DataAPIToken, TokenVariable: s.perStage("DM_DATA_API_TOKEN"),
		HTTP: httpclient.New(httpclient.Options{UserAgent: s.agent}),
	})
	s.journal = journal.New(s.cf, settings.LiveApp)
	s.lease = journal.NewLease(s.cf, settings.LiveApp, settings.Lease, o.Log)
	return s, nil
}

// agent is the User-Agent: in the other side's logs it names run and build.
func (s *Site) agent() string {
	parts := []string{"cutover/" + s.o.Version}
	if id, known := s.id.Load().(string); known {
		parts = append(parts, "run/"+id)
	}
	if s.o.Build != "" {
		parts = append(parts, "("+s.o.Build+")")
	}
	return strings.Join(parts, " ")
}

func (s *Site) perStage(variable string) string {
	return variable + "_" + strings.ToUpper(strings.ReplaceAll(s.Settings.Stage, "-", "_"))
}

// searchAt is the search API at an address.
func (s *Site) searchAt(base string, header http.Header) *searchapi.Client {
	return searchapi.New(searchapi.Options{
		BaseURL: base, Token: s.Settings.SearchAPIToken, TokenVariable: s.perStage("DM_SEARCH_API_TOKEN"), HTTP: s.kept, Header: header,
	})
}

// live is the search API that people reach.
func (s *Site) live() *searchapi.Client { return s.searchAt(s.Settings.searchAPI(), nil) }

// green is the new app: on its temporary route, and once it serves alone on the
// live route, from which the old app cannot answer any more.
func (s *Site) green() *searchapi.Client {
	if s.run != nil && s.run.Marks[stageUnmapOldApp].Verdict != "" {
		return s.live()
	}
	return s.searchAt(s.Settings.RouteScheme+"://"+s.Settings.TemporaryRoute, nil)
}

// beside is one app on the live route, whatever else is mapped there: the request
// names its first instance.
func (s *Site) beside(app string) *searchapi.Client {
	return s.searchAt(s.Settings.RouteScheme+"://"+s.Settings.LiveRoute, http.Header{instanceHeader: {instanceOf(app, 0)}})
}

// labels mark what this run makes, and for which app.
func (s *Site) labels(role string) map[string]string {
	return map[string]string{cloudfoundry.RunLabel: s.run.ID, roleLabel: role}
}

// ours tells whether an object was made by this run.
func (s *Site) ours(m cloudfoundry.Metadata) bool { return s.run != nil && m.Run() == s.run.ID }

// notOurs refuses an object that stands where one of ours belongs.
func (s *Site) notOurs(kind, name string, m cloudfoundry.Metadata) error {
	by := "nobody marked it"
	if m.Run() != "" {
		by = "run " + m.Run() + " made it"
	}
	return runner.Refuse("%s %s is there already, and is not of this run: %s; remove or rename it", kind, name, by)
}

// instanceHeader asks the routers for one instance of one app
// (gorouter: handlers/lookup.go).
const instanceHeader = "X-Cf-App-Instance"

func instanceOf(app string, index int) string { return fmt.Sprintf("%s:%d", app, index) }
