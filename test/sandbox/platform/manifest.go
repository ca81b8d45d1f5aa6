package platform

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
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
	of := c.p.manifestOf(a)
	if len(a.env) > 0 {
		of["env"] = envOf(a)
	}
	out, err := yaml.Marshal(map[string]any{"applications": []any{of}})
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
		out["stack"] = a.stack
		if len(a.buildpacks) > 0 {
			out["buildpacks"] = a.buildpacks
		}
	}
	if sidecars := p.sidecarsOf(a); len(sidecars) > 0 {
		var list []obj
		for _, s := range sortedRows(sidecars) {
			list = append(list, s.manifest())
		}
		out["sidecars"] = list
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

// envOf are the variables as YAML. The encoder of this sandbox writes some texts so that no parser reads them; Ruby's does not.
func envOf(a *app) obj {
	out := obj{}
	for k, v := range a.env {
		out[k] = v
		if strings.ContainsAny(v, "\t\r\u0085\u2028\u2029") {
			out[k] = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: v}
		}
	}
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
	var node yaml.Node
	var body map[string]any
	if err := yaml.Unmarshal(c.body, &node); err != nil {
		return nil, parseError()
	}
	if hasAlias(&node) {
		return nil, badRequest("Manifest does not support Anchors and Aliases")
	}
	if !rubyReads(&node) || node.Decode(&body) != nil || body == nil {
		return nil, parseError()
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
