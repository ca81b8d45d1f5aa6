package platform

func (d *deployment) status(p *Platform, value, reason string) {
	d.value, d.reason, d.changed, d.updated = value, reason, stamp(p.now()), p.now()
}

// finish sets the value FINALIZED for every reason: a client that reads only the value cannot distinguish CANCELED and
// SUPERSEDED from DEPLOYED.
func (d *deployment) finish(p *Platform, reason string) { d.status(p, "FINALIZED", reason) }

// goal is how many new containers the current step wants.
func (d *deployment) goal() int {
	if d.strategy != "canary" {
		return d.instances
	}
	if len(d.steps) == 0 {
		if d.step == 0 {
			return 1
		}
		return d.instances
	}
	if d.step >= len(d.steps) {
		return d.instances
	}
	return max(1, d.instances*d.steps[d.step]/100)
}

// step advances a deployment every few seconds until it is finished (ccng: jobs/deployments_updater, 5 s).
func (p *Platform) step(d *deployment) {
	p.after(5*p.opts.JobTime, func() {
		if _, there := p.deploys.get(d.guid); !there || d.value != "ACTIVE" {
			return
		}
		if d.reason == "DEPLOYING" {
			p.advance(d)
		} else if d.reason == "CANCELING" {
			p.restore(d)
		}
		if d.value == "ACTIVE" && d.reason != "PAUSED" {
			p.step(d)
		}
	})
}

// advance starts more new containers once all that were started run, and stops as many old ones.
func (p *Platform) advance(d *deployment) {
	running := p.running(d.process)
	if running < d.process.instances {
		return
	}
	d.healthy = stamp(p.now())
	others := p.procs.where(func(v *process) bool { return v.app == d.app && v.kind == "web" && v != d.process })
	p.shrink(others, max(d.instances-running, 0))
	if running < d.goal() {
		p.resize(d.process, min(running+d.maxInFlight, d.goal()))
		return
	}
	if d.strategy == "canary" && running < d.instances {
		d.status(p, "ACTIVE", "PAUSED")
		return
	}
	for _, v := range others {
		p.stopProcess(v)
		p.procs.delete(v.guid)
	}
	p.resize(d.process, d.instances)
	d.finish(p, "DEPLOYED")
}

// restore goes back to the old process (ccng: app/actions/deployment_cancel.rb). Changes of the environment and of bindings
// stay.
func (p *Platform) restore(d *deployment) {
	old := p.procs.where(func(v *process) bool { return v.app == d.app && v.kind == "web" && v != d.process })
	p.stopProcess(d.process)
	p.procs.delete(d.process.guid)
	if len(old) > 0 {
		p.resize(old[0], d.instances)
	}
	d.finish(p, "CANCELED")
}

func (p *Platform) running(v *process) int {
	if v.lrp == nil {
		return 0
	}
	return v.lrp.Running()
}

func (p *Platform) resize(v *process, n int) {
	v.instances, v.updated = n, p.now()
	if v.lrp != nil {
		v.lrp.Resize(n)
	}
}

// shrink leaves n containers of these processes. The oldest process loses its containers first.
func (p *Platform) shrink(old []*process, n int) {
	total := 0
	for _, v := range old {
		total += v.instances
	}
	for _, v := range old {
		if over := min(total-n, v.instances); over > 0 {
			p.resize(v, v.instances-over)
			total -= over
		}
	}
}

func cancelDeployment(c *call, d *deployment) error {
	if d.value != "ACTIVE" {
		return unprocessable("Cannot cancel a deployment with status: %s and reason: %s", d.value, d.reason)
	}
	if d.previous == nil {
		return unprocessable("Unable to assign current droplet. Ensure the droplet exists and belongs to this app.")
	}
	paused := d.reason == "PAUSED"
	d.app.droplet = d.previous
	d.status(c.p, "ACTIVE", "CANCELING")
	if paused {
		c.p.step(d)
	}
	c.event("audit.app.deployment.cancel", "app", &d.app.record, d.app.space, obj{"deployment_guid": d.guid})
	return c.reply(200, nil) // and nothing shown (ccng: app/controllers/v3/deployments_controller.rb)
}

func continueDeployment(c *call, d *deployment) error {
	if d.reason != "PAUSED" {
		return unprocessable("Cannot continue a deployment with status: %s and reason: %s", d.value, d.reason)
	}
	d.step++
	d.status(c.p, "ACTIVE", "DEPLOYING")
	c.p.step(d)
	c.event("audit.app.deployment.continue", "app", &d.app.record, d.app.space, obj{"deployment_guid": d.guid})
	return c.reply(200, nil) // and nothing shown (ccng: app/controllers/v3/deployments_controller.rb)
}
