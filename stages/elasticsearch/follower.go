package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// The facts of the run that are about documents.
const (
	factBegan  = "indexing-began" // when build-indices began, by the data API's clock
	factCursor = "catch-up"       // up to when green has every change
	factKnown  = "caught-up"      // an indexer.Handled: the events of the last minutes before that which green has
	factShared = "shared"         // up to when blue has every change, from when on both get live writes
	factDrift  = "drift"          // how far blue's counts were from the data API's when it last served alone
)

// documents follow the traffic: green is caught up before it serves, blue before it
// serves again, from the data API's audit events.
type documents struct {
	*counts
	pace    *pacer
	answers *greenIndices
	// limit is how long one catch-up may take; stage is STAGE, for commands to type;
	// maxFailed is how many documents may fail.
	limit     time.Duration
	stage     string
	maxFailed int
}

var _ bluegreen.Follower = (*documents)(nil)

// CatchUp brings a side up to date, into its aliases.
func (d *documents) CatchUp(name string, to bluegreen.Side) runner.Task {
	task := runner.Task{Name: name, Effect: runner.Changes}
	if !to.Blue {
		task.Do = func(ctx context.Context, o *runner.Observation) error {
			return d.catchUpGreen(ctx, o, d.indices.Live())
		}
		return task
	}
	task.ByHand = d.byHand(to.Route)
	task.Do = func(ctx context.Context, o *runner.Observation) error {
		target, err := d.at(ctx, to)
		if err != nil {
			return err
		}
		return d.catchUpBlue(ctx, o, target)
	}
	return task
}

// catchUpGreen brings green up to date, and records how far it came.
func (d *documents) catchUpGreen(ctx context.Context, o *runner.Observation, targets []indexer.Target) error {
	since := d.run.Time(factCursor)
	if since.IsZero() {
		since = d.run.Time(factBegan)
	}
	options := indexer.CatchUpOptions{Targets: targets, Since: since}
	if d.run.Fact(factKnown) != "" {
		if err := d.run.Decode(factKnown, &options.Handled); err != nil {
			return err
		}
	}
	report, err := d.replay(ctx, o, d.green(), options)
	if err != nil {
		return err
	}
	known, err := upgrade.Encode(report.Handled)
	if err != nil {
		return err
	}
	passed, err := d.refused()
	if err != nil {
		return err
	}
	for _, t := range targets {
		passed.forget(t.Alias.String(), report.Written...)
	}
	passed.add(report.Failed)
	return d.letPass(ctx, passed, map[string]string{factCursor: report.Cursor.UTC().Format(time.RFC3339Nano), factKnown: known})
}

// catchUpBlue brings blue up to date with what changed since it had everything, and
// records up to when it has it now.
func (d *documents) catchUpBlue(ctx context.Context, o *runner.Observation, to *searchapi.Client) error {
	since := d.run.Time(factShared)
	if since.IsZero() {
		since = d.run.Time(factBegan)
	}
	if since.IsZero() {
		since = d.run.Started()
	}
	report, err := d.replay(ctx, o, to, indexer.CatchUpOptions{Targets: d.blueTargets(), Since: since})
	if err != nil {
		return err
	}
	passed, err := d.refused()
	if err != nil {
		return err
	}
	passed.add(report.Failed)
	facts := map[string]string{}
	if report.Cursor.After(since) {
		facts[factShared] = report.Cursor.UTC().Format(time.RFC3339Nano)
	}
	return d.letPass(ctx, passed, facts)
}

// replay puts into a search API what was changed since a time, without its overlap.
func (d *documents) replay(ctx context.Context, o *runner.Observation, target *searchapi.Client, options indexer.CatchUpOptions) (indexer.CatchUpReport, error) {
	pace, stop, err := d.pace.of(ctx, target, d.pace.serves())
	if err != nil {
		return indexer.CatchUpReport{}, err
	}
	defer stop()
	options.Pace, options.For, options.Progress = pace, d.limit, o.Progress
	options.Since = options.Since.Add(-indexer.Overlap)
	passed, err := d.refused()
	if err != nil {
		return indexer.CatchUpReport{}, err
	}
	options.MaxFailed, options.Refused = d.maxFailed, passed.ids(options.Targets...)
	report, err := indexer.CatchUp(ctx, d.data, target, options)
	o.Say("%s, %s: %d put, %d deleted, in %s", runner.Count(report.Events, "event", "events"), runner.Count(report.Objects, "object", "objects"),
		report.Put, report.Deleted, runner.Count(report.Passes, "pass", "passes"))
	if len(report.Failed) > 0 {
		o.Say("%s, %s failed", o.Said(), runner.Count(len(report.Failed), "document", "documents"))
	}
	observeFailed(o, report.Failed)
	o.Set("objects", report.Objects)
	o.Set("put", report.Put)
	o.Set("deleted", report.Deleted)
	o.Set("passes", report.Passes)
	return report, err
}

// Complete compares a side's counts. What blue lacked when it last served alone it may
// still lack: it was known then.
func (d *documents) Complete(at bluegreen.Side) runner.Task {
	if !at.Blue {
		task := d.ofGreen(d.timeout)
		task.Name += ", after the catch-up"
		return task
	}
	return runner.Task{
		Name: "the document counts of blue are the data API's", ByHand: d.byHand(at.Route), Wait: d.timeout,
		Do: func(ctx context.Context, o *runner.Observation) error {
			since := d.run.Time(factShared)
			if since.IsZero() {
				since = d.run.Started()
			}
			target, err := d.at(ctx, at)
			if err != nil {
				return err
			}
			return d.compare(ctx, o, target, d.blueTargets(), since, d.drift())
		},
	}
}

// Share records up to when blue alone got the live writes, and how complete it was
// then: a rollback brings to blue what came after.
func (d *documents) Share() runner.Task {
	return runner.Task{Name: "record from when on both apps get live writes", Effect: runner.Creates, Do: func(ctx context.Context, o *runner.Observation) error {
		at := d.run.Time(factCursor)
		targets := d.indices.Live()
		counts, err := d.read(ctx, d.live(), targets)
		if err != nil {
			return err
		}
		drift := map[string]int{}
		for i, n := range counts {
			if n.Documents >= 0 {
				passed, err := d.lacking(ctx, d.live(), targets[i])
				if err != nil {
					return err
				}
				drift[n.Alias.String()] = n.Documents - n.Expected + len(passed)
			}
		}
		text, err := json.Marshal(drift)
		if err != nil {
			return err
		}
		o.Say("%s%s", at.Format("15:04:05 MST"), drifted(drift))
		return d.run.SetAll(ctx, map[string]string{factShared: at.UTC().Format(time.RFC3339Nano), factDrift: string(text)})
	}}
}

// Unshare records that blue alone gets the live writes again, and has them all.
func (d *documents) Unshare() runner.Task {
	return runner.Task{Name: "record that blue has every live write", Effect: runner.Changes, Do: func(ctx context.Context, _ *runner.Observation) error {
		return d.run.Unset(ctx, factShared, factDrift)
	}}
}

// Shared reports whether both apps get live writes, or have since blue served alone.
func (d *documents) Shared() bool { return !d.run.Time(factShared).IsZero() }

// Who is the app that gave a status.
func (d *documents) Who(_ *http.Response, body []byte) string { return d.answers.who(body) }

// drift is how many documents more, or less, than the data API blue had when it last
// served alone, by alias.
func (d *documents) drift() map[string]int {
	known := map[string]int{}
	_ = json.Unmarshal([]byte(d.run.Fact(factDrift)), &known)
	return known
}

// blueTargets are the aliases that blue has: one that the data API has got since may be
// new with green. Where it is not known, all are meant.
func (d *documents) blueTargets() []indexer.Target {
	known := d.drift()
	if len(known) == 0 {
		return d.indices.Live()
	}
	return slices.DeleteFunc(d.indices.Live(), func(t indexer.Target) bool {
		_, has := known[t.Alias.String()]
		return !has
	})
}

// byHand are the house's scripts that put all documents into blue: more than a catch-up
// does, and to the same end but for those that are deleted.
func (d *documents) byHand(address string) string {
	var all []string
	for _, t := range d.blueTargets() {
		all = append(all, fmt.Sprintf("scripts/index-to-search-service.py %s %s --frameworks=%s --index=%s --search-api-url=%s://%s",
			t.Kind, d.stage, strings.Join(t.Frameworks, ","), t.Alias, d.scheme, address))
	}
	return strings.Join(all, "; ")
}
