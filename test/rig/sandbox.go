// Package rig is what every end-to-end test, rehearsal and measurement needs: it builds the binaries, starts a sandbox, asks
// its control API, acts on its platform as an operator does, and runs the real cutover binary against it.
//
//	box, err := rig.Start(ctx, sandbox.Options{})           // or rig.StartProcess: a sandbox binary of its own
//	defer box.Close()
//	id, err := box.AddFault(ctx, faults.Fault{Kind: faults.Hold, WritesOnly: true, N: 3})
//	p, err := rig.Run(rig.Command{Path: binary, Args: args, Env: box.Environment(nil)})
//	err = box.AwaitHeld(ctx, id, time.Minute)
//	p.Kill()
//
// It knows no runbook: what concerns one system behind the live app is in a file and in functions with that system's name.
// The types on the wire are those of package sandbox.
package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// closeTime is how long a sandbox process has to end by itself.
const closeTime = 10 * time.Second

// Sandbox is a running sandbox that answers.
type Sandbox struct {
	Control
	// Env is every variable that cutover needs to meet this sandbox: addresses, credentials, and timings at its pace.
	Env map[string]string
	// Process is the sandbox's own process; nil where Start runs it in this one.
	Process *Process

	close func()
}

// Start starts a sandbox in this process, until Close or the end of ctx.
func Start(ctx context.Context, o sandbox.Options) (*Sandbox, error) {
	s, err := sandbox.Start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start a sandbox: %w", err)
	}
	return &Sandbox{Control: Control{URL: s.Addresses().Control}, Env: s.Env(), close: s.Close}, nil
}

// StartProcess starts a sandbox binary and returns once it answers, or with an error once ctx ends. The process ends with
// Close, or with this process, since it watches its standard input.
func StartProcess(ctx context.Context, c Command) (*Sandbox, error) {
	s, err := startProcess(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("start the sandbox %s: %w", c.Path, err)
	}
	return s, nil
}

func startProcess(ctx context.Context, c Command) (*Sandbox, error) {
	stdin, parent, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	first, stdout := io.Pipe()
	c.Args = append(c.Args[:len(c.Args):len(c.Args)], "--until-stdin-closes")
	c.Stdin, c.Stdout = stdin, stdout
	p, err := Run(c)
	if err != nil {
		_ = parent.Close()
		return nil, err
	}
	go func() {
		<-p.Done()
		_ = stdout.Close()
	}()
	defer context.AfterFunc(ctx, func() { _ = parent.Close() })()
	s := &Sandbox{Process: p, close: func() {
		_ = parent.Close()
		p.killAfter(closeTime)
	}}
	var ready sandbox.Ready
	line, err := bufio.NewReader(first).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		s.Close()
		return nil, errors.Join(ctx.Err(), fmt.Errorf("%w: %s", err, strings.TrimSpace(p.Stderr())))
	}
	s.URL, s.Env = ready.Addresses.Control, ready.Env
	return s, nil
}

// Close ends the sandbox and returns when it has ended.
func (s *Sandbox) Close() { s.close() }

// Environment is the environment of a program that is to meet this sandbox: PATH and HOME of this process, Env, and over
// these the given variables. Nothing else of this process's own environment reaches the program.
func (s *Sandbox) Environment(more map[string]string) map[string]string {
	env := map[string]string{"PATH": os.Getenv("PATH"), "HOME": os.Getenv("HOME")}
	maps.Copy(env, s.Env)
	maps.Copy(env, more)
	return env
}
