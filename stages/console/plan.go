package console

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// Plan is an observer that gathers what a dry run of the whole runbook would do,
// to print it in one piece.
type Plan struct {
	// Last tells how long a stage took the last time; zero where it is not known.
	Last func(stage string) time.Duration
	// NoWayBack tells from which stages there is none.
	NoWayBack func(stage string) bool
	// WaysBack are what going back costs, point by point.
	WaysBack []runner.WayBack
	// World is what the plan is made of. Where it is empty there is no digest.
	World []report.Subject

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

// The marks before what is planned.
const (
	made    = "+"
	taken   = "-"
	changed = "~"
	proved  = "·"
	final   = "!"
)

// sign is the mark of what a task does.
func (p *Plan) sign(stage string, t runner.TaskResult) string {
	switch t.Effect {
	case runner.Proves:
		return proved
	case runner.Creates:
		return made
	case runner.Deletes:
		if p.NoWayBack(stage) {
			return final
		}
		return taken
	}
	return changed
}

// Print writes the plan: "=" is complete or already so, "+", "~" and "-" will be
// done, "!" will be done and has no way back, "·" is proved, "…" waits for an
// earlier stage. Its last line is the digest.
func (p *Plan) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s · nothing was written\n", p.head())
	for _, r := range p.results {
		p.stage(&b, r)
	}
	fmt.Fprintf(&b, "\nGoing back\n")
	for _, back := range p.WaysBack {
		fmt.Fprintf(&b, "    after %-6s %s: %s\n", span(back.First, back.Last), back.Cost, back.End)
	}
	if len(p.World) > 0 {
		fmt.Fprintf(&b, "\nWhat this was made of\n")
		for _, s := range p.World {
			if s.Now != "" {
				fmt.Fprintf(&b, "    %-18s %s  %s\n", s.Name, s.Hash(), s.Now)
			}
		}
	}
	fmt.Fprintf(&b, "\n%s\n", p.total(p.results))
	if digest := p.Digest(); digest != "" {
		fmt.Fprintf(&b, "plan digest %s\n", digest)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Digest is what a stage compares the world with; "" where there is no plan that
// could be approved.
func (p *Plan) Digest() string {
	if len(p.World) == 0 {
		return ""
	}
	return report.Digest(p.World)
}

func (p *Plan) head() string {
	if len(p.results) == 0 {
		return "no stage"
	}
	first := p.results[0]
	parts := []string{first.Environment, first.App}
	if first.Run != "" {
		parts = append(parts, "run "+first.Run)
	}
	return strings.Join(append(parts, "traffic: "+first.Traffic), " · ")
}

func span(first, last int) string {
	if first == last {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d–%d", first, last)
}

func (p *Plan) stage(b *strings.Builder, r *runner.Result) {
	head := fmt.Sprintf("%2d. %s", r.Number, r.Stage)
	if p.NoWayBack(r.Stage) {
		head += "  ! no way back from here"
	}
	if took := p.Last(r.Stage); took > 0 {
		head += fmt.Sprintf("  (took %s last time)", short(took))
	}
	fmt.Fprintf(b, "\n%s\n", head)
	told := map[string]bool{}
	for _, t := range r.Tasks {
		switch {
		case t.Verdict == runner.Waits && r.Verdict != runner.Waits:
			if stage, _, _ := strings.Cut(t.Said, ": "); !told[stage] {
				told[stage] = true
				fmt.Fprintf(b, "    … %s\n", t.Said)
			}
		case t.Verdict == runner.Planned:
			fmt.Fprintf(b, "    %s %s\n", p.sign(r.Stage, t), t.Name)
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

func complete(r *runner.Result) bool {
	return r.Verdict == runner.Skipped || r.Verdict == runner.Nothing
}

// total is what some stages will do, in one sentence.
func (p *Plan) total(results []*runner.Result) string {
	count := map[string]int{}
	waits, done := 0, 0
	for _, r := range results {
		if slices.ContainsFunc(r.Tasks, func(t runner.TaskResult) bool { return t.Verdict == runner.Waits }) {
			waits++
		}
		if complete(r) {
			done++
		}
		for _, t := range r.Tasks {
			if t.Verdict == runner.Planned {
				count[p.sign(r.Stage, t)]++
			}
		}
	}
	text := fmt.Sprintf("%d to make, %d to change, %d to take away", count[made], count[changed], count[taken])
	if count[final] > 0 {
		text += fmt.Sprintf(", %d for good", count[final])
	}
	return text + fmt.Sprintf("; %s complete, %s for an earlier one.",
		runner.Count(done, "stage is", "stages are"), runner.Count(waits, "waits", "wait"))
}

// Question is what a person is asked to approve: the stages from one number to
// another, in a few lines. It is "" where they are complete.
func (p *Plan) Question(first, last int) string {
	var b strings.Builder
	var some []*runner.Result
	open := false
	for _, r := range p.results {
		if r.Number >= first && r.Number <= last {
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
	for _, back := range p.WaysBack {
		if back.First <= last && last <= back.Last {
			fmt.Fprintf(&b, "Going back after %d: %s: %s.\n", last, back.Cost, back.End)
		}
	}
	return b.String()
}

// does is what a stage does, in a few words.
func (p *Plan) does(r *runner.Result) string {
	if r.Verdict == runner.Nothing {
		return "already so"
	}
	if r.Why != "" {
		return r.Why
	}
	var names []string
	for _, t := range r.Tasks {
		if t.Verdict == runner.Planned && p.sign(r.Stage, t) != proved {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return "proofs alone"
	}
	return strings.Join(names, "; ")
}

// JSON writes the plan for a program: the stages as their reports have them.
func (p *Plan) JSON(w io.Writer) error {
	type subject struct {
		Name string `json:"name"`
		Now  string `json:"now"`
		Hash string `json:"hash"`
	}
	world := []subject{}
	for _, s := range p.World {
		if s.Now != "" {
			world = append(world, subject{s.Name, s.Now, s.Hash()})
		}
	}
	text, err := json.MarshalIndent(struct {
		Digest   string           `json:"digest,omitempty"`
		Total    string           `json:"total"`
		Stages   []*runner.Result `json:"stages"`
		WaysBack []runner.WayBack `json:"ways_back"`
		World    []subject        `json:"made_of"`
	}{p.Digest(), p.total(p.results), p.results, p.WaysBack, world}, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// AsCommands writes what a person would type, stage by stage, and what stands in its way.
func (p *Plan) AsCommands(w io.Writer) error {
	var b strings.Builder
	for _, r := range p.results {
		fmt.Fprintf(&b, "# %d. %s\n", r.Number, r.Title)
		if r.Verdict == runner.Waits || r.Verdict == runner.Skipped {
			fmt.Fprintf(&b, "# %s\n", r.Why)
		}
		for _, t := range r.Tasks {
			if t.Verdict == runner.Failure || t.Verdict == runner.Errored {
				fmt.Fprintf(&b, "# x %s: %s\n", t.Name, oneLine(t.Error))
			}
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
