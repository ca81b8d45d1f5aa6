package traffic

import (
	"context"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/bluegreen"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/proof"
)

// UnmapBlue are the tasks that take blue off every live route: unmapped, proved at
// every router, drained, and green brought up to date with what was written to blue
// last. Empty where all of that is done.
//
// Green alone serves from the unmapping on, so what was written to blue before is brought
// there before it, and the rest at once after it. The last catch-up, when no request is
// in flight any more, finds what is left.
func (t *Traffic) UnmapBlue(ctx context.Context) ([]runner.Task, error) {
	b, err := t.run().Blue()
	if err != nil {
		return nil, err
	}
	if _, err := t.Live.Pair.NeedGreen(ctx); err != nil {
		return nil, err
	}
	var tasks []runner.Task
	for _, route := range b.Routes {
		now, err := t.Live.Route(ctx, route)
		if err != nil {
			return nil, err
		}
		if now.Reaches(b.App) {
			tasks = append(tasks, t.unmapRoute(b.Name, b.App, route, nil))
		}
	}
	if len(tasks) == 0 && t.BlueIsOff() {
		return nil, nil
	}
	if len(tasks) > 0 {
		tasks = slices.Concat(t.catchUp("catch up green before blue is unmapped", bluegreen.Side{}, false), tasks)
	}
	tasks = append(tasks, t.level()...)
	tasks = append(tasks, t.Proof.OnEveryRouter("blue", b.Routes, t.Live.BlueInstances, "is unmapped", proof.Unknown)...)
	tasks = append(tasks, t.drain())
	tasks = append(tasks, t.catchUp("catch up green with the last writes to blue", bluegreen.Side{}, true)...)
	return append(tasks, t.recordOff()), nil
}

// level is the task that brings green up to date at once after blue was unmapped, and
// measures how long green served alone without being so.
func (t *Traffic) level() []runner.Task {
	tasks := t.catchUp("catch up green at once after blue was unmapped", bluegreen.Side{}, false)
	for i, task := range tasks {
		tasks[i].Do = func(ctx context.Context, o *runner.Observation) error {
			if err := task.Do(ctx, o); err != nil || t.unmapped.IsZero() {
				return err
			}
			took := time.Since(t.unmapped)
			o.Say("level with blue %.1f s after it was unmapped; %s", took.Seconds(), o.Said())
			o.Set("seconds from unmapped to level", math.Round(took.Seconds()*10)/10)
			return nil
		}
	}
	return tasks
}

func (t *Traffic) drain() runner.Task {
	task := runner.Task{Name: "let the requests in flight end", Do: func(ctx context.Context, o *runner.Observation) error {
		o.Say("%s", t.Drain)
		return wait(ctx, t.Drain)
	}}
	if t.Follower == nil {
		return t.ending(task)
	}
	return task
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (t *Traffic) recordOff() runner.Task {
	return runner.Task{Name: "record that blue is off the live routes", Effect: runner.Creates, Do: func(ctx context.Context, o *runner.Observation) error {
		return t.run().Set(ctx, factBlueOff, t.platform().Space.Now())
	}}
}

// BlueIsOff reports whether blue is off the live routes, drained, and green has all
// that was written to it. Until then blue is the only app that surely has every write.
func (t *Traffic) BlueIsOff() bool { return !t.run().Time(factBlueOff).IsZero() }

// AbortUnmapBlue are the tasks that map blue again at once, unless it is off the live
// routes already with all it had written to green: until then it is the only app that
// surely has every write.
func (t *Traffic) AbortUnmapBlue(ctx context.Context) ([]runner.Task, error) {
	if t.BlueIsOff() {
		return nil, nil
	}
	return t.MapBlue(ctx)
}

// Drained is the task that waits until Drain has passed since blue was off the live
// routes; most often it has.
func (t *Traffic) Drained() runner.Task {
	return runner.Task{Name: "let the requests in flight end", Do: func(ctx context.Context, o *runner.Observation) error {
		off := t.run().Time(factBlueOff)
		if off.IsZero() {
			return runner.Refuse("the run does not record when blue was taken off the live routes")
		}
		o.Say("off the live routes since %s", off.UTC().Format("2006-01-02 15:04:05 MST"))
		return wait(ctx, t.Drain-t.platform().Space.Now().Sub(off))
	}}
}

// ReturnToBlue are the tasks of a rollback: blue is brought up to date by a route of
// its own, compared, mapped to the live routes and proved there, so that nobody meets
// an app that lacks what was changed. Where nobody serves, it is mapped first.
func (t *Traffic) ReturnToBlue(ctx context.Context) ([]runner.Task, error) {
	b, err := t.run().Blue()
	if err != nil {
		return nil, err
	}
	where, err := t.where(ctx, b)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(where, func(one upgrade.Traffic) bool { return one != upgrade.ToBlue }) {
		return nil, nil
	}
	unserved, err := t.unserved(ctx, where)
	if err != nil {
		return nil, err
	}
	if unserved {
		return t.MapBlue(ctx)
	}
	grow, err := t.growBlue(ctx, b)
	if err != nil {
		return nil, err
	}
	private, err := t.updatePrivately(ctx, b)
	if err != nil {
		return nil, err
	}
	mapped, err := t.onLiveRoutes(ctx, b)
	return slices.Concat(grow, private, mapped), err
}

// MapBlue is the quick way: blue is mapped at once, and brought up to date while it
// serves.
func (t *Traffic) MapBlue(ctx context.Context) ([]runner.Task, error) {
	b, err := t.run().Blue()
	if err != nil {
		return nil, err
	}
	tasks, err := t.onLiveRoutes(ctx, b)
	if err != nil || len(tasks) == 0 {
		return nil, err
	}
	grow, err := t.growBlue(ctx, b)
	return slices.Concat(tasks, grow, t.catchUpFallback("catch up blue with what changed meanwhile")), err
}

// onLiveRoutes maps blue to every live route that it is not on, and proves it.
func (t *Traffic) onLiveRoutes(ctx context.Context, b upgrade.Blue) ([]runner.Task, error) {
	where, err := t.where(ctx, b)
	if err != nil {
		return nil, err
	}
	name := t.Live.Pair.BlueName(ctx, b)
	var tasks []runner.Task
	for i, route := range b.Routes {
		if where[i] == upgrade.ToGreen || where[i] == upgrade.ToNobody {
			tasks = append(tasks, t.mapRoute(name, b.App, route))
		}
	}
	if len(tasks) > 0 {
		tasks = append(tasks, t.Proof.OnEveryRouter("blue", b.Routes, t.Live.BlueInstances, "answers", proof.Served)...)
	}
	if t.BlueIsOff() {
		tasks = append(tasks, runner.Task{Name: "record that blue serves again", Effect: runner.Changes, Do: func(ctx context.Context, _ *runner.Observation) error {
			return t.run().Unset(ctx, factBlueOff)
		}})
	}
	return tasks, nil
}

// where tells where each live route leads. Where one leads to an app of others, there
// is nothing to return: the live routes are left to it.
func (t *Traffic) where(ctx context.Context, b upgrade.Blue) ([]upgrade.Traffic, error) {
	replacement, err := t.Live.ReplacementGUID(ctx)
	if err != nil {
		return nil, err
	}
	var all []upgrade.Traffic
	for _, route := range b.Routes {
		traffic, stranger, err := t.Live.Where(ctx, b, replacement, route)
		if err != nil {
			return nil, err
		}
		if stranger != nil {
			return nil, &runner.Irreversible{Why: "the live routes lead to " + stranger.String() + ", which is not of this run, and are left to it", Covered: true}
		}
		all = append(all, traffic)
	}
	return all, nil
}

// unserved reports whether nobody answers on some live route: no app is mapped there,
// no instance of the one that is runs, or none of a few requests over fresh
// connections is answered.
func (t *Traffic) unserved(ctx context.Context, where []upgrade.Traffic) (bool, error) {
	if slices.Contains(where, upgrade.ToNobody) {
		return true, nil
	}
	if slices.Contains(where, upgrade.ToBoth) {
		return false, nil
	}
	app, err := t.Live.Replacement(ctx)
	if err != nil || app == nil {
		return app == nil, err
	}
	n, _, err := upgrade.Routable(ctx, t.platform(), app.GUID)
	if err != nil || n == 0 {
		return err == nil, err
	}
	for range 5 {
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		a, err := t.Proof.Ask(asking, t.Names.LiveRoute)
		cancel()
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err == nil && a.Fault == "" && a.Status < http.StatusInternalServerError {
			return false, nil
		}
	}
	return true, nil
}
