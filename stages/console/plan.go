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
	Runbook runner.Runbook
	// Took returns how long a stage took the last time; zero where it is not known.
	Took func(stage string) time.Duration
	// World is what the plan depends on. Where it is empty there is no digest.
	World []report.Subject

	results []*runner.Result
}

// Observe keeps the result of each stage.
func (p *Plan) Observe(e runner.Event) {
	if e.Kind == runner.StageDone {
		p.results = append(p.results, e.Result)
	}
}

// The signs before what is planned.
const (
	creates = "+"
	deletes = "-"
	changes = "~"
	proves  = "·"
	final   = "!"
)

// sign is the sign of what a task does.
func (p *Plan) sign(stage string, t runner.TaskResult) string {
	switch t.Effect {
	case runner.Proves:
		return proves
	case runner.Creates:
		return creates
	case runner.Deletes:
		if p.final(stage) {
			return final
		}
		return deletes
	}
	return changes
}

// final reports whether a stage cannot be undone.
func (p *Plan) final(stage string) bool {
	step := p.Runbook.Named(stage)
	return step != nil && step.Final
}

// Print writes the plan: "=" is complete or needs no change, "+", "~" and "-" will
// be done, "!" will be done and cannot be undone, "·" is verified, "…" waits for an
// earlier stage. Its last line is the digest.
func (p *Plan) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s · nothing was written\n", p.head())
	for _, r := range p.results {
		p.stage(&b, r)
	}
	fmt.Fprintf(&b, "\nRolling back\n")
	for _, c := range p.Runbook.RollbackCosts {
		fmt.Fprintf(&b, "    after %-6s %s: %s\n", p.span(c.After), c.Cost, c.End)
	}
	if len(p.World) > 0 {
		fmt.Fprintf(&b, "\nWhat this plan depends on\n")
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

// span are the numbers of a range of stages.
func (p *Plan) span(r runner.Range) string {
	some := p.Runbook.Between(r.First, r.Last)
	if len(some) < 2 {
		return fmt.Sprint(some[0].Number)
	}
	return fmt.Sprintf("%d–%d", some[0].Number, some[len(some)-1].Number)
}

// stage writes what one stage would do.
func (p *Plan) stage(b *strings.Builder, r *runner.Result) {
	head := fmt.Sprintf("%2d. %s", r.Number, r.Stage)
	if p.final(r.Stage) {
		head += "  ! cannot be undone"
	}
	if took := p.Took(r.Stage); took > 0 {
		head += fmt.Sprintf("  (took %s last time)", short(took))
	}
	fmt.Fprintf(b, "\n%s\n", head)
	said := map[string]bool{}
	for _, t := range r.Tasks {
		switch {
		case t.Verdict == runner.Waits && r.Verdict != runner.Waits:
			if stage, _, _ := strings.Cut(t.Said, ": "); !said[stage] {
				said[stage] = true
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
		fmt.Fprintf(b, "    = no change needed\n")
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
	text := fmt.Sprintf("%d to create, %d to change, %d to delete", count[creates], count[changes], count[deletes])
	if count[final] > 0 {
		text += fmt.Sprintf(", %d to delete for good", count[final])
	}
	return text + fmt.Sprintf("; %s complete, %s for an earlier one.",
		runner.Count(done, "stage is", "stages are"), runner.Count(waits, "waits", "wait"))
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
		Digest        string                `json:"digest,omitempty"`
		Total         string                `json:"total"`
		Stages        []*runner.Result      `json:"stages"`
		RollbackCosts []runner.RollbackCost `json:"rollback_costs"`
		World         []subject             `json:"depends_on"`
	}{p.Digest(), p.total(p.results), p.results, p.Runbook.RollbackCosts, world}, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
