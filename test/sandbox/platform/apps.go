package platform

import (
	"encoding/json"
	"regexp"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

func (p *Platform) appRoutes(on func(string, handler)) {
	on("GET /v3/apps", listApps)
	on("POST /v3/apps", createApp)
	on("GET /v3/apps/{guid}", withApp(showApp))
	on("PATCH /v3/apps/{guid}", withApp(updateApp))
	on("DELETE /v3/apps/{guid}", withApp(deleteApp))
	on("POST /v3/apps/{guid}/actions/start", withApp(startAction))
	on("POST /v3/apps/{guid}/actions/stop", withApp(stopAction))
	on("POST /v3/apps/{guid}/actions/restart", withApp(restartAction))
	on("GET /v3/apps/{guid}/env", withApp(showEnv))
	on("GET /v3/apps/{guid}/environment_variables", withApp(showEnvironmentVariables))
	on("PATCH /v3/apps/{guid}/environment_variables", withApp(patchEnvironmentVariables))
	on("GET /v3/apps/{guid}/manifest", withApp(showManifest))
	on("GET /v3/apps/{guid}/features", withApp(listFeatures))
	on("GET /v3/apps/{guid}/features/{name}", withApp(showFeature))
	on("PATCH /v3/apps/{guid}/features/{name}", withApp(updateFeature))
	on("GET /v3/apps/{guid}/ssh_enabled", withApp(func(c *call, _ *app) error { return c.reply(200, obj{"enabled": true, "reason": ""}) }))
	on("GET /v3/apps/{guid}/permissions", withApp(func(c *call, _ *app) error {
		return c.reply(200, obj{"read_basic_data": true, "read_sensitive_data": !c.user.ReadOnly})
	}))
	on("GET /v3/apps/{guid}/droplets/current", withApp(func(c *call, a *app) error {
		if a.droplet == nil {
			return notFound("Droplet")
		}
		return c.reply(200, presentDroplet(c, a.droplet))
	}))
	on("GET /v3/apps/{guid}/relationships/current_droplet", withApp(func(c *call, a *app) error {
		if a.droplet == nil {
			return notFound("Droplet")
		}
		return c.reply(200, currentDroplet(c, a))
	}))
	on("PATCH /v3/apps/{guid}/relationships/current_droplet", withApp(assignDroplet))
}

// emptyList answers for lists that are always empty here.
func emptyList(c *call, _ *app) error {
	q := &query{raw: c.r.URL.Query(), page: 1, perPage: 50}
	return c.reply(200, obj{"pagination": c.pagination(q, 0), "resources": []obj{}})
}

func withApp(h func(*call, *app) error) handler {
	return func(c *call) error {
		a, ok := c.p.apps.get(c.guid())
		if !ok {
			return notFound("App")
		}
		return h(c, a)
	}
}

var appIncludes = []string{"space", "org", "space.organization"}

func showApp(c *call, a *app) error {
	q, err := c.query(listing{single: true, filters: []string{"include"}, includes: appIncludes})
	if err != nil {
		return err
	}
	out := presentApp(c, a)
	includeInApps(c, q, []*app{a}, out)
	return c.reply(200, out)
}

func listApps(c *call) error {
	q, err := c.query(listing{
		filters:  []string{"names", "organization_guids", "space_guids", "stacks", "include", "lifecycle_type"},
		order:    []string{"name", "state"},
		includes: appIncludes,
	})
	if err != nil {
		return err
	}
	if kind := q.raw.Get("lifecycle_type"); q.asked("lifecycle_type") && !contains([]string{"buildpack", "docker", "cnb"}, kind) {
		return badQuery("Invalid lifecycle_type: '%s'", kind)
	}
	page, out := list(c, q, c.p.apps.where(func(a *app) bool {
		return q.has("names", a.name) && q.has("space_guids", a.space.guid) && q.has("organization_guids", a.space.org.guid) &&
			q.has("lifecycle_type", a.lifecycle) && (!q.asked("stacks") || a.lifecycle == "buildpack")
	}), presentApp)
	includeInApps(c, q, page, out)
	return c.reply(200, out)
}

func includeInApps(c *call, q *query, page []*app, out obj) {
	included := obj{}
	if q.include("space") || q.include("space.organization") {
		included["spaces"] = uniquely(c, page, func(a *app) *space { return a.space }, presentSpace)
	}
	if q.include("org") || q.include("space.organization") {
		included["organizations"] = uniquely(c, page, func(a *app) *org { return a.space.org }, presentOrg)
	}
	if len(included) > 0 {
		out["included"] = included
	}
}

func (a *app) state() string {
	if a.started {
		return "STARTED"
	}
	return "STOPPED"
}

func presentApp(c *call, a *app) obj {
	out := a.present()
	current := ""
	if a.droplet != nil {
		current = a.droplet.guid
	}
	at := "/v3/apps/" + a.guid
	out["name"], out["state"], out["lifecycle"] = a.name, a.state(), a.lifecycleData()
	out["relationships"] = obj{"space": toOne(a.space.guid), "current_droplet": obj{"data": obj{"guid": orNull(current)}}}
	if current == "" {
		out["relationships"].(obj)["current_droplet"] = obj{"data": nil}
	}
	out["links"] = obj{
		"self": c.link(at), "environment_variables": c.link(at + "/environment_variables"), "space": c.link("/v3/spaces/" + a.space.guid),
		"processes": c.link(at + "/processes"), "packages": c.link(at + "/packages"), "current_droplet": c.link(at + "/droplets/current"),
		"droplets": c.link(at + "/droplets"), "tasks": c.link(at + "/tasks"), "start": c.action(at + "/actions/start"),
		"stop": c.action(at + "/actions/stop"), "clear_buildpack_cache": c.action(at + "/actions/clear_buildpack_cache"),
		"revisions": c.link(at + "/revisions"), "deployed_revisions": c.link(at + "/revisions/deployed"), "features": c.link(at + "/features"),
	}
	return out
}

type appBody struct {
	Name      *string            `json:"name"`
	Env       map[string]*string `json:"environment_variables"`
	Metadata  json.RawMessage    `json:"metadata"`
	Lifecycle *struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	} `json:"lifecycle"`
	Relationships struct {
		Space relationship `json:"space"`
	} `json:"relationships"`
}

// ccng: app/models/runtime/app_model.rb
var appName = regexp.MustCompile(`\A[[:alnum:][:punct:][:print:]]+\z`)

func createApp(c *call) error {
	var body appBody
	f, err := c.bind(&body, "name", "environment_variables", "metadata", "lifecycle", "relationships")
	if err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	problems := relationshipProblems(f, "space")
	if body.Name == nil {
		problems = append(problems, "Name must be a string")
	} else if len(*body.Name) > 255 {
		problems = append(problems, "Name is too long (maximum is 255 characters)")
	}
	if err := joinProblems(problems); err != nil {
		return err
	}
	if err := environmentProblems(body.Env); err != nil {
		return err
	}
	in, ok := c.p.spaces.get(body.Relationships.Space.guid())
	if !ok {
		return unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
	}
	kind, change := "buildpack", lifecycleChange{}
	if body.Lifecycle != nil {
		kind = body.Lifecycle.Type
		if change, err = readLifecycle(body.Lifecycle.Data); err != nil {
			return err
		}
	}
	if kind != "buildpack" && kind != "docker" {
		return unprocessable("Lifecycle type is not included in the list: buildpack, docker, cnb")
	}
	if err := change.problem(); err != nil {
		return err
	}
	a, err := c.p.newApp(c.user, in, *body.Name, kind, meta)
	if err != nil {
		return err
	}
	if err := a.change(change); err != nil {
		return err
	}
	for k, v := range body.Env {
		if v != nil {
			a.env[k] = *v
		}
	}
	return c.reply(201, presentApp(c, a))
}

// newApp makes an app with its web process, whose GUID is the app's (ccng: app/actions/app_create.rb).
func (p *Platform) newApp(by *uaa.Account, in *space, name, lifecycle string, meta metadata) (*app, error) {
	if !appName.MatchString(name) {
		return nil, unprocessable("Name must only contain alphanumeric, punctuation and printable characters") // the exact words of the real one are not known
	}
	if err := p.appNameFree(in, name, nil); err != nil {
		return nil, err
	}
	a := &app{
		record: p.newRecord(name), space: in, lifecycle: lifecycle, stack: defaultStack, env: map[string]string{},
		features: map[string]bool{"ssh": true, "revisions": true, "file-based-vcap-services": false, "service-binding-k8s": false},
	}
	if err := a.merge(meta); err != nil {
		return nil, err
	}
	p.apps.add(a)
	p.newWebProcess(a, a.guid)
	p.event(by, "audit.app.process.create", "app", &a.record, in, obj{"process_guid": a.guid, "process_type": "web"})
	p.event(by, "audit.app.create", "app", &a.record, in, nil)
	return a, nil
}

// appNameFree fails with code 10016 for a creation and 10008 for a rename (ccng: app/actions/app_create.rb, app_update.rb).
func (p *Platform) appNameFree(in *space, name string, but *app) error {
	_, taken := p.apps.find(func(a *app) bool { return a.space == in && a.name == name && a != but })
	if taken {
		return &apiError{422, 10016, "CF-UniquenessError", "App with the name '" + name + "' already exists."}
	}
	return nil
}

func updateApp(c *call, a *app) error {
	var body appBody
	f, err := c.bind(&body, "name", "lifecycle", "metadata")
	if err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	if f.has("name") {
		if body.Name == nil || *body.Name == "" {
			return unprocessable("Name must be a string")
		}
		if err := c.p.appNameFree(a.space, *body.Name, a); err != nil {
			return unprocessable("%s", err.Error())
		}
	}
	if body.Lifecycle != nil && body.Lifecycle.Type != a.lifecycle {
		return unprocessable("Lifecycle type cannot be changed")
	}
	if body.Lifecycle != nil {
		change, err := readLifecycle(body.Lifecycle.Data)
		if err != nil {
			return err
		}
		if err := a.change(change); err != nil {
			return err
		}
	}
	if err := a.merge(meta); err != nil {
		return err
	}
	if f.has("name") {
		a.name = *body.Name
	}
	a.updated = c.p.now()
	c.event("audit.app.update", "app", &a.record, a.space, obj{"request": json.RawMessage(c.body)})
	return c.reply(200, presentApp(c, a))
}
