package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// counts compares document counts with the data API's totals.
type counts struct {
	*apis
	pair    *upgrade.Pair
	indices indexer.Indices
	// timeout is how long a comparison is repeated until it holds.
	timeout time.Duration
	// compared are the comparisons of a dry run, by whose they are: they change nothing,
	// and each asks for every page of the data API, so that one is enough.
	compared map[string]comparison
}

// comparison is what a comparison found.
type comparison struct {
	said string
	err  error
}

// read asks how many documents each target has and should have. One search goes before
// it, because num_docs counts what is refreshed, and an index that nobody searches is
// refreshed by nothing else.
func (c *counts) read(ctx context.Context, target *searchapi.Client, targets []indexer.Target) ([]indexer.Count, error) {
	return indexer.Counts(ctx, c.data, target, targets)
}

// said is the counts in one phrase.
func said(counts []indexer.Count) string {
	var parts []string
	for _, n := range counts {
		parts = append(parts, fmt.Sprintf("%s %s of %s", n.Alias, runner.Number(n.Documents), runner.Number(n.Expected)))
	}
	return strings.Join(parts, ", ")
}

// ofGreen is the check of green's document counts against the data API's totals,
// repeated for wait. People go on editing: a count may differ by at most as many objects
// as were changed since the last catch-up, which will catch up with them.
func (c *counts) ofGreen(wait time.Duration) runner.Task {
	return runner.Task{
		Name: "the document counts of green are the data API's", Wait: wait,
		Do: c.once("green", func(ctx context.Context, o *runner.Observation) error {
			if _, err := c.pair.NeedGreen(ctx); err != nil {
				return err
			}
			if c.run.Time(factCursor).IsZero() {
				return c.run.NotYet(upgrade.GreenFilled, "nothing was indexed")
			}
			return c.reopening(c.compare(ctx, o, c.green(), c.indices.Live(), c.run.Time(factCursor), nil))
		}),
	}
}

// reopening reopens the filling of green where documents are wrong that no catch-up will
// make right, as long as green gets no live writes.
func (c *counts) reopening(err error) error {
	if _, is := errors.AsType[wrong](err); !is || c.run.Fact(factShared) != "" {
		return err
	}
	return &runner.Reopen{Stage: c.run.StageOf(upgrade.GreenFilled), Why: err.Error()}
}

// wrong is what is said of an index with documents that no catch-up will make right.
type wrong struct{ error }

// ofLive is the same check of the app that serves the live routes, from when on that is
// green alone and gets every write itself.
func (c *counts) ofLive() runner.Task {
	waits := c.run.NotYet(upgrade.BlueOff, upgrade.StillOnBlue)
	return runner.Task{
		Name: "the document counts of the live app are the data API's", Wait: c.timeout, After: waits,
		Do: c.once("live", func(ctx context.Context, o *runner.Observation) error {
			if !c.run.Reached(upgrade.BlueOff) {
				return waits
			}
			return c.compare(ctx, o, c.live(), c.indices.Live(), c.run.Time(factCursor), nil)
		}),
	}
}

// once makes a dry run compare once for all stages that will.
func (c *counts) once(whose string, do func(context.Context, *runner.Observation) error) func(context.Context, *runner.Observation) error {
	if !c.run.DryRun() {
		return do
	}
	return func(ctx context.Context, o *runner.Observation) error {
		if _, is := c.compared[whose]; !is {
			err := do(ctx, o)
			c.compared[whose] = comparison{o.Said(), err}
		}
		o.Say("%s", c.compared[whose].said)
		return c.compared[whose].err
	}
}

// compare compares the counts, as of a catch-up that ended with events of caughtUp, and
// names the documents where they differ by more than was changed since. known is by how
// many documents each alias may differ anyway, and then none is named; nil: by none.
func (c *counts) compare(ctx context.Context, o *runner.Observation, target *searchapi.Client, targets []indexer.Target, caughtUp time.Time, known map[string]int) error {
	off, err := c.off(ctx, o, target, targets, caughtUp, known)
	var all []error
	for _, n := range off {
		if n.count.Index == "" {
			all = append(all, wrong{fmt.Errorf("there is no index or alias %s", n.target.Name)})
			continue
		}
		one := fmt.Errorf("%s has %s, the data API %s: %+d, and %s changed since the last catch-up", n.count.Alias, runner.Count(n.count.Documents, "document", "documents"),
			runner.Number(n.count.Expected), n.count.Documents-n.count.Expected, runner.Count(n.pending, "object", "objects"))
		if n.passed > 0 {
			one = fmt.Errorf("%w, %d let pass", one, n.passed)
		}
		if known == nil {
			o.Progress(runner.Progress{What: fmt.Sprintf("the counts of %s differ: looking for the documents", n.count.Alias)})
			found, derr := c.found(ctx, target, n.target, caughtUp, mostNamed)
			if err = errors.Join(err, derr); !found.Empty() {
				one = wrong{fmt.Errorf("%w; %s", one, named(found))}
			}
		}
		all = append(all, one)
	}
	return errors.Join(append(all, err)...)
}

// mostNamed is how many documents are named of each kind, and mostRepaired how many are
// repaired one by one.
const mostNamed, mostRepaired = 20, 1000

// named are the documents that differ, by the side that has them.
func named(d indexer.Difference) string {
	var parts []string
	if len(d.Missing) > 0 {
		parts = append(parts, "the data API alone has "+strings.Join(d.Missing, ", "))
	}
	if len(d.Stray) > 0 {
		parts = append(parts, "the index alone has "+strings.Join(d.Stray, ", "))
	}
	if d.More {
		parts = append(parts, "and there are more")
	}
	return strings.Join(parts, "; ")
}

// off is an index whose count differs by more than was changed since the last catch-up.
type off struct {
	target indexer.Target
	count  indexer.Count
	// passed is how many documents it lacks that were let pass.
	passed, pending int
}

func (c *counts) off(ctx context.Context, o *runner.Observation, target *searchapi.Client, targets []indexer.Target, caughtUp time.Time, known map[string]int) ([]off, error) {
	counts, err := c.read(ctx, target, targets)
	if err != nil {
		return nil, err
	}
	differ, text, passed := false, "", map[searchapi.Name][]string{}
	for i, n := range counts {
		o.Set(n.Alias.String()+" documents", n.Documents)
		o.Set(n.Alias.String()+" expected", n.Expected)
		if n.Documents != n.Expected {
			ids, err := c.passedOver(ctx, o, target, targets[i])
			if err != nil {
				return nil, err
			}
			passed[n.Alias] = ids
			text += lacks(n.Alias, ids)
		}
		differ = differ || n.Documents != n.Expected-len(passed[n.Alias])
	}
	text += drifted(known)
	o.Say("%s%s", said(counts), text)
	if !differ {
		return nil, nil
	}
	pending, changed, err := c.pending(ctx, caughtUp, targets, passed)
	if err != nil {
		return nil, err
	}
	o.Say("%s%s; %s changed since the last catch-up", said(counts), text, runner.Count(changed, "object", "objects"))
	o.Set("changed since the last catch-up", changed)
	var all []off
	for i, n := range counts {
		drift := known[n.Alias.String()]
		by, most, least := n.Documents-n.Expected+len(passed[n.Alias]), max(drift, 0)+pending[n.Alias], min(drift, 0)-pending[n.Alias]
		if by > most || by < least {
			all = append(all, off{targets[i], n, len(passed[n.Alias]), pending[n.Alias]})
		}
	}
	return all, nil
}

// passedOver are the documents that an index lacks because they were let pass.
func (c *counts) passedOver(ctx context.Context, o *runner.Observation, target *searchapi.Client, t indexer.Target) (ids []string, err error) {
	lacking, err := c.lacking(ctx, target, t)
	if err != nil || len(lacking) == 0 {
		return nil, err
	}
	lines := []string{o.Detailed()}
	for _, one := range lacking {
		ids = append(ids, one.ID)
		lines = append(lines, strings.TrimSuffix(fmt.Sprintf("%s lacks %s, which was let pass: %s", t.Alias, one.ID, one.Why), ": "))
	}
	o.Detail(strings.TrimSpace(strings.Join(lines, "\n")))
	o.Set(t.Alias.String()+" let pass", strings.Join(ids, " "))
	return ids, nil
}

// drifted says by how many documents blue's indices differed when it last served alone.
func drifted(known map[string]int) string {
	text := ""
	for _, alias := range slices.Sorted(maps.Keys(known)) {
		if known[alias] != 0 {
			text += fmt.Sprintf("; %s of blue alone was off by %+d", alias, known[alias])
		}
	}
	return text
}

// lacks says which documents an index lacks that were let pass.
func lacks(alias searchapi.Name, ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	text := fmt.Sprintf("; %s lacks %s, let pass: %s", alias, runner.Count(len(ids), "document", "documents"), strings.Join(ids[:min(len(ids), mostNamed)], ", "))
	if more := len(ids) - mostNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// sameDocuments proves that green has the very documents that the data API lists: equal
// counts may hide one that is missing and one too many.
func (c *counts) sameDocuments(ctx context.Context, o *runner.Observation) error {
	var all []error
	var said []string
	for _, t := range c.indices.Live() {
		o.Progress(runner.Progress{What: fmt.Sprintf("comparing the documents of %s", t.Alias)})
		found, err := c.found(ctx, c.green(), t, c.run.Time(factCursor), mostNamed)
		if err != nil {
			return err
		}
		said = append(said, fmt.Sprintf("%s %s", t.Alias, runner.Number(found.Listed)))
		if !found.Empty() {
			all = append(all, wrong{fmt.Errorf("%s: %s", t.Alias, named(found))})
		}
	}
	o.Say("%s", strings.Join(said, ", "))
	return c.reopening(errors.Join(all...))
}

// differences are the documents of one of green's indices to repair.
func (c *counts) differences(ctx context.Context, t indexer.Target) (indexer.Difference, error) {
	return c.found(ctx, c.green(), t, c.run.Time(factCursor), mostRepaired)
}

// found are the documents that differ, at most as many of each kind, without those that
// were let pass.
func (c *counts) found(ctx context.Context, target *searchapi.Client, t indexer.Target, since time.Time, most int) (indexer.Difference, error) {
	refused, err := c.refused()
	if err != nil {
		return indexer.Difference{}, err
	}
	passed := refused.ids(t)
	found, err := indexer.Differences(ctx, c.data, target, t, since, most+len(passed))
	found.Missing = slices.DeleteFunc(found.Missing, func(id string) bool { return passed[id] })
	return found, err
}

// pending counts the objects changed since a catch-up, of each index by itself: edits
// of briefs excuse no missing service, and those of what was let pass nothing twice.
func (c *counts) pending(ctx context.Context, caughtUp time.Time, targets []indexer.Target, passed map[searchapi.Name][]string) (by map[searchapi.Name]int, all int, err error) {
	by = map[searchapi.Name]int{}
	for _, t := range targets {
		if by[t.Alias], err = indexer.Pending(ctx, c.data, caughtUp, []indexer.Target{t}, passed[t.Alias]...); err != nil {
			return nil, 0, err
		}
		all += by[t.Alias]
	}
	return by, all, nil
}
