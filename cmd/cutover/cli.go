package main

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/digitalmarketplace/cutover/stages/environ"
)

// grammar is the command line: what a person types. What a job exports is read
// by package environ.
type grammar struct {
	// Runbooks holds one command for each runbook.
	Runbooks kong.Plugins   `embed:""`
	Env      envCommand     `cmd:"" help:"List every environment variable with its value and source; secrets are hidden."`
	Version  versionCommand `cmd:"" help:"Print the version and the commit."`
}

func newGrammar(books []runbook) *grammar {
	g := &grammar{Env: envCommand{books: books}}
	for _, book := range books {
		g.Runbooks = append(g.Runbooks, commandOf(book.Name, "", book.help, newRunbookCommand(book)))
	}
	return g
}

// commandOf makes a plugin of a command. kong reads a command's name and texts from
// the tag of a struct field, hence the struct made here.
func commandOf(name, group, help string, command any) any {
	plugin := reflect.New(reflect.StructOf([]reflect.StructField{{
		Name: "Command", Type: reflect.TypeOf(command),
		Tag: reflect.StructTag(fmt.Sprintf(`cmd:"" name:%q group:%q help:%q`, name, group, help)),
	}}))
	plugin.Elem().Field(0).Set(reflect.ValueOf(command))
	return plugin.Interface()
}

// switches are the few things a person types rather than a job exports; each has
// its variable all the same.
type switches struct {
	DryRun    bool   `help:"Check and plan only: nothing at all is written." env:"DRY_RUN"`
	Reports   string `help:"Folder for the JUnit XML and JSON reports." env:"REPORTS" default:"reports" placeholder:"DIR"`
	LogFormat string `help:"Format of the log on stderr." env:"LOG_FORMAT" enum:"text,json" default:"text"`
}

// runbookCommand holds the commands of one runbook.
type runbookCommand struct {
	switches
	// Stages holds one command for each step of the runbook, in its order, so that the
	// list is both the pipeline and the command line.
	Stages   kong.Plugins    `embed:""`
	Run      runCommand      `cmd:"" group:"Around the stages" help:"Run several stages in one process."`
	Switch   kong.Plugins    `embed:""`
	Plan     planCommand     `cmd:"" group:"Around the stages" help:"Show what every stage would do from here, and what waits for what. Writes nothing."`
	Status   statusCommand   `cmd:"" group:"Around the stages" help:"Show how far the run is, where live traffic is and what to do next."`
	Guard    guardCommand    `cmd:"" group:"Around the stages" help:"Exit 3 while a release would interfere with the run: the first line of the release job."`
	Rollback rollbackCommand `cmd:"" group:"Around the stages" help:"Undo what the run has done, live traffic first."`
	Unlock   unlockCommand   `cmd:"" group:"Around the stages" help:"Delete the lease that a process left behind, without waiting for it to go stale."`

	book runbook `kong:"-"`
}

func newRunbookCommand(book runbook) runbookCommand {
	c := runbookCommand{book: book}
	for i, step := range book.Steps {
		var command any = stageCommand{stage: step.Name, text: step.Help}
		if i == 0 && book.export != nil {
			command = exportingCommand{stageCommand: command.(stageCommand)}
		}
		c.Stages = append(c.Stages, commandOf(step.Name, "The stages, in their order", fmt.Sprintf("%2d. %s.", step.Number, step.Title), command))
	}
	if first, last := book.Named(book.Switch.First), book.Named(book.Switch.Last); first != nil && last != nil {
		help := fmt.Sprintf("Run the steps %d to %d, which move the live traffic, in one process.", first.Number, last.Number)
		c.Switch = kong.Plugins{commandOf("switch", "Around the stages", help, switchCommand{})}
	}
	return c
}

// AfterApply hands the runbook that was chosen to its commands.
func (c *runbookCommand) AfterApply(ctx *kong.Context) error {
	ctx.Bind(c)
	return nil
}

type stageCommand struct {
	stage, text string `kong:"-"`
}

// Help is the stage's paragraph of the runbook.
func (s stageCommand) Help() string { return s.text }

// Run runs the one stage.
func (s *stageCommand) Run(ctx context.Context, p *program, c *runbookCommand) error {
	return p.stages(ctx, c, s.stage, s.stage)
}

// exportingCommand is a runbook's first stage, which can export the space instead.
type exportingCommand struct {
	stageCommand `kong:"-"`
	Export       string `help:"Instead of starting a run, write the space's shape to this file, without secrets: sandbox --like rehearses on it." placeholder:"FILE"`
}

// Run runs the stage, or exports.
func (e *exportingCommand) Run(ctx context.Context, p *program, c *runbookCommand) error {
	if e.Export != "" {
		return p.export(ctx, c, e.Export)
	}
	return p.stages(ctx, c, e.stage, e.stage)
}

type runCommand struct {
	From string `help:"First stage; by default the first that is not complete." env:"FROM" placeholder:"STAGE"`
	To   string `help:"Last stage; by default the last of the runbook." env:"STOP_AFTER" placeholder:"STAGE"`
}

// Run runs the stages from From to To.
func (r *runCommand) Run(ctx context.Context, p *program, c *runbookCommand) error {
	return p.stages(ctx, c, r.From, r.To)
}

type switchCommand struct{}

// Run runs the stages that move traffic.
func (*switchCommand) Run(ctx context.Context, p *program, c *runbookCommand) error {
	return p.stages(ctx, c, c.book.Switch.First, c.book.Switch.Last)
}

type statusCommand struct {
	Output string `help:"Format on stdout." enum:"text,json" default:"text"`
}

// Run prints the status.
func (s *statusCommand) Run(ctx context.Context, p *program, c *runbookCommand) error {
	return p.status(ctx, c, s.Output)
}

type guardCommand struct{}

// Run reports whether a release may begin.
func (*guardCommand) Run(ctx context.Context, p *program, c *runbookCommand) error {
	return p.guard(ctx, c)
}

type rollbackCommand struct{}

// Run rolls back.
func (*rollbackCommand) Run(ctx context.Context, p *program, c *runbookCommand) error {
	return p.rollback(ctx, c)
}

type planCommand struct {
	As  string `help:"text: what each stage would do; cf: the commands a person would type; json: for a program." enum:"text,cf,json" default:"text"`
	For string `help:"Stages that are to be approved: the question for a person is written to plan.question in the reports, if anything is left to do in them." env:"PLAN_FOR" placeholder:"FIRST..LAST"`
}

// Run is a dry run of the whole runbook, printed in one piece.
func (s *planCommand) Run(ctx context.Context, p *program, c *runbookCommand) error {
	c.DryRun = true
	return p.plan(ctx, c, s.As, s.For)
}

type unlockCommand struct {
	ID string `name:"run" help:"Id of the run, as status shows it; the holder of the lease where there is no run." env:"RUN" required:"" placeholder:"ID"`
}

// Run deletes the lease of a process that is gone.
func (u *unlockCommand) Run(ctx context.Context, p *program, c *runbookCommand) error {
	return p.unlock(ctx, c, u.ID)
}

type envCommand struct {
	books []runbook `kong:"-"`
}

// Run lists the variables of all runbooks, each once.
func (e *envCommand) Run(p *program) error {
	listed := map[string]bool{}
	for _, book := range e.books {
		p.redact.Add(environ.Secrets(book.settings, p.lookup)...)
		for _, s := range environ.Effective(book.settings, p.lookup) {
			if listed[s.Name] {
				continue
			}
			listed[s.Name] = true
			value := s.Value
			if value == "" {
				value = "-"
			}
			fmt.Fprintf(p.stdout, "%-32s %-12s %s\n%34s%s\n", s.Name, s.Source, value, "", s.Help)
		}
	}
	return p.stdout.failed()
}

type versionCommand struct{}

// Run prints the version.
func (*versionCommand) Run(p *program) error {
	fmt.Fprintln(p.stdout, fullVersion())
	return p.stdout.failed()
}

// fullVersion is the version with the commit that the Go tool recorded.
func fullVersion() string {
	parts := []string{"cutover", version}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				parts = append(parts, s.Value[:min(12, len(s.Value))])
			}
		}
	}
	return strings.Join(parts, " ")
}
