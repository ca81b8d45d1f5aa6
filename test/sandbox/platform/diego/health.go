package diego

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"
)

// Health checks (executor: cmd healthcheck; ccng's defaults): every 2 s for at most 60 s until the container is healthy,
// from then on every 30 s, and one failure ends it. How long one request may take is measured in real time, and is more
// than the platform's 1 s, because it depends on the machine that the sandbox runs on.
const (
	startupInterval  = 2 * time.Second
	startupTimeout   = 60 * time.Second
	livenessInterval = 30 * time.Second
	healthRequest    = 10 * time.Second
)

// becomesHealthy repeats the health check until it holds, or the container is gone or has crashed because it never did.
func (c *Container) becomesHealthy() bool {
	timeout := startupTimeout
	if c.Health.Timeout > 0 {
		timeout = c.Health.Timeout
	}
	end := time.Now().Add(max(c.d.opts.Clock.Scale(timeout), healthRequest))
	for {
		problem := c.unhealthy()
		if problem == "" {
			return true
		}
		if c.isDead() {
			return false
		}
		if time.Now().After(end) {
			c.log("HEALTH", true, problem)
			c.log("CELL", true, "Failed after "+timeout.String()+": startup health check never passed.")
			c.crash("Instance never healthy after "+timeout.String()+": "+problem, 0)
			return false
		}
		if !c.wait(max(c.d.opts.Clock.Scale(startupInterval), 50*time.Millisecond)) {
			return false
		}
	}
}

// watch repeats the health check while the container lives.
func (c *Container) watch() {
	interval := livenessInterval
	if c.Health.Interval > 0 {
		interval = c.Health.Interval
	}
	for c.wait(max(c.d.opts.Clock.Scale(interval), time.Second)) {
		if c.refusing.Load() {
			return
		}
		if problem := c.unhealthy(); problem != "" && !c.isDead() && !c.refusing.Load() {
			c.log("HEALTH", true, problem)
			c.crash("Instance became unhealthy: Liveness check unsuccessful: "+problem, 0)
			return
		}
	}
}

// wait reports whether the container still lives after d.
func (c *Container) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.dead:
	case <-c.d.opts.Life.Done():
	}
	return false
}

// unhealthy asks the health check's endpoint, and returns what is wrong; "" if nothing is.
func (c *Container) unhealthy() string {
	if c.Health.Endpoint == "" {
		if e := c.external(); e != nil && c.Health.Port && e.Listens() != nil {
			return "Failed to make TCP connection to port 8080: connection refused"
		}
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), healthRequest)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, c.Health.Endpoint, nil)
	r.Host = address("10.255.0.", c.Index) + ":8080"
	r.Header.Set("User-Agent", "diego-healthcheck")
	what := fmt.Sprintf("Failed to make HTTP request to '%s' on port 8080: ", c.Health.Endpoint)
	res, err := c.RoundTrip(r) //nolint:bodyclose // It has none: the container answers in memory.
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return what + "timed out after 1.00 seconds"
	case err != nil:
		return what + "connection refused"
	case res.StatusCode != http.StatusOK:
		return what + fmt.Sprintf("received status code %d", res.StatusCode)
	}
	return ""
}
