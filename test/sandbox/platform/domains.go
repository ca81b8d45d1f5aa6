package platform

import (
	"encoding/json"
	"regexp"
	"strings"
)

// firstPort and lastPort are what the router group of TCP domains reserves.
const (
	firstPort = 1024
	lastPort  = 1123
)

// routerGroup is the GUID of the only router group, which is of TCP domains.
const routerGroup = "5d3a1b0c-7f41-4f0e-9b6e-2b6d8a6c9f10"

func (p *Platform) domainRoutes(on func(string, handler)) {
	on("GET /v3/organizations/{guid}/domains", withOrg(func(c *call, o *org) error { return listDomains(c, o) }))
	on("GET /v3/organizations/{guid}/domains/default", withOrg(func(c *call, _ *org) error {
		if d := c.p.defaultDomain(); d != nil {
			return c.reply(200, presentDomain(c, d))
		}
		return notFound("Domain")
	}))
	on("GET /v3/domains", func(c *call) error { return listDomains(c, nil) })
	on("POST /v3/domains", createDomain)
	on("GET /v3/domains/{guid}", withDomain(func(c *call, d *domain) error { return c.reply(200, presentDomain(c, d)) }))
	on("PATCH /v3/domains/{guid}", withDomain(func(c *call, d *domain) error {
		if d.org == nil {
			return notAuthorized()
		}
		if err := c.patchMetadata(&d.record); err != nil {
			return err
		}
		return c.reply(200, presentDomain(c, d))
	}))
	on("DELETE /v3/domains/{guid}", withDomain(deleteDomain))
	on("GET /v3/domains/{guid}/route_reservations", withDomain(reservation))
}

func withDomain(h func(*call, *domain) error) handler {
	return func(c *call) error {
		d, ok := c.p.domains.get(c.guid())
		if !ok {
			return notFound("Domain")
		}
		return h(c, d)
	}
}

// protocol is what the domain's routes carry (ccng: app/models/runtime/domain.rb, protocols).
func (d *domain) protocol() string {
	if d.tcp {
		return "tcp"
	}
	return "http"
}

// defaultDomain is the first shared one that is neither internal nor of a TCP router group (ccng:
// app/controllers/v3/organizations_controller.rb, show_default_domain).
func (p *Platform) defaultDomain() *domain {
	d, _ := p.domains.find(func(d *domain) bool { return d.org == nil && !d.internal && !d.tcp })
	return d
}

// listDomains lists all domains, or those that an organisation may use: there is one organisation.
func listDomains(c *call, _ *org) error {
	q, err := c.query(listing{filters: []string{"names", "guids", "organization_guids"}})
	if err != nil {
		return err
	}
	_, out := list(c, q, c.p.domains.where(func(d *domain) bool {
		owner := ""
		if d.org != nil {
			owner = d.org.guid
		}
		return q.has("names", d.name) && q.has("organization_guids", owner) // a shared domain belongs to no organisation
	}), presentDomain)
	return c.reply(200, out)
}

func presentDomain(c *call, d *domain) obj {
	out := d.present()
	at := "/v3/domains/" + d.guid
	out["name"], out["internal"], out["router_group"], out["supported_protocols"] = d.name, d.internal, nil, []string{d.protocol()}
	links := obj{"self": c.link(at), "route_reservations": c.link(at + "/route_reservations")}
	owner := obj{"data": nil}
	if d.org != nil {
		owner = toOne(d.org.guid)
		links["organization"] = c.link("/v3/organizations/" + d.org.guid)
		links["shared_organizations"] = c.link(at + "/relationships/shared_organizations")
	}
	if d.tcp {
		out["router_group"] = obj{"guid": routerGroup}
		links["router_group"] = c.link("/routing/v1/router_groups/" + routerGroup)
	}
	out["relationships"] = obj{"organization": owner, "shared_organizations": obj{"data": []obj{}}}
	out["links"] = links
	return out
}

func reservation(c *call, d *domain) error {
	q, err := c.only("host", "path", "port")
	if err != nil {
		return err
	}
	port := q.raw.Get("port")
	_, found := c.p.routes.find(func(r *route) bool {
		return r.domain == d && strings.EqualFold(r.host, q.raw.Get("host")) && strings.EqualFold(r.path, q.raw.Get("path")) &&
			(port == "" && r.port == 0 || port == itoa(r.port))
	})
	return c.reply(200, obj{"matching_route": found})
}

type domainBody struct {
	Name          string          `json:"name"`
	Internal      *bool           `json:"internal"`
	RouterGroup   *obj            `json:"router_group"`
	Metadata      json.RawMessage `json:"metadata"`
	Relationships *struct {
		Organization relationship `json:"organization"`
	} `json:"relationships"`
}

// createDomain creates a private domain. A shared one needs an administrator, and nobody here is one; a private one a manager
// of the organisation, whom every account that may write counts as (ccng: app/controllers/v3/domains_controller.rb).
func createDomain(c *call) error {
	var body domainBody
	if _, err := c.bind(&body, "name", "internal", "relationships", "router_group", "metadata"); err != nil {
		return err
	}
	if err := joinProblems(body.problems()); err != nil {
		return err
	}
	meta, err := readMetadata(body.Metadata)
	if err != nil {
		return err
	}
	if body.Relationships == nil {
		return notAuthorized()
	}
	owner := body.Relationships.Organization.guid()
	o, ok := c.p.orgs.get(owner)
	if !ok {
		return unprocessable("Organization with guid '%s' does not exist or you do not have access to it.", owner)
	}
	if _, taken := c.p.domains.find(func(d *domain) bool { return strings.EqualFold(d.name, body.Name) }); taken {
		return unprocessable("The domain name \"%s\" is already in use", body.Name)
	}
	d := &domain{record: c.p.newRecord(strings.ToLower(body.Name)), org: o}
	if err := d.merge(meta); err != nil {
		return err
	}
	c.p.domains.add(d)
	return c.reply(201, presentDomain(c, d))
}

var domainFormat = regexp.MustCompile(`^(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]*[a-zA-Z0-9])\.)+([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9\-]*[A-Za-z0-9])$`)

// problems are those of ccng: app/messages/domain_create_message.rb.
func (b domainBody) problems() []string {
	var out []string
	name := b.Name
	switch {
	case name == "":
		return []string{"Name can't be blank"}
	case len(name) < 3:
		out = append(out, "Name is too short (minimum is 3 characters)")
	case len(name) > 253:
		out = append(out, "Name is too long (maximum is 253 characters)")
	}
	if !domainFormat.MatchString(name) {
		out = append(out, "Name does not comply with RFC 1035 standards")
	}
	if !strings.Contains(name, ".") {
		out = append(out, `Name must contain at least one "."`)
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) > 63 {
			out = append(out, "Name subdomains must each be at most 63 characters")
			break
		}
	}
	if regexp.MustCompile(`(?i)[^a-z0-9\-.]`).MatchString(name) {
		out = append(out, "Name must consist of alphanumeric characters and hyphens")
	}
	if b.Internal != nil && *b.Internal && b.Relationships != nil {
		out = append(out, "Cannot associate an internal domain with an organization")
	}
	if b.RouterGroup != nil && b.Relationships != nil {
		out = append(out, "Domains scoped to an organization cannot be associated to a router group.")
	}
	return out
}

// deleteDomain deletes a private domain with its routes.
func deleteDomain(c *call, d *domain) error {
	if d.org == nil {
		return notAuthorized()
	}
	p, by := c.p, c.user
	j := p.startJob("domain.delete", "domains", d.guid)
	p.runJob(j, func() error {
		for _, r := range p.routes.where(func(r *route) bool { return r.domain == d }) {
			p.removeRoute(by, r)
		}
		p.domains.delete(d.guid)
		p.reroute()
		return nil
	})
	return c.accepted(j)
}
