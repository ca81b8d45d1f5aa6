// Command demo rehearses a whole migration: it starts the sandbox with readers on the live route and people who go on
// editing, runs the stages one process each as the Jenkinsfile has them, and says whether all of it held. scripts/demo
// builds what it runs.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// size is how large the rehearsal is. What it leaves out is as the sandbox has it by default.
type size struct {
	services, briefs int
	// slots are the worker processes of one instance of the search API, of which there are two.
	slots   int
	put     time.Duration
	readers int
	edits   int
	// like tells that blue has all that the data API has from the beginning.
	like bool
}

const instances = 2

func (s size) String() string {
	return fmt.Sprintf("%s services and %s briefs; %d instances of the search API with %d workers each, %s a document;\n"+
		"%d live requests and %d edits a second meanwhile; the platform's own delays at 1/200; %d cores",
		runner.Number(s.services), runner.Number(s.briefs), instances, s.slots, s.put, s.readers, s.edits, runtime.NumCPU())
}

// run is main without its process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "2,000 services instead of 36,311")
	recap := flags.Bool("recap", false, "leave out the stages' log, which is kept beside the reports")
	bin := flags.String("bin", "bin", "folder of the binaries")
	reports := flags.String("reports", filepath.Join("reports", "demo"), "folder of the reports; what is in it is removed")
	transcript := flags.String("transcript", "", "recorded log; where this one tells of other tasks, that is a failure")
	record := flags.Bool("record", false, "write that file instead")
	back := slices.Contains(args, "rollback")
	if err := flags.Parse(slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "rollback" })); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "demo: unexpected argument %s\n", flags.Arg(0))
		return 2
	}
	s := size{services: 36_311, briefs: 1_192, slots: 10, put: 5 * time.Millisecond, readers: 50, edits: 2}
	if *quick {
		s.services, s.briefs = 2_000, 200
	}
	err := rehearse(ctx, s, options{bin: *bin, reports: *reports, log: !*recap, transcript: *transcript, record: *record, back: back}, stdout)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "demo: interrupted; what it had started has ended")
		return 130
	case err != nil:
		fmt.Fprintln(stderr, "demo:", err)
		return 1
	}
	return 0
}

type options struct {
	bin, reports string
	log          bool
	// transcript is the file of a recorded log, to compare this one with, or to record it.
	transcript string
	record     bool
	// back rehearses the way back from after step 16.
	back bool
}

// rehearse runs the migration and writes the recap; the error says what did not hold.
func rehearse(ctx context.Context, s size, o options, stdout io.Writer) error {
	commands, err := commandsOf("Jenkinsfile")
	if err != nil {
		return err
	}
	if o.back {
		commands, s.like = before(commands, turning), true
	}
	alone, err := lock(o.reports + ".lock")
	if err != nil {
		return err
	}
	defer alone.Close()
	// The folder is the demo's own: reports of an earlier one would be taken for this one's.
	if err := os.RemoveAll(o.reports); err != nil {
		return err
	}
	if err := os.MkdirAll(o.reports, 0o755); err != nil {
		return err
	}
	manifests, err := os.MkdirTemp("", "cutover-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(manifests)
	log, err := os.Create(filepath.Join(o.reports, "log.txt"))
	if err != nil {
		return err
	}
	defer log.Close()

	fmt.Fprintf(stdout, "A rehearsal: %s.\n\n", s)
	began := time.Now()
	box, err := startSandbox(ctx, filepath.Join(o.bin, "sandbox"), s)
	if err != nil {
		return err
	}
	defer box.end()
	before, err := box.snapshot(ctx)
	if err != nil {
		return err
	}
	p := program{path: filepath.Join(o.bin, "cutover"), reports: o.reports, log: log}
	if o.log {
		p.log = io.MultiWriter(log, stdout)
	}
	p.env = append(box.environment(), "DRY_RUN=false", "MANIFESTS="+manifests)

	var r recap
	for _, command := range commands {
		if command == awaiting {
			if err := box.release(ctx); err != nil {
				return err
			}
		}
		ran := p.stage(ctx, command)
		r.ran = append(r.ran, ran)
		if ran.err != nil || ctx.Err() != nil {
			break
		}
	}
	if o.back && !r.failed() {
		gone, back, err := goBack(ctx, box, &p)
		if err != nil {
			return err
		}
		r.ran, r.back = append(r.ran, gone), back
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := r.measure(ctx, box, before, &p); err != nil {
		r.wrong = append(r.wrong, err)
	}
	r.reports, r.took = o.reports, time.Since(began)
	r.judge()
	if err := transcribed(o, log.Name()); err != nil {
		r.wrong = append(r.wrong, err)
	}
	r.write(stdout)
	return errors.Join(r.wrong...)
}

// lock keeps a second rehearsal out of a folder of reports until the file is closed, or this process has ended.
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
		return nil, fmt.Errorf("another rehearsal is writing its reports there: lock %s: %w", path, err)
	}
	return f, nil
}
