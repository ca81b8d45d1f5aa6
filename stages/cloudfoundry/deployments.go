package cloudfoundry

import (
	"context"
	"fmt"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Deployment is a replacement of an app's instances by new ones, such as a rolling one.
type Deployment struct {
	GUID, Strategy string
	// Active says that it is under way. State is DEPLOYING, PAUSED or CANCELING then, and
	// DEPLOYED, CANCELED or SUPERSEDED afterwards.
	Active bool
	State  string
	// Fault is why it gets no further, in the platform's words, or "": one whose new
	// instances crash stays under way until somebody cancels it.
	Fault string
}

// LastDeployment reads the newest deployment of an app; nil if it never had one.
func (c *Apps) LastDeployment(ctx context.Context, app string) (*Deployment, error) {
	var newest struct {
		Resources []resource.Deployment `json:"resources"`
	}
	q := filter("app_guids", app, "order_by", "-created_at", "per_page", "1")
	if err := c.client.get(ctx, "/v3/deployments", q, &newest); err != nil {
		return nil, fmt.Errorf("read the deployments of app %s: %w", app, err)
	}
	if len(newest.Resources) == 0 {
		return nil, nil
	}
	found := newest.Resources[0]
	d := &Deployment{GUID: found.GUID, Strategy: found.Strategy, Active: found.Status.Value == "ACTIVE", State: found.Status.Reason}
	if details := found.Status.Details; details != nil {
		d.Fault = details.Error
	}
	return d, nil
}
