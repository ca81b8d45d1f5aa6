// Command cutover upgrades the services behind a live application on Cloud
// Foundry, stage by stage, for Jenkins. This package holds the command line and
// the wiring, and no logic of a stage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/digitalmarketplace/cutover/stages/console"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// version is set by the release build with -ldflags.
var version = "dev"

func main() {
	ctx, stop := interruptible(context.Background())
	code := run(ctx, os.Args[1:], os.LookupEnv, stdout(), os.Stderr)
	stop()
	os.Exit(code)
}

// interruptible returns a context that ends with the first SIGTERM or SIGINT.
// Later ones are ignored: Jenkins sends SIGTERM to each process of the build and then
// again to the shell, so a second one does not mean to stop faster.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for range signals {
			cancel()
		}
	}()
	return ctx, func() { signal.Stop(signals); close(signals); cancel() }
}

// run is the whole program but for the process: it returns the exit code.
func run(ctx context.Context, args []string, lookup environ.Lookup, stdout, stderr io.Writer) (code int) {
	clearEmpty(lookup)
	redact := environ.NewRedactor()
	p := &program{
		lookup: lookup, redact: redact,
		stdout: &output{to: redact.Writer(stdout)}, stderr: redact.Writer(stderr),
	}
	parser, err := newParser(p, runbooks())
	if err != nil {
		fmt.Fprintln(p.stderr, "cutover:", err)
		return 2
	}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exited:
			code = int(e)
			if code == 0 {
				code = p.exit(p.stdout.failed())
			}
		default:
			panic(e)
		}
	}()
	parsed, err := parser.Parse(args)
	if unwritten := p.stdout.failed(); unwritten != nil {
		return p.exit(unwritten)
	}
	if err != nil {
		fmt.Fprintf(p.stderr, "cutover: %s\nHelp: cutover --help, or --help after any command.\n", err)
		return 2
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return p.exit(parsed.Run())
}

// exited carries the exit code that kong wants (after --help) out of the parser.
type exited int

// exit turns an error into the exit code. A stage's failure was reported by its card;
// anything else is reported here, once.
func (p *program) exit(err error) int {
	if err == nil {
		return 0
	}
	var problems environ.Problems
	if errors.As(err, &problems) {
		fmt.Fprintln(p.stderr, "cutover: these settings are missing or wrong; nothing was touched:")
		for _, one := range problems {
			fmt.Fprintf(p.stderr, "  %-28s %s\n", one.Variable, one.What)
		}
		fmt.Fprintln(p.stderr, "All variables, with their values and sources: cutover env")
		return runner.Misconfigured.ExitCode()
	}
	if !p.reported {
		fmt.Fprintln(p.stderr, "cutover:", err)
	}
	return runner.ClassOf(err).ExitCode()
}

// clearEmpty unsets the variables of switches that are set but empty, which kong
// would take for a value.
func clearEmpty(lookup environ.Lookup) {
	for _, name := range []string{"DRY_RUN", "REPORTS", "LOG_FORMAT", "FROM", "STOP_AFTER", "RUN", "PLAN_FOR"} {
		if value, set := lookup(name); set && value == "" {
			os.Unsetenv(name)
		}
	}
}

func newParser(p *program, books []runbook) (*kong.Kong, error) {
	return kong.New(newGrammar(books),
		kong.Name("cutover"),
		kong.Description("Upgrades the services behind a live application on Cloud Foundry, stage by stage, with proof.\n\n"+
			"Exit codes: 0 done or nothing to do, 1 a check or verification failed, 2 usage or settings, "+
			"3 refused, 4 a dependency failed and a retry is safe, 130 interrupted and resumable."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: false}),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.Bind(p),
	)
}

// program is what the commands share.
type program struct {
	lookup environ.Lookup
	redact *environ.Redactor
	stdout *output
	stderr io.Writer
	// reported reports that a card has reported the failure.
	reported bool
}

func (p *program) log(c *runbookCommand) *console.Log {
	log := &console.Log{To: p.stderr}
	if c.LogFormat == "json" {
		log.JSON = slog.New(slog.NewJSONHandler(p.stderr, nil))
	}
	return log
}
