package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const buildIndicesHelp = `For each entry of INDICES: creates the index <alias>-<date the run began> on green, reads the documents from the data API and puts them, catches up with what changed meanwhile, and sets the alias (and <alias>-old, where the alias pointed elsewhere before). Every failure is named by document. An index of others with the name of ours is left alone, and ours gets another name; one with the name of an alias is refused, with the request that removes it. Run again after it was done, it repairs the documents that only one side has. Killed in the middle, the next process goes on from the recorded page.

By hand: index-to-search-service.py and update-index-alias.py of digitalmarketplace-scripts, with green's address.` + rateHelp

// buildIndices fills green. Nobody reads green yet, so nothing is at stake but time. It
// writes to green alone, and no name but a plain one ever reaches it. There is no undo
// by itself: the indices go with the new service.
type buildIndices struct {
	checks    *upgrade.Checks
	green     *clone.Green
	mappings  *mappings
	documents *documents
	filler    *filler
}

func newBuildIndices(s *Site) runner.Stage {
	return &buildIndices{checks: s.checks, green: s.green, mappings: s.mappings, documents: s.documents, filler: s.filler()}
}

func (b *buildIndices) Check() []runner.Task {
	return append(b.checks.Common(upgrade.ToBlue), b.green.Built(),
		runner.Task{Name: "green answers, and has every mapping", Do: b.mappings.ofGreen},
		runner.Task{Name: "the names of aliases are free on green", Do: b.filler.namesFree},
		runner.Task{Name: "the data API lists documents for every index", Do: b.mappings.listed},
	)
}

func (b *buildIndices) Plan(ctx context.Context) ([]runner.Task, error) {
	if _, err := b.mappings.pair.NeedGreen(ctx); err != nil {
		return nil, err
	}
	status, err := b.filler.green().Status(ctx)
	if err != nil {
		return nil, err
	}
	var tasks []runner.Task
	if b.filler.run.Time(factBegan).IsZero() {
		tasks = append(tasks, b.filler.begin())
	}
	targets, err := b.filler.placed(status)
	if err != nil {
		return nil, err
	}
	work := false
	for _, t := range targets {
		there, err := b.filler.there(status, t)
		if err != nil {
			return nil, err
		}
		if !there {
			tasks = append(tasks, b.filler.create(t), b.filler.fill(t))
			work = true
			continue
		}
		again := !b.filler.filled(t)
		if !again {
			wrong, err := b.documents.differences(ctx, t)
			if err != nil {
				return nil, err
			}
			if again = len(wrong.Missing) >= mostRepaired; again {
				wrong.Missing = nil
			}
			if !wrong.Empty() {
				tasks = append(tasks, b.filler.repair(t, wrong))
			}
		}
		if again {
			tasks = append(tasks, b.filler.fill(t))
			work = true
		}
	}
	if work || b.filler.run.Time(factCursor).IsZero() {
		tasks = append(tasks, runner.Task{
			Name: "catch up with what changed meanwhile", Effect: runner.Changes,
			Do: func(ctx context.Context, o *runner.Observation) error {
				made, err := b.filler.targets()
				if err != nil {
					return err
				}
				return b.documents.catchUpGreen(ctx, o, made)
			},
		})
	}
	return append(tasks, b.aliases(status, targets)...), nil
}

// aliases are the changes that let each alias point at its index. Where an alias
// pointed elsewhere, <alias>-old takes that, as the present script does.
func (b *buildIndices) aliases(status searchapi.Status, targets []indexer.Target) []runner.Task {
	var tasks []runner.Task
	for _, t := range targets {
		now := status.Resolve(t.Alias)
		if now == t.Name.String() {
			continue
		}
		if now != "" {
			if before, err := searchapi.ParseName(now); err == nil {
				tasks = append(tasks, b.filler.alias(t.Old(), before))
			}
		}
		tasks = append(tasks, b.filler.alias(t.Alias, t.Name))
	}
	return tasks
}

func (b *buildIndices) Verify() []runner.Task {
	return []runner.Task{{Name: "every alias points at its index", Do: b.filler.inPlace}}
}

func (b *buildIndices) Undo(context.Context) ([]runner.Task, error) {
	return nil, &runner.Irreversible{Why: "the indices go with the new service", Covered: true}
}
