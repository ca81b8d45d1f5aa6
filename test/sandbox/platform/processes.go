package platform

import (
	"encoding/json"
	"regexp"
	"strconv"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

func (p *Platform) processRoutes(on func(string, handler)) {
	on("GET /v3/processes", listProcesses)
	on("GET /v3/processes/{guid}", withProcess(showProcess))
	on("PATCH /v3/processes/{guid}", withProcess(updateProcess))
	on("GET /v3/processes/{guid}/stats", withProcess(showStats))
	on("GET /v3/processes/{guid}/process_instances", withProcess(func(c *call, v *process) error {
		return c.reply(200, obj{"resources": c.p.processInstances(v), "links": obj{"self": c.link(c.r.URL.Path), "process": c.link("/v3/processes/" + v.guid)}})
	}))
	on("GET /v3/processes/{guid}/sidecars", withProcess(func(c *call, v *process) error { return emptyList(c, v.app) }))
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

type healthBody struct {
	Type *string `json:"type"`
	Data struct {
		Endpoint   *string `json:"endpoint"`
		Timeout    *int    `json:"timeout"`
		Invocation *int    `json:"invocation_timeout"`
		Interval   *int    `json:"interval"`
	} `json:"data"`
}

// ccng: lib/utils/uri_utils.rb, is_uri_path?
var endpointForm = regexp.MustCompile(`^(/|/[^\s/]\S*)$`)

// apply checks the values that are given, and sets them if all are valid. Kind is for the messages: "Health check" or
// "Readiness health check" (ccng: app/messages/process_update_message.rb, app/actions/process_update.rb).
func (b *healthBody) apply(kind string, h *healthCheck) error {
	if b == nil {
		return nil
	}
	var problems []string
	if b.Type != nil && !contains([]string{"port", "process", "http"}, *b.Type) {
		problems = append(problems, kind+` type must be "port", "process", or "http"`)
	}
	for _, n := range []struct {
		name     string
		from, to **int
	}{{"timeout", &b.Data.Timeout, &h.timeout}, {"invocation timeout", &b.Data.Invocation, &h.invocation}, {"interval", &b.Data.Interval, &h.interval}} {
		if *n.from != nil && **n.from < 1 {
			problems = append(problems, kind+" "+n.name+" must be greater than or equal to 1")
		} else if *n.from != nil {
			*n.to = *n.from
		}
	}
	if e := b.Data.Endpoint; e != nil && !endpointForm.MatchString(*e) {
		problems = append(problems, kind+" endpoint must be a valid URI path")
	}
	if b.Type != nil {
		h.kind = *b.Type
	}
	switch {
	case h.kind != "http":
		h.endpoint = ""
	case b.Data.Endpoint != nil:
		h.endpoint = *b.Data.Endpoint
	case h.endpoint == "":
		h.endpoint = "/"
	}
	return joinProblems(problems)
}

// updateProcess takes effect when the process is desired again (ccng: app/actions/process_update.rb).
func updateProcess(c *call, v *process) error {
	var body struct {
		Command   *string         `json:"command"`
		User      *string         `json:"user"`
		Health    *healthBody     `json:"health_check"`
		Readiness *healthBody     `json:"readiness_health_check"`
		Metadata  json.RawMessage `json:"metadata"`
	}
	f, err := c.bind(&body, "command", "user", "health_check", "readiness_health_check", "metadata")
	if err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	if v.kind == "web" && c.p.deploying(v.app) != nil {
		return unprocessable("Cannot update this process while a deployment is in flight.")
	}
	health, readiness := v.health, v.readiness
	if err := body.Health.apply("Health check", &health); err != nil {
		return err
	}
	if err := body.Readiness.apply("Readiness health check", &readiness); err != nil {
		return err
	}
	v.health, v.readiness = health, readiness
	if f.has("command") {
		v.command = body.Command
	}
	if err := v.merge(meta); err != nil {
		return err
	}
	v.updated = c.p.now()
	c.event("audit.app.process.update", "app", &v.app.record, v.app.space, nil)
	return c.reply(200, presentProcess(c, v))
}

type scaleBody struct {
	Instances *int `json:"instances"`
	Memory    *int `json:"memory_in_mb"`
	Disk      *int `json:"disk_in_mb"`
	LogRate   *int `json:"log_rate_limit_in_bytes_per_second"`
}

func scale(c *call, v *process) error {
	var body scaleBody
	if _, err := c.bind(&body, "instances", "memory_in_mb", "disk_in_mb", "log_rate_limit_in_bytes_per_second"); err != nil {
		return err
	}
	if v.kind == "web" && c.p.deploying(v.app) != nil {
		return unprocessable("Cannot scale this process while a deployment is in flight.")
	}
	if err := c.p.scaleProcess(v, body); err != nil {
		return err
	}
	c.event("audit.app.process.scale", "app", &v.app.record, v.app.space, nil)
	return c.reply(202, presentProcess(c, v))
}

// scaleProcess changes the number of instances at once, with the environment with which the process was desired, and memory
// and disk with the next start (ccng: lib/cloud_controller/diego/app_recipe_builder.rb, build_app_lrp_update).
func (p *Platform) scaleProcess(v *process, body scaleBody) error {
	instances, memory, disk := v.instances, v.memory, v.disk
	for _, n := range []struct {
		from *int
		to   *int
		name string
		low  int
	}{{body.Instances, &instances, "Instances", 0}, {body.Memory, &memory, "Memory in mb", 1}, {body.Disk, &disk, "Disk in mb", 1}} {
		if n.from == nil {
			continue
		}
		if *n.from < n.low {
			return unprocessable("%s must be %s", n.name, map[int]string{0: "greater than or equal to 0", 1: "greater than 0"}[n.low])
		}
		*n.to = *n.from
	}
	if l := v.app.space.org.quota.limits.InstanceMemoryMB; l > 0 && memory > l {
		return unprocessable("memory instance_memory_limit_exceeded")
	}
	if v.app.started {
		if err := p.memoryFits(v.app.space, instances*memory-v.instances*v.memory, instances-v.instances); err != nil {
			return err
		}
	}
	v.instances, v.memory, v.disk, v.updated = instances, memory, disk, p.now()
	if body.LogRate != nil {
		v.logRate = *body.LogRate
	}
	if v.lrp != nil {
		v.lrp.Resize(instances)
	}
	return nil
}

// terminate ends one instance; another takes its place, with the same environment.
func terminate(c *call, v *process) error {
	index, err := strconv.Atoi(c.r.PathValue("index"))
	if err != nil || v.lrp == nil || !v.lrp.Replace(index) {
		return notFound("Instance")
	}
	return c.noContent()
}

func (p *Platform) processInstances(v *process) []obj {
	out := []obj{}
	for _, row := range p.rows(v) {
		one := obj{"index": row.Index, "state": row.State}
		if row.Container != nil {
			one["since"] = int(p.now().Sub(row.Container.Since).Seconds())
		}
		out = append(out, one)
	}
	return out
}

func (p *Platform) rows(v *process) []diego.Row { return p.diego.Rows(v.guid, v.instances, v.lrp) }

func showStats(c *call, v *process) error {
	out := []obj{}
	for _, row := range c.p.rows(v) {
		out = append(out, c.p.presentStats(v, row))
	}
	return c.reply(200, obj{"resources": out})
}

func (p *Platform) presentStats(v *process, row diego.Row) obj {
	in := row.Container
	if in == nil {
		return obj{"type": v.kind, "index": row.Index, "state": row.State, "routable": nil, "uptime": 0, "isolation_segment": nil, "details": nil}
	}
	usage := obj{}
	if row.State == "RUNNING" {
		usage = obj{
			"time": p.now().Format("2006-01-02T15:04:05.000000000Z07:00"), "cpu": 0.01, "cpu_entitlement": 0.02,
			"mem": v.memory << 20 / 3, "disk": v.disk << 20 / 4, "log_rate": 0,
		}
	}
	return obj{
		"type": v.kind, "index": row.Index, "instance_guid": in.InstanceGUID, "state": row.State, "routable": row.State == "RUNNING",
		"host": "10.0.0." + itoa(10+row.Index), "instance_internal_ip": "10.255.0." + itoa(10+row.Index),
		"uptime": int(p.now().Sub(in.Since).Seconds()), "mem_quota": v.memory << 20, "disk_quota": v.disk << 20, "log_rate_limit": v.logRate,
		"fds_quota": 16384, "isolation_segment": nil, "details": nil, "usage": usage,
		"instance_ports": []obj{{"external": 61000 + row.Index, "internal": 8080, "external_tls_proxy_port": 61100 + row.Index, "internal_tls_proxy_port": 61001}},
	}
}
