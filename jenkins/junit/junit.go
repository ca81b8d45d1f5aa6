// Package junit turns the result of a stage into the JUnit XML that Jenkins
// reads (jenkinsci/junit-plugin), with go-junit-report's junit package.
//
// Names are stable, since Jenkins follows a case by suite, class and name: suite
// "<environment>.09-map-live-route", class the same plus ".check", ".apply" or
// ".verify", and as the case's name the task's sentence. What does not hold is a
// failure, what could not be told is an error, what was not run is skipped.
package junit

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Name is the file name of a stage's reports, without its ending: "09-map-live-route".
func Name(r *runner.Result) string { return fmt.Sprintf("%02d-%s", r.Number, r.Stage) }

// Write writes one stage as a JUnit document. A stage without a task has one
// case all the same, because Jenkins drops a suite without cases.
func Write(w io.Writer, r *runner.Result) error {
	suite := junit.Testsuite{Name: clean(r.Environment) + "." + Name(r), Time: seconds(r.Duration)}
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
			Name: "the stage began", Classname: suite.Name + ".check", Time: seconds(0),
		})
	}
	var all junit.Testsuites
	all.AddSuite(suite)
	all.Skipped = 0 // Left out: Jenkins' schema has it on a suite alone.
	if _, err := io.WriteString(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"); err != nil {
		return err
	}
	return all.WriteXML(w)
}

func testcase(suite string, r *runner.Result, t *runner.TaskResult) junit.Testcase {
	c := junit.Testcase{Name: clean(t.Name), Classname: suite + "." + string(t.List), Time: seconds(t.Duration)}
	switch t.Verdict {
	case runner.Failure:
		c.Failure = &junit.Result{Message: clean(t.Error), Type: "failure", Data: clean(body(r, t))}
	case runner.Errored:
		c.Error = &junit.Result{Message: clean(t.Error), Type: "error", Data: clean(body(r, t))}
	case runner.Planned, runner.Waits, runner.Skipped, runner.Nothing:
		c.Skipped = &junit.Result{Message: clean(strings.TrimSpace(string(t.Verdict) + ": " + t.Said))}
	}
	if out := observed(t); out != "" {
		c.SystemOut = &junit.Output{Data: clean(out)}
	}
	return c
}

// body is what the page of a failed case shows: what was measured, the detail,
// and what to do next.
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

func observed(t *runner.TaskResult) string {
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

// seconds has three decimals: junit-10.xsd allows no more.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", max(d, 0).Seconds()) }

// clean drops what XML cannot hold (XML 1.0, section 2.2): one control
// character, such as the start of a colour, would make the whole file unreadable.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD, r >= 0x10000 && r <= 0x10FFFF:
			return r
		}
		return -1
	}, s)
}
