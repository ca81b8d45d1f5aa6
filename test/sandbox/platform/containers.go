package platform

import (
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

func (p *Platform) diegoOptions() diego.Options {
	return diego.Options{
		Lock: &p.mu, Life: p.ctx, Clock: p.opts.Clock, Programs: p.opts.Programs, StartTime: p.opts.StartTime, StopGrace: p.opts.StopGrace,
		NewGUID: p.newGUID, Log: p.logs.Write, Observer: observer{p},
	}
}

// desire stops what the process runs, and starts what the app is configured to run now.
func (p *Platform) desire(v *process) {
	p.stopProcess(v)
	v.version, v.revision = p.newGUID(), nil
	if v.app.features["revisions"] {
		v.revision = p.latestRevision(v.app)
	}
	v.lrp = p.diego.Desire(p.desired(v), v.instances)
}

// desired is a process as Diego runs it, with the app's configuration of now.
func (p *Platform) desired(v *process) diego.Process {
	return diego.Process{
		ProcessGUID: v.guid, Kind: v.kind, AppGUID: v.app.guid, AppName: v.app.name, Image: v.app.droplet.image,
		Env: p.runningEnv(v.app, v), Health: v.health.desired(),
	}
}

func (h healthCheck) desired() diego.Health {
	seconds := func(n *int) time.Duration {
		if n == nil {
			return 0
		}
		return time.Duration(*n) * time.Second
	}
	d := diego.Health{Timeout: seconds(h.timeout), Interval: seconds(h.interval)}
	d.Port = h.kind == "port"
	if h.kind == "http" {
		d.Endpoint = h.endpoint
	}
	return d
}

// stopProcess sends SIGTERM to every container of the process.
func (p *Platform) stopProcess(v *process) {
	if l := v.lrp; l != nil {
		v.lrp = nil
		l.Stop()
	}
}

// observer turns Diego's reports into audit events and changes of routes.
type observer struct{ p *Platform }

func (o observer) RoutesChanged() { o.p.reroute() }

func (o observer) Ready(c *diego.Container) {
	if a, ok := o.p.apps.get(c.AppGUID); ok {
		o.p.appEvent("audit.app.process.ready", "process", actor(c), a, obj{"index": c.Index, "instance": c.InstanceGUID, "ready": true})
	}
}

func (o observer) Crashed(c *diego.Container, reason string, exitStatus int) {
	a, ok := o.p.apps.get(c.AppGUID)
	if !ok {
		return
	}
	data := obj{
		"index": c.Index, "instance": c.InstanceGUID, "reason": "CRASHED", "exit_description": reason, "exit_status": exitStatus,
		"crash_count": c.Crashes, "crash_timestamp": o.p.now().UnixNano(),
	}
	o.p.appEvent("audit.app.process.crash", "process", actor(c), a, data) // both (ccng: app_crashed_controller.rb)
	o.p.appEvent("app.crash", "app", &a.record, a, data)
}

// actor is the process, as audit events name it (ccng: app/repositories/process_event_repository.rb).
func actor(c *diego.Container) *record { return &record{guid: c.ProcessGUID, name: c.Kind} }
