package cloudfoundry

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"
)

// Process is how an app's web process is wanted.
type Process struct {
	GUID                string
	Instances           int
	MemoryMB, DiskMB    int
	LogRateBytesPerSec  int
	HealthCheck         string
	HealthCheckEndpoint string
	HealthCheckTimeout  time.Duration
}

// Process reads an app's web process.
func (c *Client) Process(ctx context.Context, app string) (*Process, error) {
	var p resource.Process
	if err := c.get(ctx, "/v3/apps/"+app+"/processes/web", nil, &p); err != nil {
		return nil, fmt.Errorf("read the web process of app %s: %w", app, err)
	}
	return &Process{
		GUID: p.GUID, Instances: p.Instances, MemoryMB: p.MemoryInMB, DiskMB: p.DiskInMB,
		LogRateBytesPerSec: p.LogRateLimitInBytesPerSecond,
		HealthCheck:        p.HealthCheck.Type, HealthCheckEndpoint: deref(p.HealthCheck.Data.Endpoint),
		HealthCheckTimeout: time.Duration(deref(p.HealthCheck.Data.Timeout)) * time.Second,
	}, nil
}

// ScaleApp sets how many web instances an app wants. Those that run are not restarted
// for it.
func (c *Client) ScaleApp(ctx context.Context, guid string, instances int) error {
	_, err := c.write(ctx, http.MethodPost, "/v3/apps/"+guid+"/processes/web/actions/scale", map[string]int{"instances": instances}, nil)
	if err != nil && isAmbiguous(err) {
		if now, lookErr := c.Process(ctx, guid); lookErr == nil && now.Instances == instances {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("scale app %s to %d: %w", guid, instances, err)
	}
	return nil
}

// Instance is one instance of an app's web process as it is.
type Instance struct {
	Index int
	GUID  string
	// State is RUNNING, STARTING, STOPPING, CRASHED or DOWN.
	State string
	// Routable tells whether the routers send it requests. A platform that does
	// not know says nothing; then it is what State is RUNNING.
	Routable bool
	Uptime   time.Duration
	// Details says why it could not be placed, or "".
	Details string
}

// Serving tells whether the instance runs and gets requests.
func (i Instance) Serving() bool { return i.State == "RUNNING" && i.Routable }

// Instances reads the state of an app's web instances, in the order of their
// index. Of a stopped app one that is still ending is STOPPING (since CAPI 1.184),
// or all are DOWN.
func (c *Client) Instances(ctx context.Context, app string) ([]Instance, error) {
	var stats struct {
		// go-cfclient reads a missing routable as false.
		Resources []struct {
			Index    int     `json:"index"`
			GUID     string  `json:"instance_guid"`
			State    string  `json:"state"`
			Routable *bool   `json:"routable"`
			Uptime   int     `json:"uptime"`
			Details  *string `json:"details"`
		} `json:"resources"`
	}
	if err := c.get(ctx, "/v3/apps/"+app+"/processes/web/stats", nil, &stats); err != nil {
		return nil, fmt.Errorf("read the instances of app %s: %w", app, err)
	}
	all := make([]Instance, 0, len(stats.Resources))
	for _, s := range stats.Resources {
		routable := s.State == "RUNNING"
		if s.Routable != nil {
			routable = *s.Routable
		}
		all = append(all, Instance{s.Index, s.GUID, s.State, routable, time.Duration(s.Uptime) * time.Second, deref(s.Details)})
	}
	slices.SortFunc(all, func(a, b Instance) int { return a.Index - b.Index })
	return all, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
