package search

import (
	"context"
	"fmt"
)

// Outage is a way in which the engine behind a search API fails.
type Outage string

const (
	None Outage = ""
	// Down: nothing listens. Every call ends at once, with the status "N/A".
	Down Outage = "down"
	// Hanging: it takes the connection and never answers. Every call ends after ten seconds, with the status "TIMEOUT".
	Hanging Outage = "hanging"
	// Unavailable: it answers 503 to everything.
	Unavailable Outage = "unavailable"
	// Full: the disk has passed the flood stage; nothing is written any more: 429, on version 6 and before 403.
	Full Outage = "full"
	// ReadOnly: the whole cluster is blocked for writes, deletes included: 403 everywhere.
	ReadOnly Outage = "read-only"
	// BadGateway: something in front of it answers 502 with a page of HTML.
	BadGateway Outage = "bad-gateway"
	// LowDisk is the app's own: less than five percent of it is free, which /_status says with a 500, and nothing else does.
	LowDisk Outage = "low-disk"
)

// Outages are all that there are.
func Outages() []Outage {
	return []Outage{Down, Hanging, Unavailable, Full, ReadOnly, BadGateway, LowDisk}
}

func refused() error {
	return &engineError{code: "N/A", message: "<urllib3.connection.HTTPConnection object at 0x7f3c5c0f2d30>: Failed to establish a new connection: [Errno 111] Connection refused"}
}

func (o Outage) apply(ctx context.Context, c *cluster, write bool) error {
	switch o {
	case Down:
		return refused()
	case Hanging:
		if err := c.clock.Sleep(ctx, hangs); err != nil {
			return err
		}
		return &engineError{code: "TIMEOUT", message: fmt.Sprintf("HTTPConnectionPool(host='%s', port=9200): Read timed out. (read timeout=10)", host(c.instance))}
	case Unavailable:
		return refusal(503, "cluster_block_exception", "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered / initialized];")
	case BadGateway:
		return &engineError{status: 502}
	case Full:
		if write {
			reason := "blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];"
			if c.engine.flood == 403 {
				reason = "blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];"
			}
			return refusal(c.engine.flood, "cluster_block_exception", reason)
		}
	case ReadOnly:
		if write {
			return refusal(403, "cluster_block_exception", "blocked by: [FORBIDDEN/6/cluster read-only (api)];")
		}
	}
	return nil
}
