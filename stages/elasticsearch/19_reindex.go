package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const reindexHelp = `Puts all documents again into the live aliases: each page is read only just before it is put, and what was changed meanwhile is carried over at the end, so that no old copy survives. A document that is gone from the source is removed only after the data API says so of that one document, and never more than MAX_REMOVALS: beyond that nothing is removed and the ids are listed.

The nightly job is this same command. It acts when there is no run or one before step 9; with every earlier stage complete it acts and completes step 19; in between it exits 0, skipped, and says why.

People use what it writes to: at most half of the workers behind the live route work for it, and fewer while live searches take longer than they did.` + rateHelp

// reindex rewrites the live documents from their source. It may run at any time
// outside of a switch and needs no undo: each document is replaced by itself.
type reindex struct {
	*Site
	// caughtUp is up to when the catch-up of each alias came; the earliest of them.
	caughtUp time.Time
}

// Admit keeps the nightly job from writing while both apps serve, when half of its
// documents would go to the one and half to the other.
func (r *reindex) Admit(record *runner.Record, earlier []runner.Step) runner.Admission {
	if record == nil {
		return runner.Admission{Act: true}
	}
	missing, switched := "", false
	for _, step := range earlier {
		is := record.IsComplete(step.Name)
		if !is && missing == "" {
			missing = fmt.Sprintf("%d. %s", step.Number, step.Name)
		}
		switched = switched || is && step.Number >= 9
	}
	verified := record.IsComplete(stageVerifyIndices)
	switch {
	case missing == "":
		return runner.Admission{Act: true, Completes: true}
	case !switched && !verified:
		return runner.Admission{Act: true}
	case !switched:
		return runner.Admission{Act: true, Why: "before step 9"}
	}
	return runner.Admission{Why: fmt.Sprintf("run %s is between the switch and its end, and %s is not complete", record.Run, missing)}
}

func (r *reindex) Check() []runner.Task {
	tasks := []runner.Task{
		{Name: "one app serves the live routes", Do: r.oneServes},
		{Name: "the search API answers, and has every alias", Do: r.hasAliases},
	}
	if r.marked(stageAwaitRelease) {
		tasks = append(tasks, r.afterRelease()...)
	}
	return tasks
}

// oneServes sees that nothing is in the midst of a switch.
func (r *reindex) oneServes(ctx context.Context, o *runner.Observation) error {
	if r.run != nil {
		b, err := r.recorded()
		if err != nil {
			return err
		}
		if err := r.notShared(ctx, b); err != nil {
			return err
		}
		return r.routesAre(ctx, b, o, []string{toBlue, toGreen})
	}
	route, err := r.cf.RouteByAddress(ctx, r.Settings.LiveRoute)
	if err != nil {
		return err
	}
	if route == nil {
		return runner.Misconfigure("there is no route %s in this space (LIVE_ROUTE)", r.Settings.LiveRoute)
	}
	o.Say("%s", runner.Count(len(route.Destinations), "app", "apps"))
	if len(route.Destinations) != 1 {
		return runner.Refuse("the live route %s leads to %s; a release is under way", route.Address, runner.Count(len(route.Destinations), "app", "apps"))
	}
	return nil
}

// notShared skips the stage while both apps serve, as they do from the middle of
// step 9 on: half of the documents would go to the one and half to the other.
func (r *reindex) notShared(ctx context.Context, b blue) error {
	next, err := r.successorApp(ctx)
	if err != nil {
		return err
	}
	for _, route := range b.Routes {
		state, _, err := r.routeState(ctx, b, next, route)
		if err != nil {
			return err
		}
		if state == toBoth {
			return &runner.Skip{Why: "run " + r.run.ID + " is in the midst of its switch: both apps serve " + route.Address}
		}
	}
	return nil
}

func (r *reindex) hasAliases(ctx context.Context, o *runner.Observation) error {
	if _, err := r.live().Mappings(ctx); err != nil {
		return err
	}
	status, err := r.live().Status(ctx)
	if err != nil {
		return err
	}
	var all []error
	for _, index := range r.indices {
		if status.Resolve(index.Alias) == "" {
			all = append(all, fmt.Errorf("the search API has no index or alias %s", index.Alias))
		}
	}
	o.Say("%d", len(r.indices))
	return errors.Join(all...)
}

func (r *reindex) Plan(ctx context.Context) ([]runner.Task, error) {
	tasks, err := r.noteRelease(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range r.indices.Live() {
		tasks = append(tasks, runner.Task{
			Effect: runner.Changes, Name: fmt.Sprintf("put the documents of %s again", t.Alias),
			ByHand: fmt.Sprintf("scripts/index-to-search-service.py %s %s --index=%s --frameworks=%s", t.Kind, r.Settings.Stage, t.Alias, strings.Join(t.Frameworks, ",")),
			Do:     func(ctx context.Context, o *runner.Observation) error { return r.rewrite(ctx, o, t) },
		})
	}
	return tasks, nil
}

func (r *reindex) rewrite(ctx context.Context, o *runner.Observation, t indexer.Target) error {
	pace, stop, err := r.pace(ctx, r.live(), true)
	if err != nil {
		return err
	}
	defer stop()
	report, err := indexer.Reindex(ctx, r.data, r.live(), indexer.ReindexOptions{
		Pace: pace, Target: t, MaxFailed: r.Settings.MaxFailed, MaxRemovals: maxRemovals(r.Settings.MaxRemovals), Progress: o.Progress,
	})
	tellFill(o, report.FillReport)
	o.Set("removed", len(report.Removed))
	o.Say("%s put, %d removed, %d failed, %.0f/s; then %s carried over",
		runner.Number(report.Documents), len(report.Removed), len(report.Failed), report.Rate(), runner.Count(report.CatchUp.Events, "event", "events"))
	if len(report.Gone) > len(report.Removed) {
		o.Detail("gone from the source, and not removed:\n" + strings.Join(report.Gone, "\n"))
	}
	if at := report.CatchUp.Cursor; r.caughtUp.IsZero() || at.Before(r.caughtUp) {
		r.caughtUp = at
	}
	return err
}

// maxRemovals is a limit as the indexer takes it, whose default is 0.
func maxRemovals(setting int) int {
	switch {
	case setting < 0:
		return 0
	case setting == 0:
		return -1
	}
	return setting
}

func (r *reindex) Verify() []runner.Task {
	return []runner.Task{{
		Name: "the document counts of the live app are the data API's",
		Do: func(ctx context.Context, o *runner.Observation) error {
			return r.compare(ctx, o, r.live(), r.indices.Live(), r.caughtUp, nil)
		},
	}}
}

func (r *reindex) Undo(context.Context) ([]runner.Task, error) {
	return nil, &runner.Irreversible{Why: "the documents were replaced by themselves", Covered: true}
}
