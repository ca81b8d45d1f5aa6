// Command demo rehearses a whole run: it starts a sandbox with readers on the live route and a live writer, runs the
// stages one process each as the Jenkinsfile does, and checks the result. scripts/demo builds the binaries that it runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// size is how large the rehearsal is. What it does not set has the sandbox's default.
type size struct {
	services, briefs int
	// slots are the worker processes of one instance of the search API, of which there are two.
	slots int
	put   time.Duration
	// readers and edits are per second.
	readers, edits int
	// noDrift makes blue's index equal to the data API at the start.
	noDrift bool
}

const instances = 2

func (s size) String() string {
	return fmt.Sprintf("%s services and %s briefs; %d instances of the search API with %d workers each, %s a document;\n"+
		"%d live requests and %d edits a second meanwhile; the platform's own delays at 1/200; %d cores",
		runner.Number(s.services), runner.Number(s.briefs), instances, s.slots, s.put, s.readers, s.edits, runtime.NumCPU())
}

// flags are the sandbox binary's.
func (s size) flags() []string {
	flags := []string{
		fmt.Sprintf("--documents=%d", s.services), fmt.Sprintf("--briefs=%d", s.briefs),
		fmt.Sprintf("--instances=%d", instances), fmt.Sprintf("--slots=%d", s.slots), fmt.Sprintf("--put-time=%s", s.put),
		fmt.Sprintf("--readers=%d", s.readers), fmt.Sprintf("--live-writer=%d", s.edits),
	}
	if s.noDrift {
		flags = append(flags, "--drift=0")
	}
	return flags
}

// options are what the command line chooses, apart from the size.
type options struct {
	bin, reports string
	// hideLog leaves the stages' log out of standard output.
	hideLog bool
	// rollback rolls back after step 16 instead of finishing the run.
	rollback bool
}

// run is main without its process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, o, err := parse(args, stderr)
	if err != nil {
		return 2 // parse has reported it
	}
	err = rehearse(ctx, s, o, stdout)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "demo: interrupted; all processes that it started have ended")
		return 130
	case err != nil:
		fmt.Fprintln(stderr, "demo:", err)
		return 1
	}
	return 0
}

// parse reads the command line and reports what is wrong with it on stderr.
func parse(args []string, stderr io.Writer) (size, options, error) {
	var o options
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "2,000 services instead of 36,311")
	flags.BoolVar(&o.hideLog, "recap", false, "do not print the stages' log, only the recap; the log is written beside the reports")
	flags.StringVar(&o.bin, "bin", "bin", "folder of the binaries")
	flags.StringVar(&o.reports, "reports", filepath.Join("reports", "demo"), "folder for the reports; its content is deleted first")
	o.rollback = slices.Contains(args, "rollback")
	args = slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "rollback" })
	if err := flags.Parse(args); err != nil {
		return size{}, o, err
	}
	if flags.NArg() > 0 {
		err := fmt.Errorf("unexpected argument %s", flags.Arg(0))
		fmt.Fprintln(stderr, "demo:", err)
		return size{}, o, err
	}
	s := size{services: 36_311, briefs: 1_192, slots: 10, put: 5 * time.Millisecond, readers: 50, edits: 2, noDrift: o.rollback}
	if *quick {
		s.services, s.briefs = 2_000, 200
	}
	return s, o, nil
}

// rehearse runs the stages and writes the recap; the error lists every check that failed.
func rehearse(ctx context.Context, s size, o options, stdout io.Writer) error {
	commands, err := commandsOf("Jenkinsfile")
	if err != nil {
		return err
	}
	if o.rollback {
		commands = upTo(commands, lastBeforeRollback)
	}
	own, err := lock(o.reports + ".lock")
	if err != nil {
		return err
	}
	defer own.Close()
	log, err := emptyReports(o.reports)
	if err != nil {
		return err
	}
	defer log.Close()
	manifests, err := os.MkdirTemp("", "cutover-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(manifests)

	fmt.Fprintf(stdout, "A rehearsal: %s.\n\n", s)
	began := time.Now()
	box, err := startSandbox(ctx, filepath.Join(o.bin, "sandbox"), s)
	if err != nil {
		return err
	}
	defer box.Close()
	before, err := documents(ctx, box)
	if err != nil {
		return err
	}
	p := program{
		path: filepath.Join(o.bin, "cutover"), reports: o.reports, log: log,
		env: box.Environment(map[string]string{"DRY_RUN": "false", "MANIFESTS": manifests}),
	}
	if !o.hideLog {
		p.log = io.MultiWriter(log, stdout)
	}
	r, err := migrate(ctx, box, &p, commands, o.rollback)
	if err != nil {
		return err
	}
	if err := r.measure(ctx, box, before, &p); err != nil {
		r.failures = append(r.failures, err)
	}
	r.took = time.Since(began)
	r.check()
	r.write(stdout)
	return errors.Join(r.failures...)
}

// migrate runs the commands, until one fails, and the rollback where that is rehearsed.
func migrate(ctx context.Context, box *rig.Sandbox, p *program, commands []string, rollback bool) (*recap, error) {
	r := &recap{reports: p.reports}
	for _, command := range commands {
		if command == awaitRelease {
			if err := release(ctx, box); err != nil {
				return nil, err
			}
		}
		one := p.stage(ctx, command)
		r.runs = append(r.runs, one)
		if one.err != nil || ctx.Err() != nil {
			break
		}
	}
	if rollback && !r.failed() {
		one, counts, err := rollBack(ctx, box, p)
		if err != nil {
			return nil, err
		}
		r.runs, r.rollback = append(r.runs, one), counts
	}
	return r, ctx.Err()
}

// emptyReports makes an empty folder for the reports and creates the log in it: reports of an earlier rehearsal would be
// mistaken for this one's.
func emptyReports(dir string) (*os.File, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return os.Create(filepath.Join(dir, "log.txt"))
}

// lock keeps a second rehearsal out of a folder of reports until the file is closed or this process has ended.
func lock(path string) (io.Closer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another rehearsal writes its reports there: lock %s: %w", path, err)
	}
	return f, nil
}
