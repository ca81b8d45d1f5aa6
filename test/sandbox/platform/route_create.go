package platform

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

type routeBody struct {
	Host          *string         `json:"host"`
	Path          *string         `json:"path"`
	Port          *int            `json:"port"`
	Options       obj             `json:"options"`
	Metadata      json.RawMessage `json:"metadata"`
	Relationships struct {
		Space  relationship `json:"space"`
		Domain relationship `json:"domain"`
	} `json:"relationships"`
}

func createRoute(c *call) error {
	var body routeBody
	f, err := c.bind(&body, "host", "path", "port", "options", "metadata", "relationships")
	if err != nil {
		return err
	}
	if err := joinProblems(append(body.problems(), relationshipProblems(f, "space", "domain")...)); err != nil {
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
	d, ok := c.p.domains.get(body.Relationships.Domain.guid())
	if !ok {
		return unprocessable("Invalid domain. Ensure that the domain exists and you have access to it.")
	}
	if d.org == nil && body.Host != nil && *body.Host == "*" {
		return unprocessable("You do not have sufficient permissions to create a route with a wildcard host on a domain not scoped to an organization.")
	}
	at := place{domain: d}
	if body.Host != nil {
		at.host = *body.Host
	}
	if body.Path != nil {
		at.path = *body.Path
	}
	switch {
	case body.Port != nil:
		at.port = *body.Port
	case d.tcp:
		if at.port = c.p.freePort(d); at.port == 0 {
			return unprocessable("There are no more ports available for this domain.")
		}
	}
	r, err := c.p.newRoute(c.user, in, at)
	if err != nil {
		return err
	}
	if err := r.merge(meta); err != nil {
		c.p.routes.delete(r.guid)
		return err
	}
	r.options = body.Options
	return c.reply(201, presentRoute(c, r))
}

// problems of host and path are found before anything else is looked up (ccng: app/messages/route_create_message.rb).
func (b routeBody) problems() []string {
	var out []string
	if b.Host != nil && len(*b.Host) > 63 {
		out = append(out, "Host is too long (maximum is 63 characters)")
	}
	if b.Host != nil && *b.Host != "" && !hostFormat.MatchString(*b.Host) {
		out = append(out, `Host must be either "*" or contain only alphanumeric characters, "_", or "-"`)
	}
	if b.Port != nil && *b.Port < 0 {
		out = append(out, "Port must be greater than or equal to 0")
	}
	if b.Port != nil && *b.Port > 65535 {
		out = append(out, "Port must be less than or equal to 65535")
	}
	if b.Path == nil {
		return out
	}
	if len(*b.Path) > 128 {
		out = append(out, "Path is too long (maximum is 128 characters)")
	}
	if *b.Path != "" && (*b.Path)[0] != '/' {
		out = append(out, "Path must begin with /")
	}
	if strings.Contains(*b.Path, "?") {
		out = append(out, "Path cannot contain ?")
	}
	if *b.Path == "/" {
		out = append(out, "Path cannot be exactly /")
	}
	return out
}

var hostFormat = regexp.MustCompile(`^([\w\-]+|\*)$`)

// newRoute makes a route by the rules and with the messages of ccng: app/actions/route_create.rb.
func (p *Platform) newRoute(by *uaa.Account, in *space, at place) (*route, error) {
	if why := at.problem(); why != "" {
		return nil, unprocessable("%s", why)
	}
	if _, conflict := p.domains.find(func(d *domain) bool { return at.host != "" && strings.EqualFold(d.name, at.host+"."+at.domain.name) }); conflict {
		return nil, unprocessable("Route conflicts with domain '%s.%s'.", at.host, at.domain.name)
	}
	if _, taken := p.findRoute(at); taken {
		return nil, unprocessable("Route already exists %s.", at.described())
	}
	routes := func(keep func(*space) bool) int { return p.usage(keep)["routes"].(int) }
	if q := in.quota; q != nil && q.limits.Routes > 0 && routes(func(s *space) bool { return s == in }) >= q.limits.Routes {
		return nil, unprocessable("Routes quota exceeded for space '%s'.", in.name)
	}
	if l := in.org.quota.limits.Routes; l > 0 && routes(func(s *space) bool { return s.org == in.org }) >= l {
		return nil, unprocessable("Routes quota exceeded for organization '%s'.", in.org.name)
	}
	r := &route{record: p.newRecord(""), space: in, domain: at.domain, host: strings.ToLower(at.host), path: at.path, port: at.port, options: obj{}}
	p.routes.add(r)
	p.event(by, "audit.route.create", "route", &r.record, in, nil)
	return r, nil
}

// problem is why there can be no route there, or "".
func (at place) problem() string {
	switch {
	case at.domain.tcp:
		return at.problemOfTCP()
	case at.host == "" && at.domain.org == nil:
		return "Missing host. Routes in shared domains must have a host defined."
	case at.host != "" && !hostFormat.MatchString(at.host) || len(at.host) > 63:
		return "Host format is invalid."
	case at.domain.internal && at.host == "*":
		return "Wildcard hosts are not supported for internal domains."
	case len(at.host)+1+len(at.domain.name) > 253:
		return "Host combined with domain name must be no more than 253 characters."
	case at.domain.internal && at.path != "":
		return "Paths are not supported for internal domains."
	case at.path == "/":
		return "Path cannot be a single '/'."
	case at.path != "" && at.path[0] != '/':
		return "Path is missing the beginning '/'."
	case strings.Contains(at.path, "?"):
		return "Path cannot contain '?'."
	case len(at.path) > 128:
		return "Path exceeds 128 characters."
	case at.port != 0:
		return "Routes with protocol 'http' do not support ports."
	}
	return ""
}

func (at place) problemOfTCP() string {
	switch {
	case at.host != "":
		return "Hosts are not supported for TCP routes."
	case at.path != "":
		return "Paths are not supported for TCP routes."
	case at.port == 0:
		return "Routes with protocol 'tcp' must specify a port."
	case at.port < firstPort || at.port > lastPort:
		return "Port '" + itoa(at.port) + "' is not available. Try a different port or use a different domain."
	}
	return ""
}

// described is the place in the words of "Route already exists …".
func (at place) described() string {
	var parts []string
	if at.host != "" {
		parts = append(parts, "host '"+at.host+"'")
	}
	if at.path != "" {
		parts = append(parts, "path '"+at.path+"'")
	}
	if at.port != 0 {
		parts = append(parts, "port '"+itoa(at.port)+"'")
	}
	with := ""
	if len(parts) > 0 {
		with = "with " + strings.Join(parts, " and ") + " "
	}
	return with + "for domain '" + at.domain.name + "'"
}

// freePort is the first port of the router group that no route of the domain has; 0 where there is none.
func (p *Platform) freePort(d *domain) int {
	for port := firstPort; port <= lastPort; port++ {
		if _, taken := p.findRoute(place{domain: d, port: port}); !taken {
			return port
		}
	}
	return 0
}
