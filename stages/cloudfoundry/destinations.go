package cloudfoundry

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Destination is one app that a route is mapped to.
type Destination struct {
	GUID, AppGUID string
	// Process is the type of the app's process, "web" of nearly all. Port is the one of
	// its container, Protocol what the routers speak with it: "http1" or "http2".
	Process  string
	Port     int
	Protocol string
}

// Reaches reports whether the route is mapped to the app.
func (r Route) Reaches(app string) bool {
	return slices.ContainsFunc(r.Destinations, func(d Destination) bool { return d.AppGUID == app })
}

func destinationOf(d resource.RouteDestination) Destination {
	out := Destination{GUID: deref(d.GUID), AppGUID: deref(d.App.GUID), Port: deref(d.Port), Protocol: deref(d.Protocol)}
	if d.App.Process != nil {
		out.Process = d.App.Process.Type
	}
	return out
}

// Map maps a route to an app; other apps stay mapped. It is safe to repeat: the
// platform adds no second destination with the same app, process and port
// (cloud_controller_ng: app/actions/update_route_destinations.rb).
//
// Success does not mean that the routers already send requests there: they get the
// change a few seconds later.
func (c *Routes) Map(ctx context.Context, route, app string) error {
	return c.mapTo(ctx, route, app, "")
}

// MapLike is Map with the protocol of the apps that the route is mapped to already.
func (c *Routes) MapLike(ctx context.Context, route *Route, app string) error {
	protocol := ""
	for _, d := range route.Destinations {
		if d.Protocol == "http2" {
			protocol = d.Protocol
		}
	}
	return c.mapTo(ctx, route.GUID, app, protocol)
}

func (c *Routes) mapTo(ctx context.Context, route, app, protocol string) error {
	to := map[string]any{"app": map[string]any{"guid": app}}
	if protocol != "" {
		to["protocol"] = protocol
	}
	body := map[string]any{"destinations": []any{to}}
	_, err := c.client.write(ctx, http.MethodPost, "/v3/routes/"+route+"/destinations", body, nil)
	if err != nil && isAmbiguous(err) {
		if found, readErr := c.destinations(ctx, route); readErr == nil && (Route{Destinations: found}).Reaches(app) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("map route %s to app %s: %w", route, app, err)
	}
	return nil
}

// Unmap unmaps a route from an app; other apps stay mapped. An app that is not
// mapped, or a route that does not exist, is no error.
func (c *Routes) Unmap(ctx context.Context, route, app string) error {
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
		if err := c.deleteDestination(ctx, route, d.GUID); err != nil {
			return fmt.Errorf("unmap route %s from app %s: %w", route, app, err)
		}
	}
	return nil
}

func (c *Routes) deleteDestination(ctx context.Context, route, destination string) error {
	_, err := c.client.write(ctx, http.MethodDelete, "/v3/routes/"+route+"/destinations/"+destination, nil, nil)
	if err == nil || IsNotFound(err) {
		return nil
	}
	// If two processes unmap at the same time, one gets 422 "Unable to unmap route
	// from destination. Ensure the route has a destination with this guid."
	found, readErr := c.destinations(ctx, route)
	if readErr != nil || slices.ContainsFunc(found, func(d Destination) bool { return d.GUID == destination }) {
		return err
	}
	return nil
}

func (c *Routes) destinations(ctx context.Context, route string) ([]Destination, error) {
	var now struct {
		Destinations []resource.RouteDestination `json:"destinations"`
	}
	if err := c.client.get(ctx, "/v3/routes/"+route+"/destinations", nil, &now); err != nil {
		return nil, err
	}
	return convert(now.Destinations, destinationOf), nil
}
