package cloudfoundry

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Route is an address and the apps that its requests go to.
type Route struct {
	Metadata
	GUID string
	// Address is "host.domain/path" or "domain:port", without a scheme. Host is "*" where
	// it stands for any, "" where the domain itself is the address.
	Address            string
	Host, Domain, Path string
	// Port is of a TCP route; 0 of all others.
	Port         int
	DomainGUID   string
	SpaceGUID    string
	Destinations []Destination
}

func (c *Routes) routeOf(r resource.Route) Route {
	out := Route{
		Metadata: metadataOf(r.Metadata), GUID: r.GUID, Address: r.URL, Host: r.Host, Path: r.Path, Port: deref(r.Port),
		SpaceGUID: guidOf(r.Relationships.Space.Data), DomainGUID: guidOf(r.Relationships.Domain.Data),
	}
	out.Domain, _, _ = strings.Cut(strings.TrimSuffix(strings.TrimPrefix(r.URL, r.Host+"."), r.Path), ":")
	c.client.domains.met(out.Domain)
	for _, d := range r.Destinations {
		out.Destinations = append(out.Destinations, destinationOf(d))
	}
	return out
}

// routeParts are the parts that an address is looked up by.
type routeParts struct{ host, domainGUID, path string }

// splitAddress splits an address at the longest of the platform's domains that it
// ends in: "search.api.example.com/_metrics" may be host "search.api" in domain
// "example.com", host "search" in "api.example.com", or a domain without a host.
func (c *Routes) splitAddress(ctx context.Context, address string) (routeParts, error) {
	name, path, _ := strings.Cut(strings.TrimSuffix(address, "/"), "/")
	if path != "" {
		path = "/" + path
	}
	var candidates []string
	for rest, more := name, true; more; {
		candidates = append(candidates, rest)
		_, rest, more = strings.Cut(rest, ".")
	}
	domains, err := list[resource.Domain](ctx, c.client, "/v3/domains", filter("names", strings.Join(candidates, ",")))
	if err != nil {
		return routeParts{}, err
	}
	for _, candidate := range candidates {
		for _, d := range domains {
			if d.Name == candidate {
				c.client.domains.met(d.Name)
				return routeParts{strings.TrimSuffix(strings.TrimSuffix(name, d.Name), "."), d.GUID, path}, nil
			}
		}
	}
	return routeParts{}, runner.Misconfigure("address %s is not in any domain of this platform", address)
}

// ByAddress finds the route "host.domain/path"; nil if there is none. A route
// that belongs to another space is refused.
func (c *Routes) ByAddress(ctx context.Context, address string) (*Route, error) {
	at, err := c.splitAddress(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("find route %s: %w", address, err)
	}
	return c.routeAt(ctx, address, at)
}

func (c *Routes) routeAt(ctx context.Context, address string, at routeParts) (*Route, error) {
	q := filter("domain_guids", at.domainGUID)
	// Empty values are sent too: they select a route without a host or without a path
	// (CC API: List routes).
	q.Set("hosts", at.host)
	q.Set("paths", at.path)
	found, err := firstOrNil(list[resource.Route](ctx, c.client, "/v3/routes", q))
	if err != nil {
		return nil, fmt.Errorf("find route %s: %w", address, err)
	}
	if found == nil {
		return nil, nil
	}
	t, err := c.client.Space.Target(ctx)
	if err != nil {
		return nil, err
	}
	route := c.routeOf(*found)
	if route.SpaceGUID != t.SpaceGUID {
		return nil, runner.Refuse("route %s belongs to another space than %s", address, t.Space)
	}
	return &route, nil
}

// Get reads one route.
func (c *Routes) Get(ctx context.Context, guid string) (*Route, error) {
	var r resource.Route
	if err := c.client.get(ctx, "/v3/routes/"+guid, nil, &r); err != nil {
		return nil, fmt.Errorf("read route %s: %w", guid, err)
	}
	route := c.routeOf(r)
	return &route, nil
}

// OfApp lists all routes of an app, including those with a path.
func (c *Routes) OfApp(ctx context.Context, app string) ([]Route, error) {
	all, err := list[resource.Route](ctx, c.client, "/v3/apps/"+app+"/routes", nil)
	if err != nil {
		return nil, fmt.Errorf("list routes of app %s: %w", app, err)
	}
	return convert(all, c.routeOf), nil
}

// Create creates a route without destinations.
func (c *Routes) Create(ctx context.Context, address string, labels map[string]string) (*Route, error) {
	t, err := c.client.Space.Target(ctx)
	if err != nil {
		return nil, err
	}
	at, err := c.splitAddress(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("create route %s: %w", address, err)
	}
	body := map[string]any{"relationships": map[string]any{"space": relationTo(t.SpaceGUID), "domain": relationTo(at.domainGUID)}}
	if at.host != "" {
		body["host"] = at.host
	}
	if at.path != "" {
		body["path"] = at.path
	}
	if m := newMetadata(labels, nil); m != nil {
		body["metadata"] = m
	}
	route, err := create(ctx, labels, func() (*Route, error) {
		var r resource.Route
		if _, err := c.client.write(ctx, http.MethodPost, "/v3/routes", body, &r); err != nil {
			return nil, err
		}
		created := c.routeOf(r)
		return &created, nil
	}, func(ctx context.Context) (*Route, error) { return c.routeAt(ctx, address, at) })
	if err != nil {
		return nil, fmt.Errorf("create route %s: %w", address, err)
	}
	return route, nil
}

// Delete deletes a route, even if apps are mapped to it, and waits until it is
// gone.
func (c *Routes) Delete(ctx context.Context, guid string) error {
	return c.client.remove(ctx, "/v3/routes/"+guid, "delete route "+guid)
}

// RouteService is a service that all requests to a route pass through, such as a
// filter of client IP addresses.
type RouteService struct{ InstanceGUID, URL string }

// ServiceOf returns the route service of a route; nil if it has none.
func (c *Routes) ServiceOf(ctx context.Context, route string) (*RouteService, error) {
	found, err := firstOrNil(list[resource.ServiceRouteBinding](ctx, c.client, "/v3/service_route_bindings", filter("route_guids", route)))
	if err != nil {
		return nil, fmt.Errorf("read the route service of route %s: %w", route, err)
	}
	if found == nil {
		return nil, nil
	}
	return &RouteService{guidOf(found.Relationships.ServiceInstance.Data), found.RouteServiceURL}, nil
}
