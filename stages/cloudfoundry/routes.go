package cloudfoundry

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Route is an address and the apps behind it.
type Route struct {
	Metadata
	GUID string
	// Address is "host.domain/path", without a scheme.
	Address      string
	Host, Path   string
	DomainGUID   string
	SpaceGUID    string
	Destinations []Destination
}

// Destination is one app behind a route.
type Destination struct {
	GUID, AppGUID string
	// Process is the type of the process: "web".
	Process string
	// Port is 0 where the platform chooses.
	Port     int
	Protocol string
}

// Reaches tells whether the app is behind the route.
func (r Route) Reaches(app string) bool {
	for _, d := range r.Destinations {
		if d.AppGUID == app {
			return true
		}
	}
	return false
}

func routeOf(r resource.Route) Route {
	out := Route{
		Metadata: metadataOf(r.Metadata), GUID: r.GUID, Address: r.URL, Host: r.Host, Path: r.Path,
		DomainGUID: guidOf(r.Relationships.Domain.Data), SpaceGUID: guidOf(r.Relationships.Space.Data),
	}
	for _, d := range r.Destinations {
		out.Destinations = append(out.Destinations, destinationOf(d))
	}
	return out
}

func destinationOf(d resource.RouteDestination) Destination {
	out := Destination{GUID: deref(d.GUID), AppGUID: deref(d.App.GUID), Port: deref(d.Port), Protocol: deref(d.Protocol)}
	if d.App.Process != nil {
		out.Process = d.App.Process.Type
	}
	return out
}

// place is an address, split by the platform's domains.
type place struct{ host, domainGUID, path string }

// split finds the domain that an address ends in, the longest that the platform
// has: "search.api.example.com/_metrics" may be host "search.api" on
// "example.com", "search" on "api.example.com", or a domain of its own.
func (c *Client) split(ctx context.Context, address string) (place, error) {
	name, path, _ := strings.Cut(strings.TrimSuffix(address, "/"), "/")
	if path != "" {
		path = "/" + path
	}
	var candidates []string
	for rest, more := name, true; more; {
		candidates = append(candidates, rest)
		_, rest, more = strings.Cut(rest, ".")
	}
	domains, err := list[resource.Domain](ctx, c, "/v3/domains", filter("names", strings.Join(candidates, ",")))
	if err != nil {
		return place{}, err
	}
	for _, candidate := range candidates {
		for _, d := range domains {
			if d.Name == candidate {
				return place{strings.TrimSuffix(strings.TrimSuffix(name, d.Name), "."), d.GUID, path}, nil
			}
		}
	}
	return place{}, runner.Misconfigure("no domain of this platform fits the address %s", address)
}

// RouteByAddress finds the route of "host.domain/path"; nil where there is none.
// A route that belongs to another space is refused.
func (c *Client) RouteByAddress(ctx context.Context, address string) (*Route, error) {
	at, err := c.split(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("find route %s: %w", address, err)
	}
	return c.routeAt(ctx, address, at)
}

func (c *Client) routeAt(ctx context.Context, address string, at place) (*Route, error) {
	q := filter("domain_guids", at.domainGUID)
	// Empty values are sent: they ask for a route without a host, or without a path
	// (CC API: List routes).
	q.Set("hosts", at.host)
	q.Set("paths", at.path)
	found, err := only(list[resource.Route](ctx, c, "/v3/routes", q))
	if err != nil {
		return nil, fmt.Errorf("find route %s: %w", address, err)
	}
	if found == nil {
		return nil, nil
	}
	t, err := c.Target(ctx)
	if err != nil {
		return nil, err
	}
	route := routeOf(*found)
	if route.SpaceGUID != t.SpaceGUID {
		return nil, runner.Refuse("route %s belongs to another space than %s", address, t.Space)
	}
	return &route, nil
}

// Route reads one route.
func (c *Client) Route(ctx context.Context, guid string) (*Route, error) {
	var r resource.Route
	if err := c.get(ctx, "/v3/routes/"+guid, nil, &r); err != nil {
		return nil, fmt.Errorf("read route %s: %w", guid, err)
	}
	route := routeOf(r)
	return &route, nil
}

// RoutesOfApp lists all routes of an app, those with a path too.
func (c *Client) RoutesOfApp(ctx context.Context, app string) ([]Route, error) {
	all, err := list[resource.Route](ctx, c, "/v3/apps/"+app+"/routes", nil)
	if err != nil {
		return nil, fmt.Errorf("list routes of app %s: %w", app, err)
	}
	return each(all, routeOf), nil
}

// CreateRoute makes a route without destinations.
func (c *Client) CreateRoute(ctx context.Context, address string, labels map[string]string) (*Route, error) {
	t, err := c.Target(ctx)
	if err != nil {
		return nil, err
	}
	at, err := c.split(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("create route %s: %w", address, err)
	}
	body := map[string]any{"relationships": map[string]any{"space": to(t.SpaceGUID), "domain": to(at.domainGUID)}}
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
		if _, err := c.write(ctx, http.MethodPost, "/v3/routes", body, &r); err != nil {
			return nil, err
		}
		made := routeOf(r)
		return &made, nil
	}, func(ctx context.Context) (*Route, error) { return c.routeAt(ctx, address, at) })
	if err != nil {
		return nil, fmt.Errorf("create route %s: %w", address, err)
	}
	return route, nil
}

// DeleteRoute deletes a route, whatever is behind it, and waits until it is gone.
func (c *Client) DeleteRoute(ctx context.Context, guid string) error {
	return c.remove(ctx, "/v3/routes/"+guid, "delete route "+guid)
}

// MapRoute puts an app behind a route. It may be repeated: the platform adds no
// second destination of the same app, process and port
// (cloud_controller_ng: app/actions/update_route_destinations.rb).
//
// That the API has done it says nothing about the routers: they hear of it later.
func (c *Client) MapRoute(ctx context.Context, route, app string) error {
	body := map[string]any{"destinations": []any{map[string]any{"app": map[string]any{"guid": app}}}}
	_, err := c.write(ctx, http.MethodPost, "/v3/routes/"+route+"/destinations", body, nil)
	if err != nil && isAmbiguous(err) {
		if found, lookErr := c.destinations(ctx, route); lookErr == nil && (Route{Destinations: found}).Reaches(app) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("map route %s to app %s: %w", route, app, err)
	}
	return nil
}

// UnmapRoute takes an app from behind a route; other apps stay. What is not
// mapped, or a route that is gone, needs nothing.
func (c *Client) UnmapRoute(ctx context.Context, route, app string) error {
	found, err := c.destinations(ctx, route)
	if IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unmap route %s from app %s: %w", route, app, err)
	}
	for _, d := range found {
		if d.AppGUID != app {
			continue
		}
		if err := c.unmap(ctx, route, d.GUID); err != nil {
			return fmt.Errorf("unmap route %s from app %s: %w", route, app, err)
		}
	}
	return nil
}

func (c *Client) unmap(ctx context.Context, route, destination string) error {
	_, err := c.write(ctx, http.MethodDelete, "/v3/routes/"+route+"/destinations/"+destination, nil, nil)
	if err == nil || IsNotFound(err) {
		return nil
	}
	// Of two that unmap at the same time, one hears 422 "Unable to unmap route
	// from destination. Ensure the route has a destination with this guid."
	found, lookErr := c.destinations(ctx, route)
	if lookErr != nil {
		return err
	}
	for _, d := range found {
		if d.GUID == destination {
			return err
		}
	}
	return nil
}

func (c *Client) destinations(ctx context.Context, route string) ([]Destination, error) {
	var now struct {
		Destinations []resource.RouteDestination `json:"destinations"`
	}
	if err := c.get(ctx, "/v3/routes/"+route+"/destinations", nil, &now); err != nil {
		return nil, err
	}
	return each(now.Destinations, destinationOf), nil
}

// RouteService is what all requests to a route are sent through, such as a list
// of allowed addresses.
type RouteService struct {
	BindingGUID, InstanceGUID, URL string
}

// RouteService returns the route service of a route; nil where it has none.
func (c *Client) RouteService(ctx context.Context, route string) (*RouteService, error) {
	found, err := only(list[resource.ServiceRouteBinding](ctx, c, "/v3/service_route_bindings", filter("route_guids", route)))
	if err != nil {
		return nil, fmt.Errorf("read the route service of route %s: %w", route, err)
	}
	if found == nil {
		return nil, nil
	}
	return &RouteService{found.GUID, guidOf(found.Relationships.ServiceInstance.Data), found.RouteServiceURL}, nil
}

func to(guid string) map[string]any { return map[string]any{"data": map[string]any{"guid": guid}} }

func guidOf(r *resource.Relationship) string {
	if r == nil {
		return ""
	}
	return r.GUID
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func each[T, U any](in []T, f func(T) U) []U {
	out := make([]U, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}
