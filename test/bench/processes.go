package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/rig"
)

// briefs are indexed too; there are few.
const briefs = 100

// box is a sandbox in a process of its own, with a folder for the program that meets it.
type box struct {
	*rig.Sandbox
	dir string
}

// sandbox starts a sandbox without drift, and returns once it answers.
func (b *bench) sandbox(ctx context.Context, https bool, args ...string) (*box, error) {
	dir, err := os.MkdirTemp("", "cutover-bench-")
	if err != nil {
		return nil, err
	}
	args = append(args, fmt.Sprintf("--briefs=%d", briefs), "--drift=0")
	if https {
		args = append(args, "--https="+filepath.Join(dir, "ca.pem"))
	}
	return b.startBox(ctx, dir, rig.Command{Args: args})
}

// startBox starts the sandbox binary; it removes the folder where that fails.
func (b *bench) startBox(ctx context.Context, dir string, c rig.Command) (*box, error) {
	c.Path, c.OwnGroup = filepath.Join(b.bin, "sandbox"), true
	s, err := rig.StartProcess(ctx, c)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return &box{s, dir}, nil
}

func (x *box) end() {
	x.Close()
	_ = os.RemoveAll(x.dir)
}

// command is the program on a sandbox.
func (b *bench) command(x *box, args ...string) rig.Command {
	return rig.Command{
		Path: filepath.Join(b.bin, "cutover"), Args: append([]string{"elasticsearch"}, args...), Dir: x.dir, OwnGroup: true,
		Env: x.Environment(map[string]string{"DRY_RUN": "false", "REPORTS": filepath.Join(x.dir, "reports")}),
	}
}

// begin starts the program on a sandbox.
func (b *bench) begin(x *box, args ...string) (*rig.Process, error) {
	return rig.Run(b.command(x, args...))
}

// run runs the program to its end; an exit code other than 0 is an error with the end of the log.
func (b *bench) run(ctx context.Context, x *box, args ...string) (*rig.Process, error) {
	p, err := rig.RunToEnd(ctx, b.command(x, args...))
	if err != nil && p != nil {
		err = fmt.Errorf("%w\n%s", err, tail(p.Stderr()))
	}
	return p, err
}

// tail is the last 20 lines of a text.
func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// cpu is the processor time that a process has used; all of it, once it has ended.
func cpu(p *rig.Process) time.Duration {
	if p.Ended() {
		return p.State().UserTime() + p.State().SystemTime()
	}
	used, _ := processorTime(p.Pid())
	return used
}

// processorTime is what a running process has used so far.
func processorTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, text)
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, nil // USER_HZ is 100 on every Linux
}

// sleep waits. It is an error if the context or the process, unless that is nil, ends first.
func sleep(ctx context.Context, d time.Duration, p *rig.Process) error {
	var done <-chan struct{}
	if p != nil {
		done = p.Done()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-done:
		return errors.New("the program ended too early:\n" + tail(p.Stderr()))
	}
}
