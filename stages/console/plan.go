package console

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Plan is an observer that gathers what a dry run of the whole runbook would do,
// to print it in one piece.
type Plan struct {
	// Last tells how long a stage took in the run before; zero where it is not known.
	Last    func(stage string) time.Duration
	results []*runner.Result
}

// StageStarted does nothing.
func (p *Plan) StageStarted(*runner.Result) {}

// TaskStarted does nothing.
func (p *Plan) TaskStarted(*runner.Result, runner.List, string) {}

// Progress does nothing.
func (p *Plan) Progress(*runner.Result, string, time.Duration, *runner.Progress, string) {}

// TaskDone does nothing.
func (p *Plan) TaskDone(*runner.Result) {}

// StageDone keeps the stage's result.
func (p *Plan) StageDone(r *runner.Result) { p.results = append(p.results, r) }

// sign is the mark before what is planned, by the verb that its name begins with:
// "+" is made, "-" is taken away, "~" is changed, "·" is proved.
func sign(name string) string {
	verb, _, _ := strings.Cut(name, " ")
	switch verb {
	case "create", "record", "write", "bind", "copy", "stage", "put", "map":
		return "+"
	case "delete", "remove", "unmap", "stop":
		return "-"
	case "the", "every", "all", "let", "send":
		return "·"
	}
	return "~"
}

// Print writes the plan: "=" is complete or already so, "+", "~" and "-" will be
// done, "·" is proved, "!" has no way back, "…" waits for an earlier stage.
func (p *Plan) Print(w io.Writer, noWayBack func(stage string) bool) error {
	var b strings.Builder
	if len(p.results) > 0 {
		first := p.results[0]
		fmt.Fprintf(&b, "%s · %s · traffic: %s · nothing was written\n", first.Environment, first.App, first.Traffic)
	}
	for _, r := range p.results {
		p.stage(&b, r, noWayBack(r.Stage))
	}
	fmt.Fprintf(&b, "\n%s\n", p.summary())
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *Plan) stage(b *strings.Builder, r *runner.Result, final bool) {
	head := fmt.Sprintf("%2d. %s", r.Number, r.Stage)
	if final {
		head += "  ! no way back from here"
	}
	if p.Last != nil {
		if took := p.Last(r.Stage); took > 0 {
			head += fmt.Sprintf("  (took %s last time)", short(took))
		}
	}
	fmt.Fprintf(b, "\n%s\n", head)
	for _, t := range r.Tasks {
		switch {
		case t.Verdict == runner.Planned:
			fmt.Fprintf(b, "    %s %s\n", sign(t.Name), t.Name)
			for line := range strings.Lines(t.Detail) {
				fmt.Fprintf(b, "        │ %s\n", strings.TrimRight(line, "\n"))
			}
		case t.Verdict == runner.Failure || t.Verdict == runner.Errored:
			fmt.Fprintf(b, "    x %s: %s\n", t.Name, oneLine(t.Error))
		}
	}
	switch r.Verdict {
	case runner.Waits:
		fmt.Fprintf(b, "    … %s\n", r.Why)
	case runner.Skipped:
		fmt.Fprintf(b, "    = %s\n", r.Why)
	case runner.Nothing:
		fmt.Fprintf(b, "    = already so\n")
	}
}

func (p *Plan) summary() string {
	count := map[string]int{}
	waits, complete := 0, 0
	for _, r := range p.results {
		if r.Verdict == runner.Waits {
			waits++
		}
		if r.Verdict == runner.Skipped || r.Verdict == runner.Nothing {
			complete++
		}
		for _, t := range r.Tasks {
			if t.Verdict == runner.Planned {
				count[sign(t.Name)]++
			}
		}
	}
	return fmt.Sprintf("%d to make, %d to change, %d to take away; %s complete, %s for an earlier one.",
		count["+"], count["~"], count["-"], runner.Count(complete, "stage is", "stages are"), runner.Count(waits, "waits", "wait"))
}

// AsCommands writes what a person would type, stage by stage.
func (p *Plan) AsCommands(w io.Writer) error {
	var b strings.Builder
	for _, r := range p.results {
		fmt.Fprintf(&b, "# %d. %s\n", r.Number, r.Title)
		if r.Verdict == runner.Waits || r.Verdict == runner.Skipped {
			fmt.Fprintf(&b, "# %s\n", r.Why)
		}
		for _, t := range r.Tasks {
			if t.Verdict != runner.Planned {
				continue
			}
			if t.Said == "" {
				fmt.Fprintf(&b, "# %s\n", t.Name)
				continue
			}
			fmt.Fprintln(&b, t.Said)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
