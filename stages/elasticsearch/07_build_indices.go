package elasticsearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const buildIndicesHelp = `For each entry of INDICES: creates the index <alias>-<date the run began> on the new app, reads the documents from the data API and puts them, carries over what was changed meanwhile, and sets the alias (and <alias>-old, where the alias pointed elsewhere before). Every failure is named by document. Killed in the middle, the next process goes on from the recorded page.

By hand: index-to-search-service.py and update-index-alias.py of digitalmarketplace-scripts, with the new app's address.` + rateHelp

// buildIndices fills green. Nobody reads green yet, so nothing is at stake but
// time. It writes to green alone, and no name but a plain one ever reaches it.
// There is no undo by itself: the indices go with the new service.
type buildIndices struct{ *Site }

func (b *buildIndices) targets() []indexer.Target { return b.indices.Dated(b.run.Started) }

func (b *buildIndices) Check() []runner.Task {
	return append(b.ordinary(toBlue), b.stands(),
		runner.Task{Name: "the new app answers, and knows every mapping", Do: b.newMappings},
		runner.Task{Name: "the data API lists documents for every index", Do: b.listed},
	)
}

func (b *buildIndices) listed(ctx context.Context, o *runner.Observation) error {
	var parts []string
	for _, index := range b.indices {
		total, err := b.data.Total(ctx, index.Kind, index.Frameworks)
		if err != nil {
			return err
		}
		if total == 0 {
			return runner.Misconfigure("the data API lists no %s of %v (INDICES): a misspelt framework looks like an empty one", index.Kind, index.Frameworks)
		}
		parts = append(parts, fmt.Sprintf("%s %s", index.Alias, runner.Number(total)))
	}
	o.Say("%s", strings.Join(parts, ", "))
	return nil
}

func (b *buildIndices) Plan(ctx context.Context) ([]runner.Task, error) {
	if _, err := b.needGreen(ctx); err != nil {
		return nil, err
	}
	status, err := b.green().Status(ctx)
	if err != nil {
		return nil, err
	}
	var tasks []runner.Task
	if b.timeOf(factBegan).IsZero() {
		tasks = append(tasks, b.begin())
	}
	work := false
	for _, t := range b.targets() {
		_, exists := status.Indices[t.Name.String()]
		if !exists {
			tasks = append(tasks, b.create(t))
		}
		if !exists || b.run.Facts[factFill(t.Alias.String())] != filled {
			tasks = append(tasks, b.fill(t))
			work = true
		}
	}
	if work || b.timeOf(factCursor).IsZero() {
		tasks = append(tasks, runner.Task{
			Effect: runner.Changes, Name: "carry over what was changed meanwhile",
			Do: func(ctx context.Context, o *runner.Observation) error {
				return b.catchUp(ctx, o, b.targets())
			},
		})
	}
	return append(tasks, b.aliases(status)...), nil
}

// begin notes when the indexing began, by the data API's own clock: every change
// from then on is carried over.
func (b *buildIndices) begin() runner.Task {
	return runner.Task{Effect: runner.Changes, Name: "note when the indexing began", Do: func(ctx context.Context, o *runner.Observation) error {
		if _, err := b.data.Total(ctx, b.indices[0].Kind, b.indices[0].Frameworks); err != nil {
			return err
		}
		at := b.data.Date()
		if at.IsZero() {
			at = b.cf.Now()
		}
		o.Say("%s", at.UTC().Format("15:04:05 MST"))
		return b.setTime(ctx, factBegan, at)
	}}
}

func (b *buildIndices) create(t indexer.Target) runner.Task {
	return runner.Task{
		Effect: runner.Creates, Name: fmt.Sprintf("create the index of %s", t.Alias),
		ByHand: fmt.Sprintf(`curl -X PUT %s://%s/%s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"type":"index","mapping":%q}'`,
			b.Settings.RouteScheme, b.Settings.TemporaryRoute, t.Name, t.Mapping),
		Do: func(ctx context.Context, o *runner.Observation) error {
			o.Say("%s with mapping %s", t.Name, t.Mapping)
			if err := b.green().CreateIndex(ctx, t.Name, t.Mapping); err != nil && !errors.Is(err, searchapi.ErrExists) {
				return err
			}
			// A new index holds nothing, whatever the run says of one before it.
			return b.set(ctx, factFill(t.Alias.String()), indexer.Cursor{})
		},
	}
}

func (b *buildIndices) fill(t indexer.Target) runner.Task {
	return runner.Task{
		Effect: runner.Creates, Name: fmt.Sprintf("put the documents of %s", t.Alias),
		ByHand: fmt.Sprintf("scripts/index-to-search-service.py %s %s --index=%s --frameworks=%s", t.Kind, b.Settings.Stage, t.Name, strings.Join(t.Frameworks, ",")),
		Do: func(ctx context.Context, o *runner.Observation) error {
			fact := factFill(t.Alias.String())
			var from indexer.Cursor
			if text := b.run.Facts[fact]; text != "" && text != filled {
				if err := json.Unmarshal([]byte(text), &from); err != nil {
					return fmt.Errorf("read how far %s was filled: %w", t.Alias, err)
				}
			}
			pace, stop, err := b.pace(ctx, b.green(), false)
			if err != nil {
				return err
			}
			defer stop()
			report, err := indexer.Fill(ctx, b.data, b.green(), t, indexer.FillOptions{
				Pace: pace, From: from, MaxFailed: b.Settings.MaxFailed, Progress: o.Progress,
				Checkpoint: func(ctx context.Context, c indexer.Cursor) error { return b.set(ctx, fact, c) },
			})
			tellFill(o, report)
			if err != nil {
				return err
			}
			return b.set(ctx, fact, filled)
		},
	}
}

func tellFill(o *runner.Observation, r indexer.FillReport) {
	o.Say("%s put, %s by an earlier process, %s passed over, %s failed, %.0f/s", runner.Number(r.Documents), runner.Number(r.Before),
		runner.Number(r.Skipped), runner.Number(len(r.Failed)), r.Rate())
	o.Set("documents", r.Documents)
	o.Set("documents by an earlier process", r.Before)
	o.Set("documents a second", int(r.Rate()))
	o.Set("retries", r.Retries)
	if r.Slots > 0 {
		o.Set("slots found", r.Slots)
	}
	var lines []string
	for _, f := range r.Failed {
		lines = append(lines, f.Error())
	}
	o.Detail(strings.Join(lines, "\n"))
}

// aliases are the changes that let each alias point at its index. Where an alias
// pointed elsewhere, <alias>-old takes that, as the present script does.
func (b *buildIndices) aliases(status searchapi.Status) []runner.Task {
	var tasks []runner.Task
	for _, t := range b.targets() {
		now := status.Resolve(t.Alias)
		if now == t.Name.String() {
			continue
		}
		if now != "" {
			if before, err := searchapi.ParseName(now); err == nil {
				tasks = append(tasks, b.alias(t.Old(), before))
			}
		}
		tasks = append(tasks, b.alias(t.Alias, t.Name))
	}
	return tasks
}

func (b *buildIndices) alias(alias, target searchapi.Name) runner.Task {
	return runner.Task{
		Effect: runner.Changes, Name: fmt.Sprintf("point the alias %s at its index", alias),
		ByHand: fmt.Sprintf("scripts/update-index-alias.py --stage=%s %s %s %s://%s", b.Settings.Stage, alias, target, b.Settings.RouteScheme, b.Settings.TemporaryRoute),
		Do: func(ctx context.Context, o *runner.Observation) error {
			o.Say("%s", target)
			return b.green().SetAlias(ctx, alias, target)
		},
	}
}

func (b *buildIndices) Verify() []runner.Task {
	return []runner.Task{{Name: "every alias points at its index", Do: func(ctx context.Context, o *runner.Observation) error {
		status, err := b.green().Status(ctx)
		if err != nil {
			return err
		}
		var all []error
		for _, t := range b.targets() {
			if now := status.Resolve(t.Alias); now != t.Name.String() {
				all = append(all, fmt.Errorf("alias %s points at %q, not at %s", t.Alias, now, t.Name))
			}
		}
		o.Say("%s", runner.Count(len(b.targets()), "alias", "aliases"))
		return errors.Join(all...)
	}}}
}

func (b *buildIndices) Undo(context.Context) ([]runner.Task, error) {
	return nil, &runner.Irreversible{Why: "the indices go with the new service", Covered: true}
}
