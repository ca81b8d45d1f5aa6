package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// compared tells how the log of this rehearsal differs from a recorded one in what was asked and done, and in which
// order: "" if it does not. What was measured may differ, and how often a wait was told of.
func compared(recorded, log string) (string, error) {
	was, err := os.ReadFile(recorded)
	if err != nil {
		return "", err
	}
	now, err := os.ReadFile(log)
	if err != nil {
		return "", err
	}
	if then := essence(string(was)); len(then) == 0 {
		return "", fmt.Errorf("%s is no transcript of a rehearsal", recorded)
	} else {
		return cmp.Diff(then, essence(string(now))), nil
	}
}

// essence is of each line of a log what is the same in every rehearsal.
func essence(log string) []string {
	fact := regexp.MustCompile(`^(\S+\s+(?:check|apply|verify|plan|undo|abort) [^:]*): .*$`)
	took := regexp.MustCompile(` \([^()]*\)$`)
	id := regexp.MustCompile(`\d{8}-\d{4}-[a-z0-9]{4}`)
	number := regexp.MustCompile(`\d[\d,.:TZ-]*`)
	var lines []string
	for line := range strings.Lines(log) {
		at, said, is := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !is || !strings.HasSuffix(at, "Z") || strings.HasPrefix(said, "…") {
			continue
		}
		said = took.ReplaceAllString(fact.ReplaceAllString(said, "$1"), "")
		lines = append(lines, number.ReplaceAllString(id.ReplaceAllString(said, "RUN"), "N"))
	}
	return lines
}

// transcribed compares the log with a recorded one, or records it.
func transcribed(o options, log string) error {
	if o.transcript == "" {
		return nil
	}
	if o.record {
		text, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		return os.WriteFile(o.transcript, text, 0o644)
	}
	diff, err := compared(o.transcript, log)
	if err == nil && diff != "" {
		err = errors.New("the transcript " + o.transcript + " is no longer true (-recorded +now); scripts/demo --quick --transcript FILE --record makes it anew:\n" + diff)
	}
	return err
}
