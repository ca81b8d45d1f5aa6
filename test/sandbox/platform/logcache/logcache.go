// Package logcache is log-cache: the newest log lines of each app, to be read over HTTP. A line can be read only some time
// after it was written, and each has a delay of its own: lines arrive late and out of order, and some may never arrive.
package logcache

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/reply"
)

// Options say how late and how lossy the cache is.
type Options struct {
	Clock *clock.Clock
	Lag   time.Duration // a line can be read between 0 and this later, scaled
	Loss  float64       // share of lines that never arrive
	Keep  int           // lines kept for each app
}

// Cache keeps the lines. It is safe for use by several goroutines.
type Cache struct {
	opts Options

	mu   sync.Mutex
	apps map[string][]envelope // by GUID
}

// New makes an empty cache.
func New(o Options) *Cache { return &Cache{opts: o, apps: map[string][]envelope{}} }

// Line is one line of an app's stream.
type Line struct {
	Source   string // source type: RTR, CELL, APP/PROC/WEB and so on
	Instance string
	Stderr   bool
	Text     fmt.Stringer // asked for only when the line is read
	Tags     map[string]string
}

// envelope is a line with the time at which it was written.
type envelope struct {
	Line
	at      int64 // nanoseconds since 1970
	visible time.Time
}

type text string

func (t text) String() string { return string(t) }

// Write puts one line of an app's program, or of the platform about the app, into the app's stream.
func (c *Cache) Write(app, source, instance string, stderr bool, line string) {
	c.Put(app, Line{Source: source, Instance: instance, Stderr: stderr, Text: text(line)})
}

// Put puts a line into the stream of an app.
func (c *Cache) Put(app string, line Line) {
	if c.opts.Loss > 0 && rand.Float64() < c.opts.Loss {
		return
	}
	now := c.opts.Clock.Now()
	e := envelope{Line: line, at: now.UnixNano(), visible: now}
	if lag := c.opts.Clock.Scale(c.opts.Lag); lag > 0 {
		e.visible = now.Add(rand.N(lag))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := append(c.apps[app], e)
	if keep := c.opts.Keep; len(kept) > keep+keep/4 {
		kept = slices.Clone(kept[len(kept)-keep:])
	}
	c.apps[app] = kept
}

// read takes the oldest lines from start on, or the newest before end if descending.
func (c *Cache) read(app string, start, end int64, limit int, descending bool) []envelope {
	now := c.opts.Clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []envelope
	for _, e := range c.apps[app] {
		if e.at >= start && e.at < end && !e.visible.After(now) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b envelope) int { return int(min(max(a.at-b.at, -1), 1)) })
	if descending {
		slices.Reverse(found)
	}
	return found[:min(limit, len(found))]
}

func (e envelope) present(app string) reply.Object {
	kind := "OUT"
	if e.Stderr {
		kind = "ERR"
	}
	tags := reply.Object{"source_type": e.Source, "origin": "sandbox", "app_id": app, "instance_id": e.Instance}
	for k, v := range e.Tags {
		tags[k] = v
	}
	return reply.Object{
		"timestamp": strconv.FormatInt(e.at, 10), "source_id": app, "instance_id": e.Instance, "deprecated_tags": reply.Object{}, "tags": tags,
		"log": reply.Object{"payload": base64.StdEncoding.EncodeToString([]byte(e.Text.String())), "type": kind},
	}
}
