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
	if body.Port != nil {
		return unprocessable("Routes with protocol 'http' do not support ports.")
	}
	var host, path string
	if body.Host != nil {
		host = *body.Host
	}
	if body.Path != nil {
		path = *body.Path
	}
	r, err := c.p.newRoute(c.user, in, d, host, path)
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
func (p *Platform) newRoute(by *uaa.Account, in *space, d *domain, host, path string) (*route, error) {
	switch {
	case host == "":
		return nil, unprocessable("Missing host. Routes in shared domains must have a host defined.")
	case !hostFormat.MatchString(host) || len(host) > 63:
		return nil, unprocessable("Host format is invalid.")
	case len(host)+1+len(d.name) > 253:
		return nil, unprocessable("Host combined with domain name must be no more than 253 characters.")
	case path == "/":
		return nil, unprocessable("Path cannot be a single '/'.")
	case path != "" && path[0] != '/':
		return nil, unprocessable("Path is missing the beginning '/'.")
	case strings.Contains(path, "?"):
		return nil, unprocessable("Path cannot contain '?'.")
	case len(path) > 128:
		return nil, unprocessable("Path exceeds 128 characters.")
	}
	if _, taken := p.findRoute(d, host, path); taken {
		if path != "" {
			return nil, unprocessable("Route already exists with host '%s' and path '%s' for domain '%s'.", host, path, d.name)
		}
		return nil, unprocessable("Route already exists with host '%s' for domain '%s'.", host, d.name)
	}
	routes := func(keep func(*space) bool) int { return p.usage(keep)["routes"].(int) }
	if q := in.quota; q != nil && q.limits.Routes > 0 && routes(func(s *space) bool { return s == in }) >= q.limits.Routes {
		return nil, unprocessable("Routes quota exceeded for space '%s'.", in.name)
	}
	if l := in.org.quota.limits.Routes; l > 0 && routes(func(s *space) bool { return s.org == in.org }) >= l {
		return nil, unprocessable("Routes quota exceeded for organization '%s'.", in.org.name)
	}
	r := &route{record: p.newRecord(""), space: in, domain: d, host: strings.ToLower(host), path: path, options: obj{}}
	p.routes.add(r)
	p.event(by, "audit.route.create", "route", &r.record, in, nil)
	return r, nil
}
