// Package execute runs commands of the operating system as what an image runs, and as service instances. A program listens on
// PORT, is told with SIGTERM to end, and is killed with everything that it has started when it does not, or when the sandbox
// ends.
package execute

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

// Group are the running processes of one sandbox.
type Group struct {
	mu      sync.Mutex
	running map[*Process]bool
	closed  bool
}

// Process is one running command. It is a diego.External.
type Process struct {
	port   string
	cmd    *exec.Cmd
	client *http.Transport
	ended  chan struct{}
	status int // once it has ended
}

var _ diego.External = (*Process)(nil)

// Start runs a command line with a port of its own in PORT. Each line of its output goes to log.
func (g *Group) Start(line string, env map[string]string, log func(stderr bool, line string)) (*Process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &Process{port: port, client: &http.Transport{DisableCompression: true, MaxIdleConns: 100, IdleConnTimeout: time.Second}, ended: make(chan struct{})}
	p.cmd = exec.Command("/bin/sh", "-c", "exec "+line)
	p.cmd.SysProcAttr = attributes()
	p.cmd.Env = environment(env, port)
	p.cmd.WaitDelay = time.Second // a child of it may hold its output open
	out, outEnd := lines(func(line string) { log(false, line) })
	problems, problemsEnd := lines(func(line string) { log(true, line) })
	p.cmd.Stdout, p.cmd.Stderr = out, problems

	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, errors.New("the sandbox has ended")
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // The kernel kills it when the thread that started it ends.
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = p.cmd.Wait() // The exit status says it.
		p.kill()         // what it has left behind
		_ = out.Close()
		_ = problems.Close()
		<-outEnd
		<-problemsEnd
		p.status = exitStatus(p.cmd.ProcessState)
		g.mu.Lock()
		delete(g.running, p)
		g.mu.Unlock()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", line, err)
	}
	if g.running == nil {
		g.running = map[*Process]bool{}
	}
	g.running[p] = true
	return p, nil
}

// Close kills every process, and returns when none is left. No more is started.
func (g *Group) Close() {
	g.mu.Lock()
	g.closed = true
	var all []*Process
	for p := range g.running {
		all = append(all, p)
	}
	g.mu.Unlock()
	for _, p := range all {
		p.kill()
		<-p.ended
	}
}

// environment is the command's: that of the container, where the sandbox's programs are found, and the real port.
func environment(env map[string]string, port string) []string {
	all := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}
	for name, value := range env {
		if name != "PORT" && name != "VCAP_APP_PORT" {
			all = append(all, name+"="+value)
		}
	}
	return append(all, "PORT="+port, "VCAP_APP_PORT="+port)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// lines hands on what is written line by line, and closes end when all of it was.
func lines(each func(string)) (w *io.PipeWriter, end chan struct{}) {
	r, w := io.Pipe()
	end = make(chan struct{})
	go func() {
		defer close(end)
		from := bufio.NewReader(r)
		for {
			line, err := from.ReadString('\n')
			if line != "" {
				each(strings.TrimRight(line, "\r\n"))
			}
			if err != nil {
				return
			}
		}
	}()
	return w, end
}

// exitStatus is 128 and the signal's number where a signal ended it, as a shell says it.
func exitStatus(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}

// Address is host and port on which it is to listen.
func (p *Process) Address() string { return net.JoinHostPort("127.0.0.1", p.port) }

// Listens reports why a connection to its port fails; nil if it is accepted.
func (p *Process) Listens() error {
	c, err := net.DialTimeout("tcp", p.Address(), time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// RoundTrip hands a request on to its port, on a connection that may be kept.
func (p *Process) RoundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", p.Address(), ""
	return p.client.RoundTrip(out)
}

// ServeHTTP is there for those who have no way to stream an answer; the routers use RoundTrip.
func (p *Process) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	res, err := p.RoundTrip(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer res.Body.Close()
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body)
}

// Terminate sends SIGTERM to the command itself.
func (p *Process) Terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// Ended is closed when it has ended. Status is its exit status then.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Status is its exit status, once it has ended.
func (p *Process) Status() int { return p.status }

// Close kills it, with all that it has started.
func (p *Process) Close() error {
	p.kill()
	p.client.CloseIdleConnections()
	return nil
}

func (p *Process) kill() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }

// Program is a command line as what an image runs: one process for each instance.
type Program struct {
	Group *Group
	Line  string
}

// Boot starts one instance. Only the web process is the command; an instance of another kind waits to be ended.
func (p Program) Boot(i diego.Instance) (http.Handler, error) {
	line := p.Line
	if i.Kind != "web" {
		line = "sleep 1000000"
	}
	if port, err := strconv.Atoi(i.Env["PORT"]); err != nil || port == 0 {
		return nil, fmt.Errorf("the container has no PORT, but %q", i.Env["PORT"])
	}
	started, err := p.Group.Start(line, i.Env, i.Log)
	if err != nil {
		return nil, err
	}
	return started, nil
}
