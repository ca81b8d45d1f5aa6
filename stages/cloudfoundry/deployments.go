package cloudfoundry

import (
	"context"
	"fmt"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Deployment is a replacement of an app's instances by new ones, such as a rolling one.
type Deployment struct {
	GUID, Strategy string
	// State is DEPLOYING, PAUSED or CANCELING while it is under way.
	State string
	// Fault is why it gets no further, in the platform's words, or "": one whose new
	// instances crash stays under way until somebody cancels it.
	Fault string
}

// DeploymentUnderWay reads the deployment of an app that is under way; nil if there is
// none.
func (c *Apps) DeploymentUnderWay(ctx context.Context, app string) (*Deployment, error) {
	found, err := list[resource.Deployment](ctx, c.client, "/v3/deployments", filter("app_guids", app, "status_values", "ACTIVE", "order_by", "-created_at"))
	if err != nil {
		return nil, fmt.Errorf("read the deployments of app %s: %w", app, err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	d := &Deployment{GUID: found[0].GUID, Strategy: found[0].Strategy, State: found[0].Status.Reason}
	if details := found[0].Status.Details; details != nil {
		d.Fault = details.Error
	}
	return d, nil
}
