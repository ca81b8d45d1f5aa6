package console

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// Status prints how far a run is, as a tree that has the same branches at any time:
// traffic, lease, the stages, what was let pass if anything was, what others have done
// and leftovers; then the card.
func Status(w io.Writer, s report.Status) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s · %s · %s\n", s.Environment, s.App, run(s))
	branches := []branch{
		{head: "traffic: " + s.Traffic},
		{head: "lease: " + lease(s.Lease)},
		{"stages", stages(s)},
	}
	if len(s.LetPass) > 0 {
		branches = append(branches, branch{"let pass", s.LetPass})
	}
	branches = append(branches, others(s.Others), leftovers(s.Leftovers))
	for i, one := range branches {
		stem, rest := "├── ", "│   "
		if i == len(branches)-1 {
			stem, rest = "└── ", "    "
		}
		fmt.Fprintf(&b, "%s%s\n", stem, one.head)
		for j, leaf := range one.leaves {
			mark := "├── "
			if j == len(one.leaves)-1 {
				mark = "└── "
			}
			fmt.Fprintf(&b, "%s%s%s\n", rest, mark, oneLine(leaf))
		}
	}
	b.WriteString(Card(s.Card))
	_, err := io.WriteString(w, b.String())
	return err
}

type branch struct {
	head   string
	leaves []string
}

func run(s report.Status) string {
	switch {
	case s.Run == "":
		return "no run has begun"
	case s.Started.IsZero():
		return "run " + s.Run + " is complete"
	case s.RollingBack:
		return fmt.Sprintf("run %s, begun %s, is being rolled back", s.Run, minute(s.Started))
	}
	return fmt.Sprintf("run %s, begun %s", s.Run, minute(s.Started))
}

func lease(l report.LeaseStatus) string {
	if !l.Held {
		return "free"
	}
	who := []string{}
	for _, part := range []string{l.Build, l.Process} {
		if part != "" {
			who = append(who, part)
		}
	}
	text := fmt.Sprintf("%s, held for %s, last heartbeat %s ago", strings.Join(who, ", "), seconds(l.Age), seconds(l.HeartbeatAge))
	if l.Stale {
		text += ": stale, the next process takes it over"
	}
	return text
}

func seconds(n int) string { return (time.Duration(n) * time.Second).String() }

// stages are the steps, one a line; consecutive ones that are complete, or are still to
// come, share a line.
func stages(s report.Status) []string {
	var lines []string
	for i := 0; i < len(s.Stages); {
		first, isNext := s.Stages[i], s.Next != nil && s.Stages[i].Number == s.Next.Number
		j := i + 1
		for ; j < len(s.Stages) && !isNext && s.Stages[j].Complete == first.Complete; j++ {
		}
		switch {
		case isNext:
			lines = append(lines, fmt.Sprintf("next %2d. %s: %s", first.Number, first.Name, s.Next.Will))
		case first.Complete:
			lines = append(lines, fmt.Sprintf("done %s  %s", fold(s.Stages[i:j]), when(s.Stages[i:j])))
		default:
			lines = append(lines, "then "+fold(s.Stages[i:j]))
		}
		i = j
	}
	return lines
}

func fold(some []report.StageStatus) string {
	first, last := some[0], some[len(some)-1]
	if len(some) == 1 {
		return fmt.Sprintf("%2d. %s", first.Number, first.Name)
	}
	return fmt.Sprintf("%2d. %s to %d. %s", first.Number, first.Name, last.Number, last.Name)
}

// when is the time from the start of the first to the end of the last.
func when(some []report.StageStatus) string {
	from, to := some[0].Ended.Add(-some[0].Took).UTC(), some[len(some)-1].Ended.UTC()
	if from.Format(time.DateOnly) == to.Format(time.DateOnly) {
		return from.Format("2006-01-02 15:04:05") + " to " + to.Format(time.TimeOnly)
	}
	return from.Format("2006-01-02 15:04:05") + " to " + to.Format("2006-01-02 15:04:05")
}

func minute(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 MST") }

// shown is how many changes of others fit on a screen; JSON has them all.
const shown = 12

func others(o report.OthersStatus) branch {
	if o.Since.IsZero() {
		return branch{head: "changes by others: not read, since no run is in progress"}
	}
	b := branch{head: fmt.Sprintf("changes by others: %d (%s cutover's own)", len(o.Changes), runner.Count(o.Ours, "event is", "events are"))}
	from := max(len(o.Changes)-shown, 0)
	if from > 0 {
		b.leaves = append(b.leaves, runner.Count(from, "earlier one", "earlier ones"))
	}
	for _, c := range o.Changes[from:] {
		text := fmt.Sprintf("%s  %s of %s by %s", c.Last.UTC().Format("2006-01-02 15:04:05"), c.Event, c.Object, c.Actor)
		if c.Times > 1 {
			text += fmt.Sprintf(", %d times", c.Times)
		}
		if c.Unsure != "" {
			text += ": " + c.Unsure
		}
		b.leaves = append(b.leaves, text)
	}
	return b
}

func leftovers(left []report.Leftover) branch {
	if len(left) == 0 {
		return branch{head: "leftovers: none"}
	}
	b := branch{head: "leftovers"}
	for _, one := range left {
		b.leaves = append(b.leaves, fmt.Sprintf("%s %s, since %s: %s", one.Kind, one.Name, minute(one.Since), one.RemovedBy))
	}
	return b
}
