package platform

import (
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

// deleteApp unbinds first, then deletes everything that belongs to the app; the containers end afterwards
// (ccng: app/actions/app_delete.rb). The process may still serve after its credentials are gone.
func deleteApp(c *call, a *app) error {
	p, by := c.p, c.user
	j := p.startJob("app.delete", "apps", a.guid)
	p.runJob(j, func() error {
		if _, there := p.apps.get(a.guid); !there {
			return nil
		}
		if err := p.unbindLater(p.bindings.where(func(b *binding) bool { return b.app == a })); err != nil {
			return err
		}
		p.destroyApp(by, a)
		return nil
	})
	return c.accepted(j)
}

func (p *Platform) destroyApp(by *uaa.Account, a *app) {
	p.bindings.remove(func(b *binding) bool { return b.app == a })
	p.event(by, "audit.app.delete-request", "app", &a.record, a.space, nil)
	for _, r := range p.routes.rows {
		r.unmap(func(d *destination) bool { return d.app == a })
	}
	for _, v := range p.processesOf(a) {
		p.stopProcess(v)
	}
	p.packages.remove(func(v *pkg) bool { return v.app == a })
	p.tasks.remove(func(v *task) bool { return v.app == a })
	p.builds.remove(func(v *build) bool { return v.app == a })
	p.droplets.remove(func(v *droplet) bool { return v.app == a })
	p.sidecars.remove(func(v *sidecar) bool { return v.app == a })
	p.deploys.remove(func(v *deployment) bool { return v.app == a })
	p.procs.remove(func(v *process) bool { return v.app == a })
	p.dropPolicies(a.guid)
	p.revisions.remove(func(v *revision) bool { return v.app == a })
	p.apps.delete(a.guid)
	p.reroute()
}

func startAction(c *call, a *app) error {
	if a.droplet == nil {
		return unprocessable("Assign a droplet before starting this app.")
	}
	if err := c.p.startApp(c.user, a); err != nil {
		return err
	}
	c.event("audit.app.start", "app", &a.record, a.space, nil)
	return c.reply(200, presentApp(c, a))
}

// startApp desires the app's processes, unless it is started already.
func (p *Platform) startApp(by *uaa.Account, a *app) error {
	if a.started {
		return nil
	}
	for _, v := range p.processesOf(a) {
		if err := p.memoryFits(a.space, v.memory*v.instances, v.instances); err != nil {
			return err
		}
	}
	p.revise(by, a)
	a.started, a.updated = true, p.now()
	for _, v := range p.processesOf(a) {
		p.desire(v)
	}
	return nil
}

func (p *Platform) stopApp(a *app) {
	a.started, a.updated = false, p.now()
	for _, v := range p.processesOf(a) {
		p.stopProcess(v)
	}
}

func stopAction(c *call, a *app) error {
	c.p.stopApp(a)
	c.event("audit.app.stop", "app", &a.record, a.space, nil)
	return c.reply(200, presentApp(c, a))
}

func restartAction(c *call, a *app) error {
	if a.droplet == nil {
		return unprocessable("Assign a droplet before starting this app.")
	}
	c.p.stopApp(a)
	if err := c.p.startApp(c.user, a); err != nil {
		return err
	}
	c.event("audit.app.restart", "app", &a.record, a.space, nil)
	return c.reply(200, presentApp(c, a))
}

func currentDroplet(c *call, a *app) obj {
	at := "/v3/apps/" + a.guid
	return obj{
		"data":  obj{"guid": a.droplet.guid},
		"links": obj{"self": c.link(at + "/relationships/current_droplet"), "related": c.link(at + "/droplets/current")},
	}
}

// assignDroplet does not change what runs; a restart does (ccng: app/actions/app_assign_droplet.rb).
func assignDroplet(c *call, a *app) error {
	var body relationship
	if _, err := c.bind(&body, "data"); err != nil {
		return err
	}
	if body.Data == nil {
		return unprocessable("Current droplet cannot be removed. Replace it with a preferred droplet.")
	}
	if c.p.deploying(a) != nil {
		return unprocessable("Unable to assign current droplet while the app has a deployment in progress. Wait for the deployment to complete or cancel it.")
	}
	d, ok := c.p.droplets.get(body.guid())
	if !ok || d.app != a {
		return unprocessable("Unable to assign current droplet. Ensure the droplet exists and belongs to this app.")
	}
	if d.state != "STAGED" {
		return unprocessable("Droplet must be in staged state")
	}
	a.droplet, a.updated = d, c.p.now()
	c.event("audit.app.droplet.mapped", "app", &a.record, a.space, obj{"request": obj{"droplet_guid": d.guid}})
	return c.reply(200, currentDroplet(c, a))
}
