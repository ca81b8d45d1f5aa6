package main

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/environ"
)

// grammar is the command line: what a person types. What a job exports is read
// by package environ.
type grammar struct {
	Elasticsearch elasticsearchCommand `cmd:"" help:"Replace the Elasticsearch behind the search API: the runbook's steps, and what goes with them."`
	Env           envCommand           `cmd:"" help:"List every environment variable with its value and source; secrets are hidden."`
	Version       versionCommand       `cmd:"" help:"Print the version and the commit."`
}

// switches are the few things a person types rather than a job exports; each has
// its variable all the same.
type switches struct {
	DryRun    bool   `help:"Check and plan only: nothing at all is written." env:"DRY_RUN"`
	Reports   string `help:"Folder for the JUnit XML and JSON reports." env:"REPORTS" default:"reports" placeholder:"DIR"`
	LogFormat string `help:"Format of the log on stderr." env:"LOG_FORMAT" enum:"text,json" default:"text"`
}

type elasticsearchCommand struct {
	switches
	// Stages holds one command for each step of the runbook.
	Stages   kong.Plugins    `embed:""`
	Run      runCommand      `cmd:"" group:"Around the stages" help:"Run several stages in one process."`
	Switch   switchCommand   `cmd:"" group:"Around the stages" help:"Run the steps 9 to 12, which move the live traffic, in one process."`
	Plan     planCommand     `cmd:"" group:"Around the stages" help:"Show what every stage would do from here, and what waits for what. Writes nothing."`
	Status   statusCommand   `cmd:"" group:"Around the stages" help:"Show how far the run is, where live traffic is and what to do next."`
	Guard    guardCommand    `cmd:"" group:"Around the stages" help:"Exit 3 while a migration must not be crossed by a release: the first line of the release job."`
	Rollback rollbackCommand `cmd:"" group:"Around the stages" help:"Go back: the old app is brought up to date and gets the traffic; then names, and what was made for the run."`
	Unlock   unlockCommand   `cmd:"" group:"Around the stages" help:"Delete the lease that a process left behind, without waiting for it to go stale."`
}

func newGrammar() *grammar {
	g := &grammar{}
	g.Elasticsearch.Stages = stageCommands()
	return g
}

// stageCommands makes a command of each step of the runbook, in its order, so
// that the list is both the pipeline and the command line. kong reads commands
// from the tags of struct fields, hence the struct made here.
func stageCommands() kong.Plugins {
	steps := elasticsearch.Steps(nil)
	fields := make([]reflect.StructField, len(steps))
	kinds := map[string]reflect.Type{"check-release": reflect.TypeFor[checkReleaseCommand]()}
	for i, step := range steps {
		kind := kinds[step.Name]
		if kind == nil {
			kind = reflect.TypeFor[stageCommand]()
		}
		fields[i] = reflect.StructField{
			Name: fmt.Sprintf("Step%d", step.Number),
			Type: kind,
			Tag: reflect.StructTag(fmt.Sprintf(`cmd:"" name:%q group:"The stages, in their order" help:"%2d. %s."`,
				step.Name, step.Number, step.Title)),
		}
	}
	commands := reflect.New(reflect.StructOf(fields))
	for i, step := range steps {
		command := stageCommand{Step: step.Name, text: step.Help}
		if fields[i].Type == reflect.TypeFor[stageCommand]() {
			commands.Elem().Field(i).Set(reflect.ValueOf(command))
		} else {
			commands.Elem().Field(i).Set(reflect.ValueOf(checkReleaseCommand{stageCommand: command}))
		}
	}
	return kong.Plugins{commands.Interface()}
}

type stageCommand struct {
	Step string `kong:"-"`
	text string
}

// Help is the stage's paragraph of the runbook.
func (c stageCommand) Help() string { return c.text }

// Run runs the one stage.
func (c *stageCommand) Run(ctx context.Context, p *program, g *grammar) error {
	return p.stages(ctx, g, c.Step, c.Step)
}

// checkReleaseCommand can write the space down instead.
type checkReleaseCommand struct {
	stageCommand `kong:"-"`
	Export       string `help:"Instead of beginning a run, write the space's shape to this file, without secrets: sandbox --like rehearses on it." placeholder:"FILE"`
}

// Run runs the stage, or exports.
func (c *checkReleaseCommand) Run(ctx context.Context, p *program, g *grammar) error {
	if c.Export != "" {
		return p.export(ctx, g, c.Export)
	}
	return p.stages(ctx, g, c.Step, c.Step)
}

type runCommand struct {
	From string `help:"First stage; by default the first that is not complete." env:"FROM" placeholder:"STAGE"`
	To   string `help:"Last stage; by default the last of the runbook." env:"STOP_AFTER" placeholder:"STAGE"`
}

// Run runs the stages from From to To.
func (c *runCommand) Run(ctx context.Context, p *program, g *grammar) error {
	return p.stages(ctx, g, c.From, c.To)
}

type switchCommand struct{}

// Run runs the steps that move traffic.
func (c *switchCommand) Run(ctx context.Context, p *program, g *grammar) error {
	return p.between(ctx, g, 9, 12)
}

type statusCommand struct {
	Output string `help:"Format on stdout." enum:"text,json" default:"text"`
}

// Run prints the status.
func (c *statusCommand) Run(ctx context.Context, p *program, g *grammar) error {
	return p.status(ctx, g, c.Output)
}

type guardCommand struct{}

// Run tells whether a release may begin.
func (c *guardCommand) Run(ctx context.Context, p *program, g *grammar) error {
	return p.guard(ctx, g)
}

type rollbackCommand struct{}

// Run goes back.
func (c *rollbackCommand) Run(ctx context.Context, p *program, g *grammar) error {
	return p.rollback(ctx, g)
}

type planCommand struct {
	As  string `help:"text: what each stage would do; cf: the commands a person would type; json: for a program." enum:"text,cf,json" default:"text"`
	For string `help:"Stages that are to be approved, such as map-live-route..rename-new-app: what a person is asked goes to plan.question in the reports, if there is anything left to do in them." env:"PLAN_FOR" placeholder:"FIRST..LAST"`
}

// Run is a dry run of the whole runbook, printed in one piece.
func (c *planCommand) Run(ctx context.Context, p *program, g *grammar) error {
	g.Elasticsearch.DryRun = true
	return p.plan(ctx, g, c.As, c.For)
}

type unlockCommand struct {
	ID string `name:"run" help:"Id of the run, as status shows it; the holder of the lease where there is no run." env:"RUN" required:"" placeholder:"ID"`
}

// Run deletes the lease of a process that is gone.
func (c *unlockCommand) Run(ctx context.Context, p *program, g *grammar) error {
	return p.unlock(ctx, g, c.ID)
}

type envCommand struct{}

// Run lists the variables.
func (c *envCommand) Run(p *program) error {
	settings := environ.Effective(reflect.TypeFor[elasticsearch.Settings](), p.lookup)
	p.redact.Add(environ.Secrets(reflect.TypeFor[elasticsearch.Settings](), p.lookup)...)
	for _, s := range settings {
		value := s.Value
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(p.stdout, "%-32s %-12s %s\n%34s%s\n", s.Name, s.Source, value, "", s.Help)
	}
	return nil
}

type versionCommand struct{}

// Run prints the version.
func (c *versionCommand) Run(p *program) error {
	fmt.Fprintln(p.stdout, fullVersion())
	return nil
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
