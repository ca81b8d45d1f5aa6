package console

import (
	"fmt"
	"io"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Question is what a person is asked to approve: the stages of a range, in a few
// lines. It is "" where they are complete.
func (p *Plan) Question(stages runner.Range) string {
	var b strings.Builder
	var some []*runner.Result
	open := false
	for _, r := range p.results {
		if p.Runbook.Has(stages, r.Stage) {
			some = append(some, r)
			open = open || !complete(r)
		}
	}
	if !open {
		return ""
	}
	fmt.Fprintf(&b, "%s\n", p.head())
	for _, r := range some {
		fmt.Fprintf(&b, "%d. %s: %s\n", r.Number, r.Title, p.does(r))
	}
	fmt.Fprintf(&b, "%s\n", p.total(some))
	last := some[len(some)-1]
	if c := p.Runbook.CostAfter(last.Stage); c != nil {
		fmt.Fprintf(&b, "Rolling back after %d: %s: %s.\n", last.Number, c.Cost, c.End)
	}
	return b.String()
}

// does is what a stage does, in a few words.
func (p *Plan) does(r *runner.Result) string {
	if r.Verdict == runner.Nothing {
		return "no change needed"
	}
	if r.Why != "" {
		return r.Why
	}
	var names []string
	for _, t := range r.Tasks {
		if t.Verdict == runner.Planned && p.sign(r.Stage, t) != proves {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return "only verifies"
	}
	return strings.Join(names, "; ")
}

// AsCommands writes what a person would type, stage by stage, and what prevents it.
func (p *Plan) AsCommands(w io.Writer) error {
	var b strings.Builder
	for _, r := range p.results {
		fmt.Fprintf(&b, "# %d. %s\n", r.Number, r.Title)
		if r.Verdict == runner.Waits || r.Verdict == runner.Skipped {
			fmt.Fprintf(&b, "# %s\n", r.Why)
		}
		for _, t := range r.Tasks {
			switch {
			case t.Verdict == runner.Failure || t.Verdict == runner.Errored:
				fmt.Fprintf(&b, "# x %s: %s\n", t.Name, oneLine(t.Error))
			case t.Verdict == runner.Planned && t.Said == "":
				fmt.Fprintf(&b, "# %s\n", t.Name)
			case t.Verdict == runner.Planned:
				fmt.Fprintln(&b, t.Said)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
