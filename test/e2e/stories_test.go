package e2e

import (
	"flag"
	"fmt"
	"os"
	"path"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/test/sandbox"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// TestStories runs testdata/stories. Each is a script that starts a sandbox of its own and runs the real program against it, one
// process a command:
//
//	sandbox [-documents N] [-like FILE] …  starts one, and exports its env
//	cutover ARGS                        runs the program to its end and wants exit code 0
//	exits CODE cutover ARGS             the same with another exit code
//	begin NAME cutover ARGS             starts it and does not wait; says NAME REGEXP waits for its log, signal NAME TERM sends
//	                                    it a signal, ends NAME CODE waits for its end
//	fault NAME JSON                     arms a fault; held NAME, release NAME do|drop, hit NAME, remove-fault NAME
//	control METHOD PATH [JSON]          asks the control API; the answer is on stdout
//	until PATH REGEXP                   asks it, or the platform (/v3/…), until the answer matches; an address of an app
//	                                    (http://…) is asked of every router
//	cf METHOD PATH [JSON]               asks the platform, as an operator would; {green}, {blue} are the apps' GUIDs
//	green METHOD PATH [JSON]            asks green's search API by its temporary route, with the token; the answer is on stdout
//	deploy [JSON]                       runs the release job; JSON is a mistake in its manifest
//	edit JSON                           makes one edit in the data API; $EDITED is its object's id
//	capture NAME REGEXP                 sets $NAME to what the first group matches in stdout
//	mark                                counts from here: writes MIN MAX [REGEXP], requests MIN MAX
//	snapshot NAME, snapshot-equals NAME compares the state of platform and search
//	readers RATE, readers-met APP, no-read-failed
//	same-as-data-api SERVICE            the indices of a service have the documents of the data API
//	junit FILES                         are valid reports; json [KEY VALUE] checks stdout
//	gone NAME                           waits until there is no such service
//
// After each process it is checked that it has printed no secret.
func TestStories(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/stories",
		Setup: func(e *testscript.Env) error {
			e.Values[storyKey{}] = &story{tb: e.T().(testing.TB), dir: e.WorkDir, processes: map[string]*process{}, faults: map[string]string{}, states: map[string]string{}}
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sandbox": do((*story).sandbox), "cutover": do((*story).cutover), "exits": do((*story).exits),
			"begin": do((*story).begin), "says": do((*story).says), "signal": do((*story).signal), "ends": do((*story).ends),
			"fault": do((*story).fault), "held": do((*story).held), "hit": do((*story).hit), "release": do((*story).release), "remove-fault": do((*story).removeFault),
			"control": do((*story).control), "until": do((*story).until), "cf": do((*story).platform), "green": do((*story).green), "edit": do((*story).edit), "deploy": do((*story).deploy), "capture": do((*story).capture),
			"mark": do((*story).mark), "writes": do((*story).writes), "requests": do((*story).requests),
			"snapshot": do((*story).snapshot), "snapshot-equals": do((*story).snapshotEquals),
			"readers": do((*story).readers), "readers-met": do((*story).readersMet), "no-read-failed": do((*story).noReadFailed),
			"same-as-data-api": do((*story).sameAsDataAPI), "map-routes": do((*story).mapRoutes), "junit": do((*story).junit), "json": do((*story).json), "gone": do((*story).gone),
			"apply-manifest": do((*story).applyManifest), "app-shape": do((*story).appShape), "long-variable": do((*story).longVariable),
		},
	})
}

type storyKey struct{}

// story is one running script.
type story struct {
	tb        testing.TB
	ts        *testscript.TestScript
	dir       string
	world     *world
	processes map[string]*process
	faults    map[string]string
	states    map[string]string
	// marked is the number of writes at the last mark, and counter the fault that counts requests since then.
	marked  int
	counter string
}

// reporter lets the harness fail a script with its line.
type reporter struct {
	testing.TB
	ts *testscript.TestScript
}

func (r reporter) Fatal(args ...any)                 { r.ts.Fatalf("%s", fmt.Sprint(args...)) }
func (r reporter) Fatalf(format string, args ...any) { r.ts.Fatalf(format, args...) }

func do(f func(*story, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command cannot be negated")
		}
		s := ts.Value(storyKey{}).(*story)
		s.ts = ts
		if s.world != nil {
			s.world.t = reporter{s.tb, ts}
		}
		f(s, args)
	}
}

// need wants a number of arguments.
func (s *story) need(args []string, least, most int) {
	if len(args) < least || len(args) > most {
		s.ts.Fatalf("%d arguments, want %d to %d", len(args), least, most)
	}
}

func (s *story) sandbox(args []string) {
	o := small()
	flags := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	flags.IntVar(&o.Documents, "documents", o.Documents, "")
	flags.IntVar(&o.Drift, "drift", -1, "") // by default none
	flags.DurationVar(&o.PutTime, "put-time", o.PutTime, "")
	flags.DurationVar(&o.ProvisionTime, "provision-time", 0, "")
	flags.Float64Var(&o.Pace, "pace", 0, "")
	flags.IntVar(&o.RateLimit, "rate-limit", 0, "")
	flags.Float64Var(&o.LiveWriter, "live-writer", 0, "")
	flags.StringVar(&o.Buildpack, "buildpack", "", "")
	like := flags.String("like", "", "")
	s.ts.Check(flags.Parse(args))
	if *like != "" {
		var err error
		o.Like, err = sandbox.ReadLike(s.ts.MkAbs(*like))
		s.ts.Check(err)
	}
	s.world = start(s.tb, o)
	for name, value := range s.world.Env {
		if name != "PATH" && name != "HOME" {
			s.ts.Setenv(name, value)
		}
	}
}

// env is the program's environment: every variable that it knows, with the script's value.
func (s *story) env() map[string]string {
	env := map[string]string{"PATH": os.Getenv("PATH"), "HOME": s.dir}
	lookup := func(name string) (string, bool) { v := s.ts.Getenv(name); return v, v != "" }
	names := []string{"DRY_RUN", "REPORTS", "LOG_FORMAT", "FROM", "STOP_AFTER", "RUN", "BUILD_URL"}
	for _, v := range environ.Variables(reflect.TypeFor[elasticsearch.Settings](), lookup) {
		names = append(names, v.Name)
	}
	for _, name := range names {
		if value, set := lookup(name); set {
			env[name] = value
		}
	}
	return env
}

func (s *story) start(args []string) *process {
	if len(args) == 0 || args[0] != "cutover" {
		s.ts.Fatalf("usage: … cutover ARGS")
	}
	w := s.world
	if w == nil { // a story without a sandbox
		w = &world{t: reporter{s.tb, s.ts}, book: elasticsearchBook()}
	}
	return w.beginIn(s.ts.MkAbs("."), s.env(), args[1:]...)
}

// end waits for a process, shows what it printed, and wants its exit code.
func (s *story) end(p *process, want string) {
	p.t = reporter{s.tb, s.ts}
	code := p.wait()
	_, _ = fmt.Fprint(s.ts.Stdout(), p.Stdout())
	_, _ = fmt.Fprint(s.ts.Stderr(), p.Stderr())
	if strconv.Itoa(code) != want {
		s.ts.Fatalf("exit code %d, want %s\n%s%s", code, want, p.Stdout(), p.Stderr())
	}
	for name, value := range s.env() {
		if secret := strings.Contains(name, "PASSWORD") || strings.Contains(name, "TOKEN"); !secret {
			continue
		}
		if strings.Contains(p.Stdout()+p.Stderr(), value) {
			s.ts.Fatalf("the value of %s was printed", name)
		}
	}
}

func (s *story) cutover(args []string) { s.end(s.start(append([]string{"cutover"}, args...)), "0") }

func (s *story) exits(args []string) {
	s.need(args, 2, 20)
	s.end(s.start(args[1:]), args[0])
}

func (s *story) begin(args []string) {
	s.need(args, 2, 20)
	s.processes[args[0]] = s.start(args[1:])
}

func (s *story) process(name string) *process {
	if s.processes[name] == nil {
		s.ts.Fatalf("no process %s was begun", name)
	}
	return s.processes[name]
}

func (s *story) says(args []string) {
	s.need(args, 2, 2)
	p, pattern := s.process(args[0]), regexp.MustCompile(args[1])
	s.world.eventually(args[0]+" says "+args[1], func() bool { return pattern.MatchString(p.Stderr()) })
}

func (s *story) signal(args []string) {
	s.need(args, 2, 2)
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}
	s.ts.Check(s.process(args[0]).Signal(signals[args[1]]))
}

// ends wants an exit code; -1 is that of a process that was killed.
func (s *story) ends(args []string) {
	s.need(args, 2, 2)
	s.end(s.process(args[0]), args[1])
}

func (s *story) fault(args []string) {
	s.need(args, 2, 2)
	var f faults.Fault
	s.decode(args[1], &f)
	s.faults[args[0]] = s.world.fault(f)
}

func (s *story) faultID(name string) string {
	if s.faults[name] == "" {
		s.ts.Fatalf("there is no fault %s", name)
	}
	return s.faults[name]
}

// held waits until a fault holds its request; $HELD is the last part of that write's path, such as the id of a document.
func (s *story) held(args []string) {
	s.need(args, 1, 1)
	s.world.awaitHeld(s.faultID(args[0]))
	s.hit(args)
}

// hit wants a fault to have hit a request; $HELD is as for held.
func (s *story) hit(args []string) {
	s.need(args, 1, 1)
	f := s.world.getFault(s.faultID(args[0]))
	if f.Hits == 0 {
		s.ts.Fatalf("fault %s hit nothing", args[0])
	}
	if len(f.Writes) > 0 {
		s.ts.Setenv("HELD", path.Base(s.world.writes()[f.Writes[0]-1].Path))
	}
}

func (s *story) release(args []string) {
	s.need(args, 2, 2)
	s.world.release(s.faultID(args[0]), args[1])
}

func (s *story) removeFault(args []string) {
	s.need(args, 1, 1)
	s.world.removeFault(s.faultID(args[0]))
}
