package diego

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Process is a long-running process as it is desired: what it runs and its environment are fixed (ccng:
// lib/cloud_controller/diego/app_recipe_builder.rb).
type Process struct {
	ProcessGUID, Kind       string
	AppGUID, AppName, Image string
	Env                     map[string]string
	Health                  Health
}

// Health is a process's health check.
type Health struct {
	Endpoint string        // path and query of an HTTP check; "" is a check of the port or the process
	Port     bool          // a check of the port, which a program in here listens on at once
	Timeout  time.Duration // until a container that starts must be healthy; 0: the platform's
	Interval time.Duration // between two checks of a container that runs; 0: the platform's
}

// LRP is a process that was desired. Its methods must be called with the lock held, except for Boot.
type LRP struct {
	Process
	d          *Diego
	desired    int
	stopped    bool
	containers []*Container // one of each index: it is up, or shall be
	all        []*Container // and those that are on their way out
}

// Desire starts n containers of a process. The lock must be held.
func (d *Diego) Desire(v Process, n int) *LRP {
	l := d.add(v)
	l.Resize(n)
	return l
}

// Place makes n containers of a process, whose programs Boot starts at once. The lock must be held.
func (d *Diego) Place(v Process, n int) *LRP {
	l := d.add(v)
	l.desired = n
	for i := range n {
		l.newContainer(i, 0)
	}
	return l
}

func (d *Diego) add(v Process) *LRP {
	l := &LRP{Process: v, d: d}
	d.lrps[l] = true
	return l
}

// Boot starts the programs of a process that was placed. When it returns, all containers run. It does not call
// RoutesChanged.
// The lock must not be held.
func (l *LRP) Boot() error {
	for _, c := range l.containers {
		if err := c.start(); err != nil {
			return fmt.Errorf("start %s/%d: %w", c.AppName, c.Index, err)
		}
		if c.external() != nil && !c.becomesHealthy() {
			return fmt.Errorf("start %s/%d: it does not get healthy", c.AppName, c.Index)
		}
	}
	l.d.opts.Lock.Lock()
	defer l.d.opts.Lock.Unlock()
	for _, c := range l.containers {
		c.state = running
		go c.watch()
	}
	return nil
}

// Running is how many containers run.
func (l *LRP) Running() int {
	n := 0
	for _, c := range l.containers {
		if c.serves() {
			n++
		}
	}
	return n
}

// Stop sends SIGTERM to every container.
func (l *LRP) Stop() {
	l.stopped = true
	for _, c := range l.containers {
		c.stop()
	}
	l.containers = nil
	l.forget()
	l.d.opts.Observer.RoutesChanged()
}

// Resize takes effect at once; new containers get the environment that was fixed.
func (l *LRP) Resize(n int) {
	l.desired = n
	l.containers = slices.DeleteFunc(l.containers, func(c *Container) bool {
		if c.Index < n {
			return false
		}
		c.stop()
		return true
	})
	for i := range n {
		if !slices.ContainsFunc(l.containers, func(c *Container) bool { return c.Index == i }) {
			l.launch(i, 0)
		}
	}
	l.d.opts.Observer.RoutesChanged()
}

// Replace ends the container of an index and starts another, with the same environment. It reports whether there was one.
func (l *LRP) Replace(index int) bool {
	i := slices.IndexFunc(l.containers, func(c *Container) bool { return c.Index == index })
	if i < 0 {
		return false
	}
	c := l.containers[i]
	l.containers = slices.Delete(l.containers, i, i+1)
	c.stop()
	l.launch(index, 0)
	l.d.opts.Observer.RoutesChanged()
	return true
}

func (l *LRP) launch(index, crashes int) {
	c := l.newContainer(index, crashes)
	c.log("CELL", false, "Cell 1 creating container for instance "+c.InstanceGUID)
	l.d.opts.Clock.After(l.d.opts.StartTime, c.boot)
}

func (l *LRP) newContainer(index, crashes int) *Container {
	c := &Container{
		LRP: l, InstanceGUID: l.d.opts.NewGUID(), Index: index, state: "STARTING", Since: l.d.opts.Clock.Now(), Crashes: crashes,
		dead: make(chan struct{}),
	}
	l.containers = append(l.containers, c)
	l.all = append(l.all, c)
	return c
}

// forget drops a stopped process when its last container is gone.
func (l *LRP) forget() {
	if l.stopped && !slices.ContainsFunc(l.all, func(c *Container) bool { return !c.isDead() }) {
		delete(l.d.lrps, l)
	}
}

// address is a container's on one of the platform's networks.
func address(network string, index int) string { return network + strconv.Itoa(10+index) }
