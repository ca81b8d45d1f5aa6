// Package console writes the log of a stage for people: one event a line, in
// UTC, without cursor tricks, and the card at the end of a failure.
package console

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Log is an observer that writes to stderr.
type Log struct {
	To io.Writer
	// JSON, where set, replaces the lines by one JSON object each.
	JSON *slog.Logger
	// Now is the clock of the stamps; time.Now where nil.
	Now func() time.Time
}

func (l *Log) line(format string, args ...any) {
	now := time.Now
	if l.Now != nil {
		now = l.Now
	}
	fmt.Fprintf(l.To, "%s %s\n", now().UTC().Format("2006-01-02T15:04:05Z"), fmt.Sprintf(format, args...))
}

// Observe writes the event as one line or, in JSON, as one object. A task is one
// line, when it is done.
func (l *Log) Observe(e runner.Event) {
	if l.JSON != nil {
		l.object(e)
		return
	}
	l.text(e)
}

func (l *Log) text(e runner.Event) {
	switch e.Kind {
	case runner.StageStarted:
		l.header(e.Result)
	case runner.TaskProgress:
		l.progress(e)
	case runner.TaskDone:
		l.task(e.Result.Tasks[len(e.Result.Tasks)-1])
	case runner.StageDone:
		l.verdict(e.Result)
	}
}

// object writes an event as JSON.
func (l *Log) object(e runner.Event) {
	r := e.Result
	header := []any{"environment", r.Environment, "app", r.App, "run", r.Run, "stage", r.Stage, "number", r.Number, "build", r.Build}
	switch e.Kind {
	case runner.StageStarted:
		l.JSON.Info("stage started", header...)
	case runner.TaskProgress:
		l.JSON.Info("progress", append(header, "task", e.Task, "since", e.Elapsed, "progress", e.Progress, "said", e.Said)...)
	case runner.TaskDone:
		t := r.Tasks[len(r.Tasks)-1]
		l.JSON.Info("task", append(header, "list", t.List, "task", t.Name, "verdict", t.Verdict, "said", t.Said, "error", t.Error, "took", t.Duration)...)
	case runner.StageDone:
		l.JSON.Info("stage done", append(header, "verdict", r.Verdict, "why", r.Why, "took", r.Duration, "exit_code", r.ExitCode, "card", r.Card)...)
	}
}

// header writes what stage begins, and where.
func (l *Log) header(r *runner.Result) {
	how := ""
	if r.DryRun {
		how = " · dry run: nothing is written"
	}
	if r.Rollback {
		how += " · rollback"
	}
	where := []string{r.Environment, r.App, fmt.Sprintf("stage %d of %d", r.Number, r.Of)}
	if r.Run != "" {
		where = append(where, "run "+r.Run)
	}
	if r.Traffic != "" {
		where = append(where, "traffic: "+r.Traffic)
	}
	l.line("── %d. %s · %s%s ──", r.Number, r.Title, strings.Join(where, " · "), how)
	if r.Build != "" {
		l.line("   build %s · cutover %s", r.Build, r.Version)
	}
}

// progress writes how far a long task is.
func (l *Log) progress(e runner.Event) {
	text := "still running"
	if e.Said != "" {
		text = "not yet: " + oneLine(e.Said)
	}
	if e.Progress != nil {
		text = progress(*e.Progress)
	}
	l.line("…      %s: %s (%s)", e.Task, text, e.Elapsed.Round(time.Second))
}

// quiet is from when on it is said that nothing is done.
const quiet = 3 * time.Second

// progress is the state of now. Where nothing was done for a while, that is said, with the
// last error, and neither a rate nor a time left.
func progress(p runner.Progress) string {
	text := p.What
	switch {
	case p.Total > 0:
		text = fmt.Sprintf("%s of %s %s", runner.Number(p.Done), runner.Number(p.Total), p.What)
	case p.Done > 0:
		text = fmt.Sprintf("%s %s", runner.Number(p.Done), p.What)
	}
	still := p.Quiet >= quiet && (p.Done < p.Total || p.Trouble != "")
	switch {
	case still && p.Trouble != "":
		text += fmt.Sprintf(", no answer for %s: %s", p.Quiet.Round(time.Second), oneLine(p.Trouble))
	case still:
		text += fmt.Sprintf(", none for %s", p.Quiet.Round(time.Second))
	case p.Rate > 0:
		text += fmt.Sprintf(", %.0f/s", p.Rate)
		if left := p.Left(); left > 0 {
			text += fmt.Sprintf(", %s left", left.Round(time.Second))
		}
	}
	if p.Note != "" {
		text += ", " + p.Note
	}
	return text
}

// word is a verdict as the log has it, short enough for a column.
func word(v runner.Verdict) string {
	switch v {
	case runner.Done, runner.Nothing:
		return "ok"
	case runner.Failure:
		return "FAILED"
	case runner.Errored:
		return "ERROR"
	case runner.Planned:
		return "would"
	case runner.Skipped:
		return "skip"
	}
	return string(v)
}

// task writes the line of a task that is done.
func (l *Log) task(t runner.TaskResult) {
	said := t.Said
	if t.Error != "" {
		said = t.Error
	}
	if said != "" {
		said = ": " + oneLine(said)
	}
	l.line("%-6s %-6s %s%s (%s)", word(t.Verdict), t.List, t.Name, said, short(t.Duration))
	l.detail(strings.Split(strings.TrimRight(t.Detail, "\n"), "\n"))
}

// Nobody reads more of one event in a log: the reports have all of it.
const (
	mostText  = 2000
	mostLines = 100
	mostNames = 10
)

// detail writes the lines below a task.
func (l *Log) detail(lines []string) {
	for _, line := range lines[:min(len(lines), mostLines)] {
		if line != "" {
			l.line("              │ %s", runner.Cut(line, mostText))
		}
	}
	if more := len(lines) - mostLines; more > 0 {
		l.line("              │ and %s, in the report", runner.Count(more, "line more", "lines more"))
	}
}

// verdict writes how a stage ended, and the card of a failure last.
func (l *Log) verdict(r *runner.Result) {
	verdict := string(r.Verdict)
	switch {
	case r.Verdict == runner.Waits && r.Why != "":
		verdict = r.Why // it says itself that it waits
	case r.Why != "":
		verdict += ": " + r.Why
	}
	l.line("%d. %s: %s (%s)", r.Number, r.Stage, verdict, short(r.Duration))
	if r.Card != nil {
		fmt.Fprint(l.To, Card(*r.Card))
	}
}

// Card renders the card.
func Card(c runner.Card) string {
	var b strings.Builder
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-12s %s\n", name, oneLine(text))
		}
	}
	fmt.Fprintln(&b)
	row("failed", c.Failed)
	row("traffic", c.Traffic)
	if c.Failed != "" {
		row("changed", list(c.Changed))
	}
	if len(c.NotChanged) > 0 {
		row("not changed", list(c.NotChanged))
	}
	row("run again", c.Again)
	row("go on", c.Onward)
	row("roll back", c.Rollback)
	row("by hand", c.ByHand)
	row("next", c.Next)
	return b.String()
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	if more := len(names) - mostNames; more > 1 {
		return fmt.Sprintf("%s; and %d more", strings.Join(names[:mostNames], "; "), more)
	}
	return strings.Join(names, "; ")
}

// oneLine keeps joined errors on the one line of their event.
func oneLine(text string) string {
	return runner.Cut(strings.ReplaceAll(strings.TrimSpace(text), "\n", "; "), mostText)
}

func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
