package report_test

import (
	"context"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// runOfTest is a run of a runbook with three stages, in a sandbox.
type runOfTest struct {
	t        *testing.T
	ctx      context.Context
	box      *sandbox.Sandbox
	cf       *cloudfoundry.Client
	run      *upgrade.Run
	lease    *journal.Lease
	reporter *report.Reporter
}

// onlyLooks is a stage that has nothing to do but to verify.
type onlyLooks struct{ runner.Stage }

func (onlyLooks) OnlyLooks() {}

// book has the stages check, work and finish.
func book() runner.Runbook {
	open := func() runner.Stage { return onlyLooks{} }
	return runner.Runbook{Steps: []runner.Step{
		{Number: 1, Name: "check", Title: "Check", Help: "Checks it. And more.", Open: open},
		{Number: 2, Name: "work", Title: "Work", Help: "Does it. And more.", Open: open},
		{Number: 3, Name: "finish", Title: "Finish", Help: "Ends it. And more.", Open: open},
	}}
}

func open(t *testing.T) *runOfTest {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Documents: 1, Briefs: 1, Pace: sandbox.PaceInstant})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	env := box.Env()
	ctx := httpclient.WithPermit(t.Context(), func(context.Context) error { return nil })
	cf, err := cloudfoundry.Open(ctx, cloudfoundry.Settings{
		API: env["CF_API"], Org: env["CF_ORG"], Space: env["CF_SPACE"], Username: env["CF_USERNAME"], Password: environ.Secret(env["CF_PASSWORD"]),
	}, cloudfoundry.Options{Poll: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	r := &runOfTest{t: t, ctx: ctx, box: box, cf: cf}
	r.run = upgrade.NewRun(upgrade.RunOptions{
		Journal: journal.New(journal.On(cf), "search-api"), Platform: cf,
		Milestones: map[upgrade.Milestone]string{upgrade.Begun: "check", upgrade.Ended: "finish"},
	})
	r.lease = journal.NewLease(journal.On(cf), "search-api", journal.LeaseSettings{}, nil)
	called := func(stage string) string { return book().Named(stage).Called() }
	r.reporter = &report.Reporter{
		Environment: "preview", Runbook: "elasticsearch", App: "search-api", Command: "cutover toy", Book: book(), Run: r.run,
		Lease: &report.Lease{Lease: r.lease, Run: r.run, StaleAfter: 2 * time.Minute, Now: cf.Space.Now},
		Situation: func(context.Context) (runner.Situation, error) {
			return runner.Situation{Traffic: "blue", Detail: "search-api", Back: "safe"}, nil
		},
		Others: &report.Others{Platform: cf, Run: r.run, Account: report.Account{Username: env["CF_USERNAME"]}, Watched: r.watched},
		Leftovers: &report.Leftovers{
			Platform: cf, Run: r.run, App: "search-api", Called: called,
			RemovedBy: func(one cloudfoundry.Labelled) string { return "removed by " + called("work") },
		},
	}
	return r
}

func (r *runOfTest) watched(context.Context) (report.Watched, error) {
	b, err := r.run.Blue()
	return report.Watched{GUIDs: []string{b.App}, Routes: []string{b.Routes[0].GUID}, Names: []string{"green"}}, err
}

// must ends the test at an error.
func (r *runOfTest) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// begin records a run.
func (r *runOfTest) begin() {
	r.t.Helper()
	b, err := upgrade.FindBlue(r.ctx, r.cf, "search-api", "dm-search-api-preview.cloudapps.digital")
	r.must(err)
	run, err := r.run.New("1.0.0", b, nil)
	r.must(err)
	r.must(r.run.Begin(r.ctx, run))
}

// complete records a stage that took a time, and ended in the second when the run began.
func (r *runOfTest) complete(stage string, took time.Duration) {
	r.t.Helper()
	ended := r.run.Started().UTC().Truncate(time.Second)
	r.worked(stage, ended.Add(-took), ended)
}

// worked records a stage as complete, with when it was at work.
func (r *runOfTest) worked(stage string, from, to time.Time) {
	r.t.Helper()
	r.must(r.run.Complete(r.ctx, stage, runner.Completion{Verdict: runner.Done, Build: "https://ci/41/", Started: from, Ended: to}))
}

func (r *runOfTest) status() report.Status {
	r.t.Helper()
	s, err := r.reporter.Status(r.ctx)
	r.must(err)
	return s
}

// app makes an app with labels.
func (r *runOfTest) app(name string, labels map[string]string) string {
	r.t.Helper()
	app, err := r.cf.Apps.Create(r.ctx, name, labels)
	r.must(err)
	return app.GUID
}
