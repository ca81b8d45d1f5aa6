package platform

import (
	"encoding/json"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

// deployment replaces an app's web process by a new one, container by container
// (ccng: app/actions/deployment_create.rb, lib/cloud_controller/deployment_updater).
type deployment struct {
	record
	app              *app
	strategy         string
	value, reason    string // ACTIVE or FINALIZED; DEPLOYING, PAUSED, CANCELING, DEPLOYED, CANCELED, SUPERSEDED
	changed, healthy string
	droplet          *droplet
	previous         *droplet
	process          *process
	revision         *revision
	maxInFlight      int
	steps            []int // of a canary, in percent
	step             int
	instances        int // wanted when it is finished
	failure          string
}

func (p *Platform) deploymentRoutes(on func(string, handler)) {
	on("GET /v3/deployments", listDeployments)
	on("POST /v3/deployments", createDeployment)
	on("GET /v3/deployments/{guid}", withDeployment(func(c *call, d *deployment) error { return c.reply(200, presentDeployment(c, d)) }))
	on("PATCH /v3/deployments/{guid}", withDeployment(func(c *call, d *deployment) error {
		if err := c.patchMetadata(&d.record); err != nil {
			return err
		}
		return c.reply(200, presentDeployment(c, d))
	}))
	on("POST /v3/deployments/{guid}/actions/cancel", withDeployment(cancelDeployment))
	on("POST /v3/deployments/{guid}/actions/continue", withDeployment(continueDeployment))
}

func withDeployment(h func(*call, *deployment) error) handler {
	return func(c *call) error {
		d, ok := c.p.deploys.get(c.guid())
		if !ok {
			return notFound("Deployment")
		}
		return h(c, d)
	}
}

// deploying is the app's active deployment.
func (p *Platform) deploying(a *app) *deployment {
	d, _ := p.deploys.find(func(d *deployment) bool { return d.app == a && d.value == "ACTIVE" })
	return d
}

func listDeployments(c *call) error {
	q, err := c.query(listing{filters: []string{"app_guids", "states", "status_reasons", "status_values"}})
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.deploys.where(func(d *deployment) bool {
		return q.has("app_guids", d.app.guid) && q.has("status_values", d.value) && q.has("status_reasons", d.reason)
	}), presentDeployment)
	return c.reply(200, out)
}

func presentDeployment(c *call, d *deployment) obj {
	out := d.present()
	details := obj{"last_successful_healthcheck": orNull(d.healthy), "last_status_change": d.changed}
	if d.failure != "" {
		details["error"] = d.failure
	}
	status := obj{"value": d.value, "reason": d.reason, "details": details}
	options := obj{"max_in_flight": d.maxInFlight}
	if d.strategy == "canary" {
		status["canary"] = obj{"steps": obj{"current": d.step + 1, "total": max(len(d.steps), 1)}}
		if len(d.steps) > 0 {
			steps := []obj{}
			for _, w := range d.steps {
				steps = append(steps, obj{"instance_weight": w})
			}
			options["canary"] = obj{"steps": steps}
		}
	}
	previous := obj{"guid": nil}
	if d.previous != nil {
		previous["guid"] = d.previous.guid
	}
	out["status"], out["strategy"], out["options"] = status, d.strategy, options
	out["droplet"], out["previous_droplet"], out["revision"] = obj{"guid": d.droplet.guid}, previous, nil
	if d.revision != nil {
		out["revision"] = obj{"guid": d.revision.guid, "version": d.revision.version}
	}
	out["new_processes"] = []obj{}
	if d.process != nil {
		out["new_processes"] = []obj{{"guid": d.process.guid, "type": "web"}}
	}
	out["relationships"] = obj{"app": toOne(d.app.guid)}
	links := obj{"self": c.link("/v3/deployments/" + d.guid), "app": c.link("/v3/apps/" + d.app.guid)}
	if d.value == "ACTIVE" {
		links["cancel"] = c.action("/v3/deployments/" + d.guid + "/actions/cancel")
	}
	if d.reason == "PAUSED" {
		links["continue"] = c.action("/v3/deployments/" + d.guid + "/actions/continue")
	}
	out["links"] = links
	return out
}

type deploymentBody struct {
	Strategy string `json:"strategy"`
	Droplet  *struct {
		GUID string `json:"guid"`
	} `json:"droplet"`
	Revision json.RawMessage `json:"revision"`
	Metadata json.RawMessage `json:"metadata"`
	Options  struct {
		MaxInFlight  *int `json:"max_in_flight"`
		WebInstances *int `json:"web_instances"`
		Memory       *int `json:"memory_in_mb"`
		Disk         *int `json:"disk_in_mb"`
		LogRate      *int `json:"log_rate_limit_in_bytes_per_second"`
		Canary       *struct {
			Steps []struct {
				Weight int `json:"instance_weight"`
			} `json:"steps"`
		} `json:"canary"`
	} `json:"options"`
	Relationships struct {
		App relationship `json:"app"`
	} `json:"relationships"`
}

func createDeployment(c *call) error {
	var body deploymentBody
	if _, err := c.bind(&body, "strategy", "droplet", "revision", "metadata", "options", "relationships"); err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	switch body.Strategy {
	case "":
		body.Strategy = "rolling"
	case "rolling", "canary":
	default:
		return unprocessable("Strategy '%s' is not a supported deployment strategy", body.Strategy)
	}
	a, ok := c.p.apps.get(body.Relationships.App.guid())
	if !ok {
		return unprocessable("Unable to use app. Ensure that the app exists and you have access to it.")
	}
	to := a.droplet
	if body.Droplet != nil && body.Revision != nil {
		return unprocessable("Droplet Cannot set both fields 'droplet' and 'revision'")
	}
	back, err := revisionAsked(c, a, body.Revision)
	if err != nil {
		return err
	}
	if back != nil {
		to = back.droplet
	}
	if body.Droplet != nil {
		if to, ok = c.p.droplets.get(body.Droplet.GUID); !ok || to.app != a {
			return unprocessable("Unable to assign current droplet. Ensure the droplet exists and belongs to this app.")
		}
	}
	if to == nil {
		return unprocessable("Invalid droplet. Please specify a droplet in the request or set a current droplet for the app.")
	}
	d := &deployment{
		record: c.p.newRecord(""), app: a, strategy: body.Strategy, droplet: to, previous: a.droplet, value: "ACTIVE", reason: "DEPLOYING", maxInFlight: 1,
	}
	if err := d.merge(meta); err != nil {
		return err
	}
	if n := body.Options.MaxInFlight; n != nil {
		if *n < 1 {
			return unprocessable("Max in flight must be an integer greater than 0")
		}
		d.maxInFlight = *n
	}
	if body.Options.Canary != nil {
		for _, s := range body.Options.Canary.Steps {
			d.steps = append(d.steps, s.Weight)
		}
	}
	if err := c.p.deploy(c.user, d, back, body); err != nil {
		return err
	}
	c.event("audit.app.deployment.create", "app", &a.record, a.space, obj{"deployment_guid": d.guid, "droplet_guid": to.guid})
	return c.reply(201, presentDeployment(c, d))
}

// deploy replaces what runs by the droplet, or by a revision's droplet and environment. Bindings are those of now in both
// cases.
func (p *Platform) deploy(by *uaa.Account, d *deployment, back *revision, body deploymentBody) error {
	a := d.app
	before := p.deploying(a)
	old := p.newestProcess(a, "web")
	d.instances = old.instances
	if before != nil {
		d.instances = before.instances
	}
	if n := body.Options.WebInstances; n != nil {
		d.instances = *n
	}
	if a.started {
		if err := p.memoryFits(a.space, old.memory, 1); err != nil {
			return unprocessable("%s for space %s. This space's quota may not be large enough to support rolling deployments or your configured max-in-flight.", err.Error(), a.space.name)
		}
	}
	a.droplet, a.updated = d.droplet, p.now()
	if back != nil {
		a.env = copyOf(back.env)
		p.revise(by, a, "Rolled back to revision "+itoa(back.version)+".")
	} else {
		p.revise(by, a)
	}
	if a.features["revisions"] {
		d.revision = p.latestRevision(a)
	}
	p.deploys.add(d)
	if !a.started {
		old.instances = d.instances
		d.finish(p, "DEPLOYED")
		return p.startApp(by, a)
	}
	if before != nil {
		before.finish(p, "SUPERSEDED")
	}
	d.status(p, "ACTIVE", "DEPLOYING")
	v := p.newWebProcess(a, p.newGUID())
	copied := *old
	copied.record, copied.lrp, copied.deployment = v.record, nil, d.guid
	*v = copied
	v.version = p.newGUID()
	v.instances = min(d.maxInFlight, d.goal())
	d.process = v
	p.desire(v)
	p.step(d)
	return nil
}
