package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/rig"
)

// lastBeforeRollback is the last step before the rehearsed rollback: all names are final, and blue still runs.
const lastBeforeRollback = "rename-new-app"

// rollback is the result of a rollback.
type rollback struct {
	took time.Duration
	// sent and failed are the live requests from its start to its end; blue and green are how many each answered.
	sent, failed, blue, green int
}

// upTo are the commands up to and including one.
func upTo(commands []string, last string) []string {
	return commands[:slices.Index(commands, last)+1]
}

// rollBack runs a rollback, and counts the live requests meanwhile.
func rollBack(ctx context.Context, box *rig.Sandbox, p *program) (processRun, *rollback, error) {
	first, err := box.Readers(ctx)
	if err != nil {
		return processRun{}, nil, err
	}
	done := p.stage(ctx, "rollback")
	last, err := box.Readers(ctx)
	if err != nil {
		return done, nil, err
	}
	r := &rollback{took: done.took, sent: last.Sent - first.Sent, failed: last.Failed - first.Failed}
	for app, n := range last.ByApp {
		if app == blueApp {
			r.blue += n - first.ByApp[app]
		} else {
			r.green += n - first.ByApp[app]
		}
	}
	return done, r, nil
}

// steps are those that the rehearsal runs.
func (r *recap) steps() []runner.Step {
	book := elasticsearch.Runbook(nil)
	if r.rollback == nil {
		return book.Steps
	}
	return book.Between("", lastBeforeRollback)
}

// checkRollback adds to failures what is wrong after a rollback.
func (r *recap) checkRollback() {
	for _, c := range r.counts {
		r.failIf(c.blue != c.data, "%s has %d documents in blue, and %d in the data API", c.alias, c.blue, c.data)
		r.failIf(c.green >= 0, "%s is left in green", c.alias)
	}
	r.failIf(r.rollback.sent == 0, "there were no live requests during the rollback")
	r.failIf(r.rollback.blue == 0 || r.rollback.green == 0,
		"live requests during the rollback were not answered by both apps: %d by blue, %d by green", r.rollback.blue, r.rollback.green)
	for _, step := range r.steps() {
		r.checkReport(rollbackBase(r.reports, step), fmt.Sprintf("the rollback of %d. %s", step.Number, step.Name))
	}
}

// rollbackBase is the path of the report of a step's rollback, without the extension.
func rollbackBase(dir string, step runner.Step) string {
	return filepath.Join(dir, fmt.Sprintf("rollback-%02d-%s", step.Number, step.Name))
}

// writeRollback prints the rollback's stages in the order in which they were undone.
func (r *recap) writeRollback(w io.Writer) {
	fmt.Fprintf(w, "\nRollback\n")
	for _, step := range elasticsearch.Runbook(nil).RollbackSteps() {
		file := rollbackBase(r.reports, step)
		if result, err := readReport(file); err == nil && result.Verdict == runner.Done {
			writeStage(w, step, "undone", seconds(result.Duration), file+".xml")
		}
	}
	fmt.Fprintf(w, "Rolled back after step 16 in %s. Live requests meanwhile: %s made, %s failed; %s answered by blue, %s by green.\n",
		seconds(r.rollback.took), number(r.rollback.sent), number(r.rollback.failed), number(r.rollback.blue), number(r.rollback.green))
}
