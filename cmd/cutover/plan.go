package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/digitalmarketplace/cutover/jenkins/report"
	"github.com/digitalmarketplace/cutover/stages/console"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// The files of a plan, for a job to archive, ask by and pass on.
const (
	planText     = "plan.txt"
	planJSON     = "plan.json"
	planDigest   = "plan.digest"
	planQuestion = "plan.question"
)

// plan prints what a dry run of the whole runbook found, and keeps it with the
// reports; a check that failed decides the exit code, as it would in a real run,
// and leaves no digest: there is nothing to approve.
func (p *program) plan(ctx context.Context, g *grammar, as, asked string) error {
	first, last, err := ends(elasticsearch.Steps(nil), asked)
	if err != nil {
		return err
	}
	site, err := p.open(ctx, g, 1, p.unwritable(g)...)
	if err != nil {
		return err
	}
	all := elasticsearch.Steps(site)
	gathered := &console.Plan{Last: site.Took(ctx), NoWayBack: site.NoWayBack, WaysBack: site.WaysBack()}
	r := p.runner(site, g)
	r.Observer = runner.Observers{gathered, told{p}}
	// Read before the plan: what changes in between then disagrees with the digest.
	world, unread := site.World(ctx)
	failed := r.Run(ctx, all, all)
	if failed == nil && unread == nil {
		gathered.World = world
	}
	print := map[string]func(io.Writer) error{"text": gathered.Print, "cf": gathered.AsCommands, "json": gathered.JSON}[as]
	err = print(p.stdout)
	if failed == nil {
		failed = unread
	}
	return errors.Join(failed, err, keep(p.files(g), gathered, first, last))
}

// ends are the numbers of the stages that FIRST..LAST, or one name, means; 0 for none.
func ends(steps runner.Runbook, asked string) (first, last int, err error) {
	if asked == "" {
		return 0, 0, nil
	}
	from, to, both := strings.Cut(asked, "..")
	if !both {
		to = from
	}
	if first, err = number(steps, from, steps[0], "map-live-route"); err != nil {
		return 0, 0, err
	}
	last, err = number(steps, to, steps[len(steps)-1], "unmap-temporary-route")
	return first, last, err
}

// keep writes the plan's files, and takes away those of an earlier plan for which
// there is no reason now.
func keep(files *report.Files, plan *console.Plan, first, last int) error {
	var text, object bytes.Buffer
	if err := errors.Join(plan.Print(&text), plan.JSON(&object)); err != nil {
		return err
	}
	question := ""
	if plan.Digest() != "" {
		question = plan.Question(first, last)
	}
	var all []error
	for _, file := range []struct{ name, text string }{
		{planText, text.String()}, {planJSON, object.String()}, {planDigest, plan.Digest()}, {planQuestion, question},
	} {
		if file.text == "" {
			all = append(all, files.RemoveFile(file.name))
			continue
		}
		all = append(all, files.WriteFile(file.name, file.text))
	}
	return errors.Join(all...)
}
