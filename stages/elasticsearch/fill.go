package elasticsearch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// factFill is the progress of filling one index: an indexer.Cursor, or filled.
func factFill(alias searchapi.Name) string { return factOf("fill-", alias) }

const filled = "done"

// factIndex is the index that the run made for an alias: a made.
func factIndex(alias searchapi.Name) string { return factOf("index-", alias) }

// made is an index that the run made, or is about to.
type made struct {
	Name searchapi.Name `json:"name"`
	// Mapping is its mapping as green reported it; "" until it is there.
	Mapping string `json:"mapping,omitempty"`
}

// mappingOf is an index's mapping in one phrase.
func mappingOf(i searchapi.IndexStatus) string {
	return fmt.Sprintf("%s of %s", cmp.Or(i.MappingVersion, "no version"), cmp.Or(i.Framework, "no framework"))
}

// described is what is in an index, in one phrase.
func described(i searchapi.IndexStatus) string {
	documents := "an unknown number of documents"
	if i.Documents != nil {
		documents = runner.Count(*i.Documents, "document", "documents")
	}
	return documents + ", mapping " + mappingOf(i)
}

// filler creates green's indices and fills them.
type filler struct {
	*apis
	pair    *upgrade.Pair
	indices indexer.Indices
	pace    *pacer
	// maxFailed is how many documents may fail; stage is STAGE, for commands to type.
	maxFailed int
	stage     string
}

// targets are the indices that the run made, or will make.
func (f *filler) targets() ([]indexer.Target, error) {
	targets := f.indices.Dated(f.run.Started())
	for i, t := range targets {
		m, err := f.made(t)
		if err != nil {
			return nil, err
		}
		if !m.Name.IsZero() {
			targets[i].Name = m.Name
		}
	}
	return targets, nil
}

// made is what the run records of an alias's index; the zero value where it made none.
// A record that cannot be read is refused: the index would be taken for somebody else's.
func (f *filler) made(t indexer.Target) (m made, err error) {
	name := factIndex(t.Alias)
	if f.run.Fact(name) == "" {
		return m, nil
	}
	return m, f.run.Decode(name, &m)
}

// placed are the targets with the names that their indices have or get. An index of
// others is left alone: where one has the name of ours, ours gets another.
func (f *filler) placed(status searchapi.Status) ([]indexer.Target, error) {
	targets, err := f.targets()
	if err != nil {
		return nil, err
	}
	for i, t := range targets {
		m, err := f.made(t)
		if err != nil {
			return nil, err
		}
		index, exists := status.Indices[m.Name.String()]
		replaced := exists && m.Mapping != "" && m.Mapping != mappingOf(index)
		if m.Name.IsZero() || replaced || !exists && status.Resolve(m.Name) != "" {
			targets[i].Name = f.free(status, t)
		}
	}
	return targets, nil
}

// free is a name for an alias's index that nothing on green has.
func (f *filler) free(status searchapi.Status, t indexer.Target) searchapi.Name {
	dated := t.Dated(f.run.Started())
	name := dated
	for n := 2; status.Resolve(name) != ""; n++ {
		name, _ = searchapi.ParseName(fmt.Sprintf("%s-%d", dated, n))
	}
	return name
}

// there reports whether the run has made a target's index.
func (f *filler) there(status searchapi.Status, t indexer.Target) (bool, error) {
	m, err := f.made(t)
	_, exists := status.Indices[t.Name.String()]
	return exists && m.Name == t.Name && m.Mapping != "", err
}

// namesFree refuses an index of others under a name that has to be an alias.
func (f *filler) namesFree(ctx context.Context, o *runner.Observation) error {
	if _, err := f.pair.NeedGreen(ctx); err != nil {
		return err
	}
	status, err := f.green().Status(ctx)
	if err != nil {
		return err
	}
	targets, err := f.placed(status)
	if err != nil {
		return err
	}
	var all []error
	var said []string
	for _, t := range targets {
		for _, alias := range []searchapi.Name{t.Alias, t.Old()} {
			if index, is := status.Indices[alias.String()]; is {
				all = append(all, fmt.Errorf(`green has an index %s (%s), which this run did not make, and needs that name for an alias; to remove it: curl -X DELETE %s://%s/%s -H "Authorization: Bearer $TOKEN"`,
					alias, described(index), f.scheme, f.temporaryRoute, alias))
			}
		}
		text := t.Name.String()
		if index, taken := status.Indices[t.Dated(f.run.Started()).String()]; taken && t.Name != t.Dated(f.run.Started()) {
			text += fmt.Sprintf(", since %s is there already (%s), and not of this run", t.Dated(f.run.Started()), described(index))
		}
		said = append(said, text)
	}
	o.Say("%s", strings.Join(said, "; "))
	if len(all) > 0 {
		return runner.Refuse("%w", errors.Join(all...))
	}
	return nil
}

// inPlace checks that each alias points at the index that the run made for it.
func (f *filler) inPlace(ctx context.Context, o *runner.Observation) error {
	status, err := f.green().Status(ctx)
	if err != nil {
		return err
	}
	targets, err := f.targets()
	if err != nil {
		return err
	}
	var all []error
	for _, t := range targets {
		m, err := f.made(t)
		if err != nil {
			return err
		}
		now := status.Resolve(t.Alias)
		if now != t.Name.String() {
			all = append(all, fmt.Errorf("alias %s points at %q, not at %s", t.Alias, now, t.Name))
		} else if is := mappingOf(status.Indices[now]); m.Mapping != "" && m.Mapping != is {
			all = append(all, fmt.Errorf("%s has mapping %s, and had %s when it was made", t.Name, is, m.Mapping))
		}
	}
	o.Say("%s", runner.Count(len(targets), "alias", "aliases"))
	return errors.Join(all...)
}

// stillInPlace reopens the filling where somebody moved an alias, or made an index anew.
func (f *filler) stillInPlace(ctx context.Context, o *runner.Observation) error {
	err := f.inPlace(ctx, o)
	if runner.ClassOf(err) == runner.Failed {
		return &runner.Reopen{Stage: f.run.StageOf(upgrade.GreenFilled), Why: err.Error()}
	}
	return err
}

func (f *filler) filled(t indexer.Target) bool { return f.run.Fact(factFill(t.Alias)) == filled }

// begin records when the indexing began, by the data API's own clock: every change from
// then on is caught up with.
func (f *filler) begin() runner.Task {
	return runner.Task{Name: "record when the indexing began", Effect: runner.Creates, Do: func(ctx context.Context, o *runner.Observation) error {
		if _, err := f.data.Total(ctx, f.indices[0].Kind, f.indices[0].Frameworks); err != nil {
			return err
		}
		at := f.data.Date()
		if at.IsZero() {
			at = f.pace.platform.Space.Now()
		}
		o.Say("%s", at.UTC().Format("15:04:05 MST"))
		return f.run.Set(ctx, factBegan, at)
	}}
}

func (f *filler) create(t indexer.Target) runner.Task {
	return runner.Task{
		Name: fmt.Sprintf("create the index of %s", t.Alias), Effect: runner.Creates,
		ByHand: fmt.Sprintf(`curl -X PUT %s://%s/%s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"type":"index","mapping":%q}'`,
			f.scheme, f.temporaryRoute, t.Name, t.Mapping),
		Do: func(ctx context.Context, o *runner.Observation) error {
			o.Say("%s with mapping %s", t.Name, t.Mapping)
			// A new index holds nothing, whatever the run records of one before it. Recorded
			// first, an index that is made late is known as ours.
			facts := map[string]string{}
			for name, value := range map[string]any{factIndex(t.Alias): made{Name: t.Name}, factFill(t.Alias): indexer.Cursor{}} {
				text, err := upgrade.Encode(value)
				if err != nil {
					return err
				}
				facts[name] = text
			}
			if err := f.run.SetAll(ctx, facts); err != nil {
				return err
			}
			if err := f.green().CreateIndex(ctx, t.Name, t.Mapping); err != nil && !errors.Is(err, searchapi.ErrExists) {
				return err
			}
			status, err := f.green().Status(ctx)
			if err != nil {
				return err
			}
			return f.run.Set(ctx, factIndex(t.Alias), made{t.Name, mappingOf(status.Indices[t.Name.String()])})
		},
	}
}

func (f *filler) fill(t indexer.Target) runner.Task {
	return runner.Task{
		Name: fmt.Sprintf("put the documents of %s", t.Alias), Effect: runner.Creates,
		ByHand: fmt.Sprintf("scripts/index-to-search-service.py %s %s --index=%s --frameworks=%s", t.Kind, f.stage, t.Name, strings.Join(t.Frameworks, ",")),
		Do: func(ctx context.Context, o *runner.Observation) error {
			// What a fill puts may be older than what an earlier catch-up has put.
			if f.run.Fact(factKnown) != "" {
				if err := f.run.Unset(ctx, factKnown); err != nil {
					return err
				}
			}
			fact := factFill(t.Alias)
			var from indexer.Cursor
			if text := f.run.Fact(fact); text != "" && text != filled {
				if err := json.Unmarshal([]byte(text), &from); err != nil {
					return fmt.Errorf("read how far %s was filled: %w", t.Alias, err)
				}
			}
			pace, stop, err := f.pace.of(ctx, f.green(), false)
			if err != nil {
				return err
			}
			defer stop()
			passed, err := f.refused()
			if err != nil {
				return err
			}
			report, err := indexer.Fill(ctx, f.data, f.green(), t, indexer.FillOptions{
				Pace: pace, From: from, MaxFailed: f.maxFailed, Refused: passed.ids(t), Progress: o.Progress,
				Checkpoint: func(ctx context.Context, c indexer.Cursor) error { return f.run.Set(ctx, fact, c) },
			})
			observeFill(o, report)
			if err != nil {
				return err
			}
			delete(passed, t.Alias.String()) // All of its documents were tried again.
			passed.add(report.Failed)
			return f.letPass(ctx, passed, map[string]string{fact: filled})
		},
	}
}

// repair makes single documents of an index what the data API says.
func (f *filler) repair(t indexer.Target, wrong indexer.Difference) runner.Task {
	return runner.Task{
		Name: fmt.Sprintf("repair the documents of %s", t.Alias), Effect: runner.Changes,
		Do: func(ctx context.Context, o *runner.Observation) error {
			pace, stop, err := f.pace.of(ctx, f.green(), false)
			if err != nil {
				return err
			}
			defer stop()
			report, err := indexer.Repair(ctx, f.data, f.green(), t, slices.Concat(wrong.Missing, wrong.Stray), indexer.CatchUpOptions{Pace: pace, Progress: o.Progress})
			o.Say("%d put, %d deleted: %s", report.Put, report.Deleted, named(wrong))
			o.Set("repaired: put", report.Put)
			o.Set("repaired: deleted", report.Deleted)
			return err
		},
	}
}

// observeFill records what a filling measured.
func observeFill(o *runner.Observation, r indexer.FillReport) {
	o.Say("%s put, %s by an earlier process, %s skipped, %s failed, %.0f/s", runner.Number(r.Documents), runner.Number(r.Before),
		runner.Number(r.Skipped), runner.Number(len(r.Failed)), r.Rate())
	o.Set("documents", r.Documents)
	o.Set("documents by an earlier process", r.Before)
	o.Set("documents a second", int(r.Rate()))
	o.Set("retries", r.Retries)
	if r.Slots > 0 {
		o.Set("slots found", r.Slots)
	}
	observeFailed(o, r.Failed)
}

// observeFailed names documents that failed.
func observeFailed(o *runner.Observation, failed []indexer.Failure) {
	var lines []string
	for _, f := range failed {
		lines = append(lines, f.Error())
	}
	o.Detail(strings.Join(lines, "\n"))
	o.Set("failed", len(failed))
}

func (f *filler) alias(alias, target searchapi.Name) runner.Task {
	return runner.Task{
		Name: fmt.Sprintf("point the alias %s at its index", alias), Effect: runner.Changes,
		ByHand: fmt.Sprintf("scripts/update-index-alias.py --stage=%s %s %s %s://%s", f.stage, alias, target, f.scheme, f.temporaryRoute),
		Do: func(ctx context.Context, o *runner.Observation) error {
			o.Say("%s", target)
			return f.green().SetAlias(ctx, alias, target)
		},
	}
}
