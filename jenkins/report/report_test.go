package report_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/jenkins/report"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/test/jenkins/junitxsd"
)

func result() *runner.Result {
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	return &runner.Result{
		Environment: "preview", Number: 9, Of: 20, Stage: "map-live-route", Run: "20261123-0102-abcd", Build: "https://jenkins.test/9/",
		Version: "1.0", Started: at, Duration: 1234567 * time.Microsecond, Verdict: runner.Running,
		Tasks: []runner.TaskResult{
			{List: runner.ListCheck, Name: "it holds", Verdict: runner.Done, Said: "36,311 of 36,311", Facts: []runner.Fact{{Name: "documents", Value: 36311}}, Started: at},
			{List: runner.ListApply, Name: "it breaks \x1b[31m", Verdict: runner.Failure, Error: "no\x00 \x1b[31mred & <token-value>", Detail: "line one\nline two", ByHand: "cf map-route", Started: at},
			{List: runner.ListVerify, Name: "nobody knows", Verdict: runner.Errored, Error: "timeout", Started: at},
			{List: runner.ListApply, Name: "it would", Verdict: runner.Planned, Said: "cf push", Started: at},
		},
	}
}

func files(t *testing.T) (*report.Files, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "reports")
	return &report.Files{
		Dir: dir, Redact: func(s string) string { return strings.ReplaceAll(s, "token-value", "***") },
		Failed: func(err error) { t.Error(err) },
	}, dir
}

func TestReportIsValidAfterEachTask(t *testing.T) {
	f, dir := files(t)
	r := result()
	all := r.Tasks
	r.Tasks = nil
	f.Observe(runner.Event{Kind: runner.StageStarted, Result: r})
	junitxsd.ValidateJUnit(t, filepath.Join(dir, "09-map-live-route.xml"))
	for i := range all {
		r.Tasks = all[:i+1]
		f.Observe(runner.Event{Kind: runner.TaskDone, Result: r})
		junitxsd.ValidateJUnit(t, filepath.Join(dir, "09-map-live-route.xml"))
	}
	left, err := filepath.Glob(filepath.Join(dir, ".part-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v %v", left, err)
	}
}

func TestReportContents(t *testing.T) {
	f, dir := files(t)
	f.Observe(runner.Event{Kind: runner.StageDone, Result: result()})
	text, err := os.ReadFile(filepath.Join(dir, "09-map-live-route.xml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<?xml version="1.0" encoding="UTF-8"?>`, `name="preview.09-map-live-route" tests="4" failures="1" errors="1"`,
		`classname="preview.09-map-live-route.check" time="0.000"`, `time="1.235"`, `timestamp="2026-11-23T01:02:03Z"`,
		`<failure message="no [31mred &amp; &lt;***&gt;"`, `by hand: cf map-route`, "line one\nline two",
		`<skipped message="planned: cf push">`, `documents: 36311`, `<property name="run" value="20261123-0102-abcd">`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in the report:\n%s", want, text)
		}
	}
	var got runner.Result
	raw, err := os.ReadFile(filepath.Join(dir, "09-map-live-route.json"))
	if err == nil {
		err = json.Unmarshal(raw, &got)
	}
	if err != nil || len(got.Tasks) != 4 {
		t.Errorf("result.json: %v\n%s", err, raw)
	}
}

func TestRollbackHasItsOwnReport(t *testing.T) {
	f, dir := files(t)
	r := result()
	r.Rollback = true
	f.Observe(runner.Event{Kind: runner.StageDone, Result: r})
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"rollback-09-map-live-route.json", "rollback-09-map-live-route.xml"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestWriteErrorIsReportedOncePerStage(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "reports")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var reported error
	times := 0
	f := &report.Files{Dir: blocked, Redact: func(s string) string { return s }, Failed: func(err error) { reported, times = err, times+1 }}
	f.Observe(runner.Event{Kind: runner.StageStarted, Result: result()})
	f.Observe(runner.Event{Kind: runner.TaskDone, Result: result()})
	f.Observe(runner.Event{Kind: runner.StageDone, Result: result()})
	if times != 1 {
		t.Errorf("reported %d times, want once", times)
	}
	var path *os.PathError
	if !errors.As(reported, &path) || !strings.Contains(reported.Error(), "map-live-route") {
		t.Errorf("reported: %v", reported)
	}
}

// Jenkins would take the tasks that were written, all of them good, for the whole stage.
func TestIncompleteReportIsRemoved(t *testing.T) {
	f, dir := files(t)
	times := 0
	f.Failed = func(error) { times++ }
	r := result()
	f.Observe(runner.Event{Kind: runner.StageStarted, Result: r})
	// A file cannot be renamed to the path of a folder.
	obstacle := filepath.Join(dir, "09-map-live-route.xml")
	if err := errors.Join(os.Remove(obstacle), os.Mkdir(obstacle, 0o700)); err != nil {
		t.Fatal(err)
	}
	f.Observe(runner.Event{Kind: runner.TaskDone, Result: r})
	f.Observe(runner.Event{Kind: runner.StageDone, Result: r})
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v (%v)", left, err)
	}
	if times != 1 {
		t.Errorf("reported %d times, want once", times)
	}
	next := *r
	next.Stage = "watch-traffic"
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.Dir = filepath.Join(dir, "file")
	f.Observe(runner.Event{Kind: runner.StageDone, Result: &next})
	if times != 2 {
		t.Errorf("the second stage: reported %d times, want twice", times)
	}
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for folder, writable := range map[string]bool{dir: true, filepath.Join(dir, "a", "b"): true, file: false, filepath.Join(file, "a"): false} {
		if err := (&report.Files{Dir: folder}).Writable(); (err == nil) != writable {
			t.Errorf("%s: %v", folder, err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("files are left: %v", left)
	}
}

// A server may answer with anything. Jenkins shows messages in a table and keeps every
// report in memory, so they are cut there; the JSON has the whole.
func TestAMessageOfAMegabyte(t *testing.T) {
	for _, verdict := range []runner.Verdict{runner.Failure, runner.Errored, runner.Done, runner.Waits} {
		f, dir := files(t)
		r := result()
		long := strings.Repeat("<html> &é\x00 ", 90_000)
		r.Tasks = []runner.TaskResult{{List: runner.ListApply, Name: "it", Verdict: verdict, Error: long, Said: long, Detail: long}}
		f.Observe(runner.Event{Kind: runner.TaskDone, Result: r})
		path := filepath.Join(dir, "09-map-live-route.xml")
		junitxsd.ValidateJUnit(t, path)
		xml, err := os.ReadFile(path)
		if err != nil || len(xml) > 400_000 || !strings.Contains(string(xml), "characters left out") {
			t.Errorf("%s: the JUnit report has %d bytes: %v", verdict, len(xml), err)
		}
		whole, err := os.ReadFile(strings.TrimSuffix(path, ".xml") + ".json")
		if err != nil || len(whole) < len(long) {
			t.Errorf("%s: the JSON report has %d bytes: %v", verdict, len(whole), err)
		}
	}
}
