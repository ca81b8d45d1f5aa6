package cloudfoundry

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Event is an audit event: an entry in the platform's record of who did what.
type Event struct {
	GUID, Type string
	// Actor and ActorGUID are the name and GUID of the user or UAA client, and
	// ActorType is "user". What the platform does by itself, such as reporting a
	// crash, has the type "process" or "app", and the app's or process's name.
	Actor, ActorGUID, ActorType string
	TargetGUID                  string
	// TargetType is "app", "route", "service_instance" and so on.
	TargetType string
	TargetName string
	// RouteGUID is the route if an app was mapped or unmapped: the target of such an
	// event is the app (cloud_controller_ng: app/repositories/app_event_repository.rb).
	// Otherwise it is "".
	RouteGUID string
	At        time.Time
}

// EventFilter selects events by the GUIDs of their targets and by type; an empty
// field matches all.
type EventFilter struct{ Targets, Types []string }

// Events lists the events in the space since a time, oldest first (CC API: List
// audit events).
func (c *Space) Events(ctx context.Context, of EventFilter, since time.Time) ([]Event, error) {
	t, err := c.Target(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list[resource.AuditEvent](ctx, c.client, "/v3/audit_events", filter(
		"target_guids", strings.Join(of.Targets, ","), "types", strings.Join(of.Types, ","), "space_guids", t.SpaceGUID,
		"created_ats[gte]", since.UTC().Format(time.RFC3339), "order_by", "created_at"))
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return convert(all, eventOf), nil
}

func eventOf(e resource.AuditEvent) Event {
	var data struct {
		RouteGUID string `json:"route_guid"`
	}
	if e.Data != nil {
		_ = json.Unmarshal(*e.Data, &data) // Most event types have no route.
	}
	return Event{
		GUID: e.GUID, Type: e.Type, Actor: e.Actor.Name, ActorGUID: e.Actor.GUID, ActorType: e.Actor.Type,
		TargetGUID: e.Target.GUID, TargetType: e.Target.Type, TargetName: e.Target.Name, RouteGUID: data.RouteGUID, At: e.CreatedAt,
	}
}
