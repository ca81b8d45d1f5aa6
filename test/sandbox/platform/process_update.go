package platform

import (
	"encoding/json"
	"regexp"
	"strconv"
)

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
