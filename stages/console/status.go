package console

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Status prints how far a run is: the stages passed in one line, then the next
// one and those to come, and the card.
func Status(w io.Writer, s runner.Status) error {
	var b strings.Builder
	if s.Run == "" {
		fmt.Fprintf(&b, "%s · %s · no run has begun\n", s.Environment, s.App)
	} else if s.Started.IsZero() {
		fmt.Fprintf(&b, "%s · %s · run %s is complete\n", s.Environment, s.App, s.Run)
	} else {
		fmt.Fprintf(&b, "%s · %s · run %s, begun %s\n", s.Environment, s.App, s.Run, s.Started.UTC().Format("2006-01-02 15:04 MST"))
	}
	fmt.Fprintf(&b, "lease: %s\n\n", s.Lease)
	open := true
	for _, line := range s.Stages {
		mark := "    "
		switch {
		case line.Complete:
			mark = "done"
		case open:
			mark, open = "next", false
		}
		fmt.Fprintf(&b, "  %-4s %2d. %-21s %s", mark, line.Number, line.Name, line.Title)
		if line.Complete {
			fmt.Fprintf(&b, "  %s, in %s", line.Ended.UTC().Format("2006-01-02 15:04:05"), line.Took.Round(time.Millisecond))
		}
		fmt.Fprintln(&b)
	}
	b.WriteString(Card(s.Card))
	_, err := io.WriteString(w, b.String())
	return err
}
