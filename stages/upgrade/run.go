package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/journal"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// The facts of a run that are the same for every runbook.
const (
	factSettings = "settings" // the settings that must not change during the run
	factBlue     = "blue"     // what was live when the run began
	factReleased = "released" // the app that the pipeline released in green's place
	// FactImage is the docker image of green, chosen when the run began; "" for an app
	// of a buildpack.
	FactImage = "image"
	// FactDroplet is the droplet of blue that green gets a copy of; "" where green gets
	// another release.
	FactDroplet = "droplet"
	// FactBlueMadeOf is what blue was made of, recorded before it is deleted.
	FactBlueMadeOf = "old-app"
)

// RunOptions are what a run is read and written with.
type RunOptions struct {
	Journal  *journal.Journal
	Platform *cloudfoundry.Client
	// Settings are those that must not change during a run, by variable. An empty
	// value agrees with any: a job need not know every setting.
	Settings map[string]string
	// Milestones ties milestones to the runbook's stages.
	Milestones map[Milestone]string
	DryRun     bool
}

// Run is the run as it was last read or written: the one place in a process that
// holds it. In a dry run it may exist in memory alone. It is the runner's Journal.
type Run struct {
	o   RunOptions
	now *journal.Run
	// id and started are read by other goroutines; id stays after the run is retired.
	id      atomic.Value
	started atomic.Pointer[time.Time]
}

// NewRun returns a run that has not been read yet. It does no I/O.
func NewRun(o RunOptions) *Run { return &Run{o: o} }

// Load reads the run from the platform; false where there is none.
func (r *Run) Load(ctx context.Context) (bool, error) {
	run, err := r.o.Journal.Load(ctx)
	if err != nil {
		return false, err
	}
	if run == nil && r.o.DryRun {
		run = r.now
	}
	r.hold(run)
	return run != nil, nil
}

func (r *Run) hold(run *journal.Run) {
	r.now = run
	if run == nil {
		r.started.Store(nil)
		return
	}
	r.id.Store(run.ID)
	r.started.Store(&run.Started)
}

// Begin records a new run. A process that was killed may have recorded the same one
// after we looked: then that one is taken.
func (r *Run) Begin(ctx context.Context, run *journal.Run) error {
	if err := r.o.Journal.Create(ctx, run); err != nil {
		late, lerr := r.o.Journal.Load(ctx)
		if lerr != nil || late == nil || late.Facts[factBlue] != run.Facts[factBlue] || late.Facts[factSettings] != run.Facts[factSettings] {
			return err
		}
		run = late
	}
	r.hold(run)
	return nil
}

// Assume holds a run in memory, so that a dry run from nothing can plan the stages
// after the first.
func (r *Run) Assume(run *journal.Run) { r.hold(run) }

// New makes the record of a run that begins now; facts are further ones.
func (r *Run) New(version string, blue Blue, facts map[string]string) (*journal.Run, error) {
	settings, err := json.Marshal(r.o.Settings)
	if err != nil {
		return nil, err
	}
	was, err := json.Marshal(blue)
	if err != nil {
		return nil, err
	}
	all := map[string]string{factSettings: string(settings), factBlue: string(was)}
	maps.Copy(all, facts)
	now := r.o.Platform.Space.Now().UTC().Truncate(time.Second)
	return &journal.Run{ID: journal.NewRunID(now), Started: now, Version: version, Direction: journal.Forward, Facts: all}, nil
}

// Exists reports whether a run is under way.
func (r *Run) Exists() bool { return r.now != nil }

// ID is the run's id; "" where there is none. It may be called from any goroutine.
func (r *Run) ID() string {
	id, _ := r.id.Load().(string)
	return id
}

// Started is when the run began; zero where there is none. It may be called from any
// goroutine.
func (r *Run) Started() time.Time {
	if at := r.started.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// GoesBack reports whether a rollback has begun.
func (r *Run) GoesBack() bool { return r.now != nil && r.now.Direction == journal.Back }

// DryRun reports whether nothing may be written.
func (r *Run) DryRun() bool { return r.o.DryRun }

// Fact is a recorded fact; "" where it is not set.
func (r *Run) Fact(name string) string {
	if r.now == nil {
		return ""
	}
	return r.now.Facts[name]
}

// Time is a fact that is a time; zero where it is not set.
func (r *Run) Time(name string) time.Time {
	at, _ := time.Parse(time.RFC3339Nano, r.Fact(name))
	return at
}

// Decode reads a fact that is JSON. Call it only where Fact is not "".
func (r *Run) Decode(name string, into any) error {
	if err := json.Unmarshal([]byte(r.Fact(name)), into); err != nil {
		return runner.Refuse("the record of run %s is damaged: cannot read its annotation %s (%w); restore it, or roll back", r.ID(), name, err)
	}
	return nil
}

// Set records a fact: a string as it is, a time with nanoseconds, anything else as JSON.
func (r *Run) Set(ctx context.Context, name string, value any) error {
	text, err := Encode(value)
	if err != nil {
		return err
	}
	return r.o.Journal.Set(ctx, r.now, name, text)
}

// SetAll records several facts, all of them or none; values are as Encode makes them.
func (r *Run) SetAll(ctx context.Context, facts map[string]string) error {
	return r.o.Journal.SetAll(ctx, r.now, facts)
}

// Unset removes facts.
func (r *Run) Unset(ctx context.Context, names ...string) error {
	return r.o.Journal.Unset(ctx, r.now, names...)
}

// Encode is the text of a fact.
func Encode(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), nil
	}
	text, err := json.Marshal(value)
	return string(text), err
}

// Completion is when and by which build a stage was completed; false where it is not.
func (r *Run) Completion(stage string) (journal.Completion, bool) {
	if r.now == nil {
		return journal.Completion{}, false
	}
	m, is := r.now.Complete[stage]
	return m, is
}

// Completions are those of all complete stages.
func (r *Run) Completions() map[string]journal.Completion {
	if r.now == nil {
		return nil
	}
	return r.now.Complete
}

// Reached reports whether the run has passed a milestone.
func (r *Run) Reached(m Milestone) bool { _, is := r.ReachedAt(m); return is }

// ReachedAt is the completion of a milestone's stage.
func (r *Run) ReachedAt(m Milestone) (journal.Completion, bool) {
	return r.Completion(r.o.Milestones[m])
}

// StageOf is the stage that reaches a milestone; "" where the runbook has none.
func (r *Run) StageOf(m Milestone) string { return r.o.Milestones[m] }

// NotYet says that something is missing only because the stage that reaches a
// milestone has not run.
func (r *Run) NotYet(m Milestone, format string, args ...any) *runner.NotYet {
	return &runner.NotYet{Stage: r.o.Milestones[m], Why: fmt.Sprintf(format, args...)}
}

// None is NotYet for "there is no run".
func (r *Run) None() error { return r.NotYet(Begun, "there is no run") }

// CheckSettings refuses settings that differ from those that the run began with.
func (r *Run) CheckSettings() error {
	if r.now == nil {
		return r.None()
	}
	var then map[string]string
	if err := r.Decode(factSettings, &then); err != nil {
		return err
	}
	var all []error
	for _, name := range slices.Sorted(maps.Keys(r.o.Settings)) {
		now := r.o.Settings[name]
		if was, recorded := then[name]; now != "" && recorded && now != was {
			all = append(all, fmt.Errorf("%s is %q, and was %q when run %s began", name, now, was, r.now.ID))
		}
	}
	if len(all) > 0 {
		return runner.Refuse("settings must not change during a run: %w", errors.Join(all...))
	}
	return nil
}
