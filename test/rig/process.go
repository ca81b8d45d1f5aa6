package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long RunToEnd lets a program end by itself once it is asked to.
const stopTime = 20 * time.Second

// outputTime is how long a process that has ended is still read from, where a child of its keeps its output open.
const outputTime = 20 * time.Second

// Command is a program to run.
type Command struct {
	Path string
	Args []string
	// Env is its whole environment: nothing is inherited.
	Env map[string]string
	// Dir is its working directory; "" is this process's.
	Dir   string
	Stdin *os.File
	// Stdout and Stderr, where they are set, are written to as well: Process.Stdout and Process.Stderr have the output in
	// any case. Both may be the same writer, and are then not written to at the same time.
	Stdout, Stderr io.Writer
	// OwnGroup puts the process into a group of its own, which the terminal's Ctrl-C does not reach.
	OwnGroup bool
}

// Process is one run of a program.
type Process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	began          time.Time
	done           chan struct{}
	took           time.Duration
	err            error
}

// output is what a process has written so far, copied to a second writer.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	copy  io.Writer
	order *sync.Mutex // held while a copy is written
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	n, err := o.text.Write(b)
	o.mu.Unlock()
	if o.copy == nil || err != nil {
		return n, err
	}
	o.order.Lock()
	defer o.order.Unlock()
	return o.copy.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Run starts a program and does not wait for it.
func Run(c Command) (*Process, error) {
	order := &sync.Mutex{}
	p := &Process{
		cmd: exec.Command(c.Path, c.Args...), done: make(chan struct{}),
		stdout: output{copy: c.Stdout, order: order}, stderr: output{copy: c.Stderr, order: order},
	}
	p.cmd.Dir, p.cmd.Env = c.Dir, []string{}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		p.cmd.Env = append(p.cmd.Env, name+"="+c.Env[name])
	}
	if c.Stdin != nil {
		p.cmd.Stdin = c.Stdin
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.WaitDelay = outputTime
	if c.OwnGroup {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	go p.await()
	return p, nil
}

// RunToEnd runs a program to its end. The error is that of Wait; the process is returned with it, if it was started. When ctx
// ends, the program is asked to end too, and is killed where it has not after 20 s.
func RunToEnd(ctx context.Context, c Command) (*Process, error) {
	p, err := Run(c)
	if err != nil {
		return nil, err
	}
	if err := p.Wait(ctx); err != nil {
		p.Stop(stopTime)
		return p, err
	}
	return p, nil
}

func (p *Process) await() {
	p.err = p.cmd.Wait()
	p.took = time.Since(p.began)
	close(p.done)
}

// Stdout is what the process has written to standard output so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr is what the process has written to standard error so far, which is cutover's log.
func (p *Process) Stderr() string { return p.stderr.String() }

// Pid is the id of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and its output is complete.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended reports whether it has.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait waits until the process has ended. Its error is that of ctx, where ctx ends first and the process goes on, or else
// names the command and how it ended, if not with exit code 0.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", filepath.Base(p.cmd.Path), strings.Join(p.cmd.Args[1:], " "), p.err)
}

// ExitCode is that of a process that has ended; -1 if a signal ended it.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// State is the operating system's account of a process that has ended.
func (p *Process) State() *os.ProcessState { return p.cmd.ProcessState }

// Took is how long a process ran that has ended.
func (p *Process) Took() time.Duration { return p.took }

// Signal sends a signal. A process that has ended is no error.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d: %w", p.Pid(), err)
	}
	return nil
}

// Kill ends the process at once, as a power failure would, and returns when it has ended.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks the process to end (SIGTERM), kills it where it has not after a while, and returns when it has ended.
func (p *Process) Stop(after time.Duration) {
	_ = p.Signal(syscall.SIGTERM)
	p.killAfter(after)
}

// killAfter waits until the process has ended, and kills it after a while.
func (p *Process) killAfter(d time.Duration) {
	late := time.AfterFunc(d, func() { _ = p.Signal(syscall.SIGKILL) })
	defer late.Stop()
	<-p.done
}
