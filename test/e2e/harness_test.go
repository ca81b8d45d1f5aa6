// Package e2e runs the real binary against the sandbox: stories, the laws that hold for every stage, and bad days.
package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// binary is the program under test, built once. It is the one variable that TestMain must hand to the tests.
var binary string

func TestMain(m *testing.M) { os.Exit(withBinary(m)) }

// programPath is the file of a program that was built with the binary.
func programPath(name string) string { return filepath.Join(filepath.Dir(binary), name) }

func withBinary(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cutover-e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		binary, err = rig.Build{Command: "cutover"}.Into(context.Background(), dir)
	}
	if err == nil {
		_, err = rig.Build{Command: "tenstages", Folder: "test"}.Into(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// world is one sandbox in this process. Env, from the rig, is the environment in which the program meets it.
type world struct {
	*rig.Sandbox
	t    testing.TB
	pace float64
	book book
}

// slower returns the options at the pace of SANDBOX_PACE (slow, real or a number) where that is slower: no story may depend
// on a fast platform.
//
//	SANDBOX_PACE=slow go test ./test/e2e -run TestStories -timeout 60m -parallel 8
func slower(t testing.TB, o sandbox.Options) sandbox.Options {
	t.Helper()
	text := os.Getenv("SANDBOX_PACE")
	if text == "" || o.RateLimit > 0 { // the pace would make the rate limit's hour longer too
		return o
	}
	pace, err := sandbox.ParsePace(text)
	if err != nil {
		t.Fatal(err)
	}
	o.Pace = max(o.Pace, pace)
	return o
}

// patience is the limit for something that takes less than undelayed at pace 0. At another pace the broker's 20 minutes and
// the like come on top.
func (w *world) patience(undelayed time.Duration) time.Duration {
	return undelayed + time.Duration(w.pace*float64(2*time.Hour))
}

// small is a sandbox with few documents and no delays but those of the routers.
func small() sandbox.Options {
	return sandbox.Options{Documents: 130, Briefs: 20, PutTime: time.Millisecond, Pace: 0}
}

// undrifted is a small sandbox whose live app has every document of the data API.
func undrifted() sandbox.Options {
	o := small()
	o.Drift = -1
	return o
}

// few is a sandbox with a handful of documents, for tests that are not about documents.
func few() sandbox.Options {
	o := small()
	o.Documents, o.Briefs = 12, 4
	return o
}

// start starts a sandbox for the Elasticsearch runbook.
func start(t testing.TB, o sandbox.Options) *world {
	t.Helper()
	return startFor(t, elasticsearchBook(), o)
}

func startFor(t testing.TB, b book, o sandbox.Options) *world {
	t.Helper()
	o = slower(t, o)
	s, err := rig.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.Env = s.Environment(map[string]string{
		"HOME": t.TempDir(),
		// Short enough for a test to wait for a stale lease, and with no heartbeat while a stage runs, so that the writes of a
		// stage are always the same.
		"LEASE_HEARTBEAT": "300ms", "LEASE_STALE_AFTER": "1s",
	})
	return &world{Sandbox: s, t: t, pace: o.Pace, book: b}
}

// process is one run of the program, in a folder of its own.
type process struct {
	*rig.Process
	t     testing.TB
	args  []string
	dir   string
	limit time.Duration
}

// begin starts the program; extra are settings for this process alone.
func (w *world) begin(extra map[string]string, args ...string) *process {
	w.t.Helper()
	env := maps.Clone(w.Env)
	maps.Copy(env, extra)
	return w.beginIn(w.t.TempDir(), env, args...)
}

// beginIn starts the program in a folder, with this environment and no other.
func (w *world) beginIn(dir string, env map[string]string, args ...string) *process {
	w.t.Helper()
	p, err := rig.Run(rig.Command{Path: programPath(w.book.program), Args: args, Dir: dir, Env: env})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.Kill)
	return &process{Process: p, t: w.t, args: args, dir: dir, limit: w.patience(time.Minute)}
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), p.limit)
	defer cancel()
	_ = p.Wait(ctx)
	if !p.Ended() {
		p.Kill()
		p.t.Fatalf("the program did not end within %s:\n%s", p.limit, p.Stderr())
	}
	return p.ExitCode()
}

// wantExit waits for an exit code.
func (p *process) wantExit(want int) {
	p.t.Helper()
	if got := p.wait(); got != want {
		p.t.Fatalf("cutover %s: exit code %d, want %d\n%s", strings.Join(p.args, " "), got, want, p.Stderr())
	}
}

// wantLog wants the log to contain each of these texts.
func (p *process) wantLog(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.Stderr(), text) {
			p.t.Errorf("cutover %s does not log %q:\n%s", strings.Join(p.args, " "), text, p.Stderr())
		}
	}
}

// run runs the program to its end and wants an exit code.
func (w *world) run(want int, args ...string) *process {
	w.t.Helper()
	return w.with(nil, want, args...)
}

// with is run with settings for this process alone.
func (w *world) with(extra map[string]string, want int, args ...string) *process {
	w.t.Helper()
	p := w.begin(extra, args...)
	p.wantExit(want)
	return p
}

// eventually waits until a condition holds.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	limit := w.patience(20 * time.Second)
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("%s: not within %s", what, limit)
		}
	}
}
