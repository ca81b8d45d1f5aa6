package report_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

func TestTheStatusBeforeDuringAndAfterARun(t *testing.T) {
	r := open(t)
	stage := func(number int, name, title string) report.StageStatus {
		return report.StageStatus{Number: number, Name: name, Title: title}
	}
	want := report.Status{
		Environment: "preview", Runbook: "elasticsearch", App: "search-api", Traffic: "blue",
		Stages: []report.StageStatus{stage(1, "check", "Check"), stage(2, "work", "Work"), stage(3, "finish", "Finish")},
		Next:   &report.NextStatus{Number: 1, Stage: "check", Will: "checks it"},
		Others: report.OthersStatus{Changes: []report.Change{}}, LetPass: []string{}, Leftovers: []report.Leftover{},
		Card: runner.Card{Traffic: "blue: search-api", Rollback: "safe", Again: "yes: complete stages are skipped", Onward: "yes, with check", Next: "cutover toy check"},
	}
	if diff := cmp.Diff(want, r.status()); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}

	r.begin()
	r.complete("check", time.Minute)
	s := r.status()
	want.Run, want.Started = r.run.ID(), r.run.Started()
	want.Stages[0].Complete, want.Stages[0].Build, want.Stages[0].Ended, want.Stages[0].Took = true, "https://ci/41/", r.run.Started(), time.Minute
	want.Next = &report.NextStatus{Number: 2, Stage: "work", Will: "does it"}
	want.Card.Onward, want.Card.Next = "yes, with work", "cutover toy work"
	want.Others, want.Leftovers = s.Others, s.Leftovers
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("during (-want +got):\n%s", diff)
	}
	if s.Others.Since.IsZero() || len(s.Leftovers) != 1 {
		t.Errorf("during: changes by others since %s, leftovers %+v", s.Others.Since, s.Leftovers)
	}

	r.complete("work", time.Minute)
	r.complete("finish", time.Minute)
	id := r.run.ID()
	r.must(r.run.Retire(r.ctx))
	s = r.status()
	if s.Run != id || !s.Started.IsZero() || !s.Stages[2].Complete || s.Next != nil || s.Card.Again != "a new run begins with check" {
		t.Errorf("after: %+v", s)
	}
}

func TestARunThatWasRolledBackHasNoStatus(t *testing.T) {
	r := open(t)
	r.begin()
	r.complete("check", time.Minute)
	r.must(r.run.GoBack(r.ctx))
	if s := r.status(); !s.RollingBack || s.Card.Next != "cutover toy rollback" {
		t.Errorf("while it goes back: %+v", s)
	}
	r.must(r.run.Retire(r.ctx))
	if s := r.status(); s.Run != "" || s.RollingBack || s.Stages[0].Complete {
		t.Errorf("afterwards: %+v", s)
	}
}

func TestAStageTookWhatItTookLast(t *testing.T) {
	r := open(t)
	r.begin()
	r.complete("check", time.Minute)
	r.complete("work", time.Hour)
	r.must(r.run.Retire(r.ctx))
	r.begin()
	r.complete("check", time.Second)
	took := report.Took(r.ctx, r.run)
	for stage, want := range map[string]time.Duration{"check": time.Second, "work": time.Hour, "finish": 0} {
		if got := took(stage); got != want {
			t.Errorf("%s took %s; want %s", stage, got, want)
		}
	}
}

func TestTheLeaseIsReportedAndUnlocked(t *testing.T) {
	r := open(t)
	lease := r.reporter.Lease
	if who, err := lease.Holder(r.ctx); err != nil || who != "nobody" {
		t.Errorf("held by %q, %v", who, err)
	}
	if who, err := lease.Unlock(r.ctx, "any"); err != nil || who != "nobody" {
		t.Errorf("unlocked from %q, %v", who, err)
	}
	r.begin()
	r.must(r.lease.Acquire(r.ctx, journal.Holder{Build: "https://ci/42/", Process: "vm, process 7", Run: r.run.ID()}))
	defer r.lease.Abandon()
	s, err := lease.Status(r.ctx)
	if err != nil || !s.Held || s.Stale || s.Build != "https://ci/42/" || s.Process != "vm, process 7" || s.Run != r.run.ID() {
		t.Errorf("lease: %+v, %v", s, err)
	}
	if who, err := lease.Holder(r.ctx); err != nil || !strings.HasPrefix(who, "https://ci/42/ since ") {
		t.Errorf("held by %q, %v", who, err)
	}
	if _, err := lease.Unlock(r.ctx, "another-run"); runner.ClassOf(err) != runner.Refused {
		t.Errorf("another run's lease was unlocked: %v", err)
	}
	if who, err := lease.Unlock(r.ctx, r.run.ID()); err != nil || !strings.HasPrefix(who, "https://ci/42/ since ") {
		t.Errorf("unlocked from %q, %v", who, err)
	}
	if s, err := lease.Status(r.ctx); err != nil || s != (report.LeaseStatus{}) {
		t.Errorf("after it was unlocked: %+v, %v", s, err)
	}
}

// A lease that was acquired before its process began the run is unlocked by the id
// of the run that has begun since.
func TestALeaseWithoutARunIsUnlockedByTheRunThatBegan(t *testing.T) {
	r := open(t)
	r.must(r.lease.Acquire(r.ctx, journal.Holder{Build: "https://ci/42/", Process: "vm, process 7"}))
	defer r.lease.Abandon()
	r.begin()
	id := r.run.ID()
	r.reporter.Lease.Run = upgrade.NewRun(upgrade.RunOptions{Journal: journal.New(journal.On(r.cf), "search-api"), Platform: r.cf})
	if who, err := r.reporter.Lease.Unlock(r.ctx, id); err != nil || !strings.HasPrefix(who, "https://ci/42/ since ") {
		t.Errorf("unlocked from %q, %v", who, err)
	}
}

func TestEveryLeftoverSaysWhatRemovesIt(t *testing.T) {
	r := open(t)
	r.begin()
	r.must(r.run.Retire(r.ctx))
	r.begin()
	r.app("ours", r.run.Labels(upgrade.RoleGreen))
	r.app("another-runs", map[string]string{"cutover-run": "r0"})
	r.must(r.lease.Acquire(r.ctx, journal.Holder{}))
	defer r.lease.Abandon()
	r.reporter.Leftovers.Unlabelled = func(context.Context) ([]report.Leftover, error) {
		return []report.Leftover{{Kind: "app", Name: "a-blue", RemovedBy: "later"}}, nil
	}
	want := map[string]string{
		"app another-runs":                 "of a run that is not under way for search-api: no stage removes it",
		"app ours":                         "removed by 2. work",
		"service cutover-search-api":       "the record of the run; 3. finish renames it to cutover-search-api-last, and so does a rollback",
		"service cutover-search-api-last":  "the record of the run before; the end of the next run replaces it",
		"service cutover-search-api-lease": "the lease; its holder releases it",
		"app a-blue":                       "later",
	}
	var order []string
	got := map[string]string{}
	for _, one := range r.status().Leftovers {
		order = append(order, one.Name)
		got[one.Kind+" "+one.Name] = one.RemovedBy
		if isLabelled := one.Name != "a-blue"; isLabelled && (one.GUID == "" || one.Run == "" || one.Since.IsZero()) {
			t.Errorf("%+v has no GUID, run or time", one)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("leftovers (-want +got):\n%s", diff)
	}
	sorted := []string{"another-runs", "ours", "cutover-search-api", "cutover-search-api-last", "cutover-search-api-lease", "a-blue"}
	if diff := cmp.Diff(sorted, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	all, err := r.reporter.Leftovers.List(r.ctx, report.LeaseStatus{Held: true, Stale: true})
	r.must(err)
	const stale = "a lease whose holder is gone; the next process takes it over, or unlock --run deletes it"
	if all[4].RemovedBy != stale {
		t.Errorf("a stale lease: %q; want %q", all[4].RemovedBy, stale)
	}
}

func TestWhatOthersChangeIsReported(t *testing.T) {
	r := open(t)
	r.begin()
	b, err := r.run.Blue()
	r.must(err)
	r.reporter.Others.Account.Username = "somebody-else@example.com"
	r.must(r.cf.Apps.Scale(r.ctx, b.App, 5))
	r.must(r.cf.Apps.Scale(r.ctx, b.App, 6))
	r.must(r.cf.Routes.Unmap(r.ctx, b.Routes[0].GUID, b.App))
	r.must(r.cf.Routes.Map(r.ctx, b.Routes[0].GUID, r.app("stranger", nil)))
	r.must(r.cf.Routes.Map(r.ctx, b.Routes[1].GUID, r.app("not-watched", nil)))
	r.must(r.cf.Apps.Delete(r.ctx, r.app("green", nil)))
	s := r.status()
	type change struct {
		Event, Object string
		Times         int
	}
	var got []change
	for _, c := range s.Others.Changes {
		got = append(got, change{c.Event, c.Object, c.Times})
		if c.Actor != r.box.Env()["CF_USERNAME"] || c.Unsure != "" || c.GUID == "" || c.First.IsZero() || c.Last.Before(c.First) {
			t.Errorf("%+v", c)
		}
	}
	want := []change{
		{"audit.app.process.scale", "app search-api", 2},
		{"audit.app.unmap-route", "app search-api", 1},
		{"audit.app.map-route", "app stranger", 1},
		{"audit.app.delete-request", "app green", 1},
	}
	if diff := cmp.Diff(want, got); diff != "" || s.Others.Ours != 0 {
		t.Errorf("%d of ours; changes (-want +got):\n%s", s.Others.Ours, diff)
	}

	// The account of this program, while nothing worked, while it holds the lease, and while a stage worked.
	r.reporter.Others.Account.Username = r.box.Env()["CF_USERNAME"]
	for _, c := range r.status().Others.Changes {
		if c.Unsure == "" {
			t.Errorf("nothing worked, and it is sure of %+v", c)
		}
	}
	others, err := r.reporter.Others.Changes(r.ctx, report.LeaseStatus{Held: true, Since: r.run.Started()})
	if err != nil || len(others.Changes) > 0 || others.Ours != 5 {
		t.Errorf("while the lease is held: %+v, %v", others, err)
	}
	r.worked("work", r.run.Started(), r.run.Started().Add(time.Hour))
	if others, err = r.reporter.Others.Changes(r.ctx, report.LeaseStatus{}); err != nil || len(others.Changes) > 0 || others.Ours != 5 {
		t.Errorf("while a stage worked: %+v, %v", others, err)
	}
}
