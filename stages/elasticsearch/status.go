package elasticsearch

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// Status is how far the run is; it writes nothing.
func (s *Site) Status(ctx context.Context, command string) (report.Status, error) {
	record, err := s.Journal().Record(ctx)
	if err != nil {
		return report.Status{}, err
	}
	ended := false
	if record == nil {
		// Until the next run begins, the last one is shown, if it is complete.
		last, err := s.Journal().Ended(ctx)
		if err != nil {
			return report.Status{}, err
		}
		if last != nil && !last.Back {
			record, ended = last, true
		}
	}
	situation, err := s.Situation(ctx)
	if err != nil {
		return report.Status{}, err
	}
	book := Runbook(s)
	status := report.StatusOf(book, record, situation, command)
	status.Environment, status.Runbook, status.App = s.Settings.Stage, "elasticsearch", s.Settings.LiveApp
	if ended {
		status.Card.Again = "a new migration begins with check-release"
	}
	if s.run != nil {
		status.Started = s.run.Started
	}
	if status.Lease, err = s.leaseStatus(ctx); err != nil {
		return report.Status{}, err
	}
	if err := s.around(ctx, &status); err != nil {
		return report.Status{}, err
	}
	if status.Next != nil {
		status.Next.Will = report.Will(ctx, *book.Named(status.Next.Stage))
	}
	return status, nil
}

// around reads what others have done and what lies around, both at once: a person
// waits for it.
func (s *Site) around(ctx context.Context, status *report.Status) error {
	var byOthers, lying error
	var both sync.WaitGroup
	both.Go(func() { status.Others, byOthers = s.others(ctx, status.Lease) })
	both.Go(func() { status.Leftovers, lying = s.liesAround(ctx, status.Lease) })
	both.Wait()
	return errors.Join(byOthers, lying)
}

// leaseStatus tells who holds the lease, by the platform's clock.
func (s *Site) leaseStatus(ctx context.Context) (report.LeaseStatus, error) {
	held, err := s.lease.Peek(ctx)
	if err != nil || held == nil {
		return report.LeaseStatus{}, err
	}
	// Both the heartbeat and the platform's clock are told in whole seconds.
	const rounding = 2 * time.Second
	now := s.cf.Now()
	return report.LeaseStatus{
		Held: true, Build: held.Build, Process: held.Process, Run: held.Run, Since: held.Since.UTC(), Heartbeat: held.Heartbeat.UTC(),
		Age: int(max(now.Sub(held.Since), 0).Seconds()), HeartbeatAge: int(max(now.Sub(held.Heartbeat), 0).Seconds()),
		Stale: now.Sub(held.Heartbeat) > s.Settings.Lease.StaleAfter+rounding,
	}, nil
}

// Holder says who holds the lease.
func (s *Site) Holder(ctx context.Context) (string, error) {
	held, err := s.lease.Peek(ctx)
	if err != nil || held == nil {
		return "nobody", err
	}
	return held.String(), nil
}

// Unlock deletes the lease of the run that is named; another run's is left.
func (s *Site) Unlock(ctx context.Context, run string) (string, error) {
	begun := ""
	record, err := s.Journal().Record(ctx)
	if err != nil {
		return "", err
	}
	if record != nil {
		begun = record.Run
	}
	held, err := s.lease.Break(ctx, run, begun)
	if err != nil {
		return "", err
	}
	if held == nil {
		return "nobody", nil
	}
	return held.String(), nil
}

// Guard refuses while a release would cross a run: before step 18, where the stages
// know blue and green and no app that came between, and on the way back. It lets the
// release through that step 18 waits for, and every one after it. It tells why a
// release may begin.
func (s *Site) Guard(ctx context.Context) (string, error) {
	record, err := s.Journal().Record(ctx)
	if err != nil {
		return "", err
	}
	if record == nil {
		now, err := s.withoutRun(ctx)
		if err == nil && now.Blocked != "" {
			err = runner.Refuse("%s", now.Blocked)
		}
		return "no migration is under way", err
	}
	if record.Back {
		return "", runner.Refuse("migration %s goes back: release when the rollback has ended", record.Run)
	}
	for _, step := range steps(s) {
		if step.Name == stageAwaitRelease {
			break
		}
		if !record.IsComplete(step.Name) {
			return "", runner.Refuse("migration %s is at %d. %s: release when it has come to 18, or was rolled back", record.Run, step.Number, step.Name)
		}
	}
	if !record.IsComplete(stageAwaitRelease) {
		return "migration " + record.Run + " waits for a release", nil
	}
	return "migration " + record.Run + " has had its release", nil
}

// Took tells how long each stage took: in this run, or else in the one before.
func (s *Site) Took(ctx context.Context) func(stage string) time.Duration {
	marks := map[string]journal.Completion{}
	for _, load := range []func(context.Context) (*journal.Run, error){s.journal.LastRun, s.journal.Load} {
		if run, err := load(ctx); err == nil && run != nil {
			maps.Copy(marks, run.Complete)
		}
	}
	return func(stage string) time.Duration { return marks[stage].Ended.Sub(marks[stage].Started) }
}
