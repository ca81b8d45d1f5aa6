// Package journal keeps the state of a run on the platform, where a later build finds it on
// another agent, in an empty workspace: the run, and the lease.
//
// Both are user-provided service instances, because their names are unique in a space and
// the API has no other compare-and-swap (cloud_controller_ng: the index
// si_space_id_name_index). Their content is in annotations without a domain in their keys:
// those that have one are sent to service brokers (CC API: Metadata).
package journal

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
)

// Platform is what the journal needs of a Cloud Foundry space.
type Platform interface {
	// ServiceInstanceByName returns nil, without an error, where there is none.
	ServiceInstanceByName(ctx context.Context, name string) (*cloudfoundry.ServiceInstance, error)
	ServiceInstance(ctx context.Context, guid string) (*cloudfoundry.ServiceInstance, error)
	CreateUserProvided(ctx context.Context, name string, labels, annotations map[string]string) (*cloudfoundry.ServiceInstance, error)
	DeleteServiceInstance(ctx context.Context, guid string) error
	RenameServiceInstance(ctx context.Context, guid, name string) error
	SetMetadata(ctx context.Context, kind cloudfoundry.Kind, guid string, labels, annotations map[string]*string) error
	// Now is the platform's own time.
	Now() time.Time
}

// On is the platform of a client.
func On(client *cloudfoundry.Client) Platform { return platform{client.Services, client.Space} }

type platform struct {
	*cloudfoundry.Services
	*cloudfoundry.Space
}

// Directions of a run.
const (
	Forward = "forward"
	Back    = "back"
)

// Run is one upgrade over all its builds.
type Run struct {
	// GUID is of the object that keeps it.
	GUID string
	// ID is never derived from a build's number: Jenkins may restart its count.
	ID      string
	Started time.Time
	// Version is of the program that started it.
	Version string
	// Direction is Forward or Back.
	Direction string
	// Facts are what the stages need of each other: GUIDs of blue and green, the
	// settings that must not change midway, the cursor of the catch-up. One may be as
	// long as it likes; together they may take 174 annotations of 5,000 characters.
	Facts map[string]string
	// Complete are the stages that are complete, by name.
	Complete map[string]Completion
}

// Completion is what is recorded of a stage that is complete.
type Completion struct {
	Verdict string         `json:"verdict"`
	Build   string         `json:"build,omitempty"`
	Started time.Time      `json:"started"`
	Ended   time.Time      `json:"ended"`
	Facts   map[string]any `json:"facts,omitempty"`
	// LeftOut is the number of facts that did not fit into the annotation.
	LeftOut int `json:"left_out,omitempty"`
}

// Journal keeps the run of one app.
type Journal struct {
	platform Platform
	app      string
}

// New returns the journal of an app. It does no I/O.
func New(platform Platform, app string) *Journal { return &Journal{platform, app} }

func (j *Journal) name() string { return "cutover-" + j.app }
func (j *Journal) last() string { return "cutover-" + j.app + "-last" }

// Load reads the run; nil where there is none.
func (j *Journal) Load(ctx context.Context) (*Run, error) { return j.load(ctx, j.name()) }

// LastRun reads the run that was retired last; nil where there is none.
func (j *Journal) LastRun(ctx context.Context) (*Run, error) { return j.load(ctx, j.last()) }

func (j *Journal) load(ctx context.Context, name string) (*Run, error) {
	found, err := j.platform.ServiceInstanceByName(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read the run: %w", err)
	}
	if found == nil {
		return nil, nil
	}
	run, err := decode(found)
	if err != nil {
		return nil, fmt.Errorf("read the run: service instance %s: %w", name, err)
	}
	return run, nil
}

// Create records a new run. ID, Started and Direction are filled in where they are
// missing. All of it goes with the one POST, so that there is never half a run;
// where it is not known whether that was executed, a run with our own id is ours.
func (j *Journal) Create(ctx context.Context, run *Run) error {
	if run.Started.IsZero() {
		run.Started = j.platform.Now().UTC().Truncate(time.Second)
	}
	if run.ID == "" {
		run.ID = NewRunID(run.Started)
	}
	if run.Direction == "" {
		run.Direction = Forward
	}
	annotations, err := encode(run)
	if err != nil {
		return fmt.Errorf("record run %s: %w", run.ID, err)
	}
	made, err := j.platform.CreateUserProvided(ctx, j.name(), map[string]string{cloudfoundry.RunLabel: run.ID}, annotations)
	if err != nil {
		return fmt.Errorf("record run %s: %w", run.ID, err)
	}
	run.GUID = made.GUID
	if run.Facts == nil {
		run.Facts = map[string]string{}
	}
	if run.Complete == nil {
		run.Complete = map[string]Completion{}
	}
	return nil
}

// Set records one fact.
func (j *Journal) Set(ctx context.Context, run *Run, key, value string) error {
	return j.SetAll(ctx, run, map[string]string{key: value})
}

// SetAll records facts, all of them or none: they go with one PATCH, whatever their
// length.
func (j *Journal) SetAll(ctx context.Context, run *Run, facts map[string]string) error {
	all := maps.Clone(run.Facts)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, facts)
	if err := checkSize(all); err != nil {
		return fmt.Errorf("record in run %s: %w", run.ID, err)
	}
	if err := j.patch(ctx, run, change(run.Facts, facts)); err != nil {
		return err
	}
	run.Facts = all
	return nil
}

// Unset removes facts.
func (j *Journal) Unset(ctx context.Context, run *Run, keys ...string) error {
	for _, key := range keys {
		if reserved(key) {
			return fmt.Errorf("record in run %s: %q is reserved for the journal", run.ID, key)
		}
	}
	patch := map[string]*string{}
	for _, key := range keys {
		maps.Copy(patch, removal(key, run.Facts[key]))
	}
	if err := j.patch(ctx, run, patch); err != nil {
		return err
	}
	for _, key := range keys {
		delete(run.Facts, key)
	}
	return nil
}

// change is the patch that sets facts, and removes the parts of what they were that they
// have no longer.
func change(were, facts map[string]string) map[string]*string {
	patch := map[string]*string{}
	for key, value := range facts {
		if was, is := were[key]; is {
			maps.Copy(patch, removal(key, was))
		}
		for part, text := range split(key, value) {
			patch[part] = &text
		}
	}
	return patch
}

// removal is the patch that removes a fact with a value.
func removal(key, value string) map[string]*string {
	patch := map[string]*string{}
	for part := range split(key, value) {
		patch[part] = nil
	}
	return patch
}

// Complete records that a stage is complete. Facts that do not fit are left out, the
// longest first, and counted: the completion itself must always be recorded.
func (j *Journal) Complete(ctx context.Context, run *Run, stage string, c Completion) error {
	c, text, err := shorten(c)
	if err == nil {
		err = fits(stagePrefix+stage, text)
	}
	if err != nil {
		return fmt.Errorf("record %s as complete in run %s: %w", stage, run.ID, err)
	}
	if err := j.patch(ctx, run, map[string]*string{stagePrefix + stage: &text}); err != nil {
		return err
	}
	if run.Complete == nil {
		run.Complete = map[string]Completion{}
	}
	run.Complete[stage] = c
	return nil
}

// Reopen records that a stage is no longer complete, after it was undone.
func (j *Journal) Reopen(ctx context.Context, run *Run, stage string) error {
	if err := j.patch(ctx, run, map[string]*string{stagePrefix + stage: nil}); err != nil {
		return err
	}
	delete(run.Complete, stage)
	return nil
}

// GoBack records that the run is rolled back.
func (j *Journal) GoBack(ctx context.Context, run *Run) error {
	direction := Back
	if err := j.patch(ctx, run, map[string]*string{keyDirection: &direction}); err != nil {
		return err
	}
	run.Direction = direction
	return nil
}

func (j *Journal) patch(ctx context.Context, run *Run, annotations map[string]*string) error {
	err := j.platform.SetMetadata(ctx, cloudfoundry.ServiceInstanceKind, run.GUID, nil, annotations)
	if err != nil {
		return fmt.Errorf("record in run %s: %w", run.ID, err)
	}
	return nil
}

// Retire ends the run: it becomes the last run, in place of an earlier one. It can be
// repeated after a crash at any point: until the rename there is a run, and after it there
// is none.
func (j *Journal) Retire(ctx context.Context, run *Run) error {
	earlier, err := j.platform.ServiceInstanceByName(ctx, j.last())
	if err != nil {
		return fmt.Errorf("retire run %s: %w", run.ID, err)
	}
	switch {
	case earlier == nil:
	case earlier.GUID == run.GUID:
		return nil
	default:
		if _, err := decode(earlier); err != nil {
			return fmt.Errorf("retire run %s: service instance %s: %w", run.ID, j.last(), err)
		}
		if err := j.platform.DeleteServiceInstance(ctx, earlier.GUID); err != nil {
			return fmt.Errorf("retire run %s: the run before it: %w", run.ID, err)
		}
	}
	if err := j.platform.RenameServiceInstance(ctx, run.GUID, j.last()); err != nil {
		return fmt.Errorf("retire run %s: %w", run.ID, err)
	}
	return nil
}
