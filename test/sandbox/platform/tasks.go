package platform

import (
	"encoding/json"
	"strings"
)

func (p *Platform) taskRoutes(on func(string, handler)) {
	on("GET /v3/tasks", func(c *call) error { return listTasks(c, nil) })
	on("GET /v3/tasks/{guid}", withTask(func(c *call, t *task) error { return c.reply(200, presentTask(c, t)) }))
	on("PATCH /v3/tasks/{guid}", withTask(func(c *call, t *task) error {
		if err := c.patchMetadata(&t.record); err != nil {
			return err
		}
		return c.reply(200, presentTask(c, t))
	}))
	on("PUT /v3/tasks/{guid}/cancel", withTask(cancelTask))
	on("POST /v3/tasks/{guid}/actions/cancel", withTask(cancelTask))
	on("GET /v3/apps/{guid}/tasks", withApp(listTasks))
	on("POST /v3/apps/{guid}/tasks", withApp(createTask))
}

func withTask(h func(*call, *task) error) handler {
	return func(c *call) error {
		t, ok := c.p.tasks.get(c.guid())
		if !ok {
			return notFound("Task")
		}
		return h(c, t)
	}
}

func listTasks(c *call, of *app) error {
	l := listing{filters: []string{"names", "states", "app_guids", "organization_guids", "space_guids", "app_guid", "sequence_ids"}}
	l.without = []string{"sequence_ids"}
	if of != nil {
		l.without = []string{"app_guids", "organization_guids", "space_guids"}
	}
	q, err := c.query(l)
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.tasks.where(func(t *task) bool {
		return (of == nil || t.app == of) && q.has("names", t.name) && q.has("states", t.state) && q.has("sequence_ids", itoa(t.sequence)) &&
			q.has("app_guids", t.app.guid) && q.has("space_guids", t.app.space.guid) && q.has("organization_guids", t.app.space.org.guid)
	}), presentTask)
	return c.reply(200, out)
}

func presentTask(c *call, t *task) obj {
	out := t.present()
	at := "/v3/tasks/" + t.guid
	out["sequence_id"], out["name"], out["command"], out["user"], out["state"] = t.sequence, t.name, t.command, "vcap", t.state
	out["memory_in_mb"], out["disk_in_mb"], out["log_rate_limit_in_bytes_per_second"] = t.memory, t.disk, -1
	out["result"], out["droplet_guid"] = obj{"failure_reason": orNull(t.reason)}, t.droplet.guid
	out["relationships"] = obj{"app": toOne(t.app.guid)}
	out["links"] = obj{
		"self": c.link(at), "app": c.link("/v3/apps/" + t.app.guid), "cancel": c.action(at + "/actions/cancel"),
		"droplet": c.link("/v3/droplets/" + t.droplet.guid),
	}
	return out
}

// createTask simulates a command: "false" and "exit N" fail, "sleep N" takes N seconds, "env" writes the task's
// environment to the log, which is the app's of now (ccng: lib/cloud_controller/diego/task_environment.rb), and
// everything else succeeds after TaskTime.
func createTask(c *call, a *app) error {
	var body struct {
		Name     string          `json:"name"`
		Command  string          `json:"command"`
		Memory   *int            `json:"memory_in_mb"`
		Disk     *int            `json:"disk_in_mb"`
		LogRate  *int            `json:"log_rate_limit_in_bytes_per_second"`
		User     *string         `json:"user"`
		Template json.RawMessage `json:"template"`
		Droplet  *string         `json:"droplet_guid"`
		Metadata json.RawMessage `json:"metadata"`
	}
	if _, err := c.bind(&body, "name", "command", "memory_in_mb", "disk_in_mb", "log_rate_limit_in_bytes_per_second", "user", "template", "droplet_guid", "metadata"); err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	if body.Command == "" && body.Template == nil {
		return unprocessable("No command or template provided")
	}
	if a.droplet == nil {
		return unprocessable("Task must have a droplet. Specify droplet or assign current droplet to app.")
	}
	a.taskSeq++
	t := &task{
		record: c.p.newRecord(body.Name), app: a, sequence: a.taskSeq, command: body.Command, state: "RUNNING", memory: 1024, disk: 1024, droplet: a.droplet,
	}
	if t.name == "" {
		t.name = t.guid[:8]
	}
	if body.Memory != nil {
		t.memory = *body.Memory
	}
	if body.Disk != nil {
		t.disk = *body.Disk
	}
	if err := t.merge(meta); err != nil {
		return err
	}
	c.p.tasks.add(t)
	c.p.runTask(t)
	c.event("audit.app.task.create", "app", &a.record, a.space, obj{"task_guid": t.guid})
	return c.reply(202, presentTask(c, t))
}

func (p *Platform) runTask(t *task) {
	took := p.opts.TaskTime
	words := strings.Fields(t.command)
	var lines []string
	if len(words) == 1 && words[0] == "env" {
		env := p.runningEnv(t.app, p.newestProcess(t.app, "web"))
		for _, name := range sortedKeys(env) {
			lines = append(lines, name+"="+env[name])
		}
	}
	if len(words) == 2 && words[0] == "sleep" {
		if d, ok := seconds(words[1]); ok {
			took = d
		}
	}
	p.after(took, func() {
		if t.state != "RUNNING" {
			return
		}
		t.updated = p.now()
		t.state = "SUCCEEDED"
		for _, line := range lines {
			p.logs.Write(t.app.guid, "APP/TASK/"+t.name, "0", false, line)
		}
		if len(words) > 0 && (words[0] == "false" || words[0] == "exit" && len(words) > 1 && words[1] != "0") {
			t.state, t.reason = "FAILED", "APP/TASK/"+t.name+": Exited with status 1"
		}
		p.logs.Write(t.app.guid, "APP/TASK/"+t.name, "0", false, "Exit status "+map[string]string{"SUCCEEDED": "0", "FAILED": "1"}[t.state])
	})
}

func cancelTask(c *call, t *task) error {
	if t.state != "RUNNING" && t.state != "PENDING" {
		return unprocessable("Task state is %s and therefore cannot be canceled", t.state)
	}
	t.state, t.updated = "CANCELING", c.p.now()
	out := presentTask(c, t)
	c.p.after(c.p.jobTime(), func() {
		t.state, t.reason, t.updated = "FAILED", "task was cancelled", c.p.now()
	})
	c.event("audit.app.task.cancel", "app", &t.app.record, t.app.space, obj{"task_guid": t.guid})
	return c.reply(202, out)
}
