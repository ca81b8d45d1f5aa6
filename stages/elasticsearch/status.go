package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Status is how far the run is; it writes nothing.
func (s *Site) Status(ctx context.Context, command string) (runner.Status, error) {
	record, err := s.Journal().Record(ctx)
	if err != nil {
		return runner.Status{}, err
	}
	situation, err := s.Situation(ctx)
	if err != nil {
		return runner.Status{}, err
	}
	held, err := s.lease.Peek(ctx)
	if err != nil {
		return runner.Status{}, err
	}
	status := runner.StatusOf(Steps(s), record, situation, command)
	status.Environment, status.Runbook, status.App, status.Lease = s.Settings.Stage, "elasticsearch", s.Settings.LiveApp, "free"
	if held != nil {
		status.Lease = held.String()
	}
	if s.run != nil {
		status.Started = s.run.Started
	}
	return status, nil
}

// Unlock deletes the lease of the run that is named; another run's is left.
func (s *Site) Unlock(ctx context.Context, run string) (string, error) {
	held, err := s.lease.Break(ctx, run)
	if err != nil {
		return "", err
	}
	if held == nil {
		return "nobody", nil
	}
	return held.String(), nil
}
