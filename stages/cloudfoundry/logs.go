package cloudfoundry

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LogLine is one line of an app's log.
type LogLine struct {
	At time.Time
	// Source is the component that wrote it: "APP/PROC/WEB", "RTR", "CELL", "API", "STG".
	Source string
	// Instance is the index of the app's instance, or of the router if Source is "RTR".
	Instance string
	Stderr   bool
	Text     string
}

// beginning is the start time that the cf command sends to read a log from its
// first line (cf logs --recent -v).
const beginning = "-6795364578871345152"

// RecentLogs returns the newest lines of an app's log that log-cache still has, at
// most limit and at most 1,000, oldest first. Lines may be missing: log-cache keeps
// a limited number of lines, and a line arrives there seconds after it was written
// (go-log-cache: README).
func (c *Apps) RecentLogs(ctx context.Context, app string, limit int) ([]LogLine, error) {
	if c.client.links.logCache == "" {
		return nil, fmt.Errorf("read the log of app %s: this platform has no log-cache", app)
	}
	var response struct {
		Envelopes struct {
			Batch []struct {
				Timestamp string            `json:"timestamp"`
				Instance  string            `json:"instance_id"`
				Tags      map[string]string `json:"tags"`
				Log       *struct {
					Payload []byte `json:"payload"`
					Type    string `json:"type"`
				} `json:"log"`
			} `json:"batch"`
		} `json:"envelopes"`
	}
	path := strings.TrimRight(c.client.links.logCache, "/") + "/api/v1/read/" + app
	err := c.client.get(ctx, path, filter("descending", "true", "envelope_types", "LOG",
		"limit", strconv.Itoa(min(limit, 1000)), "start_time", beginning), &response)
	if err != nil {
		return nil, fmt.Errorf("read the log of app %s: %w", app, err)
	}
	var lines []LogLine
	for _, e := range response.Envelopes.Batch {
		at, err := strconv.ParseInt(e.Timestamp, 10, 64)
		if err != nil || e.Log == nil {
			continue
		}
		lines = append(lines, LogLine{
			At: time.Unix(0, at).UTC(), Source: e.Tags["source_type"], Instance: e.Instance,
			Stderr: e.Log.Type == "ERR", Text: strings.TrimRight(string(e.Log.Payload), "\n"),
		})
	}
	slices.Reverse(lines) // The stable sort then keeps the order of lines with the same time.
	slices.SortStableFunc(lines, func(a, b LogLine) int { return a.At.Compare(b.At) })
	return lines, nil
}
