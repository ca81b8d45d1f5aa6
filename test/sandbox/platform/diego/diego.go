// Package diego is Diego: it runs the long-running processes that the Cloud Controller desires, each in containers that
// start, get healthy, crash, are restarted and stop. Where a behaviour follows a component, the comment beside it names the
// source: bbs is cloudfoundry/bbs, executor cloudfoundry/executor, ccng cloudfoundry/cloud_controller_ng.
//
// Diego has no lock of its own. It is handed that of the world model, because a container's state, its routes and its
// audit event must change together. It depends on nothing else of the world: processes are values, and it reports what has
// happened to a container to an Observer.
package diego

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// Options are what Diego needs.
type Options struct {
	Lock     sync.Locker     // guards everything that Diego keeps; see each method
	Life     context.Context // when it is done, no container starts any more
	Clock    *clock.Clock
	Programs Programs

	StartTime time.Duration // creating a container and starting its program, scaled
	StopGrace time.Duration // between SIGTERM and SIGKILL, scaled

	NewGUID  func() string // is called with the lock held
	Log      func(app, source, instance string, stderr bool, line string)
	Observer Observer
}

// Observer is informed of what has happened to containers. Its methods are called with the lock held.
type Observer interface {
	// RoutesChanged means that Serving may have changed.
	RoutesChanged()
	// Ready means that a container has become healthy.
	Ready(c *Container)
	// Crashed means that a container has ended by itself, or because it became unhealthy.
	Crashed(c *Container, reason string, exitStatus int)
}

// Diego runs processes.
type Diego struct {
	opts Options
	lrps map[*LRP]bool // guarded by the lock
}

// New makes a Diego that runs nothing.
func New(o Options) *Diego { return &Diego{opts: o, lrps: map[*LRP]bool{}} }

// Close kills every container. The lock must be held.
func (d *Diego) Close() {
	for l := range d.lrps {
		for _, c := range l.all {
			c.kill()
		}
	}
}

// Serving are the containers that ought to be routed. The lock must be held.
func (d *Diego) Serving() []*Container {
	var all []*Container
	for l := range d.lrps {
		if l.stopped {
			continue
		}
		for _, c := range l.containers {
			if c.serves() {
				all = append(all, c)
			}
		}
	}
	return all
}

// Crash ends the running container of an app with this index as if its program had ended, and reports whether there was
// one. The lock must not be held.
func (d *Diego) Crash(app string, index int, reason string, exitStatus int) bool {
	d.opts.Lock.Lock()
	serving := d.Serving()
	i := slices.IndexFunc(serving, func(c *Container) bool { return c.AppGUID == app && c.Index == index })
	d.opts.Lock.Unlock()
	if i < 0 {
		return false
	}
	serving[i].crash(reason, exitStatus)
	return true
}

// Row is what the Cloud Controller shows of one index of a process.
type Row struct {
	Index     int
	State     string
	Container *Container // nil: DOWN
}

// Rows are those of a process that wants n instances and is desired as current (nil: it is stopped). An index without a
// container is DOWN; containers of a stopped process are STOPPING until they are gone (ccng:
// lib/cloud_controller/diego/reporters/instances_stats_reporter.rb). The lock must be held.
func (d *Diego) Rows(process string, n int, current *LRP) []Row {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = Row{Index: i, State: "DOWN"}
	}
	for l := range d.lrps {
		if l.ProcessGUID != process {
			continue
		}
		for _, c := range l.all {
			if c.Index >= len(rows) || c.gone() {
				continue
			}
			isCurrent := l == current
			if old := rows[c.Index].Container; old != nil && (!isCurrent || c.Since.Before(old.Since)) {
				continue
			}
			state := c.state
			if !isCurrent && current == nil {
				state = "STOPPING"
			} else if !isCurrent || c.stopping {
				continue
			}
			rows[c.Index] = Row{Index: c.Index, State: state, Container: c}
		}
	}
	return rows
}
