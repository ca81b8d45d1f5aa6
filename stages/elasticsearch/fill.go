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

// factFill is the progress of filling one index: an indexer.Cursor, or filled.
func factFill(alias searchapi.Name) string { return "fill-" + alias.String() }

const filled = "done"

// filler creates green's indices and fills them.
type filler struct {
	*apis
	indices indexer.Indices
	pace    *pacer
	// maxFailed is how many documents may fail; stage is STAGE, for commands to type.
	maxFailed int
	stage     string
}

func (f *filler) targets() []indexer.Target { return f.indices.Dated(f.run.Started()) }

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
			if err := f.green().CreateIndex(ctx, t.Name, t.Mapping); err != nil && !errors.Is(err, searchapi.ErrExists) {
				return err
			}
			// A new index holds nothing, whatever the run records of one before it.
			return f.run.Set(ctx, factFill(t.Alias), indexer.Cursor{})
		},
	}
}

func (f *filler) fill(t indexer.Target) runner.Task {
	return runner.Task{
		Name: fmt.Sprintf("put the documents of %s", t.Alias), Effect: runner.Creates,
		ByHand: fmt.Sprintf("scripts/index-to-search-service.py %s %s --index=%s --frameworks=%s", t.Kind, f.stage, t.Name, strings.Join(t.Frameworks, ",")),
		Do: func(ctx context.Context, o *runner.Observation) error {
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
			report, err := indexer.Fill(ctx, f.data, f.green(), t, indexer.FillOptions{
				Pace: pace, From: from, MaxFailed: f.maxFailed, Progress: o.Progress,
				Checkpoint: func(ctx context.Context, c indexer.Cursor) error { return f.run.Set(ctx, fact, c) },
			})
			observeFill(o, report)
			if err != nil {
				return err
			}
			return f.run.Set(ctx, fact, filled)
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
	var lines []string
	for _, f := range r.Failed {
		lines = append(lines, f.Error())
	}
	o.Detail(strings.Join(lines, "\n"))
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
