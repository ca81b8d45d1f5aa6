package platform

func (p *Platform) processRoutes(on func(string, handler)) {
	on("GET /v3/processes", listProcesses)
	on("GET /v3/processes/{guid}", withProcess(showProcess))
	on("PATCH /v3/processes/{guid}", withProcess(updateProcess))
	on("GET /v3/processes/{guid}/stats", withProcess(showStats))
	on("GET /v3/processes/{guid}/process_instances", withProcess(func(c *call, v *process) error {
		return c.reply(200, obj{"resources": c.p.processInstances(v), "links": obj{"self": c.link(c.r.URL.Path), "process": c.link("/v3/processes/" + v.guid)}})
	}))
	on("POST /v3/processes/{guid}/actions/scale", withProcess(scale))
	on("DELETE /v3/processes/{guid}/instances/{index}", withProcess(terminate))
	on("GET /v3/apps/{guid}/processes", withApp(listAppProcesses))
	on("GET /v3/apps/{guid}/processes/{type}", withAppProcess(showProcess))
	on("PATCH /v3/apps/{guid}/processes/{type}", withAppProcess(updateProcess))
	on("GET /v3/apps/{guid}/processes/{type}/stats", withAppProcess(showStats))
	on("POST /v3/apps/{guid}/processes/{type}/actions/scale", withAppProcess(scale))
	on("DELETE /v3/apps/{guid}/processes/{type}/instances/{index}", withAppProcess(terminate))
}

func withProcess(h func(*call, *process) error) handler {
	return func(c *call) error {
		v, ok := c.p.procs.get(c.guid())
		if !ok {
			return notFound("Process")
		}
		return h(c, v)
	}
}

func withAppProcess(h func(*call, *process) error) handler {
	return withApp(func(c *call, a *app) error {
		v := c.p.newestProcess(a, c.r.PathValue("type"))
		if v == nil {
			return notFound("Process")
		}
		return h(c, v)
	})
}

// newestProcess is the process that requests by kind are about: during a deployment there are two of a kind.
func (p *Platform) newestProcess(a *app, kind string) *process {
	var found *process
	for _, v := range p.procs.rows {
		if v.app == a && v.kind == kind {
			found = v
		}
	}
	return found
}

func (p *Platform) processesOf(a *app) []*process {
	return p.procs.where(func(v *process) bool { return v.app == a })
}

func (p *Platform) newWebProcess(a *app, guid string) *process {
	v := &process{
		record: p.newRecord(""), app: a, kind: "web", instances: 1, memory: 1024, disk: 1024, logRate: -1,
		health: healthCheck{kind: "port"}, readiness: healthCheck{kind: "process"},
	}
	v.guid = guid
	v.version = p.newGUID()
	p.procs.add(v)
	return v
}

func matchProcess(q *query, v *process) bool {
	return q.has("types", v.kind) && q.has("app_guids", v.app.guid) && q.has("space_guids", v.app.space.guid) &&
		q.has("organization_guids", v.app.space.org.guid)
}

var processListing = listing{filters: []string{"app_guid", "types", "space_guids", "organization_guids", "app_guids", "embed"}}

func listProcesses(c *call) error {
	q, err := c.query(processListing)
	if err != nil {
		return err
	}
	if err := q.embeds(); err != nil {
		return err
	}
	_, out := list(c, q, c.p.procs.where(func(v *process) bool { return matchProcess(q, v) }), embedder(q))
	return c.reply(200, out)
}

func listAppProcesses(c *call, a *app) error {
	l := processListing
	l.without = []string{"space_guids", "organization_guids", "app_guids"}
	q, err := c.query(l)
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.procs.where(func(v *process) bool { return v.app == a && matchProcess(q, v) }), embedder(q))
	return c.reply(200, out)
}

func showProcess(c *call, v *process) error {
	q, err := c.only("embed")
	if err != nil {
		return err
	}
	if err := q.embeds(); err != nil {
		return err
	}
	return c.reply(200, embedder(q)(c, v))
}

// embeds checks what is to be embedded (ccng: app/messages/base_message.rb, EmbedParamValidator).
func (q *query) embeds() error {
	for _, want := range q.values["embed"] {
		if want != "process_instances" {
			return badQuery("Invalid embedded resource: '%s'. Valid embedded resources are: 'process_instances'", want)
		}
	}
	return nil
}

func embedder(q *query) func(*call, *process) obj {
	if !contains(q.values["embed"], "process_instances") {
		return presentProcess
	}
	return func(c *call, v *process) obj {
		out := presentProcess(c, v)
		out["process_instances"] = c.p.processInstances(v)
		return out
	}
}

func (h healthCheck) present(withTimeout bool) obj {
	data := obj{"invocation_timeout": h.invocation, "interval": h.interval}
	if withTimeout {
		data["timeout"] = h.timeout
	}
	if h.kind == "http" {
		data["endpoint"] = h.endpoint
	}
	return obj{"type": h.kind, "data": data}
}

func presentProcess(c *call, v *process) obj {
	out := v.present()
	at := "/v3/processes/" + v.guid
	out["version"], out["type"], out["command"], out["user"] = v.version, v.kind, v.command, "vcap"
	out["instances"], out["memory_in_mb"], out["disk_in_mb"] = v.instances, v.memory, v.disk
	out["log_rate_limit_in_bytes_per_second"] = v.logRate
	out["health_check"], out["readiness_health_check"] = v.health.present(true), v.readiness.present(false)
	relationships := obj{"app": toOne(v.app.guid), "revision": nil}
	if v.revision != nil {
		relationships["revision"] = toOne(v.revision.guid)
	}
	out["relationships"] = relationships
	out["links"] = obj{
		"self": c.link(at), "scale": c.action(at + "/actions/scale"), "app": c.link("/v3/apps/" + v.app.guid),
		"space": c.link("/v3/spaces/" + v.app.space.guid), "stats": c.link(at + "/stats"), "process_instances": c.link(at + "/process_instances"),
	}
	return out
}
