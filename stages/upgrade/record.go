package upgrade

import (
	"context"
	"fmt"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Run is the runner's Journal.
var _ runner.Journal = (*Run)(nil)

// Record reads the run, as the runner knows it; nil where there is none.
func (r *Run) Record(ctx context.Context) (*runner.Record, error) {
	exists, err := r.Load(ctx)
	if err != nil || !exists {
		return nil, err
	}
	return recordOf(r.now), nil
}

func recordOf(run *journal.Run) *runner.Record {
	out := &runner.Record{Run: run.ID, Back: run.Direction == journal.Back, Complete: map[string]runner.Completion{}}
	for name, m := range run.Complete {
		out.Complete[name] = runner.Completion{Verdict: runner.Verdict(m.Verdict), Build: m.Build, Started: m.Started, Ended: m.Ended}
	}
	return out
}

// Complete records that a stage is complete.
func (r *Run) Complete(ctx context.Context, stage string, c runner.Completion) error {
	facts := map[string]any{}
	for _, f := range c.Facts {
		facts[f.Name] = f.Value
	}
	return r.o.Journal.Complete(ctx, r.now, stage, journal.Completion{
		Verdict: string(c.Verdict), Build: c.Build, Started: c.Started, Ended: c.Ended, Facts: facts,
	})
}

// Reopen withdraws a stage's completion.
func (r *Run) Reopen(ctx context.Context, stage string) error {
	return r.o.Journal.Reopen(ctx, r.now, stage)
}

// GoBack records that the run is rolled back.
func (r *Run) GoBack(ctx context.Context) error {
	return r.o.Journal.GoBack(ctx, r.now)
}

// Ended is the run that was retired last; nil where there is none.
func (r *Run) Ended(ctx context.Context) (*runner.Record, error) {
	run, err := r.Last(ctx)
	if err != nil || run == nil {
		return nil, err
	}
	return recordOf(run), nil
}

// Last is the run that was retired last, with its facts; nil where there is none.
func (r *Run) Last(ctx context.Context) (*journal.Run, error) { return r.o.Journal.LastRun(ctx) }

// Retire removes our labels from what stays, and then ends the run. In this order it
// can be repeated after a crash: until the end there is a run that says what it made.
func (r *Run) Retire(ctx context.Context) error {
	if err := removeLabels(ctx, r.o.Platform, r.Owns); err != nil {
		return fmt.Errorf("remove the labels of run %s: %w", r.now.ID, err)
	}
	return r.o.Journal.Retire(ctx, r.now)
}

// removeLabels takes our labels off what a run owns, except its record.
func removeLabels(ctx context.Context, platform *cloudfoundry.Client, owns func(cloudfoundry.Metadata) bool) error {
	found, err := platform.Space.Labelled(ctx, cloudfoundry.RunLabel)
	if err != nil {
		return err
	}
	for _, one := range found {
		if !owns(one.Metadata) || one.Labels[RoleLabel] == "" {
			continue
		}
		none := map[string]*string{cloudfoundry.RunLabel: nil, RoleLabel: nil}
		if err := platform.Space.SetMetadata(ctx, one.Kind, one.GUID, none, nil); err != nil {
			return err
		}
	}
	return nil
}

// Labels mark an object made by this run.
func (r *Run) Labels(role string) map[string]string {
	return map[string]string{cloudfoundry.RunLabel: r.ID(), RoleLabel: role}
}

// Owns reports whether an object was made by this run.
func (r *Run) Owns(m cloudfoundry.Metadata) bool { return r.now != nil && m.Run() == r.now.ID }

// NotOurs refuses an object that has a name or address which the run needs.
func (r *Run) NotOurs(kind, name string, m cloudfoundry.Metadata) error {
	by := "it has no label of a run"
	if m.Run() != "" {
		by = "run " + m.Run() + " made it"
	}
	return runner.Refuse("%s %s exists and was not made by this run (%s): remove or rename it", kind, name, by)
}

// Services are the service instances that this run made. The run's own record
// carries its label too, but no role.
func (r *Run) Services(ctx context.Context) ([]cloudfoundry.ServiceInstance, error) {
	if r.now == nil {
		return nil, nil
	}
	all, err := r.o.Platform.Services.ServiceInstancesByLabel(ctx, cloudfoundry.RunLabel, r.now.ID)
	if err != nil {
		return nil, fmt.Errorf("find the service of run %s: %w", r.now.ID, err)
	}
	var made []cloudfoundry.ServiceInstance
	for _, one := range all {
		if one.Labels[RoleLabel] == RoleGreen {
			made = append(made, one)
		}
	}
	return made, nil
}
