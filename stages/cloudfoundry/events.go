package cloudfoundry

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Event is an entry of the platform's own record of who did what.
type Event struct {
	GUID, Type string
	// Actor is the name of who did it, ActorGUID the user's or client's own, and
	// ActorType "user"; what the platform does by itself has another type, and a
	// crash is its process's.
	Actor, ActorGUID, ActorType string
	TargetGUID                  string
	// TargetType is "app", "route", "service_instance" and the like.
	TargetType string
	TargetName string
	// RouteGUID is the route of a mapping or an unmapping, whose target is the app
	// (cloud_controller_ng: app/repositories/app_event_repository.rb); "" of others.
	RouteGUID string
	At        time.Time
}

// EventFilter says which events are listed: those on the targets, of the types.
// Empty means all.
type EventFilter struct{ Targets, Types []string }

// Events lists what was done in the space since a time, in order (CC API: List
// audit events).
func (c *Client) Events(ctx context.Context, of EventFilter, since time.Time) ([]Event, error) {
	t, err := c.Target(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list[resource.AuditEvent](ctx, c, "/v3/audit_events", filter(
		"target_guids", strings.Join(of.Targets, ","), "types", strings.Join(of.Types, ","), "space_guids", t.SpaceGUID,
		"created_ats[gte]", since.UTC().Format(time.RFC3339), "order_by", "created_at"))
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return each(all, eventOf), nil
}

func eventOf(e resource.AuditEvent) Event {
	var data struct {
		RouteGUID string `json:"route_guid"`
	}
	if e.Data != nil {
		_ = json.Unmarshal(*e.Data, &data) // Most have no route.
	}
	return Event{
		GUID: e.GUID, Type: e.Type, Actor: e.Actor.Name, ActorGUID: e.Actor.GUID, ActorType: e.Actor.Type,
		TargetGUID: e.Target.GUID, TargetType: e.Target.Type, TargetName: e.Target.Name, RouteGUID: data.RouteGUID, At: e.CreatedAt,
	}
}
