package e2e

import (
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/rig"
)

// A command whose result is what it prints fails where that cannot be written, and says so. One that was told to throw it away,
// or whose result is its exit code, does not.
func TestAResultThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	w := start(t, few())
	results := []string{
		"version", "env", "--help", "elasticsearch push-app --help",
		"elasticsearch status", "elasticsearch status --output json", "elasticsearch plan", "elasticsearch plan --as cf", "elasticsearch plan --as json",
	}
	for _, to := range []string{">&-", ">/dev/full", ">/dev/null"} {
		for _, command := range append(results, "elasticsearch guard") {
			p, err := rig.Run(rig.Command{
				Path: "/bin/sh", Dir: t.TempDir(), Env: w.Env,
				Args: append([]string{"-c", `exec "$0" "$@" ` + to, programPath(w.book.program)}, strings.Fields(command)...),
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Wait(t.Context()); err != nil && !p.Ended() {
				t.Fatal(err)
			}
			want, words := 1, "the result could not be written to stdout: "
			if to == ">/dev/null" || command == "elasticsearch guard" {
				want, words = 0, ""
			}
			if p.ExitCode() != want || words != "" && strings.Count(p.Stderr(), words) != 1 {
				t.Errorf("cutover %s %s: exit code %d, want %d: %s", command, to, p.ExitCode(), want, p.Stderr())
			}
		}
	}
}
