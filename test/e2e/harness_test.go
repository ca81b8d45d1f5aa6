// Package e2e runs the real binary against the sandbox: the laws that hold for
// every stage, and stories.
package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// binary is the program under test, built once. It is the one variable that
// TestMain must hand to the tests.
var binary string

func TestMain(m *testing.M) { os.Exit(withBinary(m)) }

func withBinary(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cutover-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "cutover")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/cutover")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build cutover:", err)
		return 1
	}
	return m.Run()
}

// world is one sandbox and the environment in which the program meets it.
type world struct {
	t       testing.TB
	control string
	env     map[string]string
	pace    float64
}

// slower is the options at the pace of SANDBOX_PACE (slow, real or a number), where that is slower: no story may
// depend on a platform that is kind.
//
//	SANDBOX_PACE=slow go test ./test/e2e -run TestStories -timeout 60m -parallel 8
func slower(t testing.TB, o sandbox.Options) sandbox.Options {
	t.Helper()
	text := os.Getenv("SANDBOX_PACE")
	if text == "" || o.RateLimit > 0 { // of which the hour would be slower too
		return o
	}
	pace, err := sandbox.ParsePace(text)
	if err != nil {
		t.Fatal(err)
	}
	o.Pace = max(o.Pace, pace)
	return o
}

// patience is how long something may take that takes so long where nothing is delayed: the broker's 20 minutes and a
// day's waiting are scaled by the pace too.
func (w *world) patience(undelayed time.Duration) time.Duration {
	return undelayed + time.Duration(w.pace*float64(2*time.Hour))
}

// small is a world with few documents and no delays but those of the routers.
func small() sandbox.Options {
	return sandbox.Options{Documents: 130, Briefs: 20, PutTime: time.Millisecond, Pace: 0}
}

func start(t testing.TB, o sandbox.Options) *world {
	t.Helper()
	o = slower(t, o)
	s, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	env := s.Env()
	env["PATH"], env["HOME"] = os.Getenv("PATH"), t.TempDir()
	// Short enough for a test to wait out, and never beating while a stage runs,
	// so that the writes of a stage are always the same.
	env["LEASE_HEARTBEAT"], env["LEASE_STALE_AFTER"] = "300ms", "1s"
	return &world{t: t, control: s.Addresses().Control, env: env, pace: o.Pace}
}

// process is one run of the program, in a folder of its own.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	dir   string
	out   output
	log   output
	done  chan struct{}
	limit time.Duration
}

// output is what a process has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}
func (o *output) String() string { o.mu.Lock(); defer o.mu.Unlock(); return o.text.String() }

// begin starts the program; extra are settings for this process alone.
func (w *world) begin(extra map[string]string, args ...string) *process {
	w.t.Helper()
	env := maps.Clone(w.env)
	maps.Copy(env, extra)
	return w.beginIn(w.t.TempDir(), env, args...)
}

// beginIn starts the program in a folder, with this environment and no other.
func (w *world) beginIn(dir string, env map[string]string, args ...string) *process {
	w.t.Helper()
	p := &process{t: w.t, dir: dir, done: make(chan struct{}), limit: w.patience(time.Minute)}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Dir = p.dir
	for k, v := range env {
		p.cmd.Env = append(p.cmd.Env, k+"="+v)
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.log
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	w.t.Cleanup(p.kill)
	return p
}

// kill ends the process at once, as a power failure would.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}

// ended tells whether the process has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(p.limit):
		p.kill()
		p.t.Fatalf("the program did not end within %s:\n%s", p.limit, p.log.String())
		return -1
	}
}

// run runs the program to its end and wants an exit code.
func (w *world) run(want int, args ...string) *process {
	w.t.Helper()
	return w.with(nil, want, args...)
}

func (w *world) with(extra map[string]string, want int, args ...string) *process {
	w.t.Helper()
	p := w.begin(extra, args...)
	if got := p.wait(); got != want {
		w.t.Fatalf("cutover %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, want, p.log.String())
	}
	return p
}

// call asks the control API.
func (w *world) call(method, path string, body, into any) {
	w.t.Helper()
	w.send(w.request(method, w.control+path, body), into)
}

// write is one write that the sandbox saw.
type write struct {
	N      int    `json:"n"`
	Place  string `json:"place"`
	App    string `json:"app"`
	Method string `json:"method"`
	Path   string `json:"path"`
	Effect string `json:"effect"`
}

func (w *world) writes() []write {
	w.t.Helper()
	var all []write
	w.call("GET", "/_sandbox/writes", nil, &all)
	return all
}

// fault arms a fault and returns its id.
func (w *world) fault(f map[string]any) string {
	w.t.Helper()
	var made struct {
		ID string `json:"id"`
	}
	w.call("POST", "/_sandbox/faults", f, &made)
	return made.ID
}

// awaitHeld waits until the fault holds its request.
func (w *world) awaitHeld(id string) {
	w.t.Helper()
	w.call("GET", fmt.Sprintf("/_sandbox/faults/%s?wait=held&timeout_ms=%d", id, w.patience(20*time.Second).Milliseconds()), nil, nil)
}

func (w *world) release(id, action string) {
	w.t.Helper()
	w.call("POST", "/_sandbox/faults/"+id+"/release", map[string]any{"action": action}, nil)
}

// eventually waits until a condition holds.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(w.patience(20 * time.Second))
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("%s: not within %s", what, w.patience(20*time.Second))
		}
	}
}

// state is the sandbox's state without what differs from world to world:
// identifiers, times, what the marks measured, and a lease that a killed process
// left, which the next one to write takes over.
func (w *world) state() string {
	w.t.Helper()
	var snapshot any
	w.call("GET", "/_sandbox/snapshot", nil, &snapshot)
	text := named(indented(w.t, plain(snapshot)))
	// Once more, since objects are sorted by keys that were identifiers.
	if err := json.Unmarshal([]byte(text), &snapshot); err != nil {
		w.t.Fatal(err)
	}
	return indented(w.t, snapshot)
}

func indented(t testing.TB, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// plain drops from the run's record what was measured: of a mark or a fact that
// is a time only its being there counts.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			switch {
			case key == "last_operation":
				// A rename and one back is the last that was done to a service.
				v[key] = value.(map[string]any)["state"]
			case strings.HasPrefix(key, "stage-"), key == "started", key == "catch-up", key == "indexing-began", key == "shared", key == "drained":
				v[key] = "(set)"
			case key == "released":
				v[key] = regexp.MustCompile(`"at":"[^"]*"`).ReplaceAllString(value.(string), `"at":"(set)"`)
			default:
				v[key] = plain(value)
			}
		}
	case []any:
		some := []any{}
		for _, one := range v {
			if m, is := one.(map[string]any); is && m["name"] == "cutover-search-api-lease" {
				continue
			}
			some = append(some, plain(one))
		}
		return some
	}
	return v
}

// named gives each identifier a number by its first appearance.
func named(text string) string {
	known := map[string]string{}
	id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b\d{8}-\d{4}-[a-z0-9]{4}\b`)
	return id.ReplaceAllStringFunc(text, func(s string) string {
		if known[s] == "" {
			known[s] = fmt.Sprintf("id-%d", len(known)+1)
		}
		return known[s]
	})
}
