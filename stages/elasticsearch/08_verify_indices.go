package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/clone"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const verifyIndicesHelp = `Changes nothing. Compares green with the data API and with blue: number of documents (after one search that makes the counts true), the ids of all of them, mapping version and framework (where both run the same image), alias, result window; and that every name the live app serves, except those that end in -old, is served by green too or is in DROP_INDICES. Documents that only one side has are named, up to 20 of each, and build-indices is reopened, which repairs them.

By hand: look at /_status of both.`

// verifyIndices proves green before anybody meets it.
type verifyIndices struct {
	checks *upgrade.Checks
	green  *clone.Green
	counts *counts
	filler *filler
	// dropped are the names that green need not serve.
	dropped []string
}

func newVerifyIndices(s *Site) runner.Stage {
	return &verifyIndices{checks: s.checks, green: s.green, counts: s.counts, filler: s.filler(), dropped: list(s.Settings.DropIndices)}
}

func (v *verifyIndices) Check() []runner.Task {
	return append(v.checks.Common(upgrade.ToBlue), v.green.Built())
}

// OnlyLooks: there is nothing to do but to verify.
func (v *verifyIndices) OnlyLooks() {}

func (v *verifyIndices) Plan(ctx context.Context) ([]runner.Task, error) {
	_, err := v.counts.pair.NeedGreen(ctx)
	return nil, err
}

func (v *verifyIndices) Verify() []runner.Task {
	return []runner.Task{
		{Name: "every alias points at the index that the run made", Do: v.filler.stillInPlace},
		v.counts.ofGreen(0),
		{Name: "green has the documents that the data API lists, and no others", Do: v.counts.sameDocuments},
		{Name: "mappings and result windows are blue's", Do: v.likeBlue},
		{Name: "every name that the live app serves is served", Do: v.names},
	}
}

// both reads the status of green and of blue.
func (v *verifyIndices) both(ctx context.Context) (green, blue searchapi.Status, err error) {
	if green, err = v.counts.green().Status(ctx); err != nil {
		return green, blue, fmt.Errorf("green: %w", err)
	}
	if blue, err = v.counts.live().Status(ctx); err != nil {
		return green, blue, fmt.Errorf("the live app: %w", err)
	}
	return green, blue, nil
}

// likeBlue compares mapping and window of each alias. Another image may have another
// version of a mapping; then only its framework must agree with ours.
func (v *verifyIndices) likeBlue(ctx context.Context, o *runner.Observation) error {
	b, err := v.counts.run.Blue()
	if err != nil {
		return err
	}
	green, blue, err := v.both(ctx)
	if err != nil {
		return err
	}
	same := v.counts.run.Fact(upgrade.FactImage) == b.Image
	var all []error
	for _, index := range v.counts.indices {
		name := index.Alias
		g, isGreen := green.Indices[green.Resolve(name)]
		u, isBlue := blue.Indices[blue.Resolve(name)]
		if !isGreen {
			all = append(all, fmt.Errorf("%s is not served by green", name))
			continue
		}
		o.Set(name.String()+" mapping", g.MappingVersion)
		if !isBlue {
			continue
		}
		if same && (g.MappingVersion != u.MappingVersion || g.Framework != u.Framework) {
			all = append(all, fmt.Errorf("%s has mapping %s of %s, blue %s of %s, and both run the same image",
				name, g.MappingVersion, g.Framework, u.MappingVersion, u.Framework))
		}
		if g.Window < u.Window {
			all = append(all, fmt.Errorf("%s has a result window of %d, blue of %d", name, g.Window, u.Window))
		}
	}
	o.Say("%s compared, same image: %t", runner.Count(len(v.counts.indices), "alias", "aliases"), same)
	if len(all) > 0 {
		return runner.Final(errors.Join(all...))
	}
	return nil
}

func (v *verifyIndices) names(ctx context.Context, o *runner.Observation) error {
	green, blue, err := v.both(ctx)
	if err != nil {
		return err
	}
	var missing, dropped []string
	wanted := requested(blue)
	for _, name := range wanted {
		switch {
		case slices.Contains(green.Names(), name):
		case slices.Contains(v.dropped, name):
			dropped = append(dropped, name)
		default:
			missing = append(missing, name)
		}
	}
	o.Say("%s", strings.Join(wanted, ", "))
	if len(dropped) > 0 {
		o.Say("%s; given up in DROP_INDICES: %s", o.Said(), strings.Join(dropped, ", "))
		o.Set("given up", strings.Join(dropped, " "))
	}
	if len(missing) > 0 {
		return runner.Final(fmt.Errorf("the live app serves %s, and green does not: add to INDICES, or give up in DROP_INDICES", strings.Join(missing, ", ")))
	}
	return nil
}

func (v *verifyIndices) Undo(context.Context) ([]runner.Task, error) { return nil, nil }
