package platform

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Backoff of a program that crashes: three times at once, then 30 s doubling up to 16 min; who ran for five minutes
// begins anew (bbs: models/restart_calculator.go, models/actual_lrp.go).
const (
	immediateRestarts = 3
	firstBackoff      = 30 * time.Second
	longestBackoff    = 16 * time.Minute
	crashReset        = 5 * time.Minute
)

// Health checks (executor: cmd healthcheck; ccng's defaults): until it is healthy every 2 s for at most 60 s, from
// then on every 30 s, and one failure ends it. How long one request may take is measured in real time, and more
// generously than the platform's 1 s, since it says something about the machine that the sandbox runs on.
const (
	startupInterval  = 2 * time.Second
	startupTimeout   = 60 * time.Second
	livenessInterval = 30 * time.Second
	healthRequest    = 10 * time.Second
)

// lrp is a long-running process as it was desired: what it runs and its environment are fixed (ccng:
// lib/cloud_controller/diego/app_recipe_builder.rb).
type lrp struct {
	p         *Platform
	process   *process
	appGUID   string
	appName   string
	image     string
	env       map[string]string
	health    healthCheck
	desired   int
	stopped   bool
	instances []*instance // the one of each index that is or shall be up
	all       []*instance // those that are on their way out too
}

// instance is one container.
type instance struct {
	lrp      *lrp
	guid     string
	index    int
	state    string // STARTING, RUNNING, CRASHED
	since    time.Time
	details  string
	stopping bool
	crashes  int

	dead     chan struct{} // closed when the container is gone
	once     sync.Once
	refusing atomic.Bool // SIGTERM has come: no new connections
	leaving  atomic.Bool // ends with its last request
	inFlight atomic.Int64
	handler  atomic.Pointer[http.Handler]
}

// desire replaces what the process runs by what it shall run now.
func (p *Platform) desire(v *process) {
	p.stopProcess(v)
	v.version, v.revision = p.newGUID(), nil
	if v.app.features["revisions"] {
		v.revision = p.latestRevision(v.app)
	}
	l := &lrp{
		p: p, process: v, appGUID: v.app.guid, appName: v.app.name, image: v.app.droplet.image,
		env: p.runningEnv(v.app, v), health: v.health,
	}
	v.lrp = l
	p.lrps[l] = true
	l.resize(v.instances)
}

// stopProcess sends SIGTERM to every container of the process.
func (p *Platform) stopProcess(v *process) {
	if v.lrp == nil {
		return
	}
	v.lrp.stop()
	v.lrp = nil
	p.reroute()
}

func (l *lrp) stop() {
	l.stopped = true
	for _, in := range l.instances {
		in.stop()
	}
	l.instances = nil
	l.forget()
}

// resize takes effect at once for running processes; new containers get the environment that was fixed.
func (l *lrp) resize(n int) {
	l.desired = n
	l.instances = slices.DeleteFunc(l.instances, func(in *instance) bool {
		if in.index < n {
			return false
		}
		in.stop()
		return true
	})
	for i := range n {
		if !slices.ContainsFunc(l.instances, func(in *instance) bool { return in.index == i }) {
			l.launch(i, 0)
		}
	}
	l.p.reroute()
}

// replace ends a container and starts another for its index.
func (l *lrp) replace(in *instance) {
	l.instances = slices.DeleteFunc(l.instances, func(o *instance) bool { return o == in })
	in.stop()
	l.launch(in.index, 0)
	l.p.reroute()
}

func (l *lrp) launch(index, crashes int) {
	in := l.newInstance(index, crashes)
	l.p.logs.Write(l.appGUID, "CELL", itoa(index), false, "Cell 1 creating container for instance "+in.guid)
	l.p.opts.Clock.After(l.p.opts.StartTime, in.boot)
}

func (l *lrp) newInstance(index, crashes int) *instance {
	in := &instance{
		lrp: l, guid: l.p.newGUID(), index: index, state: "STARTING", since: l.p.now(), crashes: crashes, dead: make(chan struct{}),
	}
	l.instances = append(l.instances, in)
	l.all = append(l.all, in)
	return in
}

// actor is the process, as audit events name it (ccng: app/repositories/process_event_repository.rb).
func (l *lrp) actor() *record { return &record{guid: l.process.guid, name: l.process.kind} }

// environment is what the container adds to what was desired.
func (in *instance) environment() map[string]string {
	env := copyOf(in.lrp.env)
	env["CF_INSTANCE_GUID"], env["INSTANCE_GUID"] = in.guid, in.guid
	env["CF_INSTANCE_INDEX"], env["INSTANCE_INDEX"] = itoa(in.index), itoa(in.index)
	env["CF_INSTANCE_IP"], env["CF_INSTANCE_INTERNAL_IP"] = "10.0.0."+itoa(10+in.index), "10.255.0."+itoa(10+in.index)
	env["CF_INSTANCE_PORT"], env["CF_INSTANCE_ADDR"] = itoa(61000+in.index), "10.0.0."+itoa(10+in.index)+":"+itoa(61000+in.index)
	return env
}

// start runs the program; it is called without the lock.
func (in *instance) start() error {
	program, ok := in.lrp.p.opts.Programs(in.lrp.image)
	if !ok {
		return errorString("failed to pull image " + in.lrp.image) // the tag is pulled anew for each container
	}
	h, err := program.Boot(Instance{
		AppGUID: in.lrp.appGUID, AppName: in.lrp.appName, InstanceGUID: in.guid, Index: in.index, Env: in.environment(),
		Log: func(stderr bool, line string) {
			in.lrp.p.logs.Write(in.lrp.appGUID, "APP/PROC/WEB", itoa(in.index), stderr, line)
		},
	})
	if err != nil {
		return err
	}
	in.handler.Store(&h)
	if in.isDead() { // killed while it started
		in.closeHandler()
	}
	return nil
}

type errorString string

func (e errorString) Error() string { return string(e) }

func (in *instance) boot() {
	p := in.lrp.p
	if in.isDead() || p.ctx.Err() != nil {
		return
	}
	if err := in.start(); err != nil {
		for line := range strings.SplitSeq(strings.TrimRight(err.Error(), "\n"), "\n") {
			p.logs.Write(in.lrp.appGUID, "APP/PROC/WEB", itoa(in.index), true, line)
		}
		p.logs.Write(in.lrp.appGUID, "APP/PROC/WEB", itoa(in.index), false, "Exit status 1")
		in.crash("APP/PROC/WEB: Exited with status 1", 1)
		return
	}
	if !in.becomesHealthy() {
		return
	}
	p.mu.Lock()
	if in.isDead() || in.stopping {
		p.mu.Unlock()
		return
	}
	in.state, in.since = "RUNNING", p.now()
	p.logs.Write(in.lrp.appGUID, "CELL", itoa(in.index), false, "Container became healthy")
	p.reroute()
	if a, ok := p.apps.get(in.lrp.appGUID); ok {
		p.appEvent("audit.app.process.ready", "process", in.lrp.actor(), a, obj{"index": in.index, "instance": in.guid, "ready": true})
	}
	p.mu.Unlock()
	in.watch()
}

// becomesHealthy asks until the health check holds. Docker apps with a port check are healthy once they listen.
func (in *instance) becomesHealthy() bool {
	c := in.lrp.p.opts.Clock
	timeout := startupTimeout
	if in.lrp.health.timeout != nil {
		timeout = time.Duration(*in.lrp.health.timeout) * time.Second
	}
	end := time.Now().Add(max(c.Scale(timeout), healthRequest))
	for {
		problem := in.unhealthy()
		if problem == "" {
			return true
		}
		if in.isDead() {
			return false
		}
		if time.Now().After(end) {
			p := in.lrp.p
			p.logs.Write(in.lrp.appGUID, "HEALTH", itoa(in.index), true, problem)
			p.logs.Write(in.lrp.appGUID, "CELL", itoa(in.index), true, "Failed after "+timeout.String()+": startup health check never passed.")
			in.crash("Instance never healthy after "+timeout.String()+": "+problem, 0)
			return false
		}
		if !in.wait(max(c.Scale(startupInterval), 50*time.Millisecond)) {
			return false
		}
	}
}

// watch repeats the health check while the container lives.
func (in *instance) watch() {
	c := in.lrp.p.opts.Clock
	interval := livenessInterval
	if in.lrp.health.interval != nil {
		interval = time.Duration(*in.lrp.health.interval) * time.Second
	}
	for in.wait(max(c.Scale(interval), time.Second)) {
		if in.refusing.Load() {
			return
		}
		if problem := in.unhealthy(); problem != "" && !in.isDead() && !in.refusing.Load() {
			in.lrp.p.logs.Write(in.lrp.appGUID, "HEALTH", itoa(in.index), true, problem)
			in.crash("Instance became unhealthy: Liveness check unsuccessful: "+problem, 0)
			return
		}
	}
}

func (in *instance) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-in.dead:
	case <-in.lrp.p.ctx.Done():
	}
	return false
}

// crash ends a container that failed and starts another, at once or after the backoff.
func (in *instance) crash(why string, status int) {
	p := in.lrp.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if in.isDead() || in.stopping || in.lrp.stopped {
		return
	}
	if p.now().Sub(in.since) > crashReset && in.state == "RUNNING" {
		in.crashes = 0
	}
	in.crashes++
	in.state, in.since = "CRASHED", p.now()
	in.kill()
	p.reroute()
	if a, ok := p.apps.get(in.lrp.appGUID); ok {
		data := obj{
			"index": in.index, "instance": in.guid, "reason": "CRASHED", "exit_description": why, "exit_status": status,
			"crash_count": in.crashes, "crash_timestamp": p.now().UnixNano(),
		}
		p.appEvent("audit.app.process.crash", "process", in.lrp.actor(), a, data) // both (ccng: app_crashed_controller.rb)
		p.appEvent("app.crash", "app", &a.record, a, data)
	}
	if in.crashes < immediateRestarts {
		in.restart()
		return
	}
	p.after(min(firstBackoff<<min(in.crashes-immediateRestarts, 10), longestBackoff), in.restart)
}

func (in *instance) restart() {
	l := in.lrp
	if l.stopped || in.stopping || in.index >= l.desired {
		return
	}
	l.instances = slices.DeleteFunc(l.instances, func(o *instance) bool { return o == in })
	l.all = slices.DeleteFunc(l.all, func(o *instance) bool { return o == in })
	l.launch(in.index, in.crashes)
}

// stop sends SIGTERM: the program refuses new connections, ends what is under way, and is killed when the grace is over.
// A program that ends at once on SIGTERM would cut its requests; which of both a real one does is its own affair.
func (in *instance) stop() {
	if in.stopping {
		return
	}
	in.stopping = true
	if in.state == "CRASHED" || in.handler.Load() == nil {
		in.state = "STOPPED"
		in.kill()
		return
	}
	in.refusing.Store(true)
	c := in.lrp.p.opts.Clock
	c.After(min(time.Second, in.lrp.p.opts.StopGrace), func() {
		in.leaving.Store(true)
		if in.inFlight.Load() == 0 {
			in.kill()
		}
	})
	grace := in.lrp.p.opts.StopGrace
	if grace > 0 {
		time.AfterFunc(max(c.Scale(grace), leastGrace), in.kill)
		return
	}
	in.kill()
}

// leastGrace is the least real time between SIGTERM and SIGKILL: at a quick pace the grace may be less than a request takes
// here, where what a program computes is not quickened. It is still a fifth of the real one.
const leastGrace = 2 * time.Second

// kill takes no lock, and may be called with it.
func (in *instance) kill() {
	in.once.Do(func() {
		close(in.dead)
		go func() {
			in.closeHandler()
			in.lrp.p.bury(in)
		}()
	})
}

func (in *instance) closeHandler() {
	if h := in.handler.Load(); h != nil {
		if closer, ok := (*h).(io.Closer); ok {
			_ = closer.Close()
		}
	}
}

// bury forgets a container that is gone; one that crashed stays in sight until another takes its place.
func (p *Platform) bury(in *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := in.lrp
	if in.state != "CRASHED" {
		l.all = slices.DeleteFunc(l.all, func(o *instance) bool { return o == in })
	}
	l.forget()
	p.reroute()
}

func (l *lrp) forget() {
	if l.stopped && !slices.ContainsFunc(l.all, func(in *instance) bool { return !in.isDead() }) {
		delete(l.p.lrps, l)
	}
}

func (in *instance) isDead() bool {
	select {
	case <-in.dead:
		return true
	default:
		return false
	}
}

func (in *instance) gone() bool { return in.isDead() && in.state != "CRASHED" }
