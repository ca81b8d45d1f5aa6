package platform

import (
	"slices"
	"strings"
)

// Snapshot is the whole state in a stable order, without times: equal states have equal snapshots.
func (p *Platform) Snapshot() any {
	p.mu.Lock()
	defer p.mu.Unlock()
	apps, services, userProvided, routes := []obj{}, []obj{}, []obj{}, []obj{}
	for _, a := range sortedRows(p.apps.rows) {
		apps = append(apps, p.snapshotApp(a))
	}
	for _, s := range sortedRows(p.services.rows) {
		one := obj{"name": s.name, "guid": s.guid, "labels": copyOf(s.labels), "annotations": copyOf(s.annotations), "tags": nonNil(s.tags)}
		if s.plan == nil {
			one["credentials"], one["syslog_drain_url"], one["route_service_url"] = copyOf(s.credentials), s.syslog, s.routeURL
			userProvided = append(userProvided, one)
			continue
		}
		one["offering"], one["plan"] = s.plan.offering.name, s.plan.name
		one["last_operation"] = obj{"type": s.last.kind, "state": s.last.state, "description": s.last.description}
		one["keys"] = p.keysOf(s)
		services = append(services, one)
	}
	byURL := slices.Clone(p.routes.rows)
	slices.SortFunc(byURL, func(a, b *route) int { return strings.Compare(a.url(), b.url()) })
	for _, r := range byURL {
		to := []string{}
		for _, d := range r.destinations {
			to = append(to, d.app.name)
		}
		slices.Sort(to)
		routes = append(routes, obj{
			"url": r.url(), "guid": r.guid, "destinations": to, "route_service": p.routeServiceOf(r),
			"labels": copyOf(r.labels), "annotations": copyOf(r.annotations),
		})
	}
	policies := []obj{}
	for _, v := range p.policies {
		policies = append(policies, v.present())
	}
	return obj{"apps": apps, "service_instances": services, "user_provided_service_instances": userProvided, "routes": routes, "network_policies": policies}
}

func (p *Platform) snapshotApp(a *app) obj {
	out := obj{
		"name": a.name, "guid": a.guid, "state": a.state(), "labels": copyOf(a.labels), "annotations": copyOf(a.annotations),
		"env": copyOf(a.env), "image": nil,
	}
	if a.droplet != nil {
		out["image"], out["checksum"] = a.droplet.image, a.droplet.checksum
	}
	processes, bindings, routes := []obj{}, []obj{}, []string{}
	for _, v := range p.processesOf(a) {
		one := obj{"type": v.kind, "command": v.command, "instances": v.instances, "memory_in_mb": v.memory, "disk_in_mb": v.disk, "health_check": v.health.kind, "endpoint": v.health.endpoint}
		running := []string{}
		for _, row := range p.rows(v) {
			running = append(running, row.State)
		}
		one["states"] = running
		processes = append(processes, one)
	}
	for _, b := range p.bindings.rows {
		if b.app == a {
			bindings = append(bindings, obj{"service": b.service.name, "service_guid": b.service.guid, "name": b.bindingName, "guid": b.guid})
		}
	}
	slices.SortFunc(bindings, func(x, y obj) int { return strings.Compare(x["service"].(string), y["service"].(string)) })
	for _, r := range p.routes.rows {
		if r.mapped(a) {
			routes = append(routes, r.url())
		}
	}
	slices.Sort(routes)
	out["processes"], out["bindings"], out["routes"] = processes, bindings, routes
	sidecars := []obj{}
	for _, s := range sortedRows(p.sidecarsOf(a)) {
		sidecars = append(sidecars, s.manifest())
	}
	out["lifecycle"], out["sidecars"] = a.lifecycleData(), sidecars
	return out
}

func (p *Platform) keysOf(s *service) []string {
	keys := []string{}
	for _, b := range p.bindings.rows {
		if b.app == nil && b.service == s {
			keys = append(keys, b.name)
		}
	}
	slices.Sort(keys)
	return keys
}

func sortedRows[T row](rows []T) []T {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b T) int { return strings.Compare(a.base().name, b.base().name) })
	return rows
}
