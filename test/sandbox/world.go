package sandbox

import (
	"context"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
	"github.com/digitalmarketplace/cutover/test/sandbox/pipeline"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
	"github.com/digitalmarketplace/cutover/test/sandbox/search"
)

// world is the parts of the sandbox.
type world struct {
	platform *platform.Platform
	clusters *search.Clusters
	program  *search.Program
	data     *data.API
	pipeline *pipeline.Pipeline
	live     *indexer
}

func newWorld(o Options, a Addresses, c *clock.Clock, e *faults.Engine) (*world, error) {
	w := &world{
		clusters: search.NewClusters(c),
		live:     &indexer{router: a.Router, host: o.liveHost(), token: searchToken},
	}
	outcomes := 5
	if o.Stage == "preview" {
		outcomes = 4 // the jobs that write preview's index know no more than four
	}
	w.data = data.New(data.Options{
		Clock: c, Faults: e, Seed: o.Seed, Services: o.Documents, Briefs: o.Briefs, Tokens: []string{dataToken}, OutcomesFrameworks: outcomes,
		Version: "release-2345", PageTime: 88 * time.Millisecond, SingleTime: 10 * time.Millisecond, CommitLag: 220 * time.Millisecond,
	})
	w.data.SetLiveIndex(w.live)
	w.data.SetSearchStatus(w.live.status)

	build := search.Options{
		Clock: c, Faults: e, Clusters: w.clusters, Build: search.NewBuild(), Version: "release-1234",
		Slots: o.Slots, PutTime: o.PutTime, ReadTime: o.PutTime / 10, MinHarakiri: 30 * time.Second,
	}
	w.program = search.New(build)
	build.Build, build.Version = search.OldBuild(), "release-1199"
	before := search.New(build)
	programs := registry(searchAPI{w.program}, searchAPI{before})
	if o.Like != nil {
		programs = o.Like.programs(programs, searchAPI{w.program})
	}
	w.platform = platform.New(platform.Options{
		Clock: c, Faults: e, Programs: programs, Broker: w.clusters, Routers: o.Routers,
		Rand: rand.New(rand.NewSource(int64(o.Seed))), URL: a.CFAPI, RegistryAuth: registryAuth, ProvisionTime: o.ProvisionTime,
		RateLimit: o.RateLimit, Bits: "digitalmarketplace/search-api:release-1234",
	})
	content := space(o)
	if err := w.platform.Seed(content); err != nil {
		return nil, err
	}
	w.pipeline = pipeline.New(pipeline.Options{
		API: a.CFAPI, Password: pipelinePassword, Space: content.Space, Apps: content.Apps, Clock: c,
	})
	blue, ok := w.platform.ServiceInstance(o.blueService())
	if !ok {
		return nil, fmt.Errorf("the space has no service %s", o.blueService())
	}
	return w, search.Preload(w.clusters, blue, w.data, o.Drift)
}

// space is the Digital Marketplace's, or a copy of another one, with this sandbox's secrets.
func space(o Options) platform.World {
	s := platform.DigitalMarketplace(o.Stage, cfUser, cfPassword)
	if o.Like != nil {
		s = o.Like.world()
	}
	s.Users = append(s.Users, platform.User{Name: pipeline.User, Password: pipelinePassword})
	s.Clients = []platform.Client{{ID: cfClient, Secret: cfClientSecret}}
	for i := range s.Apps {
		app := &s.Apps[i]
		app.DockerUser, app.DockerPassword = dockerUser, dockerPassword
		if app.Name == o.liveApp() {
			app.Instances = o.Instances
			if o.Buildpack != "" {
				app.Buildpacks = []string{o.Buildpack}
			}
			app.Env["DM_SEARCH_API_AUTH_TOKENS"] = "another-" + searchToken + ":" + searchToken
		}
	}
	return s
}

func registryAuth(_, username, password string) bool {
	return username == dockerUser && password == dockerPassword
}

// registry knows the releases of the search API and no other image. Those before release-1200 run its old build.
func registry(program, before diego.Program) diego.Programs {
	release := regexp.MustCompile(`^(?:docker\.io/)?digitalmarketplace/search-api(?::release-([0-9]+))?(?:@sha256:[0-9a-f]{64})?$`)
	return func(image string) (diego.Program, bool) {
		m := release.FindStringSubmatch(image)
		if m == nil {
			return nil, false
		}
		if n, err := strconv.Atoi(m[1]); err == nil && n < 1200 {
			return before, true
		}
		return program, true
	}
}

// searchSnapshot is the state of every Elasticsearch by its service instance's GUID.
func (w *world) searchSnapshot() any { return w.clusters.Snapshot() }

// searchAPI is the search API as the program of an image. Its instances send their name if they are asked for it
// (instanceHeader).
type searchAPI struct{ *search.Program }

func (p searchAPI) Boot(i diego.Instance) (http.Handler, error) {
	h, err := p.Program.Boot(i)
	if err != nil {
		return nil, err
	}
	t := namedHandler{h, fmt.Sprintf("%s/%s:%d", i.AppName, i.AppGUID, i.Index)}
	if c, ok := h.(io.Closer); ok {
		return closingHandler{t, c}, nil
	}
	return t, nil
}

type namedHandler struct {
	http.Handler
	name string
}

func (h namedHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(instanceHeader) != "" {
		w.Header().Set(instanceHeader, h.name)
	}
	h.Handler.ServeHTTP(w, r)
}

type closingHandler struct {
	http.Handler
	io.Closer
}

// compare returns the differences between the indices behind the two aliases of a service's Elasticsearch and the data
// API.
func (w *world) compare(service string) (map[string]search.Difference, error) {
	guid, ok := w.platform.ServiceInstance(service)
	if !ok {
		return nil, fmt.Errorf("there is no service %q", service)
	}
	return map[string]search.Difference{
		servicesAlias: w.clusters.Compare(guid, servicesAlias, w.data.PublishedServices(servicesAlias)),
		briefsAlias:   w.clusters.Compare(guid, briefsAlias, w.data.PublishedBriefs()),
	}, nil
}

// breakEngine makes the Elasticsearch of the service instance that has this name now fail in a way, or work again.
func (w *world) breakEngine(service string, o search.Outage) error {
	if o != search.None && !slices.Contains(search.Outages(), o) {
		return fmt.Errorf("outage %q is not one of %v", o, search.Outages())
	}
	guid, ok := w.platform.ServiceInstance(service)
	if !ok || !w.clusters.Break(guid, o) {
		return fmt.Errorf("there is no Elasticsearch %q", service)
	}
	return nil
}

// awaitLiveApp returns once the live app answers on the live host.
func (w *world) awaitLiveApp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		_, err := w.live.status(ctx)
		if err == nil {
			return nil
		}
		if clock.Wait(ctx, 10*time.Millisecond) != nil {
			return fmt.Errorf("the live app does not answer: %w", err)
		}
	}
}
