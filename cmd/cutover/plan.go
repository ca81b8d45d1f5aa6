package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/digitalmarketplace/cutover/jenkins/report"
	"github.com/digitalmarketplace/cutover/stages/console"
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
// and leaves no digest: there is nothing to approve. asked are the stages that a
// person is to approve: FIRST..LAST, or one name.
func (p *program) plan(ctx context.Context, c *runbookCommand, as, asked string) error {
	from, to, both := strings.Cut(asked, "..")
	if !both {
		to = from
	}
	some, err := stagesOf(c.book, from, to)
	if err != nil {
		return err
	}
	site, err := p.open(ctx, c, c.book.Steps, p.unwritable(c)...)
	if err != nil {
		return err
	}
	r := p.runner(site, c)
	gathered := &console.Plan{Runbook: r.Runbook, Took: site.Took(ctx)}
	r.Checks, r.Observer = nil, runner.Observers{gathered, reported{p}}
	// Read before the plan: what changes in between then disagrees with the digest.
	world, unread := site.World(ctx)
	failed := r.Run(ctx, r.Runbook.Steps)
	if failed == nil && unread == nil {
		gathered.World = world
	}
	write := map[string]func(io.Writer) error{"text": gathered.Print, "cf": gathered.AsCommands, "json": gathered.JSON}[as]
	err = write(p.stdout)
	if unwritten := p.stdout.failed(); unwritten != nil {
		err = unwritten
	}
	if failed == nil {
		failed = unread
	}
	question := ""
	if asked != "" && gathered.Digest() != "" {
		question = gathered.Question(some)
	}
	return errors.Join(failed, err, keep(p.files(c), gathered, question))
}

// keep writes the plan's files, and deletes those of an earlier plan that this one
// does not have.
func keep(files *report.Files, plan *console.Plan, question string) error {
	var text, object bytes.Buffer
	if err := errors.Join(plan.Print(&text), plan.JSON(&object)); err != nil {
		return err
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
