// Package junit writes the result of a stage as JUnit XML for Jenkins
// (jenkinsci/junit-plugin), using go-junit-report's junit package.
//
// Names are stable, because Jenkins tracks a test case by its suite, class and name. The
// suite is "<environment>.09-map-live-route", the class is the same plus the task's list
// (".check", ".apply", ".verify"), and the case has the name of the task. A check that
// does not hold is a failure, a task that could not be done or checked is an error, and
// a task that was not run is skipped.
package junit

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// BaseName returns the name of a stage's report files without their extension:
// "09-map-live-route".
func BaseName(r *runner.Result) string { return fmt.Sprintf("%02d-%s", r.Number, r.Stage) }

// Write writes the result of one stage as a JUnit document. A stage without tasks gets
// one test case, because Jenkins ignores a suite without cases.
func Write(w io.Writer, r *runner.Result) error {
	suite := junit.Testsuite{Name: clean(r.Environment) + "." + BaseName(r), Time: seconds(r.Duration)}
	suite.SetTimestamp(r.Started)
	for _, p := range []junit.Property{{Name: "run", Value: r.Run}, {Name: "build", Value: r.Build}, {Name: "version", Value: r.Version}} {
		if p.Value != "" {
			suite.AddProperty(p.Name, clean(p.Value))
		}
	}
	for i := range r.Tasks {
		suite.AddTestcase(testcase(suite.Name, r, &r.Tasks[i]))
	}
	if len(r.Tasks) == 0 {
		suite.AddTestcase(junit.Testcase{
			Name: "stage started", Classname: suite.Name + ".check", Time: seconds(0),
		})
	}
	var all junit.Testsuites
	all.AddSuite(suite)
	all.Skipped = 0 // Zero is not written: Jenkins' schema allows it only on a suite.
	if _, err := io.WriteString(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"); err != nil {
		return err
	}
	return all.WriteXML(w)
}

func testcase(suite string, r *runner.Result, t *runner.TaskResult) junit.Testcase {
	c := junit.Testcase{Name: clean(t.Name), Classname: suite + "." + string(t.List), Time: seconds(t.Duration)}
	switch t.Verdict {
	case runner.Failure:
		c.Failure = &junit.Result{Message: message(t.Error), Type: "failure", Data: text(body(r, t))}
	case runner.Errored:
		c.Error = &junit.Result{Message: message(t.Error), Type: "error", Data: text(body(r, t))}
	case runner.Planned, runner.Waits, runner.Skipped, runner.Nothing:
		c.Skipped = &junit.Result{Message: message(strings.TrimSpace(string(t.Verdict) + ": " + t.Said))}
	}
	if out := output(t); out != "" {
		c.SystemOut = &junit.Output{Data: text(out)}
	}
	return c
}

// body is the text on the page of a failed case: the error, the details, and what to do
// next.
func body(r *runner.Result, t *runner.TaskResult) string {
	var b strings.Builder
	fmt.Fprintln(&b, t.Error)
	if t.Detail != "" {
		fmt.Fprintf(&b, "\n%s\n", t.Detail)
	}
	if t.ByHand != "" {
		fmt.Fprintf(&b, "\nby hand: %s\n", t.ByHand)
	}
	if r.Card != nil {
		fmt.Fprintf(&b, "\ntraffic: %s\nnext: %s\n", r.Card.Traffic, r.Card.Next)
	}
	return b.String()
}

// output is the standard output of a case: what the task measured.
func output(t *runner.TaskResult) string {
	var b strings.Builder
	if t.Said != "" && t.Verdict == runner.Done {
		fmt.Fprintln(&b, t.Said)
	}
	for _, f := range t.Facts {
		fmt.Fprintf(&b, "%s: %v\n", f.Name, f.Value)
	}
	if t.Detail != "" && t.Verdict == runner.Done {
		fmt.Fprintln(&b, t.Detail)
	}
	return b.String()
}

// seconds formats a duration with three decimals: junit-10.xsd allows no more.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", max(d, 0).Seconds()) }

// Jenkins shows messages in a table and keeps all reports of a build in memory. The whole
// of a longer text is in the JSON report beside this one.
const (
	mostMessage = 1000
	mostText    = 100_000
)

func message(s string) string { return clean(runner.Cut(s, mostMessage)) }

func text(s string) string { return clean(runner.Cut(s, mostText)) }

// clean removes characters that XML does not allow (XML 1.0, section 2.2). A single
// control character, such as the start of a terminal colour, would make the file invalid.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD, r >= 0x10000 && r <= 0x10FFFF:
			return r
		}
		return -1
	}, s)
}
