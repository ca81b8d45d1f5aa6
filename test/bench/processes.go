package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// briefs are indexed too, and few.
const briefs = 100

// box is a sandbox, as a process of its own.
type box struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr bytes.Buffer
	dir    string
	ready  struct {
		Addresses struct {
			Control string `json:"control"`
		} `json:"addresses"`
		Env map[string]string `json:"env"`
	}
}

// ownGroup keeps the terminal's Ctrl-C from a process: it is ended by its id.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// sandbox starts one and returns once it answers.
func (b *bench) sandbox(ctx context.Context, https bool, args ...string) (*box, error) {
	dir, err := os.MkdirTemp("", "cutover-bench-")
	if err != nil {
		return nil, err
	}
	args = append(args, fmt.Sprintf("--briefs=%d", briefs), "--drift=0", "--until-stdin-closes")
	if https {
		args = append(args, "--https="+filepath.Join(dir, "ca.pem"))
	}
	x := &box{cmd: exec.Command(filepath.Join(b.bin, "sandbox"), args...), dir: dir}
	x.cmd.Stderr = &x.stderr
	ownGroup(x.cmd)
	if x.stdin, err = x.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := x.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := x.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the sandbox: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = x.stdin.Close() })()
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &x.ready)
	}
	if err != nil {
		x.end()
		return nil, fmt.Errorf("start the sandbox: %w: %s", err, strings.TrimSpace(x.stderr.String()))
	}
	return x, nil
}

func (x *box) end() {
	_ = x.stdin.Close()
	late := time.AfterFunc(10*time.Second, func() { _ = x.cmd.Process.Kill() })
	defer late.Stop()
	_ = x.cmd.Wait()
	_ = os.RemoveAll(x.dir)
}

// ask calls the control API.
func (x *box) ask(ctx context.Context, method, what string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, x.ready.Addresses.Control+"/_sandbox/"+what, bytes.NewReader(text))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the sandbox for its %s: %w", what, err)
	}
	defer res.Body.Close()
	if res.StatusCode > 299 {
		return fmt.Errorf("ask the sandbox for its %s: %s", what, res.Status)
	}
	return json.NewDecoder(res.Body).Decode(answer)
}

// tally is what the sandbox says of its workers.
type tally struct {
	At   time.Time `json:"at"`
	Apps map[string]struct {
		Slots          int     `json:"slots"`
		BusySeconds    float64 `json:"busy_s"`
		WritingSeconds float64 `json:"writing_s"`
		QueuedSeconds  float64 `json:"queued_s"`
		Held           int     `json:"held"`
		Queued         int     `json:"queued"`
		MostWriting    int     `json:"most_writing"`
		Documents      int     `json:"documents"`
		ServerErrors   int     `json:"server_errors"`
	} `json:"apps"`
	Connections struct {
		Opened int `json:"opened"`
		Most   int `json:"most"`
	} `json:"connections"`
	Data struct {
		Most     int `json:"most"`
		Requests int `json:"requests"`
	} `json:"data"`
}

func (x *box) tally(ctx context.Context) (t tally, err error) {
	err = x.ask(ctx, http.MethodGet, "workers", nil, &t)
	return t, err
}

// ran is what one process of the program was and took.
type ran struct {
	cmd    *exec.Cmd
	began  time.Time
	out    bytes.Buffer
	ended  chan struct{}
	err    error
	took   time.Duration
	stdout bytes.Buffer
}

// begin starts the program on a sandbox.
func (b *bench) begin(x *box, args ...string) (*ran, error) {
	r := &ran{ended: make(chan struct{})}
	r.cmd = exec.Command(filepath.Join(b.bin, "cutover"), append([]string{"elasticsearch"}, args...)...)
	r.cmd.Dir = x.dir
	r.cmd.Env = append(os.Environ(), "DRY_RUN=false", "REPORTS="+filepath.Join(x.dir, "reports"))
	for name, value := range x.ready.Env {
		r.cmd.Env = append(r.cmd.Env, name+"="+value)
	}
	r.cmd.Env = append(r.cmd.Env, b.extra...)
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.out
	ownGroup(r.cmd)
	r.began = time.Now()
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		r.err = r.cmd.Wait()
		r.took = time.Since(r.began)
		close(r.ended)
	}()
	return r, nil
}

// run runs the program to its end.
func (b *bench) run(ctx context.Context, x *box, args ...string) (*ran, error) {
	r, err := b.begin(x, args...)
	if err != nil {
		return nil, err
	}
	select {
	case <-r.ended:
	case <-ctx.Done():
		r.stop()
		return nil, ctx.Err()
	}
	if r.err != nil {
		return r, fmt.Errorf("cutover elasticsearch %s: %w\n%s", strings.Join(args, " "), r.err, tail(r.out.String()))
	}
	return r, nil
}

// stop kills the process by its id, if it is still there.
func (r *ran) stop() {
	select {
	case <-r.ended:
	default:
		_ = r.cmd.Process.Kill()
		<-r.ended
	}
}

func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// cpu is the processor time that a process has used; once it has ended, all of it.
func (r *ran) cpu() time.Duration {
	select {
	case <-r.ended:
		return r.cmd.ProcessState.UserTime() + r.cmd.ProcessState.SystemTime()
	default:
	}
	used, _ := processorTime(r.cmd.Process.Pid)
	return used
}

// processorTime is what a process that runs has used so far.
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

// sleep waits, unless the context or the process ends.
func sleep(ctx context.Context, d time.Duration, r *ran) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.ended:
		return errors.New("the program ended too early:\n" + tail(r.out.String()))
	}
}
