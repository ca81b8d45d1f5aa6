package diego

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// States of a container that are compared with.
const (
	running = "RUNNING"
	crashed = "CRASHED"
)

// Backoff of a program that crashes: three restarts at once, then after 30 s, doubling up to 16 min. After five minutes of
// running it begins anew (bbs: models/restart_calculator.go, models/actual_lrp.go).
const (
	immediateRestarts = 3
	firstBackoff      = 30 * time.Second
	longestBackoff    = 16 * time.Minute
	crashReset        = 5 * time.Minute
)

// leastGrace is the least real time between SIGTERM and SIGKILL: at a quick pace the scaled grace may be less than a
// request takes here, where what a program computes is not scaled. It is still a fifth of the real one.
const leastGrace = 2 * time.Second

// Container runs one instance of a process. Its exported fields, and state and stopping, are guarded by the lock.
type Container struct {
	*LRP
	InstanceGUID string
	Index        int
	Since        time.Time // of its state
	Crashes      int       // of this index, one after the other

	state    string // STARTING, RUNNING, CRASHED, STOPPED
	stopping bool

	dead     chan struct{} // closed when the container is gone
	once     sync.Once
	refusing atomic.Bool // SIGTERM has come: no new connections
	leaving  atomic.Bool // is killed when its last request has ended
	inFlight atomic.Int64
	handler  atomic.Pointer[http.Handler]
}

func (c *Container) serves() bool { return c.state == running && !c.stopping }

func (c *Container) log(source string, stderr bool, line string) {
	c.d.opts.Log(c.AppGUID, source, strconv.Itoa(c.Index), stderr, line)
}

// environment is the process's, and what the container adds to it.
func (c *Container) environment() map[string]string {
	env := maps.Clone(c.Env)
	index, port := strconv.Itoa(c.Index), strconv.Itoa(61000+c.Index)
	env["CF_INSTANCE_GUID"], env["INSTANCE_GUID"] = c.InstanceGUID, c.InstanceGUID
	env["CF_INSTANCE_INDEX"], env["INSTANCE_INDEX"] = index, index
	env["CF_INSTANCE_IP"], env["CF_INSTANCE_INTERNAL_IP"] = address("10.0.0.", c.Index), address("10.255.0.", c.Index)
	env["CF_INSTANCE_PORT"], env["CF_INSTANCE_ADDR"] = port, address("10.0.0.", c.Index)+":"+port
	return env
}

// start runs the program. The lock must not be held.
func (c *Container) start() error {
	program, ok := c.d.opts.Programs(c.Image)
	if !ok {
		return errors.New("failed to pull image " + c.Image) // the tag is pulled anew for each container
	}
	h, err := program.Boot(Instance{
		AppGUID: c.AppGUID, AppName: c.AppName, InstanceGUID: c.InstanceGUID, Kind: c.Kind, Index: c.Index, Env: c.environment(),
		Log: func(stderr bool, line string) { c.log("APP/PROC/WEB", stderr, line) },
	})
	if err != nil {
		return err
	}
	c.handler.Store(&h)
	if c.isDead() { // killed while it started
		c.closeHandler()
	}
	if e, ok := h.(External); ok {
		go c.follow(e)
	}
	return nil
}

// follow notices the end of a real process: of one that was told to end, or a crash.
func (c *Container) follow(e External) {
	select {
	case <-e.Ended():
	case <-c.dead:
		return
	}
	exit := "Exited with status " + strconv.Itoa(e.Status())
	c.log("APP/PROC/WEB", false, exit)
	c.d.opts.Lock.Lock()
	stopping := c.stopping
	c.d.opts.Lock.Unlock()
	if stopping {
		c.kill()
		return
	}
	c.crash("APP/PROC/WEB: "+exit, e.Status())
}

// external is the container's process; nil if its program runs in here, or does not run.
func (c *Container) external() External {
	h := c.handler.Load()
	if h == nil {
		return nil
	}
	e, _ := (*h).(External)
	return e
}

// boot starts the program and checks its health until the container ends or crashes. The lock must not be held.
func (c *Container) boot() {
	if c.isDead() || c.d.opts.Life.Err() != nil {
		return
	}
	if err := c.start(); err != nil {
		for line := range strings.SplitSeq(strings.TrimRight(err.Error(), "\n"), "\n") {
			c.log("APP/PROC/WEB", true, line)
		}
		c.log("APP/PROC/WEB", false, "Exit status 1")
		c.crash("APP/PROC/WEB: Exited with status 1", 1)
		return
	}
	if c.becomesHealthy() && c.becomesReady() {
		c.watch()
	}
}

func (c *Container) becomesReady() bool {
	c.d.opts.Lock.Lock()
	defer c.d.opts.Lock.Unlock()
	if c.isDead() || c.stopping {
		return false
	}
	c.state, c.Since = running, c.d.opts.Clock.Now()
	c.log("CELL", false, "Container became healthy")
	c.d.opts.Observer.RoutesChanged()
	c.d.opts.Observer.Ready(c)
	return true
}

// crash ends a container that failed and starts another, at once or after the backoff. The lock must not be held.
func (c *Container) crash(reason string, exitStatus int) {
	c.d.opts.Lock.Lock()
	defer c.d.opts.Lock.Unlock()
	if c.isDead() || c.stopping || c.stopped {
		return
	}
	now := c.d.opts.Clock.Now()
	if now.Sub(c.Since) > crashReset && c.state == running {
		c.Crashes = 0
	}
	c.Crashes++
	c.state, c.Since = crashed, now
	c.kill()
	c.d.opts.Observer.RoutesChanged()
	c.d.opts.Observer.Crashed(c, reason, exitStatus)
	if c.Crashes < immediateRestarts {
		c.restart()
		return
	}
	c.d.opts.Clock.After(min(firstBackoff<<min(c.Crashes-immediateRestarts, 10), longestBackoff), c.restartLate)
}

// restartLate is restart for those who do not hold the lock.
func (c *Container) restartLate() {
	c.d.opts.Lock.Lock()
	defer c.d.opts.Lock.Unlock()
	if c.d.opts.Life.Err() == nil {
		c.restart()
	}
}

func (c *Container) restart() {
	l := c.LRP
	if l.stopped || c.stopping || c.Index >= l.desired {
		return
	}
	l.containers = slices.DeleteFunc(l.containers, func(o *Container) bool { return o == c })
	l.all = slices.DeleteFunc(l.all, func(o *Container) bool { return o == c })
	l.launch(c.Index, c.Crashes)
}

// stop sends SIGTERM: the program refuses new connections, ends what is under way, and is killed when the grace is over.
// (A real program might also end at once on SIGTERM, and cut its requests.) The lock
// must be held.
func (c *Container) stop() {
	if c.stopping {
		return
	}
	c.stopping = true
	if c.state == crashed || c.handler.Load() == nil {
		c.state = "STOPPED"
		c.kill()
		return
	}
	grace := c.d.opts.StopGrace
	if e := c.external(); e != nil {
		e.Terminate()
		time.AfterFunc(max(c.d.opts.Clock.Scale(grace), leastGrace), c.kill)
		return
	}
	c.refusing.Store(true)
	c.d.opts.Clock.After(min(time.Second, grace), func() {
		c.leaving.Store(true)
		if c.inFlight.Load() == 0 {
			c.kill()
		}
	})
	if grace > 0 {
		time.AfterFunc(max(c.d.opts.Clock.Scale(grace), leastGrace), c.kill)
		return
	}
	c.kill()
}

// kill takes no lock, and may be called with it.
func (c *Container) kill() {
	c.once.Do(func() {
		close(c.dead)
		go func() {
			c.closeHandler()
			c.remove()
		}()
	})
}

func (c *Container) closeHandler() {
	if h := c.handler.Load(); h != nil {
		if closer, ok := (*h).(io.Closer); ok {
			_ = closer.Close()
		}
	}
}

// remove drops a container that is gone. One that crashed is still shown until another replaces it.
func (c *Container) remove() {
	c.d.opts.Lock.Lock()
	defer c.d.opts.Lock.Unlock()
	if c.state != crashed {
		c.all = slices.DeleteFunc(c.all, func(o *Container) bool { return o == c })
	}
	c.forget()
	c.d.opts.Observer.RoutesChanged()
}

func (c *Container) isDead() bool {
	select {
	case <-c.dead:
		return true
	default:
		return false
	}
}

func (c *Container) gone() bool { return c.isDead() && c.state != crashed }
