package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const verifyIndicesHelp = `Changes nothing. Compares the new app with the data API and with the live app: number of documents (after one search that makes the counts true), mapping version and framework (where both run the same image), alias, result window; and that every name the live app serves, but for those that end in -old, is served by the new one too or is in DROP_INDICES.

By hand: look at /_status of both.`

// verifyIndices proves green before it is shown to anybody.
type verifyIndices struct{ *Site }

// OnlyLooks makes it a runner.Looker.
func (v *verifyIndices) OnlyLooks() {}

func (v *verifyIndices) Check() []runner.Task { return append(v.ordinary(toBlue), v.stands()) }

func (v *verifyIndices) Plan(ctx context.Context) ([]runner.Task, error) {
	_, err := v.needGreen(ctx)
	return nil, err
}

func (v *verifyIndices) Verify() []runner.Task {
	return []runner.Task{
		v.countsHold(0),
		{Name: "mappings and result windows are those of the live app", Do: v.likeBlue},
		{Name: "every name that the live app serves is served", Do: v.names},
	}
}

// both reads the status of green and of blue.
func (v *verifyIndices) both(ctx context.Context) (greenNow, blueNow searchapi.Status, err error) {
	if greenNow, err = v.green().Status(ctx); err != nil {
		return greenNow, blueNow, fmt.Errorf("the new app: %w", err)
	}
	if blueNow, err = v.live().Status(ctx); err != nil {
		return greenNow, blueNow, fmt.Errorf("the live app: %w", err)
	}
	return greenNow, blueNow, nil
}

// likeBlue compares mapping and window of each alias. Another image may carry
// another version of a mapping; then only its framework must agree with ours.
func (v *verifyIndices) likeBlue(ctx context.Context, o *runner.Observation) error {
	b, err := v.recorded()
	if err != nil {
		return err
	}
	greenNow, blueNow, err := v.both(ctx)
	if err != nil {
		return err
	}
	same := v.image() == b.Image
	var all []error
	for _, index := range v.indices {
		name := index.Alias
		g, isGreen := greenNow.Indices[greenNow.Resolve(name)]
		u, isBlue := blueNow.Indices[blueNow.Resolve(name)]
		if !isGreen {
			all = append(all, fmt.Errorf("%s is not served by the new app", name))
			continue
		}
		o.Set(name.String()+" mapping", g.MappingVersion)
		if !isBlue {
			continue
		}
		if same && (g.MappingVersion != u.MappingVersion || g.Framework != u.Framework) {
			all = append(all, fmt.Errorf("%s has mapping %s of %s, the live app %s of %s, and both run the same image",
				name, g.MappingVersion, g.Framework, u.MappingVersion, u.Framework))
		}
		if g.Window < u.Window {
			all = append(all, fmt.Errorf("%s has a result window of %d, the live app of %d", name, g.Window, u.Window))
		}
	}
	o.Say("%s compared, same image: %t", runner.Count(len(v.indices), "alias", "aliases"), same)
	if len(all) > 0 {
		return runner.Final(errors.Join(all...))
	}
	return nil
}

func (v *verifyIndices) names(ctx context.Context, o *runner.Observation) error {
	greenNow, blueNow, err := v.both(ctx)
	if err != nil {
		return err
	}
	dropped := list(v.Settings.DropIndices)
	var missing []string
	wanted := asked(blueNow)
	for _, name := range wanted {
		if !slices.Contains(greenNow.Names(), name) && !slices.Contains(dropped, name) {
			missing = append(missing, name)
		}
	}
	o.Say("%s", strings.Join(wanted, ", "))
	if len(missing) > 0 {
		return runner.Final(fmt.Errorf("the live app serves %s, and the new one does not: add to INDICES, or give up in DROP_INDICES", strings.Join(missing, ", ")))
	}
	return nil
}

// asked are the names by which a search API is asked: its aliases, and the
// indices that no alias stands for. What ends in -old is the copy before.
func asked(status searchapi.Status) []string {
	var all []string
	for _, name := range status.Names() {
		if strings.HasSuffix(name, "-old") {
			continue
		}
		if index, is := status.Indices[name]; is && len(index.Aliases) > 0 {
			continue
		}
		all = append(all, name)
	}
	return all
}

func (v *verifyIndices) Undo(context.Context) ([]runner.Task, error) { return nil, nil }
