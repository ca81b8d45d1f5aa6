package platform

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

// serviceBody is the body of a request that creates or updates a service instance.
type serviceBody struct {
	Type            string          `json:"type"`
	Name            *string         `json:"name"`
	Tags            []string        `json:"tags"`
	Parameters      json.RawMessage `json:"parameters"`
	Credentials     map[string]any  `json:"credentials"`
	SyslogDrainURL  *string         `json:"syslog_drain_url"`
	RouteServiceURL *string         `json:"route_service_url"`
	Metadata        json.RawMessage `json:"metadata"`
	MaintenanceInfo json.RawMessage `json:"maintenance_info"`
	Relationships   struct {
		Space       relationship `json:"space"`
		ServicePlan relationship `json:"service_plan"`
	} `json:"relationships"`
}

var (
	managedKeys      = []string{"type", "name", "tags", "parameters", "metadata", "relationships"}
	userProvidedKeys = []string{"type", "name", "tags", "credentials", "syslog_drain_url", "route_service_url", "metadata", "relationships"}
)

func createService(c *call) error {
	var body serviceBody
	f, err := c.bind(&body, slices.Concat(managedKeys, userProvidedKeys)...)
	if err != nil {
		return err
	}
	keys := userProvidedKeys
	switch body.Type {
	case "managed":
		keys = managedKeys
	case "user-provided":
	default:
		return unprocessable("Type must be one of 'managed', 'user-provided'")
	}
	if err := joinProblems(body.problems(f, keys)); err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	in, ok := c.p.spaces.get(body.Relationships.Space.guid())
	if !ok {
		return unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
	}
	if body.Type == "managed" {
		return createManaged(c, body, meta, in)
	}
	return createUserProvided(c, body, meta, in)
}

// problems follows ccng: app/messages/service_instance_create_managed_message.rb,
// service_instance_create_user_provided_message.rb.
func (b serviceBody) problems(f fields, keys []string) []string {
	to := []string{"space"}
	if b.Type == "managed" {
		to = append(to, "service_plan")
	}
	problems := relationshipProblems(f, to...)
	if b.Name == nil {
		problems = append(problems, "Name must be a string")
	}
	if b.Name == nil || *b.Name == "" {
		problems = append(problems, "Name can't be blank")
	}
	if unknown := unknownKeys(f, keys); len(unknown) > 0 {
		problems = append(problems, "Unknown field(s): '"+strings.Join(unknown, "', '")+"'")
	}
	return append(problems, b.addressProblems()...)
}

// addressProblems is what is wrong with the addresses of a user-provided service.
func (b serviceBody) addressProblems() []string {
	var problems []string
	wrong := func(address *string) bool {
		if address == nil || *address == "" {
			return false
		}
		u, err := url.Parse(*address)
		return err != nil || u.Scheme == ""
	}
	if wrong(b.SyslogDrainURL) {
		problems = append(problems, "Syslog drain url must be a valid URI")
	}
	if wrong(b.RouteServiceURL) {
		problems = append(problems, "Route service url must be a valid URI")
	}
	if a := b.RouteServiceURL; a != nil && *a != "" && !strings.HasPrefix(*a, "https:") {
		problems = append(problems, "Route service url must be https")
	}
	return problems
}

func createUserProvided(c *call, body serviceBody, meta metadata, in *space) error {
	if err := c.p.serviceNameFree(in, *body.Name, nil); err != nil {
		return err
	}
	now := c.p.now()
	s := &service{
		record: c.p.newRecord(*body.Name), space: in, tags: body.Tags, credentials: body.Credentials,
		syslog: body.SyslogDrainURL, routeURL: body.RouteServiceURL,
		last: operation{"create", "succeeded", "Operation succeeded", now, now},
	}
	if err := s.merge(meta); err != nil {
		return err
	}
	c.p.services.add(s)
	c.event("audit.user_provided_service_instance.create", "user_provided_service_instance", &s.record, in, nil)
	return c.reply(201, presentService(c, s))
}

// serviceNameFree: names are unique in a space, over both kinds (ccng: the index si_space_id_name_index, and
// app/actions/mixins/service_instance_create.rb for the words).
func (p *Platform) serviceNameFree(in *space, name string, but *service) error {
	_, taken := p.services.find(func(s *service) bool { return s.space == in && s.name == name && s != but })
	if taken {
		return unprocessable("The service instance name is taken: %s.", name)
	}
	return nil
}

// createManaged creates the instance at once, and provisions it in a job (ccng:
// app/actions/v3/service_instance_create_managed.rb).
func createManaged(c *call, body serviceBody, meta metadata, in *space) error {
	v, ok := c.p.plans.get(body.Relationships.ServicePlan.guid())
	if !ok {
		return unprocessable("Invalid service plan. Ensure that the service plan exists, is available, and you have access to it.")
	}
	if !v.available {
		return unprocessable("Invalid service plan. The service plan '%s' with guid '%s' has been removed from the service broker's catalog. "+
			"It is not possible to create new service instances using this plan.", v.name, v.guid)
	}
	// A managed instance whose creation failed does not occupy its name.
	if old, found := c.p.services.find(func(s *service) bool { return s.space == in && s.name == *body.Name }); found &&
		old.plan != nil && old.last.kind == "create" && old.last.state == "failed" {
		c.p.services.delete(old.guid)
	}
	if err := c.p.serviceNameFree(in, *body.Name, nil); err != nil {
		return err
	}
	if err := c.p.servicesFit(in); err != nil {
		return err
	}
	now := c.p.now()
	s := &service{
		record: c.p.newRecord(*body.Name), space: in, plan: v, tags: body.Tags, parameters: body.Parameters,
		last: operation{"create", "initial", "", now, now},
	}
	if err := s.merge(meta); err != nil {
		return err
	}
	c.p.services.add(s)
	j := c.p.startJob("service_instance.create", "service_instances", s.guid)
	c.p.provision(c.user, s, j)
	return c.accepted(j)
}

func (p *Platform) servicesFit(in *space) error {
	used := func(keep func(*space) bool) int { return p.usage(keep)["service_instances"].(int) }
	if q := in.quota; q != nil && q.limits.Services > 0 && used(func(s *space) bool { return s == in }) >= q.limits.Services {
		return unprocessable("You have exceeded your space's services limit.")
	}
	if l := in.org.quota.limits.Services; l > 0 && used(func(s *space) bool { return s.org == in.org }) >= l {
		return unprocessable("You have exceeded your organization's services limit.")
	}
	return nil
}

// provision calls the broker, which works asynchronously: the job polls until it has finished.
func (p *Platform) provision(by *uaa.Account, s *service, j *job) {
	p.after(p.jobTime(), func() {
		s.last.state, s.last.updated = "in progress", p.now()
		s.last.description = "Provision operation in progress"
		j.state, j.updated = jobPolling, p.now()
		p.event(by, "audit.service_instance.start_create", "service_instance", &s.record, s.space, nil)
		planName, parameters, guid := s.plan.name, s.parameters, s.guid
		p.opts.Clock.After(p.opts.ProvisionTime, func() {
			err := p.askBroker(func(b Broker) error { return b.Provision(guid, planName, parameters) })
			p.mu.Lock()
			defer p.mu.Unlock()
			p.provisioned(by, s, j, err)
		})
	})
}

func (p *Platform) provisioned(by *uaa.Account, s *service, j *job, err error) {
	s.last.updated, s.updated = p.now(), p.now()
	if err != nil {
		s.last.state, s.last.description = "failed", err.Error()
		p.endJob(j, unableToPerform("create managed", err.Error()))
		return
	}
	s.last.state, s.last.description = "succeeded", "Instance provisioning completed"
	p.event(by, "audit.service_instance.create", "service_instance", &s.record, s.space, nil)
	p.endJob(j, nil)
}

// askBroker must be called without the lock.
func (p *Platform) askBroker(ask func(Broker) error) error {
	if p.ctx.Err() != nil || p.opts.Broker == nil {
		return p.ctx.Err()
	}
	return ask(p.opts.Broker)
}
