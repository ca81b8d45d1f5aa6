package platform

import (
	"cmp"
	"errors"
	"strconv"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

// applyManifest finds or makes the apps at once and does the rest in a job: in order, and without undoing what was done
// before a failure (ccng: app/jobs/space_apply_manifest_action_job.rb).
func applyManifest(c *call, s *space) error {
	manifests, err := c.readManifests()
	if err != nil {
		return err
	}
	p, by := c.p, c.user
	apps := make([]*app, len(manifests))
	for i, m := range manifests {
		a, found := p.apps.find(func(a *app) bool { return a.space == s && a.name == m.name })
		if !found {
			if a, err = p.newApp(by, s, m.name, m.lifecycle(), metadata{}); err != nil {
				return unprocessable("For application '%s': %s", m.name, err.Error())
			}
		}
		if a.lifecycle == "buildpack" && m.docker != nil {
			return unprocessable("For application '%s': Docker cannot be configured for a buildpack lifecycle app.", m.name)
		}
		apps[i] = a
	}
	for _, a := range apps {
		c.event("audit.app.apply_manifest", "app", &a.record, s, nil)
	}
	j := p.startJob("space.apply_manifest", "spaces", s.guid)
	p.runJob(j, func() error {
		for i, m := range manifests {
			if _, there := p.apps.get(apps[i].guid); !there {
				return notFound("App with guid '" + apps[i].guid + "'")
			}
			if err := p.apply(by, apps[i], m); err != nil {
				return prefixed("For application '"+apps[i].name+"': ", err)
			}
		}
		return nil
	})
	return c.accepted(j)
}

func prefixed(prefix string, err error) error {
	var e *apiError
	if errors.As(err, &e) {
		return &apiError{e.status, e.code, e.title, prefix + e.detail}
	}
	return err
}

// apply is in the order of ccng: app/actions/app_apply_manifest.rb.
func (p *Platform) apply(by *uaa.Account, a *app, m *manifest) error {
	if len(m.features) > 0 {
		a.features = copyOf(a.features)
		for k, v := range m.features {
			a.features[k] = v
		}
	}
	for _, change := range m.processes {
		v := p.newestProcess(a, change.kind)
		if v == nil {
			v = p.newWebProcess(a, p.newGUID())
			v.kind, v.instances = change.kind, 0
			v.health = healthCheck{kind: "process"}
		}
		change.update(v)
		v.updated = p.now()
	}
	for _, change := range m.processes {
		if v := p.newestProcess(a, change.kind); change.scale != (scaleBody{}) {
			if v.kind == "web" && p.deploying(a) != nil {
				return unprocessable("Cannot scale this process while a deployment is in flight.")
			}
			if err := p.scaleProcess(v, change.scale); err != nil {
				return err
			}
		}
	}
	for _, change := range m.sidecars {
		if err := p.applySidecar(a, change); err != nil {
			return err
		}
	}
	if err := a.change(m.lifecycleData); err != nil {
		return err
	}
	if err := a.merge(m.metadata); err != nil {
		return err
	}
	a.updated = p.now()
	if err := p.applyRoutes(by, a, m); err != nil {
		return err
	}
	p.patchEnv(a, m.env)
	return p.applyServices(by, a, m)
}

func (p *Platform) applyRoutes(by *uaa.Account, a *app, m *manifest) error {
	mapped := p.routes.where(func(r *route) bool { return r.mapped(a) })
	switch {
	case m.noRoute: // unmaps all routes, even those of an app that serves
		for _, r := range mapped {
			r.unmap(func(d *destination) bool { return d.app == a })
		}
		p.reroute()
		return nil
	case m.routes != nil:
		return p.mapManifestRoutes(by, a, m.routes)
	case (m.randomRoute || m.defaultRoute) && len(mapped) == 0:
		standard := p.defaultDomain()
		if standard == nil {
			return unprocessable("No default domains available")
		}
		host := a.name
		if m.randomRoute {
			host += "-random-" + p.newGUID()[:4]
		}
		return p.mapManifestRoutes(by, a, []manifestRoute{{route: host + "." + standard.name}})
	}
	return nil
}

// mapManifestRoutes makes every route first and maps them only if all are valid (ccng:
// app/actions/manifest_route_update.rb).
func (p *Platform) mapManifestRoutes(by *uaa.Account, a *app, wanted []manifestRoute) error {
	var found []*route
	for _, w := range wanted {
		r, err := p.findOrMakeRoute(by, a, w.route)
		if err != nil {
			return err
		}
		if len(w.options) > 0 {
			r.options = copyOf(w.options)
		}
		found = append(found, r)
	}
	for i, r := range found {
		if r.mapped(a) {
			continue
		}
		protocol := cmp.Or(wanted[i].protocol, r.domain.defaultProtocol())
		d := &destination{record: p.newRecord(""), app: a, process: "web", protocol: protocol}
		if err := p.mapRoute(by, r, []*destination{d}); err != nil {
			return err
		}
	}
	return nil
}

func (p *Platform) findOrMakeRoute(by *uaa.Account, a *app, url string) (*route, error) {
	at := p.splitRoute(url)
	if at.domain == nil {
		return nil, unprocessable("No domains exist for route %s", url)
	}
	r, found := p.findRoute(at)
	if !found {
		var err error
		if r, err = p.newRoute(by, a.space, at); err != nil {
			return nil, prefixed("For route '"+url+"': ", err)
		}
	} else if r.space != a.space {
		return nil, unprocessable("Routes cannot be mapped to destinations in different spaces")
	}
	return r, nil
}

// splitRoute finds the domain of "host.domain/path" or "domain:port": the longest domain that fits; nil where none does.
func (p *Platform) splitRoute(url string) place {
	var at place
	name, rest, slash := strings.Cut(url, "/")
	if slash && rest != "" {
		at.path = "/" + rest
	}
	if bare, port, has := strings.Cut(name, ":"); has {
		if n, err := strconv.Atoi(port); err == nil {
			name, at.port = bare, n
		}
	}
	for tail := name; ; {
		if d, ok := p.domains.find(func(d *domain) bool { return strings.EqualFold(d.name, tail) }); ok {
			at.domain = d
			return at
		}
		label, after, more := strings.Cut(tail, ".")
		if !more {
			return place{}
		}
		if at.host != "" {
			at.host += "."
		}
		at.host, tail = at.host+label, after
	}
}

// applyServices binds the services that are not bound. Existing bindings do not change, even if the manifest has another
// binding name.
func (p *Platform) applyServices(by *uaa.Account, a *app, m *manifest) error {
	for _, want := range m.services {
		s, found := p.services.find(func(s *service) bool { return s.space == a.space && s.name == want.name })
		if !found {
			return notFound("Service instance '" + want.name + "'")
		}
		old, bound := p.bindings.find(func(b *binding) bool { return b.app == a && b.service == s })
		if bound && old.last.kind == "create" && old.last.state == "succeeded" {
			continue
		}
		failed := func(err error) error { return unprocessable("For service '%s': %s", s.name, err.Error()) }
		if bound && old.last.inProgress() {
			return failed(errors.New("A binding is being " + old.last.kind + "d. Retry this operation later."))
		}
		if s.plan == nil && want.parameters != nil {
			//nolint:staticcheck // The platform's own words.
			return failed(errors.New("Binding parameters are not supported for user-provided service instances"))
		}
		b, err := p.newBinding(by, s, a, want.bindingName, want.parameters)
		if err != nil {
			return failed(err)
		}
		p.bound(by, b)
	}
	return nil
}
