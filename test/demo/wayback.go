package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// turning is the last step before the rehearsal of the way back goes back: all names are those of the end, and the old app
// runs still.
const turning = "rename-new-app"

// wayBack is what a rollback came to.
type wayBack struct {
	took time.Duration
	// sent and failed are the live requests from its beginning to its end; blue and green answered.
	sent, failed, blue, green int
}

// before are the commands up to the one that completes a step.
func before(commands []string, last string) []string {
	return commands[:slices.Index(commands, last)+1]
}

// goBack runs a rollback, and counts what the readers saw meanwhile.
func goBack(ctx context.Context, box *sandbox, p *program) (ran, *wayBack, error) {
	var first, last tally
	if err := box.ask(ctx, http.MethodGet, "load", &first); err != nil {
		return ran{}, nil, err
	}
	done := p.stage(ctx, "rollback")
	if err := box.ask(ctx, http.MethodGet, "load", &last); err != nil {
		return done, nil, err
	}
	blue, all := last.ByApp[blueApp]-first.ByApp[blueApp], 0
	for _, n := range last.ByApp {
		all += n
	}
	for _, n := range first.ByApp {
		all -= n
	}
	return done, &wayBack{done.took, last.Sent - first.Sent, last.Failed - first.Failed, blue, all - blue}, nil
}

// steps are those that the rehearsal goes through.
func (r *recap) steps() []runner.Step {
	book := elasticsearch.Runbook(nil)
	if r.back == nil {
		return book.Steps
	}
	return book.Between("", turning)
}

// judgeBack finds what of the way back did not hold.
func (r *recap) judgeBack(wrong func(is bool, format string, args ...any)) {
	for _, c := range r.counts {
		wrong(c.blue != c.data, "%s has %d documents in blue, and %d in the data API", c.alias, c.blue, c.data)
		wrong(c.green >= 0, "%s is left in green", c.alias)
	}
	wrong(r.back.sent == 0, "there were no live requests during the rollback")
	wrong(r.back.blue == 0 || r.back.green == 0, "live requests during the rollback were to be answered by both apps: %d by blue, %d by green", r.back.blue, r.back.green)
	for _, step := range r.steps() {
		result, err := readFrom(r.baseBack(step))
		wrong(err != nil, "the rollback's report of %d. %s: %v", step.Number, step.Name, err)
		if err == nil {
			wrong(result.ExitCode != 0 || !good(result.Verdict), "rollback of %d. %s: %s %s", step.Number, step.Name, result.Verdict, result.Why)
		}
	}
}

func (r *recap) baseBack(step runner.Step) string {
	return filepath.Join(r.reports, fmt.Sprintf("rollback-%02d-%s", step.Number, step.Name))
}

// writeBack writes the way back for people, in the order in which it was gone.
func (r *recap) writeBack(w io.Writer) {
	fmt.Fprintf(w, "\nThe way back\n")
	for _, step := range elasticsearch.Runbook(nil).RollbackSteps() {
		if result, err := readFrom(r.baseBack(step)); err == nil && result.Verdict == runner.Done {
			fmt.Fprintf(w, "%2d. %-21s %-9s %7s  %s.xml\n", step.Number, step.Name, "undone", seconds(result.Duration), r.baseBack(step))
		}
	}
	fmt.Fprintf(w, "From after step 16 to the end: %s. Live requests meanwhile: %s made, %s failed; %s answered by blue, %s by green.\n",
		seconds(r.back.took), number(r.back.sent), number(r.back.failed), number(r.back.blue), number(r.back.green))
}
