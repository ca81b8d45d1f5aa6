package platform

import "fmt"

func (p *Platform) sidecarRoutes(on func(string, handler)) {
	on("GET /v3/apps/{guid}/sidecars", withApp(func(c *call, a *app) error { return listSidecars(c, p.sidecarsOf(a)) }))
	on("POST /v3/apps/{guid}/sidecars", withApp(createSidecar))
	on("GET /v3/processes/{guid}/sidecars", withProcess(func(c *call, v *process) error {
		var of []*sidecar
		for _, s := range p.sidecarsOf(v.app) {
			if contains(s.processes, v.kind) {
				of = append(of, s)
			}
		}
		return listSidecars(c, of)
	}))
	on("GET /v3/sidecars/{guid}", withSidecar(func(c *call, s *sidecar) error { return c.reply(200, presentSidecar(c, s)) }))
	on("PATCH /v3/sidecars/{guid}", withSidecar(func(c *call, s *sidecar) error {
		change, err := c.sidecar()
		if err != nil {
			return err
		}
		if err := c.p.updateSidecar(s, change); err != nil {
			return err
		}
		return c.reply(200, presentSidecar(c, s))
	}))
	on("DELETE /v3/sidecars/{guid}", withSidecar(func(c *call, s *sidecar) error {
		c.p.sidecars.delete(s.guid)
		return c.noContent()
	}))
}

func withSidecar(h func(*call, *sidecar) error) handler {
	return func(c *call) error {
		s, ok := c.p.sidecars.get(c.guid())
		if !ok {
			return notFound("Sidecar")
		}
		return h(c, s)
	}
}

func (p *Platform) sidecarsOf(a *app) []*sidecar {
	return p.sidecars.where(func(s *sidecar) bool { return s.app == a })
}

// sidecarChange is a sidecar in a request or a manifest: what is nil stays as it is.
type sidecarChange struct {
	Name      *string  `json:"name"`
	Command   *string  `json:"command"`
	Processes []string `json:"process_types"`
	Memory    *int     `json:"memory_in_mb"`
}

func (c *call) sidecar() (sidecarChange, error) {
	var change sidecarChange
	_, err := c.bind(&change, "name", "command", "process_types", "memory_in_mb")
	return change, err
}

// problems are what a sidecar lacks that is to be made (ccng: app/messages/sidecar_create_message.rb).
func (change sidecarChange) problems() []string {
	var problems []string
	if change.Name == nil || *change.Name == "" {
		problems = append(problems, "Name can't be blank")
	}
	if change.Command == nil || *change.Command == "" {
		problems = append(problems, "Command can't be blank")
	}
	if len(change.Processes) == 0 {
		problems = append(problems, "Process types must have at least 1 process_type")
	}
	return problems
}

func createSidecar(c *call, a *app) error {
	change, err := c.sidecar()
	if err != nil {
		return err
	}
	if err := joinProblems(change.problems()); err != nil {
		return err
	}
	s := &sidecar{record: c.p.newRecord(*change.Name), app: a}
	if err := c.p.updateSidecar(s, change); err != nil {
		return err
	}
	c.p.sidecars.add(s)
	return c.reply(201, presentSidecar(c, s))
}

// applySidecar finds an app's sidecar by its name, or makes it (ccng: app/actions/app_apply_manifest.rb).
func (p *Platform) applySidecar(a *app, change sidecarChange) error {
	s, found := p.sidecars.find(func(s *sidecar) bool { return s.app == a && s.name == *change.Name })
	if found {
		return p.updateSidecar(s, change)
	}
	s = &sidecar{record: p.newRecord(*change.Name), app: a}
	if err := p.updateSidecar(s, change); err != nil {
		return err
	}
	p.sidecars.add(s)
	return nil
}

// updateSidecar refuses a second of a name, and one that takes all of its process's memory
// (ccng: app/models/runtime/sidecar_model.rb, app/models/helpers/process_types.rb).
func (p *Platform) updateSidecar(s *sidecar, change sidecarChange) error {
	next := *s
	if change.Name != nil {
		next.name = *change.Name
	}
	if change.Command != nil {
		next.command = *change.Command
	}
	if change.Processes != nil {
		next.processes = change.Processes
	}
	if change.Memory != nil {
		next.memory = change.Memory
	}
	if _, taken := p.sidecars.find(func(o *sidecar) bool { return o != s && o.app == s.app && o.name == next.name }); taken {
		return unprocessable("Sidecar with name '%s' already exists for given app", next.name)
	}
	for _, kind := range next.processes {
		if v := p.newestProcess(s.app, kind); v != nil && next.memory != nil && *next.memory >= v.memory {
			return unprocessable("The memory allocation defined is too large to run with the dependent \"%s\" process", kind)
		}
	}
	next.updated = p.now()
	*s = next
	return nil
}

func listSidecars(c *call, of []*sidecar) error {
	q, err := c.query(listing{})
	if err != nil {
		return err
	}
	_, out := list(c, q, of, presentSidecar)
	return c.reply(200, out)
}

func presentSidecar(_ *call, s *sidecar) obj {
	return obj{
		"guid": s.guid, "name": s.name, "command": s.command, "process_types": s.processes, "memory_in_mb": s.memory, "origin": "user",
		"relationships": obj{"app": toOne(s.app.guid)}, "created_at": stamp(s.created), "updated_at": stamp(s.updated),
	}
}

func (s *sidecar) manifest() obj {
	out := obj{"name": s.name, "process_types": s.processes, "command": s.command}
	if s.memory != nil {
		out["memory"] = itoa(*s.memory) + "M"
	}
	return out
}

func (m *manifest) readSidecars(add func(string, ...any)) {
	list, ok := m.raw["sidecars"].([]any)
	if m.raw["sidecars"] != nil && !ok {
		add("Sidecars must be an array of sidecar configurations")
	}
	for _, one := range list {
		fields, _ := one.(map[string]any)
		var change sidecarChange
		if name, ok := fields["name"].(string); ok {
			change.Name = &name
		}
		if command, ok := fields["command"].(string); ok {
			change.Command = &command
		}
		kinds, _ := fields["process_types"].([]any)
		for _, kind := range kinds {
			change.Processes = append(change.Processes, fmt.Sprint(kind))
		}
		if memory, ok := fields["memory"]; ok && memory != nil {
			n, problem := megabytes(fmt.Sprint(memory))
			if problem != "" {
				add("Sidecar: Memory %s", problem)
			}
			change.Memory = &n
		}
		problems := change.problems()
		for _, problem := range problems {
			add("Sidecar: %s", problem)
		}
		if problems == nil {
			m.sidecars = append(m.sidecars, change)
		}
	}
}
