package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// counts asks how many documents each target has and should have. One search
// goes before it, because num_docs counts what is refreshed, and an index that
// nobody searches is refreshed by nothing else.
func (s *Site) counts(ctx context.Context, target *searchapi.Client, targets []indexer.Target) ([]indexer.Count, error) {
	return indexer.Counts(ctx, s.data, target, targets)
}

// said is the counts in one phrase.
func said(counts []indexer.Count) string {
	var parts []string
	for _, n := range counts {
		parts = append(parts, fmt.Sprintf("%s %s of %s", n.Alias, runner.Number(n.Documents), runner.Number(n.Expected)))
	}
	return strings.Join(parts, ", ")
}

// countsHold is the retrying check of the document counts, of green, against the
// data API's totals. People go on editing: a count may differ by at most as many
// objects as were changed since the last catch-up, which will carry them over.
func (s *Site) countsHold(wait time.Duration) runner.Task {
	return runner.Task{
		Name: "the document counts of the new app are the data API's", Wait: wait,
		Do: s.countedOnce("green", func(ctx context.Context, o *runner.Observation) error {
			if _, err := s.needGreen(ctx); err != nil {
				return err
			}
			if s.timeOf(factCursor).IsZero() {
				return &runner.NotYet{Stage: stageBuildIndices, Why: "nothing was indexed"}
			}
			return s.compare(ctx, o, s.green(), s.indices.Live(), s.timeOf(factCursor), nil)
		}),
	}
}

// countedOnce makes a dry run count once for all stages that will count: it changes
// nothing, and counting asks for every page of the data API.
func (s *Site) countedOnce(whom string, do func(context.Context, *runner.Observation) error) func(context.Context, *runner.Observation) error {
	if !s.o.DryRun {
		return do
	}
	return func(ctx context.Context, o *runner.Observation) error {
		if s.counted == nil {
			s.counted = map[string]counted{}
		}
		if _, is := s.counted[whom]; !is {
			err := do(ctx, o)
			s.counted[whom] = counted{o.Said(), err}
		}
		o.Say("%s", s.counted[whom].said)
		return s.counted[whom].err
	}
}

// counted is what an earlier stage of a dry run was told.
type counted struct {
	said string
	err  error
}

// liveCountsHold is the same check of the app that serves the live routes, from
// when on that is green alone and gets every write itself.
func (s *Site) liveCountsHold(wait time.Duration) runner.Task {
	return s.waitsFor(stageUnmapOldApp, stillServes, runner.Task{
		Name: "the document counts of the live app are the data API's", Wait: wait,
		Do: s.countedOnce("live", func(ctx context.Context, o *runner.Observation) error {
			if !s.marked(stageUnmapOldApp) {
				return &runner.NotYet{Stage: stageUnmapOldApp, Why: stillServes}
			}
			return s.compare(ctx, o, s.live(), s.indices.Live(), s.timeOf(factCursor), nil)
		}),
	})
}

// compare compares the counts, as of a catch-up that ended with events of caughtUp.
// known is by how many documents each alias may differ anyway; nil: by none.
func (s *Site) compare(ctx context.Context, o *runner.Observation, target *searchapi.Client, targets []indexer.Target, caughtUp time.Time, known map[string]int) error {
	counts, err := s.counts(ctx, target, targets)
	if err != nil {
		return err
	}
	o.Say("%s", said(counts))
	wrong := false
	for _, n := range counts {
		o.Set(n.Alias.String()+" documents", n.Documents)
		o.Set(n.Alias.String()+" expected", n.Expected)
		wrong = wrong || n.Documents != n.Expected
	}
	if !wrong {
		return nil
	}
	pending := map[searchapi.Name]int{}
	changed := 0
	for _, t := range targets {
		// Of each index by itself: edits of briefs excuse no missing service.
		if pending[t.Alias], err = indexer.Pending(ctx, s.data, caughtUp, []indexer.Target{t}); err != nil {
			return err
		}
		changed += pending[t.Alias]
	}
	o.Say("%s; %s changed since the last catch-up", said(counts), runner.Count(changed, "object", "objects"))
	o.Set("changed since the last catch-up", changed)
	var all []error
	for _, n := range counts {
		drift := known[n.Alias.String()]
		off, most, least := n.Documents-n.Expected, max(drift, 0)+pending[n.Alias], min(drift, 0)-pending[n.Alias]
		if off > most || off < least {
			all = append(all, fmt.Errorf("%s has %s, the data API %s: %+d, and %s changed since the last catch-up",
				n.Alias, runner.Count(n.Documents, "document", "documents"), runner.Number(n.Expected), off, runner.Count(pending[n.Alias], "object", "objects")))
		}
	}
	return errors.Join(all...)
}

// catchUp carries over to green what was changed since the last time, and
// records how far it came.
func (s *Site) catchUp(ctx context.Context, o *runner.Observation, targets []indexer.Target) error {
	since := s.timeOf(factCursor)
	if since.IsZero() {
		since = s.timeOf(factBegan)
	}
	cursor, err := s.replay(ctx, o, s.green(), targets, since)
	if err != nil {
		return err
	}
	return s.setTime(ctx, factCursor, cursor)
}

// replay carries over to a search API what was changed since a time, and returns
// the time up to which it did.
func (s *Site) replay(ctx context.Context, o *runner.Observation, target *searchapi.Client, targets []indexer.Target, since time.Time) (time.Time, error) {
	pace, stop, err := s.pace(ctx, target, s.serves())
	if err != nil {
		return since, err
	}
	defer stop()
	report, err := indexer.CatchUp(ctx, s.data, target, indexer.CatchUpOptions{
		Pace: pace, Targets: targets, Since: since.Add(-indexer.Overlap), For: s.Settings.CatchUpTimeout, Progress: o.Progress,
	})
	o.Say("%s, %s: %d put, %d deleted, in %s", runner.Count(report.Events, "event", "events"), runner.Count(report.Objects, "object", "objects"),
		report.Put, report.Deleted, runner.Count(report.Passes, "pass", "passes"))
	o.Set("put", report.Put)
	o.Set("deleted", report.Deleted)
	o.Set("passes", report.Passes)
	if report.Cursor.Before(since) {
		return since, err
	}
	return report.Cursor, err
}

// catchUpTask carries over, into the aliases.
func (s *Site) catchUpTask(name string) runner.Task {
	return runner.Task{Name: name, Do: func(ctx context.Context, o *runner.Observation) error {
		return s.catchUp(ctx, o, s.indices.Live())
	}}
}
