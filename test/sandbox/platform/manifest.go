package platform

import (
	"errors"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

func (p *Platform) manifestRoutes(on func(string, handler)) {
	on("POST /v3/spaces/{guid}/manifest_diff", withSpace(diffManifest))
	on("POST /v3/spaces/{guid}/actions/apply_manifest", withSpace(applyManifest))
	on("POST /v3/apps/{guid}/actions/apply_manifest", withApp(func(c *call, a *app) error { return applyManifest(c, a.space) }))
}

// showManifest writes the manifest of an app: with its metadata, without binding names and parameters
// (ccng: app/presenters/v3/app_manifest_presenter.rb and its parts).
func showManifest(c *call, a *app) error {
	if c.user.ReadOnly {
		return notAuthorized()
	}
	out, err := yaml.Marshal(map[string]any{"applications": []any{c.p.manifestOf(a)}})
	if err != nil {
		return err
	}
	c.header.Set("Content-Type", "application/x-yaml; charset=utf-8")
	return c.reply(200, append([]byte("---\n"), out...))
}

func (p *Platform) manifestOf(a *app) obj {
	out := obj{"name": a.name, "lifecycle": a.lifecycle}
	if len(a.env) > 0 {
		out["env"] = copyOf(a.env)
	}
	if a.lifecycle == "docker" {
		if v := p.currentPackage(a); v != nil {
			docker := obj{"image": v.image}
			if v.username != "" {
				docker["username"] = v.username
			}
			out["docker"] = docker
		}
	} else {
		out["stack"] = "cflinuxfs4"
	}
	meta := obj{}
	if len(a.labels) > 0 {
		meta["labels"] = copyOf(a.labels)
	}
	if len(a.annotations) > 0 {
		meta["annotations"] = copyOf(a.annotations)
	}
	if len(meta) > 0 {
		out["metadata"] = meta
	}
	var routes []any
	for _, r := range p.routes.rows {
		for _, d := range r.destinations {
			if d.app == a {
				routes = append(routes, obj{"route": r.url(), "protocol": d.protocol, "options": copyOf(r.options)})
			}
		}
	}
	if routes != nil {
		slices.SortStableFunc(routes, func(a, b any) int { return strings.Compare(a.(obj)["route"].(string), b.(obj)["route"].(string)) })
		out["routes"] = routes
	}
	var services []string
	for _, b := range p.bindings.rows {
		if b.app == a {
			services = append(services, b.service.name)
		}
	}
	if services != nil {
		slices.SortFunc(services, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
		out["services"] = services
	}
	var processes []any
	for _, v := range p.processesOf(a) {
		processes = append(processes, v.manifest())
	}
	out["processes"] = processes
	features := obj{}
	for k, v := range a.features {
		features[k] = v
	}
	out["features"] = features
	return out
}

// currentPackage is the one from which the current droplet was made, otherwise the newest
// (ccng: app/models/runtime/app_model.rb, current_package).
func (p *Platform) currentPackage(a *app) *pkg {
	if a.droplet == nil {
		return nil
	}
	return a.droplet.pkg
}

func (v *process) manifest() obj {
	out := obj{
		"type": v.kind, "instances": v.instances, "memory": itoa(v.memory) + "M", "disk_quota": itoa(v.disk) + "M",
		"log-rate-limit-per-second": -1, "health-check-type": v.health.kind, "readiness-health-check-type": v.readiness.kind,
	}
	if v.logRate >= 0 {
		out["log-rate-limit-per-second"] = itoa(v.logRate) + "B"
	}
	if v.command != nil {
		out["command"] = *v.command
	}
	for _, h := range []struct {
		prefix string
		check  healthCheck
	}{{"", v.health}, {"readiness-", v.readiness}} {
		if h.check.endpoint != "" {
			out[h.prefix+"health-check-http-endpoint"] = h.check.endpoint
		}
		if h.check.invocation != nil {
			out[h.prefix+"health-check-invocation-timeout"] = *h.check.invocation
		}
		if h.check.interval != nil {
			out[h.prefix+"health-check-interval"] = *h.check.interval
		}
	}
	if v.health.timeout != nil {
		out["timeout"] = *v.health.timeout
	}
	return out
}

// readManifests checks the body (ccng: app/controllers/v3/space_manifests_controller.rb).
func (c *call) readManifests() ([]*manifest, error) {
	if kind := c.r.Header.Get("Content-Type"); !strings.Contains(kind, "yaml") {
		return nil, badRequest("Content-Type must be yaml")
	}
	if len(c.body) > 1<<20 {
		return nil, badRequest("Manifest size is too large. The maximum supported size is 1MB.")
	}
	var body map[string]any
	if err := yaml.Unmarshal(c.body, &body); err != nil || body == nil {
		return nil, parseError()
	}
	if strings.Contains(string(c.body), ": *") || strings.Contains(string(c.body), "- *") {
		var node yaml.Node
		if yaml.Unmarshal(c.body, &node) == nil && hasAlias(&node) {
			return nil, badRequest("Manifest does not support Anchors and Aliases")
		}
	}
	if v, ok := body["version"]; ok && v != 1 {
		return nil, unprocessable("Unsupported manifest schema version. Currently supported versions: [1].")
	}
	list, _ := body["applications"].([]any)
	if len(list) == 0 {
		return nil, unprocessable("Cannot parse manifest with no 'applications' field.")
	}
	var out []*manifest
	var problems apiErrors
	for i, one := range list {
		raw, _ := one.(map[string]any)
		m, errs := readManifest(raw)
		for _, e := range errs {
			if m.name != "" {
				problems = append(problems, unprocessable("For application '%s': %s", m.name, e))
			} else {
				problems = append(problems, unprocessable("For application at index %d: %s", i, e))
			}
		}
		out = append(out, m)
	}
	if problems != nil {
		return nil, problems
	}
	return out, nil
}

func hasAlias(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, hasAlias)
}

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
	if e, ok := err.(*apiError); ok {
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
		if len(p.domains.rows) == 0 {
			return unprocessable("No default domains available")
		}
		host := a.name
		if m.randomRoute {
			host += "-random-" + p.newGUID()[:4]
		}
		return p.mapManifestRoutes(by, a, []manifestRoute{{route: host + "." + p.domains.rows[0].name}})
	}
	return nil
}

// mapManifestRoutes makes every route first and maps them only if all are valid (ccng: app/actions/manifest_route_update.rb).
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
		protocol := wanted[i].protocol
		if protocol == "" {
			protocol = "http1"
		}
		d := &destination{record: p.newRecord(""), app: a, process: "web", protocol: protocol}
		if err := p.mapRoute(by, r, []*destination{d}); err != nil {
			return err
		}
	}
	return nil
}

func (p *Platform) findOrMakeRoute(by *uaa.Account, a *app, url string) (*route, error) {
	host, path, d := p.splitRoute(url)
	if d == nil {
		return nil, unprocessable("No domains exist for route %s", url)
	}
	r, found := p.findRoute(d, host, path)
	if !found {
		var err error
		if r, err = p.newRoute(by, a.space, d, host, path); err != nil {
			return nil, prefixed("For route '"+url+"': ", err)
		}
	} else if r.space != a.space {
		return nil, unprocessable("Routes cannot be mapped to destinations in different spaces")
	}
	return r, nil
}

// splitRoute finds the domain of "host.domain/path": the longest domain that fits.
func (p *Platform) splitRoute(url string) (host, path string, d *domain) {
	name, rest, slash := strings.Cut(url, "/")
	if slash && rest != "" {
		path = "/" + rest
	}
	for tail := name; ; {
		if d, ok := p.domains.find(func(d *domain) bool { return strings.EqualFold(d.name, tail) }); ok {
			return host, path, d
		}
		label, after, more := strings.Cut(tail, ".")
		if !more {
			return "", "", nil
		}
		if host != "" {
			host += "."
		}
		host, tail = host+label, after
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
