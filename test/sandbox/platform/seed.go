package platform

import (
	"fmt"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

// Seed creates a world in the platform, without delays: when it returns, services are provisioned, and apps run and are
// routed. It may be called once.
func (p *Platform) Seed(w World) error {
	p.mu.Lock()
	p.seedSpace(w)
	p.seedMarket(w.Offerings)
	s := p.spaces.rows[0]
	if err := p.seedServices(s, w.Services); err != nil {
		p.mu.Unlock()
		return err
	}
	var starting []*diego.LRP
	for _, a := range w.Apps {
		started, err := p.seedApp(s, a)
		if err != nil {
			p.mu.Unlock()
			return fmt.Errorf("seed app %s: %w", a.Name, err)
		}
		if started != nil {
			starting = append(starting, started)
		}
	}
	if err := p.seedLinks(w); err != nil {
		p.mu.Unlock()
		return err
	}
	p.events = table[*event]{}
	p.mu.Unlock()

	for _, l := range starting { // Boot takes the lock
		if err := l.Boot(); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.router.SetNow(p.endpoints())
	return nil
}

func (p *Platform) seedSpace(w World) {
	q := &quota{record: p.newRecord(w.OrgQuota.Name), limits: w.OrgQuota}
	p.quotas.add(q)
	o := &org{record: p.newRecord(w.Org), quota: q}
	p.orgs.add(o)
	s := &space{record: p.newRecord(w.Space), org: o}
	if w.SpaceQuota.Name != "" {
		s.quota = &quota{record: p.newRecord(w.SpaceQuota.Name), limits: w.SpaceQuota}
		p.squotas.add(s.quota)
	}
	p.spaces.add(s)
	for _, name := range w.Domains {
		p.domains.add(&domain{record: p.newRecord(name)})
	}
	for _, w := range w.OtherDomains {
		d := &domain{record: p.newRecord(w.Name), internal: w.Internal, tcp: w.TCP}
		if w.Private {
			d.org = o
		}
		p.domains.add(d)
	}
	for _, u := range w.Users {
		p.seedAccount(s, &uaa.Account{GUID: p.newGUID(), Name: u.Name, Secret: u.Password, ReadOnly: u.ReadOnly})
	}
	for _, v := range w.Clients {
		p.seedAccount(s, &uaa.Account{GUID: p.newGUID(), Name: v.ID, Secret: v.Secret, Client: true})
	}
}

func (p *Platform) seedAccount(s *space, a *uaa.Account) {
	p.uaa.Add(a)
	p.grantRole(s, a)
}

func (p *Platform) seedMarket(offerings []Offering) {
	b := &broker{record: p.newRecord("sandbox-broker")}
	p.brokers.add(b)
	for _, w := range offerings {
		o := &offering{
			record: p.newRecord(w.Name), description: w.Description, tags: w.Tags, allowContextUpdates: w.AllowContextUpdates, broker: b,
			planUpdateable: !w.PlansFixed, bindingsHidden: w.BindingsHidden,
		}
		p.offers.add(o)
		for _, v := range w.Plans {
			p.plans.add(&plan{record: p.newRecord(v.Name), offering: o, description: v.Description, free: v.Free, available: !v.Unavailable})
		}
	}
}

func (p *Platform) seedServices(in *space, services []Service) error {
	now := p.now()
	for _, w := range services {
		s := &service{
			record: p.newRecord(w.Name), space: in, tags: w.Tags, credentials: w.Credentials,
			last: operation{"create", "succeeded", "", now, now},
		}
		if w.SyslogDrainURL != "" {
			s.syslog = &w.SyslogDrainURL
		}
		if w.RouteServiceURL != "" {
			s.routeURL = &w.RouteServiceURL
		}
		if w.Offering != "" {
			var ok bool
			if s.plan, ok = p.plans.find(func(v *plan) bool { return v.name == w.Plan && v.offering.name == w.Offering }); !ok {
				return fmt.Errorf("seed service %s: no plan %s of %s", w.Name, w.Plan, w.Offering)
			}
			if p.opts.Broker != nil {
				if err := p.opts.Broker.Provision(s.guid, w.Plan, nil); err != nil {
					return fmt.Errorf("seed service %s: %w", w.Name, err)
				}
			}
		}
		p.services.add(s)
	}
	return nil
}

func (p *Platform) seedApp(in *space, w App) (*diego.LRP, error) {
	lifecycle := "docker"
	if len(w.Buildpacks) > 0 {
		lifecycle = "buildpack"
	}
	a, err := p.newApp(nil, in, w.Name, lifecycle, metadata{})
	if err != nil {
		return nil, err
	}
	a.env, a.labels, a.annotations = copyOf(w.Env), copyOf(w.Labels), copyOf(w.Annotations)
	v := &pkg{record: p.newRecord(""), app: a, kind: "docker", state: "READY", image: w.Image, username: w.DockerUser, password: w.DockerPassword}
	p.packages.add(v)
	a.droplet = &droplet{record: p.newRecord(""), app: a, pkg: v, state: "STAGED", image: w.Image, lifecycle: lifecycle}
	p.droplets.add(a.droplet)
	if lifecycle == "buildpack" {
		a.buildpacks, a.droplet.buildpacks, a.droplet.stack = w.Buildpacks, w.Buildpacks, a.stack
		a.droplet.command = "./start"
		v.kind, v.image, v.username, v.password, v.checksum = "bits", "", "", "", checksum([]byte(w.Image))
		a.droplet.checksum = v.checksum
	}
	web := p.newestProcess(a, "web")
	web.instances, web.memory, web.disk = w.Instances, w.MemoryMB, w.DiskMB
	if w.Command != "" {
		web.command = &w.Command
	}
	web.health = healthCheck{kind: w.HealthCheckType, endpoint: w.HealthCheckEndpoint}
	if web.health.kind == "" {
		web.health.kind = "port"
		if w.HealthCheckEndpoint != "" {
			web.health.kind = "http"
		}
	}
	m := &manifest{}
	for _, url := range w.Routes {
		m.routes = append(m.routes, manifestRoute{route: url})
	}
	if err := p.mapManifestRoutes(nil, a, m.routes); err != nil {
		return nil, err
	}
	for _, s := range w.Services {
		want := manifestService{name: s.Name}
		if s.BindingName != "" {
			want.bindingName = ptr(s.BindingName)
		}
		m.services = append(m.services, want)
	}
	if err := p.applyServices(nil, a, m); err != nil {
		return nil, err
	}
	if w.Stopped {
		return nil, nil
	}
	p.revise(nil, a)
	a.started = true
	web.version, web.revision = p.newGUID(), p.latestRevision(a)
	web.lrp = p.diego.Place(p.desired(web), w.Instances)
	return web.lrp, nil
}

func (p *Platform) seedLinks(w World) error {
	for _, b := range w.RouteServices {
		at := p.splitRoute(b.Route)
		s, ok := p.services.find(func(s *service) bool { return s.name == b.Service })
		if at.domain == nil || !ok {
			return fmt.Errorf("seed route service %s of %s: no such route or service", b.Service, b.Route)
		}
		r, ok := p.findRoute(at)
		if !ok {
			return fmt.Errorf("seed route service of %s: no such route", b.Route)
		}
		p.rbinds.add(p.newRouteBinding(r, s))
	}
	for _, v := range w.Policies {
		from, ok1 := p.apps.find(func(a *app) bool { return a.name == v.From })
		to, ok2 := p.apps.find(func(a *app) bool { return a.name == v.To })
		if !ok1 || !ok2 {
			return fmt.Errorf("seed policy from %s to %s: no such app", v.From, v.To)
		}
		p.policies = append(p.policies, policy{from.guid, to.guid, v.Protocol, v.FirstPort, v.LastPort})
	}
	return nil
}
