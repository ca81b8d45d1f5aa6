package platform

import (
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/uaa"
)

func presentDestination(d *destination) obj {
	port := 8080
	if d.port != nil {
		port = *d.port
	}
	return obj{
		"guid": d.guid, "app": obj{"guid": d.app.guid, "process": obj{"type": d.process}}, "weight": nil, "port": port,
		"protocol": d.protocol, "created_at": stamp(d.created), "updated_at": stamp(d.updated),
	}
}

func destinationList(r *route) []obj {
	out := []obj{}
	for _, d := range r.destinations {
		out = append(out, presentDestination(d))
	}
	return out
}

func presentDestinations(c *call, r *route) obj {
	return obj{
		"destinations": destinationList(r),
		"links":        obj{"self": c.link("/v3/routes/" + r.guid + "/destinations"), "route": c.link("/v3/routes/" + r.guid)},
	}
}

// target is a destination in a request's body.
type target struct {
	App struct {
		GUID    string `json:"guid"`
		Process *struct {
			Type string `json:"type"`
		} `json:"process"`
	} `json:"app"`
	Port     *int    `json:"port"`
	Weight   *int    `json:"weight"`
	Protocol *string `json:"protocol"`
}

func (c *call) targets(r *route) ([]*destination, error) {
	var body struct {
		Destinations []target `json:"destinations"`
	}
	f, err := c.bind(&body, "destinations")
	if err != nil {
		return nil, err
	}
	if !f.has("destinations") || f.null("destinations") {
		return nil, unprocessable("Destinations must be an array")
	}
	var out []*destination
	for _, t := range body.Destinations {
		a, ok := c.p.apps.get(t.App.GUID)
		if !ok {
			return nil, unprocessable("App(s) with guid(s) \"%s\" do not exist.", t.App.GUID)
		}
		if a.space != r.space {
			return nil, unprocessable("Routes destinations must be in either the route's space or the route's shared spaces")
		}
		if t.Weight != nil {
			return nil, unprocessable("Destinations[0]: weighted destinations cannot be used when inserting destinations.")
		}
		d := &destination{record: c.p.newRecord(""), app: a, process: "web", port: t.Port, protocol: r.domain.defaultProtocol()}
		if t.App.Process != nil && t.App.Process.Type != "" {
			d.process = t.App.Process.Type
		}
		if t.Protocol != nil {
			if err := r.domain.carries(*t.Protocol); err != nil {
				return nil, err
			}
			d.protocol = *t.Protocol
		}
		if slices.ContainsFunc(out, func(o *destination) bool { return o.same(d) && o.protocol == d.protocol }) {
			return nil, unprocessable("Destinations cannot contain duplicate entries")
		}
		out = append(out, d)
	}
	return out, nil
}

func (d *domain) defaultProtocol() string {
	if d.tcp {
		return "tcp"
	}
	return "http1"
}

// carries fails if the domain's routes cannot have a destination with that protocol (ccng: app/models/runtime/route_mapping_model.rb).
func (d *domain) carries(protocol string) error {
	valid := []string{"http1", "http2"}
	if d.tcp {
		valid = []string{"tcp"}
	}
	if !slices.Contains(valid, protocol) {
		return unprocessable("Cannot use '%s' protocol for %s routes; valid options are: [%s].", protocol, d.protocol(), strings.Join(valid, ", "))
	}
	return nil
}

func (d *destination) same(o *destination) bool {
	if (d.port == nil) != (o.port == nil) || d.port != nil && *d.port != *o.port {
		return false
	}
	return d.app == o.app && d.process == o.process
}

// insertDestinations does not change a destination that is the same (ccng: app/actions/update_route_destinations.rb, add).
func insertDestinations(c *call, r *route) error {
	targets, err := c.targets(r)
	if err != nil {
		return err
	}
	if err := c.p.mapRoute(c.user, r, targets); err != nil {
		return err
	}
	return c.reply(200, presentDestinations(c, r))
}

func (p *Platform) mapRoute(by *uaa.Account, r *route, targets []*destination) error {
	if len(r.destinations)+len(targets) > 100 {
		return unprocessable("Routes can be mapped to at most 100 destinations.")
	}
	added := slices.Clone(r.destinations)
	for _, d := range targets {
		i := slices.IndexFunc(added, d.same)
		if i < 0 {
			added = append(added, d)
			p.event(by, "audit.app.map-route", "app", &d.app.record, d.app.space, obj{"route_guid": r.guid, "destination_guid": d.guid})
			continue
		}
		if added[i].protocol != d.protocol {
			return unprocessable("Cannot add destination with protocol: %s. Destination already exists for route: %s, app: %s, process: %s, and protocol: %s.",
				d.protocol, r.url(), d.app.guid, d.process, added[i].protocol)
		}
	}
	r.destinations = added
	r.updated = p.now()
	p.reroute()
	return nil
}

func replaceDestinations(c *call, r *route) error {
	targets, err := c.targets(r)
	if err != nil {
		return err
	}
	for i, d := range targets { // a destination that stays keeps its GUID
		if at := slices.IndexFunc(r.destinations, func(o *destination) bool { return o.same(d) && o.protocol == d.protocol }); at >= 0 {
			targets[i] = r.destinations[at]
		}
	}
	for _, d := range r.destinations {
		if !slices.Contains(targets, d) {
			c.event("audit.app.unmap-route", "app", &d.app.record, d.app.space, obj{"route_guid": r.guid})
		}
	}
	r.destinations, r.updated = targets, c.p.now()
	c.p.reroute()
	return c.reply(200, presentDestinations(c, r))
}

func updateDestination(c *call, r *route) error {
	var body struct {
		Protocol *string `json:"protocol"`
	}
	if _, err := c.bind(&body, "protocol"); err != nil {
		return err
	}
	for _, d := range r.destinations {
		if d.guid == c.r.PathValue("destination") {
			d.protocol = r.domain.defaultProtocol()
			if body.Protocol != nil {
				d.protocol = *body.Protocol
			}
			return c.reply(200, presentDestination(d))
		}
	}
	return unprocessable("Unable to unmap route from destination. Ensure the route has a destination with this guid.")
}

func deleteDestination(c *call, r *route) error {
	for _, d := range r.destinations {
		if d.guid == c.r.PathValue("destination") {
			r.unmap(func(o *destination) bool { return o == d })
			r.updated = c.p.now()
			c.event("audit.app.unmap-route", "app", &d.app.record, d.app.space, obj{"route_guid": r.guid, "destination_guid": d.guid})
			c.p.reroute()
			return c.noContent()
		}
	}
	return unprocessable("Unable to unmap route from destination. Ensure the route has a destination with this guid.")
}
