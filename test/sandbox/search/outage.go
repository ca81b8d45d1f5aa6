package search

import (
	"context"
	"fmt"
)

// Outage is a way in which the engine behind a search API fails.
type Outage string

const (
	// None means that the engine is well.
	None Outage = ""
	// Down means that nothing listens. Every call fails at once, with the status "N/A".
	Down Outage = "down"
	// Hanging means that the engine accepts connections and never answers. Every call fails after ten seconds, with the
	// status "TIMEOUT".
	Hanging Outage = "hanging"
	// Unavailable means that the engine answers 503 to everything.
	Unavailable Outage = "unavailable"
	// Full means that the disk has passed the flood stage. Writes are refused with 429, up to version 6 with 403.
	Full Outage = "full"
	// ReadOnly means that the whole cluster refuses writes, deletes included, with 403.
	ReadOnly Outage = "read-only"
	// BadGateway means that a proxy in front of the engine answers 502 with an HTML page.
	BadGateway Outage = "bad-gateway"
	// LowDisk is of the app's disk, not the engine's: less than five percent is free. Then /_status answers 500;
	// nothing else changes.
	LowDisk Outage = "low-disk"
)

// Outages are all kinds of outage.
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
