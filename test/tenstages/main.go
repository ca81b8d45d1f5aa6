// Command tenstages is a runbook of ten stages over what every blue/green upgrade
// shares: for an app whose services stay as they are, and green uses too. It proves that
// the shared packages need no other runbook, and is no part of the product.
//
//	tenstages STAGE|switch|run|rollback [--dry-run] [--to STAGE]
//	tenstages plan|status|stages
//
// Settings come from the environment. Exit codes are cutover's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"syscall"

	"github.com/digitalmarketplace/cutover/stages/console"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const (
	command = "tenstages"
	version = "test"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	redact := environ.NewRedactor()
	redact.Add(environ.Secrets(reflect.TypeFor[settings](), os.LookupEnv)...)
	stderr := redact.Writer(os.Stderr)
	err := run(ctx, os.Args[1:], redact.Add, redact.Writer(os.Stdout), stderr)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %s\n", command, err)
	}
	stop()
	os.Exit(exitCode(err))
}

func exitCode(err error) int {
	var problems environ.Problems
	if errors.As(err, &problems) {
		return runner.Misconfigured.ExitCode()
	}
	return runner.ClassOf(err).ExitCode()
}

func run(ctx context.Context, args []string, redact func(...string), stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return runner.Misconfigure("a command is wanted: a stage, switch, run, plan, status, rollback or stages")
	}
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	dryRun := flags.Bool("dry-run", false, "write nothing")
	to := flags.String("to", "", "last stage of run")
	if err := flags.Parse(args[1:]); err != nil {
		return runner.Misconfigure("%w", err)
	}
	if args[0] == "stages" {
		return list(stdout)
	}
	s, problems := environ.Load[settings](ctx, os.LookupEnv)
	if problems = append(problems, s.CF.Problems()...); len(problems) > 0 {
		return problems
	}
	log := &console.Log{To: stderr}
	if os.Getenv("LOG_FORMAT") == "json" {
		log.JSON = slog.New(slog.NewJSONHandler(stderr, nil))
	}
	x, err := open(ctx, s, *dryRun || args[0] == "plan", redact, log.Logger())
	if err != nil {
		return err
	}
	r := x.runner(*dryRun, log)
	switch args[0] {
	case "plan":
		return x.plan(ctx, stdout)
	case "status":
		return x.status(ctx, stdout)
	case "rollback":
		return x.rollback(ctx, r)
	case "switch":
		return x.forward(ctx, r, r.Runbook.Switch.First, r.Runbook.Switch.Last)
	case "run":
		return x.forward(ctx, r, "", *to)
	}
	return x.forward(ctx, r, args[0], args[0])
}

// list prints the names of the stages, in their order.
func list(to io.Writer) error {
	for _, step := range runbook(nil).Steps {
		if _, err := fmt.Fprintln(to, step.Name); err != nil {
			return err
		}
	}
	return nil
}
