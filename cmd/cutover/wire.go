package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/digitalmarketplace/cutover/jenkins/report"
	"github.com/digitalmarketplace/cutover/stages/console"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const (
	command = "cutover elasticsearch"
	// noStage stands for a command that runs no stage forward.
	noStage = 99
)

// open reads the settings, all problems at once, and connects. first is the number
// of the first stage that will run, since not every stage needs every setting.
// also are problems that are known already.
func (p *program) open(ctx context.Context, g *grammar, first int, also ...environ.Problem) (*elasticsearch.Site, error) {
	settings, problems := environ.Load[elasticsearch.Settings](ctx, p.lookup)
	p.redact.Add(environ.Secrets(reflect.TypeFor[elasticsearch.Settings](), p.lookup)...)
	problems = append(append(problems, settings.Problems(first)...), also...)
	if len(problems) > 0 {
		return nil, problems
	}
	return elasticsearch.Open(ctx, settings, elasticsearch.Options{
		Version: version, Build: p.build(), Redact: p.redact, Log: p.log(g).Logger(),
		DryRun: g.Elasticsearch.DryRun,
	})
}

// build is the address of the Jenkins build, where there is one.
func (p *program) build() string {
	url, _ := p.lookup("BUILD_URL")
	return url
}

func (p *program) runner(site *elasticsearch.Site, g *grammar) *runner.Runner {
	s := site.Settings
	return &runner.Runner{
		Options: runner.Options{
			Environment: s.Stage, Runbook: "elasticsearch", App: s.LiveApp, Version: version, Build: p.build(),
			Of: 20, DryRun: g.Elasticsearch.DryRun, VerifyFor: s.VerifyTimeout, Every: s.Poll,
			Situation: site.Situation, Command: command,
		},
		Journal: site.Journal(), Lease: site.Lease(),
		Observer: runner.Observers{p.files(g), p.log(g), told{p}},
	}
}

func (p *program) files(g *grammar) *report.Files {
	return &report.Files{Dir: g.Elasticsearch.Reports, Redact: p.redact.Redact, Failed: func(err error) {
		fmt.Fprintln(p.stderr, "cutover:", err)
	}}
}

// unwritable is a folder for reports that cannot be one: known before anything is
// changed whose report would be lost.
func (p *program) unwritable(g *grammar) []environ.Problem {
	if err := p.files(g).Writable(); err != nil {
		return []environ.Problem{{Variable: "REPORTS", What: "reports cannot be written there: " + err.Error()}}
	}
	return nil
}

// stages runs the stages from one to another; "" is the runbook's first or last.
func (p *program) stages(ctx context.Context, g *grammar, from, to string) error {
	steps := elasticsearch.Steps(nil)
	first, err := number(steps, from, steps[0], "map-live-route")
	if err != nil {
		return err
	}
	last, err := number(steps, to, steps[len(steps)-1], "unmap-temporary-route")
	if err != nil {
		return err
	}
	if first > last {
		return runner.Misconfigure("stage %s comes after %s", from, to)
	}
	return p.between(ctx, g, first, last)
}

// number finds the number of a stage by its name; switch, which is several, counts
// as the first or the last of them, as edge says.
func number(steps runner.Runbook, name string, standard runner.Step, edge string) (int, error) {
	switch name {
	case "":
		return standard.Number, nil
	case "switch":
		name = edge
	}
	if step := steps.Named(name); step != nil {
		return step.Number, nil
	}
	return 0, runner.Misconfigure("there is no stage %q: cutover elasticsearch --help lists them", name)
}

func (p *program) between(ctx context.Context, g *grammar, first, last int) error {
	site, err := p.open(ctx, g, first, p.unwritable(g)...)
	if err != nil {
		return err
	}
	all := elasticsearch.Steps(site)
	r := p.runner(site, g)
	if site.Settings.PlanDigest != "" {
		r.Approved = site.Approved
	}
	if first <= 9 && last >= 11 {
		r.Beside = site.Beside()
	}
	return r.Run(ctx, all, all.Between(first, last))
}

func (p *program) rollback(ctx context.Context, g *grammar) error {
	site, err := p.open(ctx, g, noStage, p.unwritable(g)...)
	if err != nil {
		return err
	}
	r := p.runner(site, g)
	r.Beside = site.BesideBack()
	err = r.Back(ctx, elasticsearch.WayBack(site))
	var blemish *runner.Blemish
	if errors.As(err, &blemish) {
		fmt.Fprintln(p.stderr, "cutover: the way back is complete, but", blemish)
	}
	return err
}

// export writes what a rehearsal is made of. Names, sizes and counts are no
// secrets, but nobody else's business either.
func (p *program) export(ctx context.Context, g *grammar, file string) error {
	site, err := p.open(ctx, g, noStage)
	if err != nil {
		return err
	}
	space, err := site.Export(ctx)
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

func (p *program) guard(ctx context.Context, g *grammar) error {
	site, err := p.open(ctx, g, noStage)
	if err != nil {
		return err
	}
	why, err := site.Guard(ctx)
	if err == nil {
		fmt.Fprintln(p.stdout, why)
	}
	return err
}

func (p *program) unlock(ctx context.Context, g *grammar, run string) error {
	site, err := p.open(ctx, g, noStage)
	if err != nil {
		return err
	}
	if g.Elasticsearch.DryRun {
		held, err := site.Holder(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "dry run: the lease is left as it is: %s\n", held)
		return nil
	}
	held, err := site.Unlock(ctx, run)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "the lease is free; it was held by %s\n", held)
	return nil
}

func (p *program) status(ctx context.Context, g *grammar, output string) error {
	site, err := p.open(ctx, g, noStage)
	if err != nil {
		return err
	}
	status, err := site.Status(ctx, command)
	if err != nil {
		return err
	}
	if output == "json" {
		return json.NewEncoder(p.stdout).Encode(status)
	}
	return console.Status(p.stdout, status)
}

// told notes that a failure has been told by its card.
type told struct{ p *program }

func (t told) StageStarted(*runner.Result)                                              {}
func (t told) TaskStarted(*runner.Result, runner.List, string)                          {}
func (t told) TaskDone(*runner.Result)                                                  {}
func (t told) Progress(*runner.Result, string, time.Duration, *runner.Progress, string) {}
func (t told) StageDone(r *runner.Result)                                               { t.p.reported = t.p.reported || r.Card != nil }
