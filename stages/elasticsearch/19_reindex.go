package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/release"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

const reindexHelp = `Puts all documents again into the live aliases: each page is read only just before it is put, and what changed meanwhile is caught up with at the end, so that no old copy survives. A document that is gone from the source is removed only after the data API says so of that one document, and never more than MAX_REMOVALS: beyond that nothing is removed and the ids are listed.

The nightly job is this same command. It acts when there is no run or one before step 9; with every earlier stage complete it acts and completes step 19; in between it exits 0, skipped, and says why.

People use what it writes to: at most half of the workers behind the live route work for it, and fewer while live searches take longer than they did.` + rateHelp

// reindex rewrites the live documents from their source. It may run at any time outside
// of a switch and needs no undo: each document is replaced by itself.
type reindex struct {
	platform  *cloudfoundry.Client
	checks    *upgrade.Checks
	release   *release.Release
	counts    *counts
	rewriter  *rewriter
	liveRoute string
	// caughtUp is up to when the catch-up of each alias came; the earliest of them.
	caughtUp time.Time
}

func newReindex(s *Site) runner.Stage {
	return &reindex{
		platform: s.platform, checks: s.checks, release: s.release, counts: s.counts, liveRoute: s.names.LiveRoute, rewriter: s.rewriter(),
	}
}

func (r *reindex) run() *upgrade.Run { return r.counts.run }

// Admit keeps the nightly job from writing while both apps serve, when half of its
// documents would go to the one and half to the other.
func (r *reindex) Admit(record *runner.Record, earlier []runner.Step) runner.Admission {
	return admitReindex(record, earlier)
}

func (r *reindex) Check() []runner.Task {
	tasks := []runner.Task{
		{Name: "one app serves the live routes", Do: r.oneServes},
		{Name: "the search API answers, and has every alias", Do: r.hasAliases},
	}
	if r.run().Reached(upgrade.Released) {
		tasks = append(tasks, r.release.Released()...)
	}
	return tasks
}

// oneServes checks that no switch is under way.
func (r *reindex) oneServes(ctx context.Context, o *runner.Observation) error {
	if r.run().Exists() {
		if err := r.notShared(ctx); err != nil {
			return err
		}
		return r.checks.RoutesLeadTo(ctx, o, upgrade.ToBlue, upgrade.ToGreen)
	}
	route, err := r.platform.Routes.ByAddress(ctx, r.liveRoute)
	if err != nil {
		return err
	}
	if route == nil {
		return runner.Misconfigure("there is no route %s in this space (LIVE_ROUTE)", r.liveRoute)
	}
	o.Say("%s", runner.Count(len(route.Destinations), "app", "apps"))
	if len(route.Destinations) != 1 {
		return runner.Refuse("the live route %s leads to %s; a release is under way", route.Address, runner.Count(len(route.Destinations), "app", "apps"))
	}
	return nil
}

// notShared skips the stage while both apps serve, as they do from the middle of step 9 on.
func (r *reindex) notShared(ctx context.Context) error {
	b, err := r.run().Blue()
	if err != nil {
		return err
	}
	replacement, err := r.checks.Live.ReplacementGUID(ctx)
	if err != nil {
		return err
	}
	for _, route := range b.Routes {
		traffic, _, err := r.checks.Live.Where(ctx, b, replacement, route)
		if err != nil {
			return err
		}
		if traffic == upgrade.ToBoth {
			return &runner.Skip{Why: "run " + r.run().ID() + " is in the middle of its switch: both apps serve " + route.Address}
		}
	}
	return nil
}

func (r *reindex) hasAliases(ctx context.Context, o *runner.Observation) error {
	if _, err := r.counts.live().Mappings(ctx); err != nil {
		return err
	}
	status, err := r.counts.live().Status(ctx)
	if err != nil {
		return err
	}
	var all []error
	for _, index := range r.counts.indices {
		if status.Resolve(index.Alias) == "" {
			all = append(all, fmt.Errorf("the search API has no index or alias %s", index.Alias))
		}
	}
	o.Say("%d", len(r.counts.indices))
	return errors.Join(all...)
}

func (r *reindex) Plan(ctx context.Context) ([]runner.Task, error) {
	tasks, err := r.release.Record(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range r.counts.indices.Live() {
		tasks = append(tasks, r.rewriter.task(t, func(at time.Time) {
			if r.caughtUp.IsZero() || at.Before(r.caughtUp) {
				r.caughtUp = at
			}
		}))
	}
	return tasks, nil
}

func (r *reindex) Verify() []runner.Task {
	return []runner.Task{{
		Name: "the document counts of the live app are the data API's",
		Do: func(ctx context.Context, o *runner.Observation) error {
			return r.counts.compare(ctx, o, r.counts.live(), r.counts.indices.Live(), r.caughtUp, nil)
		},
	}}
}

func (r *reindex) Undo(context.Context) ([]runner.Task, error) {
	return nil, &runner.Irreversible{Why: "the documents were replaced by themselves", Covered: true}
}
