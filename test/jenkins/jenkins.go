// Package jenkins runs the pipelines of this repository without a Jenkins, for tests.
//
// What runs them is runner.groovy beside this file: it is not Jenkins, and says what it takes from there and what it leaves
// out. The shells, processes, signals and reports are real ones.
package jenkins

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Scenario is one build: what runs, what was filled in, and what happens to it.
type Scenario struct {
	// File is the pipeline, relative to the root of the module.
	File string `json:"file"`
	// Job is the job's name, Number the build's.
	Job    string `json:"job,omitempty"`
	Number int    `json:"number,omitempty"`
	// Params are the parameters that differ from their defaults.
	Params map[string]any `json:"params,omitempty"`
	// JobParameters names parameters that the job's definition has and the pipeline has not.
	JobParameters []string `json:"jobParameters,omitempty"`
	// FirstBuild is the build of a job whose form nobody has seen yet.
	FirstBuild bool `json:"firstBuild,omitempty"`
	// Env is all that shells get, beside the parameters and Jenkins' own variables.
	Env map[string]string `json:"env,omitempty"`
	// Jobs are the other jobs on the controller.
	Jobs map[string]Job `json:"jobs,omitempty"`
	// StartAt is the stage from which the build is restarted.
	StartAt string `json:"startAt,omitempty"`
	// AbortOn aborts the build once a shell prints this line.
	AbortOn string `json:"abortOn,omitempty"`
	// PreviousResult is how the build before ended.
	PreviousResult string `json:"previousResult,omitempty"`
	// LocksHeldByOthers are the locks for which this build would wait; it waits until it is aborted.
	LocksHeldByOthers []string `json:"locksHeldByOthers,omitempty"`
	// Inputs has "proceed" for the ids (or messages) of the questions that are answered so.
	Inputs map[string]string `json:"inputs,omitempty"`

	// Directory holds the build's workspaces; a new one where it is empty.
	Directory string `json:"directory,omitempty"`

	shellSteps bool
}

// Job is another job, as a build step finds it.
type Job struct {
	Result string `json:"result,omitempty"`
	// Parameters are the job's own, each with its choices where it has any.
	Parameters map[string][]string `json:"parameters,omitempty"`
	// Calls is the address that the job posts Body to; an answer that is no success fails the job. Empty: it does nothing.
	Calls string `json:"calls,omitempty"`
	Body  string `json:"body,omitempty"`
}

// Event is what the runner says while a build goes on.
type Event struct {
	Event  string         `json:"event"`
	Stage  string         `json:"stage"`
	State  string         `json:"state"`
	Result string         `json:"result"`
	Reason string         `json:"reason"`
	Error  string         `json:"error"`
	Locks  []string       `json:"locks"`
	Step   string         `json:"step"`
	Args   map[string]any `json:"args"`

	// Of a sh step.
	Exit   int    `json:"exit"`
	Output string `json:"output"`
	// Of junit and archiveArtifacts.
	Files  []string `json:"files"`
	Cases  []Case   `json:"cases"`
	Failed int      `json:"failed"`
	// Of a lock, of input and of build: whether an agent was held meanwhile.
	Resource string `json:"resource"`
	Agent    bool   `json:"agent"`
	// Of the pipeline, at the start.
	Parameters []Parameter    `json:"parameters"`
	Options    map[string]any `json:"options"`
	Triggers   []string       `json:"triggers"`
	Stages     []string       `json:"stages"`
	// Of a shell step in the source.
	Line     int    `json:"line"`
	Constant bool   `json:"constant"`
	Quote    string `json:"quote"`

	DisplayName string `json:"displayName"`
}

// Parameter is one that the pipeline declares.
type Parameter struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Default any      `json:"default"`
	Choices []string `json:"choices"`
	Trim    bool     `json:"trim"`
}

// Case is a test case as Jenkins would count it.
type Case struct {
	Suite, Class, Name, Status, Message string
}

// Build is what became of a scenario.
type Build struct {
	Result      string
	DisplayName string
	// Error is why the pipeline was not accepted, or what in it the runner does not know.
	Error  string
	Events []Event
}

// Steps returns the steps of one kind that were taken, in order.
func (b Build) Steps(kind string) []Event {
	var steps []Event
	for _, e := range b.Events {
		if e.Event == "step" && e.Step == kind {
			steps = append(steps, e)
		}
	}
	return steps
}

// Outcomes returns what became of each stage, in order: "title: RESULT", or "title: skipped (reason)".
func (b Build) Outcomes() []string {
	var outcomes []string
	for _, e := range b.Events {
		switch {
		case e.Event != "stage":
		case e.State == "ended":
			outcomes = append(outcomes, e.Stage+": "+e.Result)
		case e.State == "skipped":
			outcomes = append(outcomes, fmt.Sprintf("%s: skipped (%s)", e.Stage, e.Reason))
		}
	}
	return outcomes
}

// Pipeline returns what the pipeline says of itself.
func (b Build) Pipeline() Event {
	for _, e := range b.Events {
		if e.Event == "pipeline" {
			return e
		}
	}
	return Event{}
}

// Run runs a pipeline and fails the test where it cannot be run at all. A pipeline that is wrong is no such case: see Build.Error.
func Run(t testing.TB, s Scenario) Build {
	t.Helper()
	if !filepath.IsAbs(s.File) {
		s.File = filepath.Join(Root(t), s.File)
	}
	if s.Directory == "" {
		s.Directory = t.TempDir()
	}
	events, err := theRunner(t).ask(s)
	if err != nil {
		t.Fatalf("run %s: %v", s.File, err)
	}
	end := events[len(events)-1]
	return Build{Result: end.Result, DisplayName: end.DisplayName, Error: end.Error, Events: events[:len(events)-1]}
}

// ShellSteps returns every sh step that is written in a pipeline, whether or not it would run.
func ShellSteps(t testing.TB, file string) []Event {
	t.Helper()
	return Run(t, Scenario{File: file, shellSteps: true}).Events
}

var (
	comment = regexp.MustCompile(`(?m)^\s*(//|\*|/\*).*$`)
	command = regexp.MustCompile(`\bcutover elasticsearch ([a-z][a-z-]*)`)
)

// Commands returns the commands of the Elasticsearch runbook that a pipeline calls, in the order in which it has them. It reads
// the text only and needs none of the tools that Run needs.
func Commands(t testing.TB, file string) []string {
	t.Helper()
	if !filepath.IsAbs(file) {
		file = filepath.Join(Root(t), file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("read the pipeline: %v", err)
	}
	var commands []string
	for _, m := range command.FindAllSubmatch(comment.ReplaceAll(text, nil), -1) {
		commands = append(commands, string(m[1]))
	}
	return commands
}

// Root returns the folder of the module's go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("there is no go.mod above the working directory")
		}
		dir = parent
	}
}

// Tool returns the path of a program that a test needs, and fails the test where it is missing: a test that is passed over for
// want of a tool proves nothing.
func Tool(t testing.TB, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test needs %s and it is not installed: apt-get install -y %s", name, debianPackage)
	}
	return path
}

// runner is the one process that serves all builds of a test binary. It ends when its standard input does, with the binary.
type runner struct {
	mu     sync.Mutex
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errors bytes.Buffer
}

// gone explains why the runner no longer answers.
func (r *runner) gone(err error) error {
	_ = r.in.Close()
	_ = r.cmd.Wait()
	return fmt.Errorf("the runner is gone (%v): %w: %s", r.cmd.ProcessState, err, strings.TrimSpace(r.errors.String()))
}

var (
	shared  *runner
	startMu sync.Mutex
)

func theRunner(t testing.TB) *runner {
	t.Helper()
	startMu.Lock()
	defer startMu.Unlock()
	if shared != nil {
		return shared
	}
	groovy := Tool(t, "groovy", "groovy")
	java := Tool(t, "java", "groovy")
	cmd := exec.Command(groovy, filepath.Join(Root(t), "test", "jenkins", "runner.groovy"))
	cmd.Env = append(os.Environ(), "JAVA_OPTS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
	if os.Getenv("JAVA_HOME") == "" {
		// Debian's groovy looks for a default Java that need not be there; the one on the PATH is.
		target, err := filepath.EvalSymlinks(java)
		if err != nil {
			t.Fatalf("find the home of %s: %v", java, err)
		}
		cmd.Env = append(cmd.Env, "JAVA_HOME="+filepath.Dir(filepath.Dir(target)))
	}
	r := &runner{cmd: cmd}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = &r.errors
	if err := cmd.Start(); err != nil {
		t.Fatalf("start groovy: %v", err)
	}
	r.in, r.out = in, bufio.NewReader(out)
	shared = r
	return r
}

// ask sends one scenario and reads the events up to its end.
func (r *runner) ask(s Scenario) ([]Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	type wire struct {
		Scenario
		ShellSteps bool `json:"shellSteps,omitempty"`
	}
	line, err := json.Marshal(wire{s, s.shellSteps})
	if err != nil {
		return nil, err
	}
	if _, err := r.in.Write(append(line, '\n')); err != nil {
		return nil, r.gone(err)
	}
	var events []Event
	for {
		line, err := r.out.ReadBytes('\n')
		if err != nil {
			return nil, r.gone(err)
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("read the runner's answer %q: %w", line, err)
		}
		events = append(events, e)
		if e.Event == "end" {
			return events, nil
		}
	}
}
