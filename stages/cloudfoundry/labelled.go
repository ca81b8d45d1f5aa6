package cloudfoundry

import (
	"context"
	"fmt"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Labelled is an object that carries a label, whatever it is.
type Labelled struct {
	Metadata
	Kind Kind
	GUID string
	// Name is a route's address.
	Name    string
	Created time.Time
}

// Labelled lists all apps, service instances and routes of the space that carry a
// label, with whatever value (CC API: Labels and selectors).
func (c *Client) Labelled(ctx context.Context, label string) ([]Labelled, error) {
	t, err := c.Target(ctx)
	if err != nil {
		return nil, err
	}
	var all []Labelled
	for _, kind := range []Kind{Apps, ServiceInstances, Routes} {
		some, err := list[labelled](ctx, c, "/v3/"+string(kind), filter("label_selector", label, "space_guids", t.SpaceGUID))
		if err != nil {
			return nil, fmt.Errorf("list %s with label %s: %w", kind, label, err)
		}
		for _, one := range some {
			name := one.Name
			if kind == Routes {
				name = one.URL
			}
			all = append(all, Labelled{metadataOf(one.Metadata), kind, one.GUID, name, one.Created})
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
