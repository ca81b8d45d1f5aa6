package cloudfoundry

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Event is an entry of the platform's own record of who did what.
type Event struct {
	GUID, Type string
	// Actor is the name of who did it.
	Actor      string
	TargetGUID string
	TargetName string
	At         time.Time
}

// Events lists what was done to the targets since a time, in order
// (CC API: List audit events). Without targets it lists those of the space.
func (c *Client) Events(ctx context.Context, targets []string, since time.Time) ([]Event, error) {
	t, err := c.Target(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list[resource.AuditEvent](ctx, c, "/v3/audit_events", filter(
		"target_guids", strings.Join(targets, ","), "space_guids", t.SpaceGUID,
		"created_ats[gte]", since.UTC().Format(time.RFC3339), "order_by", "created_at"))
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return each(all, func(e resource.AuditEvent) Event {
		return Event{e.GUID, e.Type, e.Actor.Name, e.Target.GUID, e.Target.Name, e.CreatedAt}
	}), nil
}
