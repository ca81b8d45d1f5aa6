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
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
)

// awaiting is the command before which the Jenkinsfile has the release job run.
const awaiting = "await-release"

// switching is the command that runs several stages in one process.
const switching = "switch"

// commandsOf returns the commands of the migration in the order in which a pipeline calls them. What it calls for its other
// actions, such as rollback, is no step of the runbook and is left out.
func commandsOf(pipeline string) ([]string, error) {
	text, err := os.ReadFile(pipeline)
	if err != nil {
		return nil, fmt.Errorf("%w: run this from the root of the repository", err)
	}
	steps := elasticsearch.Runbook(nil)
	var commands []string
	for _, m := range regexp.MustCompile(`exec cutover elasticsearch ([a-z-]+)`).FindAllSubmatch(text, -1) {
		if name := string(m[1]); name == switching || steps.Named(name) != nil {
			commands = append(commands, name)
		}
	}
	if len(commands) == 0 {
		return nil, fmt.Errorf("%s calls no stage", pipeline)
	}
	return commands, nil
}

// ownGroup keeps the terminal's Ctrl-C from a process: it is told by its id, when its turn has come.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// program is the binary under rehearsal.
type program struct {
	path, reports string
	env           []string
	log           io.Writer
}

// ran is one process of it.
type ran struct {
	command string
	// again is a step that the switch has done before, and that only says so.
	again bool
	took  time.Duration
	err   error
}

// stage runs one command. A step whose report is there already was done by switch: as in the Jenkinsfile its second report
// goes elsewhere, and the first is kept.
func (p *program) stage(ctx context.Context, command string) ran {
	r := ran{command: command}
	reports := p.reports
	if done, _ := filepath.Glob(filepath.Join(p.reports, "[0-9][0-9]-"+command+".json")); len(done) > 0 {
		r.again, reports = true, filepath.Join(p.reports, "again")
	}
	began := time.Now()
	cmd := p.command(ctx, command)
	cmd.Env = append(cmd.Env, "REPORTS="+reports)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if err := cmd.Run(); err != nil {
		r.err = fmt.Errorf("cutover elasticsearch %s: %w", command, err)
	}
	r.took = time.Since(began)
	return r
}

// command prepares a process that is asked to stop, and given time for it, when the context ends.
func (p *program) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path, append([]string{"elasticsearch"}, args...)...)
	cmd.Env = slices.Clone(p.env)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	ownGroup(cmd)
	return cmd
}

// traffic asks the program which app serves.
func (p *program) traffic(ctx context.Context) (string, error) {
	cmd := p.command(ctx, "status", "--output", "json")
	cmd.Stderr = p.log
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cutover elasticsearch status: %w", err)
	}
	var status struct {
		Card struct {
			Traffic string `json:"traffic"`
		} `json:"card"`
	}
	err = json.Unmarshal(out, &status)
	return status.Card.Traffic, err
}

// sandbox is the rehearsal foundation, as a process of its own.
type sandbox struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr bytes.Buffer
	ready  struct {
		Addresses struct {
			Control string `json:"control"`
		} `json:"addresses"`
		Env map[string]string `json:"env"`
	}
}

// startSandbox returns once it answers. It ends with end, or, since it watches its standard input, with this process.
func startSandbox(ctx context.Context, path string, s size) (*sandbox, error) {
	b := &sandbox{cmd: exec.Command(path,
		fmt.Sprintf("--documents=%d", s.services), fmt.Sprintf("--briefs=%d", s.briefs),
		fmt.Sprintf("--instances=%d", instances), fmt.Sprintf("--slots=%d", s.slots), fmt.Sprintf("--put-time=%s", s.put),
		fmt.Sprintf("--readers=%d", s.readers), fmt.Sprintf("--live-writer=%d", s.edits), "--until-stdin-closes")}
	if s.like {
		b.cmd.Args = append(b.cmd.Args, "--drift=0")
	}
	b.cmd.Stderr = &b.stderr
	ownGroup(b.cmd)
	stdin, err := b.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	b.stdin = stdin
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the sandbox: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = b.stdin.Close() })()
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &b.ready)
	}
	if err != nil {
		b.end()
		return nil, fmt.Errorf("start the sandbox: %w: %s", err, strings.TrimSpace(b.stderr.String()))
	}
	return b, nil
}

// end ends the sandbox by its id, and returns when it has ended.
func (b *sandbox) end() {
	_ = b.stdin.Close()
	late := time.AfterFunc(10*time.Second, func() { _ = b.cmd.Process.Kill() })
	defer late.Stop()
	_ = b.cmd.Wait()
}

// environment is what the program needs, with just enough of this process's own.
func (b *sandbox) environment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for name, value := range b.ready.Env {
		env = append(env, name+"="+value)
	}
	return env
}

// release runs the release job, and returns when it is through.
func (b *sandbox) release(ctx context.Context) error {
	var released any
	return b.send(ctx, http.MethodPost, "release", strings.NewReader(`{"image":"digitalmarketplace/search-api:release-1235"}`), &released)
}

// ask calls the control API.
func (b *sandbox) ask(ctx context.Context, method, what string, answer any) error {
	return b.send(ctx, method, what, nil, answer)
}

func (b *sandbox) send(ctx context.Context, method, what string, body io.Reader, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, b.ready.Addresses.Control+"/_sandbox/"+what, body)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the sandbox for its %s: %w", what, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the sandbox for its %s: %s", what, res.Status)
	}
	return json.NewDecoder(res.Body).Decode(answer)
}

// snapshot is of the sandbox's state what counts here: the documents of every alias, by the GUID of the service.
type snapshot map[string]map[string]int

func (b *sandbox) snapshot(ctx context.Context) (snapshot, error) {
	var all struct {
		Search map[string]struct {
			Indices []struct {
				Docs    int      `json:"docs"`
				Aliases []string `json:"aliases"`
			} `json:"indices"`
		} `json:"search"`
	}
	if err := b.ask(ctx, http.MethodGet, "snapshot", &all); err != nil {
		return nil, err
	}
	s := snapshot{}
	for guid, cluster := range all.Search {
		s[guid] = map[string]int{}
		for _, index := range cluster.Indices {
			for _, alias := range index.Aliases {
				s[guid][alias] = index.Docs
			}
		}
	}
	if len(s) == 0 {
		return nil, errors.New("the sandbox has no Elasticsearch")
	}
	return s, nil
}
