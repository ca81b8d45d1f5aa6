package cloudfoundry

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Process is the desired size and health check of an app's web process.
type Process struct {
	Instances        int
	MemoryMB, DiskMB int
	// HealthCheck is "http", "port" or "process".
	HealthCheck         string
	HealthCheckEndpoint string
}

// Process reads an app's web process.
func (c *Apps) Process(ctx context.Context, app string) (*Process, error) {
	var p resource.Process
	if err := c.client.get(ctx, "/v3/apps/"+app+"/processes/web", nil, &p); err != nil {
		return nil, fmt.Errorf("read the web process of app %s: %w", app, err)
	}
	return &Process{
		Instances: p.Instances, MemoryMB: p.MemoryInMB, DiskMB: p.DiskInMB,
		HealthCheck: p.HealthCheck.Type, HealthCheckEndpoint: deref(p.HealthCheck.Data.Endpoint),
	}, nil
}

// Scale sets the number of web instances of an app. Running instances are not
// restarted.
func (c *Apps) Scale(ctx context.Context, guid string, instances int) error {
	_, err := c.client.write(ctx, http.MethodPost, "/v3/apps/"+guid+"/processes/web/actions/scale", map[string]int{"instances": instances}, nil)
	if err != nil && isAmbiguous(err) {
		if now, readErr := c.Process(ctx, guid); readErr == nil && now.Instances == instances {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("scale app %s to %d: %w", guid, instances, err)
	}
	return nil
}

// Instance is the actual state of one instance of an app's web process.
type Instance struct {
	Index int
	GUID  string
	// State is RUNNING, STARTING, STOPPING, CRASHED or DOWN.
	State string
	// Routable reports whether the routers send it requests. Older platforms do not
	// say; then it is true if State is RUNNING.
	Routable bool
	// Details is the reason why it could not be placed, or "".
	Details string
}

// Serving reports whether the instance runs and gets requests.
func (i Instance) Serving() bool { return i.State == "RUNNING" && i.Routable }

// Instances reads the state of an app's web instances, sorted by index. In a
// stopped app, an instance that is still shutting down is STOPPING (since CAPI
// 1.184; before that it is DOWN at once).
func (c *Apps) Instances(ctx context.Context, app string) ([]Instance, error) {
	var stats struct {
		// go-cfclient's type reads a missing routable as false.
		Resources []struct {
			Index    int    `json:"index"`
			GUID     string `json:"instance_guid"`
			State    string `json:"state"`
			Routable *bool  `json:"routable"`

			Details *string `json:"details"`
		} `json:"resources"`
	}
	if err := c.client.get(ctx, "/v3/apps/"+app+"/processes/web/stats", nil, &stats); err != nil {
		return nil, fmt.Errorf("read the instances of app %s: %w", app, err)
	}
	all := make([]Instance, 0, len(stats.Resources))
	for _, s := range stats.Resources {
		routable := s.State == "RUNNING"
		if s.Routable != nil {
			routable = *s.Routable
		}
		all = append(all, Instance{s.Index, s.GUID, s.State, routable, deref(s.Details)})
	}
	slices.SortFunc(all, func(a, b Instance) int { return a.Index - b.Index })
	return all, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
