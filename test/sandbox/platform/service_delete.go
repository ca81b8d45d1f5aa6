package platform

import (
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

// deleteService deletes the bindings, keys and route bindings, too (ccng: app/actions/v3/service_instance_delete.rb).
func deleteService(c *call, s *service) error {
	if s.last.inProgress() && !(s.last.kind == "create" && s.last.state == "in progress") {
		return unprocessable("There is an operation in progress for the service instance.")
	}
	p, by := c.p, c.user
	if s.plan == nil {
		p.cascade(s)
		p.services.delete(s.guid)
		c.event("audit.user_provided_service_instance.delete", "user_provided_service_instance", &s.record, s.space, nil)
		return c.noContent()
	}
	j := p.startJob("service_instance.delete", "service_instances", s.guid)
	p.after(p.jobTime(), func() { p.deprovision(by, s, j) })
	return c.accepted(j)
}

func (p *Platform) cascade(s *service) {
	p.bindings.remove(func(b *binding) bool { return b.service == s })
	p.rbinds.remove(func(b *routeBinding) bool { return b.service == s })
	p.reroute()
}

func (p *Platform) deprovision(by *uaa.Account, s *service, j *job) {
	now := p.now()
	bound := p.bindings.where(func(b *binding) bool { return b.service == s })
	if err := p.unbindLater(bound); err != nil {
		s.last = operation{"delete", "failed", err.Error(), now, now}
		p.endJob(j, err)
		return
	}
	p.cascade(s)
	s.last = operation{"delete", "in progress", "", now, now}
	j.state, j.updated = jobPolling, now
	p.event(by, "audit.service_instance.start_delete", "service_instance", &s.record, s.space, nil)
	guid := s.guid
	p.opts.Clock.After(p.opts.DeprovisionTime, func() {
		err := p.askBroker(func(b Broker) error { return b.Deprovision(guid) })
		p.mu.Lock()
		defer p.mu.Unlock()
		if err != nil {
			s.last.state, s.last.description, s.last.updated = "failed", err.Error(), p.now()
			p.endJob(j, unableToPerform("delete", err.Error()))
			return
		}
		p.services.delete(guid)
		p.event(by, "audit.service_instance.delete", "service_instance", &s.record, s.space, nil)
		p.endJob(j, nil)
	})
}

// unbindLater is a broker that unbinds asynchronously: the job that deletes an app or a service fails, the bindings
// disappear after a while, and then a second deletion succeeds (ccng: app/actions/mixins/bindings_delete.rb).
func (p *Platform) unbindLater(bindings []*binding) error {
	var first error
	for _, b := range bindings {
		if !p.opts.AsyncUnbind || b.service.plan == nil {
			continue
		}
		if b.last.kind != "delete" {
			b.last.kind, b.last.state, b.last.updated = "delete", "in progress", p.now()
			p.after(p.jobTime(), func() { p.bindings.delete(b.guid) })
		}
		if first == nil {
			words := "An operation for a service binding of service instance " + b.service.name + " is in progress."
			if b.app != nil {
				words = "An operation for the service binding between app " + b.app.name + " and service instance " + b.service.name + " is in progress."
			}
			first = unprocessable("%s", words)
		}
	}
	return first
}
