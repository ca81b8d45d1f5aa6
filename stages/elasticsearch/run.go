package elasticsearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// The facts that the run holds, beside the marks of its stages.
const (
	factSettings = "settings"       // the settings that must not change midway
	factBlue     = "blue"           // what was live when the run began
	factImage    = "image"          // docker image of green
	factBegan    = "indexing-began" // when build-indices began, by the data API's clock
	factCursor   = "catch-up"       // up to when changes were carried over
	factShared   = "shared"         // up to when blue has every change, from when on others get live writes
	factDrift    = "drift"          // how far blue's counts were from the data API's when it last served alone
	factDrained  = "drained"        // when the last catch-up after unmapping ended
	factKept     = "old-app"        // what blue was made of, from before it is deleted
	factPolicies = "old-policies"   // its network policies
	factReleased = "released"       // the app that was released in green's place
	factVariable = "variable"       // what blue's variable said before it followed its service's new name
)

// factFill is the progress of filling one index: an indexer.Cursor, or "done".
func factFill(alias string) string { return "fill-" + alias }

const filled = "done"

// settingsAgree refuses settings that differ from the run's.
func (s *Site) settingsAgree() error {
	if s.run == nil {
		return &runner.NotYet{Stage: stageCheckRelease, Why: "there is no run"}
	}
	var then map[string]string
	if err := json.Unmarshal([]byte(s.run.Facts[factSettings]), &then); err != nil {
		return runner.Refuse("the record of run %s is damaged: its annotation %s cannot be read (%w); restore it, or go back", s.run.ID, factSettings, err)
	}
	now := s.Settings.fixed()
	var all []error
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if was, recorded := then[name]; now[name] != "" && recorded && now[name] != was {
			all = append(all, fmt.Errorf("%s is %q, and was %q when run %s began", name, now[name], then[name], s.run.ID))
		}
	}
	if len(all) > 0 {
		return runner.Refuse("settings must not change midway: %w", errors.Join(all...))
	}
	return nil
}

// set records a fact of the run.
func (s *Site) set(ctx context.Context, name string, value any) error {
	text, is := value.(string)
	if !is {
		b, err := json.Marshal(value)
		if err != nil {
			return err
		}
		text = string(b)
	}
	return s.journal.Set(ctx, s.run, name, text)
}

func (s *Site) setTime(ctx context.Context, name string, at time.Time) error {
	return s.set(ctx, name, stamp(at))
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// timeOf reads a fact that is a time; zero where it is not set.
func (s *Site) timeOf(name string) time.Time {
	if s.run == nil {
		return time.Time{}
	}
	at, _ := time.Parse(time.RFC3339Nano, s.run.Facts[name])
	return at
}

// Journal is the run, as the runner knows it.
func (s *Site) Journal() runner.Journal { return record{s} }

// Lease is the right to write, as the runner knows it.
func (s *Site) Lease() runner.Lease { return lease{s.lease, s} }

// lease adapts the lease to the runner.
type lease struct {
	*journal.Lease
	s *Site
}

// Acquire acquires the lease in the name of this process.
func (l lease) Acquire(ctx context.Context) error {
	host, _ := os.Hostname()
	who := journal.Holder{Build: l.s.o.Build, Process: fmt.Sprintf("%s, process %d", host, os.Getpid())}
	if l.s.run != nil {
		who.Run = l.s.run.ID
	}
	return l.Lease.Acquire(ctx, who)
}

// record adapts the run to the runner.
type record struct{ s *Site }

// Record reads the run. In a dry run that began from nothing the run that the
// first stage would have made stands in memory.
func (r record) Record(ctx context.Context) (*runner.Record, error) {
	run, err := r.s.journal.Load(ctx)
	if err != nil {
		return nil, err
	}
	if run == nil && r.s.o.DryRun {
		run = r.s.run
	}
	r.s.run = run
	if run == nil {
		return nil, nil
	}
	r.s.id.Store(run.ID)
	var names []string
	for _, t := range r.s.indices.Dated(run.Started) {
		names = append(names, t.Name.String())
	}
	r.s.ourIndices.Store(names)
	return recordOf(run), nil
}

func recordOf(run *journal.Run) *runner.Record {
	out := &runner.Record{Run: run.ID, Back: run.Direction == journal.Back, Complete: map[string]runner.Completion{}}
	for name, m := range run.Complete {
		out.Complete[name] = runner.Completion{Verdict: runner.Verdict(m.Verdict), Build: m.Build, Started: m.Started, Ended: m.Ended}
	}
	return out
}

func (r record) Complete(ctx context.Context, stage string, m runner.Completion) error {
	facts := map[string]any{}
	for _, f := range m.Facts {
		facts[f.Name] = f.Value
	}
	return r.s.journal.Complete(ctx, r.s.run, stage, journal.Completion{
		Verdict: string(m.Verdict), Build: m.Build, Started: m.Started, Ended: m.Ended, Facts: facts,
	})
}

func (r record) Reopen(ctx context.Context, stage string) error {
	return r.s.journal.Reopen(ctx, r.s.run, stage)
}

func (r record) GoBack(ctx context.Context) error {
	return r.s.journal.GoBack(ctx, r.s.run)
}

// Retire takes our labels off what stays, and then ends the run. In this order it
// can be done again after a crash: until the end there is a run that tells what is
// ours.
func (r record) Retire(ctx context.Context) error {
	if err := r.s.strip(ctx); err != nil {
		return fmt.Errorf("take the labels of run %s away: %w", r.s.run.ID, err)
	}
	return r.s.journal.Retire(ctx, r.s.run)
}

func (r record) Ended(ctx context.Context) (*runner.Record, error) {
	run, err := r.s.journal.LastRun(ctx)
	if err != nil || run == nil {
		return nil, err
	}
	return recordOf(run), nil
}

// strip takes our labels off what stays of the run.
func (s *Site) strip(ctx context.Context) error {
	none := map[string]*string{cloudfoundry.RunLabel: nil, roleLabel: nil}
	apps, err := s.cf.AppsByLabel(ctx, cloudfoundry.RunLabel, s.run.ID)
	if err != nil {
		return err
	}
	for _, app := range apps {
		if err := s.cf.SetMetadata(ctx, cloudfoundry.Apps, app.GUID, none, nil); err != nil {
			return err
		}
	}
	services, err := s.ownServices(ctx)
	if err != nil {
		return err
	}
	for _, instance := range services {
		if err := s.cf.SetMetadata(ctx, cloudfoundry.ServiceInstances, instance.GUID, none, nil); err != nil {
			return err
		}
	}
	route, err := s.cf.RouteByAddress(ctx, s.Settings.TemporaryRoute)
	if err != nil || route == nil || !s.ours(route.Metadata) {
		return err
	}
	return s.cf.SetMetadata(ctx, cloudfoundry.Routes, route.GUID, none, nil)
}

// ownServices are the services that this run made. The record of the run carries
// its label too, but no role.
func (s *Site) ownServices(ctx context.Context) ([]cloudfoundry.ServiceInstance, error) {
	if s.run == nil {
		return nil, nil
	}
	all, err := s.cf.ServiceInstancesByLabel(ctx, cloudfoundry.RunLabel, s.run.ID)
	if err != nil {
		return nil, fmt.Errorf("find the service of run %s: %w", s.run.ID, err)
	}
	return slices.DeleteFunc(all, func(one cloudfoundry.ServiceInstance) bool { return one.Labels[roleLabel] != green }), nil
}

// Runbook is the runbook on this site.
func (s *Site) Runbook() runner.Runbook { return Runbook(s) }

// Options are the runner's options that follow from the settings.
func (s *Site) Options() runner.Options {
	o := runner.Options{
		Environment: s.Settings.Stage, App: s.Settings.LiveApp,
		VerifyFor: s.Settings.VerifyTimeout, Every: s.Settings.Poll, Situation: s.Situation,
	}
	if s.Settings.PlanDigest != "" {
		o.Checks = []runner.Task{{Name: "the approved plan still applies", Do: s.Approved}}
	}
	return o
}
