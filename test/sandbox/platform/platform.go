package platform

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/logcache"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/router"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

// Platform is one Cloud Foundry. Its methods are safe for use by several goroutines.
type Platform struct {
	opts   Options
	ctx    context.Context
	cancel context.CancelFunc
	api    http.Handler
	uaa    *uaa.UAA
	logs   *logcache.Cache
	limits *rateLimiter // guarded by mu
	router *router.Router
	diego  *diego.Diego // uses mu

	// mu guards everything below, and is never held while a program or the broker provisions, or while anything waits.
	mu        sync.Mutex
	orgs      table[*org]
	spaces    table[*space]
	domains   table[*domain]
	quotas    table[*quota] // of organisations
	squotas   table[*quota] // of spaces
	brokers   table[*broker]
	offers    table[*offering]
	plans     table[*plan]
	services  table[*service]
	bindings  table[*binding]
	rbinds    table[*routeBinding]
	apps      table[*app]
	procs     table[*process]
	packages  table[*pkg]
	builds    table[*build]
	droplets  table[*droplet]
	sidecars  table[*sidecar]
	deploys   table[*deployment]
	revisions table[*revision]
	tasks     table[*task]
	routes    table[*route]
	jobs      table[*job]
	events    table[*event]
	roles     table[*role]
	policies  []policy
	flags     map[string]bool
}

// New makes an empty platform; Seed fills it. Close ends its containers.
func New(opts Options) *Platform {
	opts.defaults()
	p := &Platform{opts: opts, flags: defaultFlags()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.uaa = uaa.New(uaa.Options{Clock: opts.Clock, TokenLife: opts.TokenLife, URL: p.baseOf})
	p.logs = logcache.New(logcache.Options{Clock: opts.Clock, Lag: opts.LogLag, Loss: opts.LogLoss, Keep: opts.LogKeep})
	p.router = router.New(p.routerOptions())
	p.diego = diego.New(p.diegoOptions())
	p.api = p.newAPI()
	return p
}

// API answers for the Cloud Controller, the UAA, log-cache and the policy server on one address.
func (p *Platform) API() http.Handler { return p.api }

// Close ends every container and every delay. Calls that are under way still get their answers.
func (p *Platform) Close() {
	p.cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.diego.Close()
}

// newGUID must be called with the lock held.
func (p *Platform) newGUID() string {
	b := make([]byte, 16)
	p.opts.Rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (p *Platform) newRecord(name string) record {
	now := p.now()
	return record{
		guid: p.newGUID(), name: name, created: now, updated: now,
		labels: map[string]string{}, annotations: map[string]string{},
	}
}

func (p *Platform) now() time.Time { return p.opts.Clock.Now() }

// after runs f under the lock once d, scaled, has passed; never after Close.
func (p *Platform) after(d time.Duration, f func()) {
	p.opts.Clock.After(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.ctx.Err() == nil {
			f()
		}
	})
}

// jobTime is how long a job takes: between one and three of JobTime. The lock must be held.
func (p *Platform) jobTime() time.Duration { return p.spread(p.opts.JobTime, 3*p.opts.JobTime) }

func (p *Platform) spread(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(p.opts.Rand.Int63n(int64(high-low)))
}

// ServiceInstance is the GUID of the service instance of that name, in whatever space.
func (p *Platform) ServiceInstance(name string) (guid string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.services.find(func(s *service) bool { return s.name == name })
	if !ok {
		return "", false
	}
	return s.guid, true
}

// appExists takes the lock.
func (p *Platform) appExists(guid string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.apps.get(guid)
	return ok
}

// App is the GUID of the app of that name, in whatever space.
func (p *Platform) App(name string) (guid string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.apps.find(func(a *app) bool { return a.name == name })
	if !ok {
		return "", false
	}
	return a.guid, true
}

// Crash ends one of an app's containers as if its program had been killed. Another takes its place, with the
// environment that the app was started with.
func (p *Platform) Crash(app string, index int) error {
	guid, _ := p.App(app)
	if !p.diego.Crash(guid, index, "APP/PROC/WEB: Exited with status 137 (out of memory)", 137) {
		return fmt.Errorf("crash %s/%d: no such container runs", app, index)
	}
	return nil
}
