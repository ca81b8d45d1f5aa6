package e2e

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/test/jenkins/junitxsd"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// TestStories runs testdata/stories. Each is a script that begins with a sandbox
// of its own and runs the real program against it, one process a command:
//
//	sandbox [-documents N] [-like FILE] …  starts one, and exports its env
//	cutover ARGS                        runs the program to its end and wants exit code 0
//	exits CODE cutover ARGS             the same, and wants another
//	begin NAME cutover ARGS             starts it and goes on; says NAME REGEXP, signal NAME TERM, ends NAME CODE
//	fault NAME JSON                     arms a fault; held NAME, release NAME do|drop, hit NAME, mend NAME
//	control METHOD PATH [JSON]          asks the control API; the answer is on stdout
//	until PATH REGEXP                   asks it, or the platform (/v3/…), again and again until the answer matches;
//	                                    an address of an app (http://…) is asked of every router
//	cf METHOD PATH [JSON]               asks the platform, as an operator would; {green}, {blue} are the apps' GUIDs
//	deploy [JSON]                       runs the release job; JSON is a mistake in its manifest
//	edit JSON                           makes one edit in the data API; $EDITED is its object's id
//	capture NAME REGEXP                 puts what the first group matches in stdout into $NAME
//	mark                                counts what follows: writes MIN MAX [REGEXP] since, requests MIN MAX since
//	snapshot NAME, snapshot-equals NAME the state of platform and search
//	readers RATE, readers-met APP, no-read-failed
//	like-source SERVICE                 the indices of a service hold what the data API has
//	junit FILES, json [KEY VALUE], gone NAME
//
// No process of a story may print a secret; that is looked at after each.
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
			"fault": do((*story).fault), "held": do((*story).held), "hit": do((*story).hit), "release": do((*story).release), "mend": do((*story).mend),
			"control": do((*story).control), "until": do((*story).until), "cf": do((*story).platform), "edit": do((*story).edit), "deploy": do((*story).deploy), "capture": do((*story).capture),
			"mark": do((*story).mark), "writes": do((*story).writes), "requests": do((*story).requests),
			"snapshot": do((*story).snapshot), "snapshot-equals": do((*story).snapshotEquals),
			"readers": do((*story).readers), "readers-met": do((*story).readersMet), "no-read-failed": do((*story).noReadFailed),
			"like-source": do((*story).likeSource), "junit": do((*story).junit), "json": do((*story).json), "gone": do((*story).gone),
		},
	})
}

type storyKey struct{}

// story is one script at work.
type story struct {
	tb        testing.TB
	ts        *testscript.TestScript
	dir       string
	world     *world
	processes map[string]*process
	faults    map[string]string
	states    map[string]string
	// begun is the number of writes, and counter the fault that counts requests, at the last mark.
	begun   int
	counter string
}

// reporter lets the harness fail a script at its line.
type reporter struct {
	testing.TB
	ts *testscript.TestScript
}

func (r reporter) Fatal(args ...any)                 { r.ts.Fatalf("%s", fmt.Sprint(args...)) }
func (r reporter) Fatalf(format string, args ...any) { r.ts.Fatalf(format, args...) }

func do(f func(*story, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command has no opposite")
		}
		s := ts.Value(storyKey{}).(*story)
		s.ts = ts
		if s.world != nil {
			s.world.t = reporter{s.tb, ts}
		}
		f(s, args)
	}
}

// need wants so many arguments.
func (s *story) need(args []string, least, most int) {
	if len(args) < least || len(args) > most {
		s.ts.Fatalf("%d arguments, from %d to %d are wanted", len(args), least, most)
	}
}

func (s *story) sandbox(args []string) {
	o := small()
	flags := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	flags.IntVar(&o.Documents, "documents", o.Documents, "")
	flags.IntVar(&o.Drift, "drift", -1, "") // by default none: blue is like its source
	flags.DurationVar(&o.PutTime, "put-time", o.PutTime, "")
	flags.DurationVar(&o.ProvisionTime, "provision-time", 0, "")
	flags.Float64Var(&o.Pace, "pace", 0, "")
	flags.IntVar(&o.RateLimit, "rate-limit", 0, "")
	flags.Float64Var(&o.LiveWriter, "live-writer", 0, "")
	like := flags.String("like", "", "")
	s.ts.Check(flags.Parse(args))
	if *like != "" {
		var err error
		o.Like, err = sandbox.ReadLike(s.ts.MkAbs(*like))
		s.ts.Check(err)
	}
	s.world = start(s.tb, o)
	for name, value := range s.world.env {
		if name != "PATH" && name != "HOME" {
			s.ts.Setenv(name, value)
		}
	}
}

// env is the program's environment: every variable that it knows, as the script has it.
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
		w = &world{t: reporter{s.tb, s.ts}}
	}
	return w.beginIn(s.ts.MkAbs("."), s.env(), args[1:]...)
}

// end waits for a process, shows what it printed, and wants its exit code.
func (s *story) end(p *process, want string) {
	p.t = reporter{s.tb, s.ts}
	code := p.wait()
	_, _ = fmt.Fprint(s.ts.Stdout(), p.out.String())
	_, _ = fmt.Fprint(s.ts.Stderr(), p.log.String())
	if strconv.Itoa(code) != want {
		s.ts.Fatalf("exit code %d, want %s\n%s%s", code, want, p.out.String(), p.log.String())
	}
	for name, value := range s.env() {
		if secret := strings.Contains(name, "PASSWORD") || strings.Contains(name, "TOKEN"); !secret {
			continue
		}
		if strings.Contains(p.out.String()+p.log.String(), value) {
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
	s.world.eventually(args[0]+" says "+args[1], func() bool { return pattern.MatchString(p.log.String()) })
}

func (s *story) signal(args []string) {
	s.need(args, 2, 2)
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}
	s.ts.Check(s.process(args[0]).cmd.Process.Signal(signals[args[1]]))
}

// ends wants an exit code; -1 is that of a process that was killed.
func (s *story) ends(args []string) {
	s.need(args, 2, 2)
	s.end(s.process(args[0]), args[1])
}

func (s *story) fault(args []string) {
	s.need(args, 2, 2)
	s.faults[args[0]] = s.world.fault(s.object(args[1]))
}

func (s *story) faultID(name string) string {
	if s.faults[name] == "" {
		s.ts.Fatalf("there is no fault %s", name)
	}
	return s.faults[name]
}

// held waits until a fault holds its request; $HELD is the last word of that
// write's path, such as the id of a document.
func (s *story) held(args []string) {
	s.need(args, 1, 1)
	s.world.awaitHeld(s.faultID(args[0]))
	s.hit(args)
}

// hit wants a fault to have hit something; $HELD is as for held.
func (s *story) hit(args []string) {
	s.need(args, 1, 1)
	var f struct {
		Hits   int   `json:"hits"`
		Writes []int `json:"writes"`
	}
	s.world.call("GET", "/_sandbox/faults/"+s.faultID(args[0]), nil, &f)
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

func (s *story) mend(args []string) {
	s.need(args, 1, 1)
	s.world.call("DELETE", "/_sandbox/faults/"+s.faultID(args[0]), nil, nil)
}

func (s *story) capture(args []string) {
	s.need(args, 2, 2)
	text := s.ts.ReadFile("stdout")
	found := regexp.MustCompile(args[1]).FindStringSubmatch(text)
	if len(found) != 2 {
		s.ts.Fatalf("no match for %s in %s", args[1], text)
	}
	s.ts.Setenv(args[0], found[1])
}

func (s *story) mark(args []string) {
	s.need(args, 0, 0)
	s.begun = len(s.world.writes())
	// The platform asks the apps for their health all the time; that is not us.
	s.counter = s.world.fault(map[string]any{"kind": "delay", "user_agent": "^cutover"})
}

// between fails unless n is what two arguments allow.
func (s *story) between(n int, least, most string, what any) {
	a, err := strconv.Atoi(least)
	s.ts.Check(err)
	b, err := strconv.Atoi(most)
	s.ts.Check(err)
	if n < a || n > b {
		s.ts.Fatalf("%d, not from %d to %d: %+v", n, a, b, what)
	}
}

func (s *story) writes(args []string) {
	s.need(args, 2, 3)
	pattern := regexp.MustCompile(strings.Join(args[2:], ""))
	var some []string
	for _, one := range s.world.writes()[s.begun:] {
		if line := strings.Join([]string{one.Place, one.App, one.Method, one.Path}, " "); pattern.MatchString(line) {
			some = append(some, line)
		}
	}
	s.between(len(some), args[0], args[1], some)
}

func (s *story) requests(args []string) {
	s.need(args, 2, 2)
	s.between(s.world.hits(s.counter), args[0], args[1], "requests since the mark")
}

func (s *story) snapshot(args []string) { s.need(args, 1, 1); s.states[args[0]] = s.world.state() }

func (s *story) junit(args []string) {
	var paths []string
	for _, arg := range args {
		some, err := filepath.Glob(s.ts.MkAbs(arg))
		s.ts.Check(err)
		if len(some) == 0 {
			s.ts.Fatalf("there is no %s", arg)
		}
		paths = append(paths, some...)
	}
	junitxsd.ValidateJUnit(s.tb, paths...)
}

func (s *story) gone(args []string) {
	s.need(args, 1, 1)
	s.world.eventually("there is no service "+args[0], func() bool { return s.world.instance(args[0]) == "" })
}

// readersMet waits until the live readers have been answered by an app, so many times.
func (s *story) readersMet(args []string) {
	s.need(args, 1, 1)
	was := maps.Clone(s.world.tally().ByApp)
	s.world.eventually("the readers meet "+args[0], func() bool { return s.world.tally().ByApp[args[0]] >= was[args[0]]+10 })
}

func (s *story) readers(args []string) {
	s.need(args, 1, 1)
	rate, err := strconv.ParseFloat(args[0], 64)
	s.ts.Check(err)
	s.world.call("POST", "/_sandbox/load", map[string]any{"rate": rate}, nil)
}

func (s *story) noReadFailed(args []string) {
	s.need(args, 0, 0)
	var t sandbox.Tally
	s.world.call("DELETE", "/_sandbox/load", nil, &t)
	if t.Sent < 20 || t.Failed > 0 {
		s.ts.Fatalf("%d requests, %d failed: %+v", t.Sent, t.Failed, t.Failures)
	}
}
