package platform

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

// revision is what an app was started with: its droplet, environment and commands. A start, a restart and a deployment
// make one, unless nothing has changed since the last (ccng: app/actions/revision_resolver.rb).
type revision struct {
	record
	app         *app
	version     int
	droplet     *droplet
	env         map[string]string
	commands    map[string]*string // by kind of process
	sidecars    []obj
	description string
}

func (p *Platform) revisionRoutes(on func(string, handler)) {
	on("GET /v3/apps/{guid}/revisions", withApp(listRevisions))
	on("GET /v3/apps/{guid}/revisions/deployed", withApp(listDeployedRevisions))
	on("GET /v3/revisions/{guid}", withRevision(func(c *call, v *revision) error { return c.reply(200, presentRevision(c, v)) }))
	on("PATCH /v3/revisions/{guid}", withRevision(func(c *call, v *revision) error {
		if err := c.patchMetadata(&v.record); err != nil {
			return err
		}
		return c.reply(200, presentRevision(c, v))
	}))
	on("GET /v3/revisions/{guid}/environment_variables", withRevision(func(c *call, v *revision) error {
		if c.user.ReadOnly {
			return notAuthorized()
		}
		c.event("audit.app.revision.environment_variables.show", "app", &v.app.record, v.app.space, obj{"revision_guid": v.guid})
		at := "/v3/revisions/" + v.guid
		return c.reply(200, obj{"var": copyOf(v.env), "links": obj{
			"self": c.link(at + "/environment_variables"), "revision": c.link(at), "app": c.link("/v3/apps/" + v.app.guid),
		}})
	}))
}

func withRevision(h func(*call, *revision) error) handler {
	return func(c *call) error {
		v, ok := c.p.revisions.get(c.guid())
		if !ok {
			return notFound("Revision")
		}
		return h(c, v)
	}
}

func listRevisions(c *call, a *app) error {
	q, err := c.query(listing{filters: []string{"versions", "deployable"}})
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.revisions.where(func(v *revision) bool {
		return v.app == a && q.has("versions", itoa(v.version))
	}), presentRevision)
	return c.reply(200, out)
}

// listDeployedRevisions lists the revisions that started processes run.
func listDeployedRevisions(c *call, a *app) error {
	q, err := c.query(listing{})
	if err != nil {
		return err
	}
	running := c.p.processesOf(a)
	_, out := list(c, q, c.p.revisions.where(func(v *revision) bool {
		return a.started && slices.ContainsFunc(running, func(o *process) bool { return o.revision == v })
	}), presentRevision)
	return c.reply(200, out)
}

func presentRevision(c *call, v *revision) obj {
	out := v.present()
	processes := obj{}
	for kind, command := range v.commands {
		processes[kind] = obj{"command": command}
	}
	_, there := c.p.droplets.get(v.droplet.guid)
	out["version"], out["droplet"], out["processes"], out["sidecars"] = v.version, obj{"guid": v.droplet.guid}, processes, nonNil(v.sidecars)
	out["description"], out["deployable"] = v.description, there
	out["relationships"] = obj{"app": toOne(v.app.guid)}
	at := "/v3/revisions/" + v.guid
	out["links"] = obj{"self": c.link(at), "app": c.link("/v3/apps/" + v.app.guid), "environment_variables": c.link(at + "/environment_variables")}
	return out
}

func (p *Platform) latestRevision(a *app) *revision {
	all := p.revisions.where(func(v *revision) bool { return v.app == a })
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// revise makes a revision of what the app is about to run, if that has changed. Words are more reasons, such as a rollback.
func (p *Platform) revise(by *uaa.Account, a *app, words ...string) {
	if !a.features["revisions"] || a.droplet == nil {
		return
	}
	next := &revision{app: a, version: 1, droplet: a.droplet, env: copyOf(a.env), commands: p.commands(a), description: "Initial revision."}
	for _, s := range p.sidecarsOf(a) {
		next.sidecars = append(next.sidecars, obj{"name": s.name, "command": s.command, "process_types": s.processes, "memory_in_mb": s.memory})
	}
	if last := p.latestRevision(a); last != nil {
		reasons := append(last.changes(next), words...)
		if len(reasons) == 0 {
			return
		}
		next.version, next.description = last.version%9999+1, strings.Join(reasons, " ")
	}
	next.record = p.newRecord("")
	p.revisions.add(next)
	p.event(by, "audit.app.revision.create", "app", &a.record, a.space, obj{"revision_guid": next.guid, "revision_version": next.version})
}

func (p *Platform) commands(a *app) map[string]*string {
	out := map[string]*string{}
	for _, v := range p.processesOf(a) {
		out[v.kind] = v.command
	}
	return out
}

// changes are the differences to the next revision, in the words of its description.
func (v *revision) changes(next *revision) []string {
	var reasons []string
	if !reflect.DeepEqual(next.sidecars, v.sidecars) {
		reasons = append(reasons, "Sidecars changed.") // the exact words of the real one are not known
	}
	if next.droplet != v.droplet {
		reasons = append(reasons, "New droplet deployed.")
	}
	if !maps.Equal(next.env, v.env) {
		reasons = append(reasons, "New environment variables deployed.")
	}
	for _, kind := range sortedKeys(next.commands) {
		was, is := v.commands[kind], next.commands[kind]
		switch {
		case was == nil && is != nil:
			reasons = append(reasons, "Custom start command added for '"+kind+"' process.")
		case was != nil && is == nil:
			reasons = append(reasons, "Custom start command removed for '"+kind+"' process.")
		case was != nil && *was != *is:
			reasons = append(reasons, "Custom start command updated for '"+kind+"' process.")
		}
	}
	slices.Sort(reasons)
	return reasons
}

// revisionAsked is the revision to which a deployment rolls back; nil if the request names none.
func revisionAsked(c *call, a *app, raw json.RawMessage) (*revision, error) {
	var asked struct {
		GUID string `json:"guid"`
	}
	if json.Unmarshal(raw, &asked) != nil || asked.GUID == "" {
		return nil, nil
	}
	if !a.features["revisions"] {
		return nil, unprocessable("Cannot create deployment from a revision for an app without revisions enabled")
	}
	v, ok := c.p.revisions.get(asked.GUID)
	if !ok {
		return nil, unprocessable("The revision does not exist")
	}
	if _, there := c.p.droplets.get(v.droplet.guid); !there || v.app != a {
		return nil, unprocessable("Unable to deploy this revision, the droplet for this revision no longer exists.")
	}
	if last := c.p.latestRevision(a); len(last.changes(v)) == 0 {
		return nil, unprocessable("Unable to rollback. The code and configuration you are rolling back to is the same as the deployed revision.")
	}
	return v, nil
}
