package platform

import (
	"encoding/json"
	"strings"
)

// environmentProblems checks names (ccng: app/messages/validators.rb, EnvironmentVariablesValidator).
func environmentProblems(env map[string]*string) error {
	var problems []string
	for _, k := range sortedKeys(env) {
		switch {
		case k == "":
			problems = append(problems, "Environment variables key must be a minimum length of 1")
		case strings.HasPrefix(strings.ToUpper(k), "VCAP_"):
			problems = append(problems, "Environment variables cannot start with VCAP_")
		case strings.HasPrefix(strings.ToUpper(k), "VMC"):
			problems = append(problems, "Environment variables cannot start with VMC_")
		case strings.EqualFold(k, "PORT"):
			problems = append(problems, "Environment variables cannot set PORT")
		}
	}
	return joinProblems(problems)
}

func showEnvironmentVariables(c *call, a *app) error {
	if c.user.ReadOnly {
		return notAuthorized()
	}
	c.event("audit.app.environment_variables.show", "app", &a.record, a.space, nil)
	return environmentVariables(c, a)
}

func environmentVariables(c *call, a *app) error {
	at := "/v3/apps/" + a.guid
	return c.reply(200, obj{"var": copyOf(a.env), "links": obj{"self": c.link(at + "/environment_variables"), "app": c.link(at)}})
}

// patchEnvironmentVariables merges; null removes. Containers keep the environment with which they were desired.
func patchEnvironmentVariables(c *call, a *app) error {
	var body struct {
		Var map[string]*string `json:"var"`
	}
	f, err := c.bind(&body, "var")
	if err != nil {
		return err
	}
	if !f.has("var") {
		return unprocessable("Var must be an object")
	}
	if err := environmentProblems(body.Var); err != nil {
		return err
	}
	c.p.patchEnv(a, body.Var)
	c.event("audit.app.update", "app", &a.record, a.space, obj{"request": obj{"environment_variables": "[PRIVATE DATA HIDDEN]"}})
	return environmentVariables(c, a)
}

func (p *Platform) patchEnv(a *app, change map[string]*string) {
	a.env, _ = mergeInto(a.env, change)
	a.updated = p.now()
}

func showEnv(c *call, a *app) error {
	if c.user.ReadOnly {
		return notAuthorized()
	}
	c.event("audit.app.environment.show", "app", &a.record, a.space, nil)
	return c.reply(200, obj{
		"environment_variables": copyOf(a.env), "staging_env_json": obj{}, "running_env_json": obj{},
		"system_env_json":      obj{"VCAP_SERVICES": c.p.vcapServices(a)},
		"application_env_json": obj{"VCAP_APPLICATION": c.p.vcapApplication(a, nil, c.base)},
	})
}

// vcapServices lists the app's bindings by their offering. The name is the binding's, if it has one, else the
// instance's (ccng: app/presenters/system_environment/service_binding_presenter.rb).
func (p *Platform) vcapServices(a *app) obj {
	out := obj{}
	for _, b := range p.bindings.rows {
		if b.app != a || b.last.kind != "create" || b.last.state != "succeeded" {
			continue
		}
		s := b.service
		name := s.name
		if b.bindingName != nil && *b.bindingName != "" {
			name = *b.bindingName
		}
		entry := obj{
			"name": name, "instance_guid": s.guid, "instance_name": s.name, "binding_guid": b.guid, "binding_name": b.bindingName,
			"credentials": copyOf(b.credentials), "syslog_drain_url": b.syslog, "volume_mounts": []any{}, "tags": nonNil(s.tags),
			"label": "user-provided",
		}
		if s.plan != nil {
			entry["label"], entry["provider"], entry["plan"] = s.plan.offering.name, nil, s.plan.name
			entry["tags"] = append(append([]string{}, s.plan.offering.tags...), s.tags...)
		}
		label := entry["label"].(string)
		entries, _ := out[label].([]obj)
		out[label] = append(entries, entry)
	}
	return out
}

// vcapApplication is that of the process if there is one, otherwise that of the app (ccng: lib/vcap/vars_builder.rb).
func (p *Platform) vcapApplication(a *app, v *process, api string) obj {
	uris := []string{}
	for _, r := range p.routes.rows {
		if r.mapped(a) {
			uris = append(uris, r.url())
		}
	}
	out := obj{
		"cf_api": api, "limits": obj{"fds": 16384}, "application_name": a.name, "application_uris": uris, "name": a.name,
		"space_name": a.space.name, "space_id": a.space.guid, "organization_id": a.space.org.guid,
		"organization_name": a.space.org.name, "uris": uris, "users": nil, "application_id": a.guid,
	}
	if v != nil {
		out["limits"] = obj{"fds": 16384, "mem": v.memory, "disk": v.disk}
		out["process_id"], out["process_type"] = v.guid, v.kind
		out["version"], out["application_version"] = v.version, v.version
	}
	return out
}

// runningEnv is the environment that a process's containers would get now.
func (p *Platform) runningEnv(a *app, v *process) map[string]string {
	env := copyOf(a.env)
	services, _ := json.Marshal(p.vcapServices(a))
	application, _ := json.Marshal(p.vcapApplication(a, v, p.opts.URL))
	env["VCAP_SERVICES"], env["VCAP_APPLICATION"] = string(services), string(application)
	if a.features["file-based-vcap-services"] { // the bindings are in a file instead
		delete(env, "VCAP_SERVICES")
		env["VCAP_SERVICES_FILE_PATH"] = "/etc/cf-service-bindings/vcap_services"
	}
	env["MEMORY_LIMIT"], env["PORT"], env["VCAP_APP_PORT"], env["LANG"] = itoa(v.memory)+"m", "8080", "8080", "en_US.UTF-8"
	return env
}
