package traffic

import (
	"context"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
)

// MapGreen are the tasks that put green on every live route beside blue: as many
// instances as blue has, up to date, complete, then mapped. before is done after green
// has its size. Empty where green is on all of them.
func (t *Traffic) MapGreen(ctx context.Context, before ...runner.Task) ([]runner.Task, error) {
	app, err := t.Live.Pair.NeedGreen(ctx)
	if err != nil {
		return nil, err
	}
	missing, err := t.Live.Select(ctx, func(r *cloudfoundry.Route) bool { return !r.Reaches(app.GUID) })
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	tasks, err := t.growGreen(ctx, app)
	if err != nil {
		return nil, err
	}
	tasks = slices.Concat(tasks, before, t.catchUp("catch up green before it gets live traffic", bluegreen.Side{}, false), t.complete(bluegreen.Side{}))
	if t.Follower != nil && !t.Follower.Shared() {
		tasks = append(tasks, t.Follower.Share())
	}
	for _, route := range missing {
		tasks = append(tasks, t.mapRoute(t.Names.NewApp, app.GUID, route))
	}
	return tasks, nil
}

// GreenAnswers proves that each instance of green, or of the app released in its
// place, answers on every live route at every router.
func (t *Traffic) GreenAnswers(who string) []runner.Task {
	b, err := t.run().Blue()
	if err != nil {
		return []runner.Task{{Name: "the run is recorded", Do: func(context.Context, *runner.Observation) error { return err }}}
	}
	return t.Proof.OnEveryRouter(who, b.Routes, t.Live.ReplacementInstances, "answers", proof.Served)
}

// UnmapGreen are the tasks that take green, or the app released in its place, off the
// live routes, one by one, each only where blue serves it, or the app released in
// blue's place: a live route is never left to nobody. Then what was written to green
// meanwhile is brought to that app, and then is done.
func (t *Traffic) UnmapGreen(ctx context.Context, then ...runner.Task) ([]runner.Task, error) {
	tasks, err := t.takeOff(ctx)
	if err != nil {
		return nil, err
	}
	if !t.shared() {
		if len(tasks) > 0 {
			tasks[len(tasks)-1] = t.ending(tasks[len(tasks)-1])
		}
		return append(tasks, then...), nil
	}
	tasks = append(tasks, t.catchUpFallback("catch up blue with the last writes to green")...)
	return append(append(tasks, then...), t.Follower.Unshare()), nil
}

// UndoMapGreen is UnmapGreen as a rollback has it: the private route goes too.
func (t *Traffic) UndoMapGreen(ctx context.Context) ([]runner.Task, error) {
	drop, need, err := t.dropPrivateRoute(ctx)
	if err != nil {
		return nil, err
	}
	if t.Names.PrivateRoute != "" && (t.shared() || need) {
		// The rollback that is planned here creates the route only when it is run.
		return t.UnmapGreen(ctx, drop)
	}
	return t.UnmapGreen(ctx)
}

func (t *Traffic) takeOff(ctx context.Context) ([]runner.Task, error) {
	app, err := t.Live.Replacement(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	mapped, err := t.Live.Select(ctx, func(r *cloudfoundry.Route) bool { return r.Reaches(app.GUID) })
	if err != nil || len(mapped) == 0 {
		return nil, err
	}
	fallback, err := t.Live.NeedFallback(ctx)
	if err != nil {
		return nil, err
	}
	b, err := t.run().Blue()
	if err != nil {
		return nil, err
	}
	who := "blue"
	if fallback.GUID != b.App {
		who = "the released app " + fallback.Name
	}
	// Mapped is not served: only an answer of its own at every router is proof. A revert
	// has mapped blue before, and caught it up since.
	tasks := t.Proof.OnEveryRouter(who, mapped, t.Live.FallbackInstances, "still answers", proof.Served)
	for _, route := range mapped {
		tasks = append(tasks, t.unmapRoute(app.Name, app.GUID, route, t.mayLeave(who, route, fallback.GUID, app.GUID)))
	}
	return append(tasks, t.Proof.OnEveryRouter("green", mapped, t.Live.ReplacementInstances, "is unmapped", proof.Unknown)...), nil
}

// mayLeave refuses to unmap green from a route that the fallback is not on, or that
// leads to an app of others as well.
func (t *Traffic) mayLeave(who string, route upgrade.LiveRoute, fallback, green string) func(context.Context, *cloudfoundry.Route) error {
	return func(ctx context.Context, now *cloudfoundry.Route) error {
		if !now.Reaches(fallback) {
			return runner.Refuse("%s does not lead to %s: map it there first", route.Address, who)
		}
		for _, d := range now.Destinations {
			if d.AppGUID != fallback && d.AppGUID != green {
				return runner.Refuse("%s leads to %s as well, which is not of this run: unmap that first", route.Address, upgrade.Describe(ctx, t.platform(), d.AppGUID))
			}
		}
		return nil
	}
}

// catchUpFallback brings to the app that keeps the live routes what was changed while
// it was off them, or shared them. Each request names an instance of it, since green
// may still be mapped.
func (t *Traffic) catchUpFallback(name string) []runner.Task {
	return t.catchUp(name, bluegreen.Side{
		Blue: true, Route: t.Names.LiveRoute,
		App: func(ctx context.Context) (string, error) {
			app, err := t.Live.NeedFallback(ctx)
			if err != nil {
				return "", err
			}
			return app.GUID, nil
		},
	}, true)
}
