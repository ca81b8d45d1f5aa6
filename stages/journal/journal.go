// Package journal keeps the state of a run on the platform, where a later build
// finds it on another agent, in an empty workspace: the run, and the lease.
//
// Both are user-provided service instances, because their names are unique in a
// space and the API has no other compare-and-swap (cloud_controller_ng:
// the index si_space_id_name_index). All that they hold is in annotations, which
// have no domain in their keys: those that have one are sent to service brokers
// (CC API: Metadata).
package journal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
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

// Directions of a run.
const (
	Forward = "forward"
	Back    = "back"
)

// Run is one migration, over all its builds.
type Run struct {
	// GUID is of the object that keeps it.
	GUID string
	// ID is never made of a build's number: Jenkins may start to count anew.
	ID      string
	Started time.Time
	// Version is of the program that began it.
	Version string
	// Direction is Forward or Back.
	Direction string
	// Facts are what the stages need of each other: GUIDs of blue and green, the
	// settings that must not change midway, the cursor of the catch-up.
	Facts map[string]string
	// Marks are the completed stages, by name.
	Marks map[string]Mark
}

// Mark says that a stage is complete.
type Mark struct {
	Verdict string         `json:"verdict"`
	Build   string         `json:"build,omitempty"`
	Started time.Time      `json:"started"`
	Ended   time.Time      `json:"ended"`
	Facts   map[string]any `json:"facts,omitempty"`
	// LeftOut is the number of facts that had no room: an annotation is short.
	LeftOut int `json:"left_out,omitempty"`
}

// Options of a Journal.
type Options struct {
	// Permit, where set, is asked before each write, in place of the context's own.
	Permit httpclient.Permit
}

// Journal keeps the run of one app.
type Journal struct {
	platform Platform
	app      string
	options  Options
}

// New returns the journal of an app. It does no I/O.
func New(platform Platform, app string, o Options) *Journal { return &Journal{platform, app, o} }

func (j *Journal) name() string { return "cutover-" + j.app }
func (j *Journal) last() string { return "cutover-" + j.app + "-last" }

func (j *Journal) writing(ctx context.Context) context.Context {
	if j.options.Permit == nil {
		return ctx
	}
	return httpclient.WithPermit(ctx, j.options.Permit)
}

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
// where it is not known whether that was carried out, a run with our own id is ours.
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
	made, err := j.platform.CreateUserProvided(j.writing(ctx), j.name(), map[string]string{cloudfoundry.RunLabel: run.ID}, annotations)
	if err != nil {
		return fmt.Errorf("record run %s: %w", run.ID, err)
	}
	run.GUID = made.GUID
	if run.Facts == nil {
		run.Facts = map[string]string{}
	}
	if run.Marks == nil {
		run.Marks = map[string]Mark{}
	}
	return nil
}

// Set records one fact.
func (j *Journal) Set(ctx context.Context, run *Run, key, value string) error {
	return j.SetAll(ctx, run, map[string]string{key: value})
}

// SetAll records facts, all of them or none.
func (j *Journal) SetAll(ctx context.Context, run *Run, facts map[string]string) error {
	patch := map[string]*string{}
	for _, key := range slices.Sorted(maps.Keys(facts)) {
		value := facts[key]
		if err := fits(key, value); err != nil {
			return fmt.Errorf("record in run %s: %w", run.ID, err)
		}
		if reserved(key) {
			return fmt.Errorf("record in run %s: %q is a name of the journal's own", run.ID, key)
		}
		patch[key] = &value
	}
	if err := j.patch(ctx, run, patch); err != nil {
		return err
	}
	if run.Facts == nil {
		run.Facts = map[string]string{}
	}
	maps.Copy(run.Facts, facts)
	return nil
}

// Unset takes facts away.
func (j *Journal) Unset(ctx context.Context, run *Run, keys ...string) error {
	patch := map[string]*string{}
	for _, key := range keys {
		if reserved(key) {
			return fmt.Errorf("record in run %s: %q is a name of the journal's own", run.ID, key)
		}
		patch[key] = nil
	}
	if err := j.patch(ctx, run, patch); err != nil {
		return err
	}
	for _, key := range keys {
		delete(run.Facts, key)
	}
	return nil
}

// MarkStage records that a stage is complete. Facts for which there is no room
// are left out, the longest first, and counted: what was done must not stay
// unrecorded because there was much to say about it.
func (j *Journal) MarkStage(ctx context.Context, run *Run, stage string, m Mark) error {
	m, text, err := shorten(m)
	if err != nil {
		return fmt.Errorf("mark %s in run %s: %w", stage, run.ID, err)
	}
	if err := fits(stagePrefix+stage, text); err != nil {
		return fmt.Errorf("mark %s in run %s: %w", stage, run.ID, err)
	}
	if err := j.patch(ctx, run, map[string]*string{stagePrefix + stage: &text}); err != nil {
		return err
	}
	if run.Marks == nil {
		run.Marks = map[string]Mark{}
	}
	run.Marks[stage] = m
	return nil
}

// Unmark takes a stage's mark away, after it was undone.
func (j *Journal) Unmark(ctx context.Context, run *Run, stage string) error {
	if err := j.patch(ctx, run, map[string]*string{stagePrefix + stage: nil}); err != nil {
		return err
	}
	delete(run.Marks, stage)
	return nil
}

// SetDirection records that the run goes back (or forward again).
func (j *Journal) SetDirection(ctx context.Context, run *Run, direction string) error {
	if err := j.patch(ctx, run, map[string]*string{keyDirection: &direction}); err != nil {
		return err
	}
	run.Direction = direction
	return nil
}

func (j *Journal) patch(ctx context.Context, run *Run, annotations map[string]*string) error {
	err := j.platform.SetMetadata(j.writing(ctx), cloudfoundry.ServiceInstances, run.GUID, nil, annotations)
	if err != nil {
		return fmt.Errorf("record in run %s: %w", run.ID, err)
	}
	return nil
}

// Delete removes the run, as if it had never been.
func (j *Journal) Delete(ctx context.Context, run *Run) error {
	if err := j.platform.DeleteServiceInstance(j.writing(ctx), run.GUID); err != nil {
		return fmt.Errorf("delete run %s: %w", run.ID, err)
	}
	return nil
}

// Retire ends the run: it becomes the last run, in place of an earlier one. After a
// crash at any point it can be done again: until the rename there is a run, and
// after it there is none.
func (j *Journal) Retire(ctx context.Context, run *Run) error {
	ctx = j.writing(ctx)
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

// NewRunID names a run by its start and four random characters:
// "20261123-1542-k7wq". It fits into a label.
func NewRunID(now time.Time) string {
	const letters = "abcdefghjkmnpqrstuvwxyz23456789"
	random := make([]byte, 4)
	_, _ = rand.Read(random) // It never fails (crypto/rand: Read).
	for i, b := range random {
		random[i] = letters[int(b)%len(letters)]
	}
	return now.UTC().Format("20060102-1504-") + string(random)
}

// The annotations that are not facts.
const (
	keyID        = "id"
	keyStarted   = "started"
	keyVersion   = "version"
	keyDirection = "direction"
	stagePrefix  = "stage-"
)

func reserved(key string) bool {
	return slices.Contains([]string{keyID, keyStarted, keyVersion, keyDirection}, key) || strings.HasPrefix(key, stagePrefix)
}

// The limits of an annotation and of how many an object may have
// (cloud_controller_ng: app/messages/metadata_validator_helper.rb, config
// max_annotations_per_resource).
const (
	maxKey         = 63
	maxValue       = 5000
	maxAnnotations = 200
)

func fits(key, value string) error {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	}
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return !plain(r) && !strings.ContainsRune("-_.", r) }) ||
		!plain(rune(key[0])) || !plain(rune(key[len(key)-1])) {
		return fmt.Errorf("%q cannot be the name of an annotation", key)
	}
	if n := utf8.RuneCountInString(value); n > maxValue {
		return fmt.Errorf("%s is too long: %d characters, and an annotation holds %d", key, n, maxValue)
	}
	return nil
}

func shorten(m Mark) (Mark, string, error) {
	m.Facts = maps.Clone(m.Facts)
	for {
		text, err := json.Marshal(m)
		if err != nil {
			return m, "", err
		}
		if utf8.RuneCount(text) <= maxValue || len(m.Facts) == 0 {
			return m, string(text), nil
		}
		longest, size := "", -1
		for _, key := range slices.Sorted(maps.Keys(m.Facts)) {
			if value, _ := json.Marshal(m.Facts[key]); len(key)+len(value) > size {
				longest, size = key, len(key)+len(value)
			}
		}
		delete(m.Facts, longest)
		m.LeftOut++
	}
}

func encode(run *Run) (map[string]string, error) {
	all := map[string]string{
		keyID: run.ID, keyStarted: run.Started.UTC().Format(time.RFC3339), keyVersion: run.Version, keyDirection: run.Direction,
	}
	for _, key := range slices.Sorted(maps.Keys(run.Facts)) {
		if reserved(key) {
			return nil, fmt.Errorf("%q is a name of the journal's own", key)
		}
		all[key] = run.Facts[key]
	}
	for stage, m := range run.Marks {
		_, text, err := shorten(m)
		if err != nil {
			return nil, err
		}
		all[stagePrefix+stage] = text
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := fits(key, all[key]); err != nil {
			return nil, err
		}
	}
	if len(all) > maxAnnotations {
		return nil, fmt.Errorf("%d annotations are more than an object may have (%d)", len(all), maxAnnotations)
	}
	return all, nil
}

func decode(from *cloudfoundry.ServiceInstance) (*Run, error) {
	run := &Run{GUID: from.GUID, Direction: Forward, Facts: map[string]string{}, Marks: map[string]Mark{}}
	for key, value := range from.Annotations {
		var err error
		switch {
		case key == keyID:
			run.ID = value
		case key == keyStarted:
			run.Started, err = time.Parse(time.RFC3339, value)
		case key == keyVersion:
			run.Version = value
		case key == keyDirection:
			run.Direction = value
		case strings.HasPrefix(key, stagePrefix):
			var m Mark
			err = json.Unmarshal([]byte(value), &m)
			run.Marks[strings.TrimPrefix(key, stagePrefix)] = m
		default:
			run.Facts[key] = value
		}
		if err != nil {
			return nil, runner.Refuse("its annotation %s cannot be read: %w", key, err)
		}
	}
	if run.ID == "" || from.Type != "user-provided" {
		return nil, runner.Refuse("it holds no run, and is not ours")
	}
	return run, nil
}
