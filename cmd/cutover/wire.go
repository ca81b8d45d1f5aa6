package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/digitalmarketplace/cutover/jenkins/report"
	"github.com/digitalmarketplace/cutover/stages/console"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// open opens the runbook to run steps, or, where there are none, for a command
// around the stages.
func (p *program) open(ctx context.Context, c *runbookCommand, steps []runner.Step, also ...environ.Problem) (site, error) {
	p.redact.Add(environ.Secrets(c.book.settings, p.lookup)...)
	return c.book.open(ctx, p, c, steps, also)
}

// build is the address of the Jenkins build, where there is one.
func (p *program) build() string {
	url, _ := p.lookup("BUILD_URL")
	return url
}

// command is what a person types before a stage's name.
func command(c *runbookCommand) string { return "cutover " + c.book.Name }

func (p *program) runner(s site, c *runbookCommand) *runner.Runner {
	o := s.Options()
	o.Version, o.Build, o.DryRun, o.Command = version, p.build(), c.DryRun, command(c)
	return &runner.Runner{
		Options: o, Runbook: s.Runbook(), Journal: s.Journal(), Lease: s.Lease(),
		Observer: runner.Observers{p.files(c), p.log(c), reported{p}},
	}
}

func (p *program) files(c *runbookCommand) *report.Files {
	return &report.Files{Dir: c.Reports, Redact: p.redact.Redact, Failed: func(err error) {
		fmt.Fprintln(p.stderr, "cutover:", err)
	}}
}

// unwritable is a folder for reports that cannot be one: known before anything is
// changed whose report would be lost.
func (p *program) unwritable(c *runbookCommand) []environ.Problem {
	if err := p.files(c).Writable(); err != nil {
		return []environ.Problem{{Variable: "REPORTS", What: "reports cannot be written there: " + err.Error()}}
	}
	return nil
}

// stages runs the stages from one to another; "" is the runbook's first or last.
func (p *program) stages(ctx context.Context, c *runbookCommand, from, to string) error {
	some, err := stagesOf(c.book, from, to)
	if err != nil {
		return err
	}
	steps := c.book.Between(some.First, some.Last)
	site, err := p.open(ctx, c, steps, p.unwritable(c)...)
	if err != nil {
		return err
	}
	r := p.runner(site, c)
	r.Monitor = site.Monitor(steps)
	return r.Run(ctx, r.Runbook.Between(some.First, some.Last))
}

// stagesOf is the range of stages that two names mean; switch, which is several,
// counts as its first or last. It is never empty.
func stagesOf(book runbook, from, to string) (runner.Range, error) {
	if from == "switch" {
		from = cmp.Or(book.Switch.First, from)
	}
	if to == "switch" {
		to = cmp.Or(book.Switch.Last, to)
	}
	for _, name := range []string{from, to} {
		if name != "" && book.Named(name) == nil {
			return runner.Range{}, runner.Misconfigure("there is no stage %q: cutover %s --help lists them", name, book.Name)
		}
	}
	some := book.Between(from, to)
	if len(some) == 0 {
		return runner.Range{}, runner.Misconfigure("stage %s comes after %s", from, to)
	}
	return runner.Range{First: some[0].Name, Last: some[len(some)-1].Name}, nil
}

func (p *program) rollback(ctx context.Context, c *runbookCommand) error {
	site, err := p.open(ctx, c, nil, p.unwritable(c)...)
	if err != nil {
		return err
	}
	r := p.runner(site, c)
	r.Monitor = site.RollbackMonitor()
	err = r.Rollback(ctx)
	var breach *runner.BreachDuringRollback
	if errors.As(err, &breach) {
		fmt.Fprintln(p.stderr, "cutover: the rollback is complete, but live requests failed meanwhile:", breach)
	}
	return err
}

// export writes what a rehearsal needs. Names, sizes and counts are no secrets, but
// nobody else's business either.
func (p *program) export(ctx context.Context, c *runbookCommand, file string) error {
	site, err := p.open(ctx, c, nil)
	if err != nil {
		return err
	}
	space, err := c.book.export(ctx, site)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(space, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
		return runner.Misconfigure("--export: %w", err)
	}
	fmt.Fprintf(p.stdout, "%s: %s, for sandbox --like %s\n", file, space, file)
	return nil
}

func (p *program) guard(ctx context.Context, c *runbookCommand) error {
	site, err := p.open(ctx, c, nil)
	if err != nil {
		return err
	}
	why, err := site.Guard(ctx)
	if err == nil {
		fmt.Fprintln(p.stdout, why)
	}
	return err
}

func (p *program) unlock(ctx context.Context, c *runbookCommand, run string) error {
	site, err := p.open(ctx, c, nil)
	if err != nil {
		return err
	}
	if c.DryRun {
		held, err := site.Holder(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "dry run: the lease is left as it is: %s\n", held)
		return p.stdout.failed()
	}
	held, err := site.Unlock(ctx, run)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "the lease is free; it was held by %s\n", held)
	return nil
}

func (p *program) status(ctx context.Context, c *runbookCommand, output string) error {
	site, err := p.open(ctx, c, nil)
	if err != nil {
		return err
	}
	status, err := site.Status(ctx, command(c))
	if err != nil {
		return err
	}
	if output == "json" {
		err = json.NewEncoder(p.stdout).Encode(status)
	} else {
		err = console.Status(p.stdout, status)
	}
	return cmp.Or(p.stdout.failed(), err)
}

// reported notes that a card has reported the failure.
type reported struct{ p *program }

// Observe looks for a card at the end of a stage.
func (r reported) Observe(e runner.Event) {
	if e.Kind == runner.StageDone && e.Result.Card != nil {
		r.p.reported = true
	}
}
