package main

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// runbook is one of the program's runbooks, as the command line knows it.
type runbook struct {
	// Runbook has the names and texts; its stages can do nothing.
	runner.Runbook
	help string
	// settings is the type of its settings.
	settings reflect.Type
	// open reads the settings, all problems at once, and connects. steps are the stages
	// that will run, since not every stage needs every setting; also are problems that
	// are known already.
	open func(ctx context.Context, p *program, c *runbookCommand, steps []runner.Step, also environ.Problems) (site, error)
	// export, where there is one, describes the space for a rehearsal.
	export func(context.Context, site) (fmt.Stringer, error)
}

// runbooks are all there are.
func runbooks() []runbook { return []runbook{elasticsearchRunbook()} }

// site is a runbook with its settings, on a platform.
type site interface {
	// Runbook has stages that can be run.
	Runbook() runner.Runbook
	// Options are those of the settings.
	Options() runner.Options
	Journal() runner.Journal
	Lease() runner.Lease
	// Monitor watches live traffic while steps run; nil where they do not move it.
	Monitor(steps []runner.Step) *runner.Monitor
	RollbackMonitor() *runner.Monitor
	// World is what a plan depends on.
	World(context.Context) ([]report.Subject, error)
	// Took returns how long a stage took the last time.
	Took(context.Context) func(stage string) time.Duration
	Status(ctx context.Context, command string) (report.Status, error)
	// Guard refuses while a release would interfere, or says why it may begin.
	Guard(context.Context) (string, error)
	// Holder says who holds the lease.
	Holder(context.Context) (string, error)
	// Unlock deletes the lease of the run that is named, and says who held it.
	Unlock(ctx context.Context, run string) (string, error)
}

func elasticsearchRunbook() runbook {
	return runbook{
		Runbook:  elasticsearch.Runbook(nil),
		help:     "Replace the Elasticsearch behind the search API: the runbook's steps, and what goes with them.",
		settings: reflect.TypeFor[elasticsearch.Settings](),
		open: func(ctx context.Context, p *program, c *runbookCommand, steps []runner.Step, also environ.Problems) (site, error) {
			settings, problems := environ.Load[elasticsearch.Settings](ctx, p.lookup)
			if all := append(append(problems, settings.Problems(steps)...), also...); len(all) > 0 {
				return nil, all
			}
			return elasticsearch.Open(ctx, settings, elasticsearch.Options{
				Version: version, Build: p.build(), Redact: p.redact, Log: p.log(c).Logger(), DryRun: c.DryRun,
			})
		},
		export: func(ctx context.Context, s site) (fmt.Stringer, error) { return s.(*elasticsearch.Site).Export(ctx) },
	}
}
