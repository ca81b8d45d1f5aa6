package cloudfoundry

import (
	"context"
	"fmt"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Labelled is an app, a service instance or a route that has a label.
type Labelled struct {
	Metadata
	Kind Kind
	GUID string
	// Name is the address if it is a route.
	Name    string
	Created time.Time
}

// Labelled lists all apps, service instances and routes in the space that have the
// label, with any value (CC API: Labels and selectors).
func (c *Space) Labelled(ctx context.Context, label string) ([]Labelled, error) {
	t, err := c.Target(ctx)
	if err != nil {
		return nil, err
	}
	var all []Labelled
	for _, kind := range []Kind{AppKind, ServiceInstanceKind, RouteKind} {
		found, err := list[labelled](ctx, c.client, "/v3/"+string(kind), filter("label_selector", label, "space_guids", t.SpaceGUID))
		if err != nil {
			return nil, fmt.Errorf("list %s with label %s: %w", kind, label, err)
		}
		for _, o := range found {
			name := o.Name
			if kind == RouteKind {
				name = o.URL
			}
			all = append(all, Labelled{metadataOf(o.Metadata), kind, o.GUID, name, o.Created})
		}
	}
	return all, nil
}

type labelled struct {
	GUID     string             `json:"guid"`
	Name     string             `json:"name"`
	URL      string             `json:"url"`
	Created  time.Time          `json:"created_at"`
	Metadata *resource.Metadata `json:"metadata"`
}
