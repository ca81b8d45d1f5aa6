package elasticsearch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/witness"
)

const unmapOldAppHelp = `Takes the old app off every live route, once the new app has at least as many routable instances. Proves over as many fresh connections that no router knows the old app there any more, waits for DRAIN, so that requests in flight end, and carries over what was written to the old app last. The old app goes on running, as the way back. If the unmapping fails half-way, the old app is mapped back at once.

By hand: cf unmap-route search-api cloudapps.digital --hostname dm-search-api-<stage>.`

// unmapOldApp leaves green to serve alone. To undo it by hand: cf map-route search-api.
type unmapOldApp struct{ *Site }

func (u *unmapOldApp) Check() []runner.Task {
	return append(u.ordinary(toBoth, toGreen),
		u.waitsFor(stageMapLiveRoute, "the new app is not on the live routes", runner.Task{
			Name: "the new app has at least the old one's routable instances", Wait: u.Settings.RouteTimeout, Do: u.enough,
		}),
		u.countsHold(u.Settings.VerifyTimeout),
	)
}

func (u *unmapOldApp) enough(ctx context.Context, o *runner.Observation) error {
	b, _, _, err := u.needBlue(ctx)
	if err != nil {
		return err
	}
	app, err := u.needGreen(ctx)
	if err != nil {
		return err
	}
	if app.State == cloudfoundry.Stopped {
		return runner.Refuse("the new app is stopped: somebody stopped it; cf start %s", app.Name)
	}
	have, _, err := u.routable(ctx, app.GUID)
	if err != nil {
		return err
	}
	was, _, err := u.routable(ctx, b.App)
	if err != nil {
		return err
	}
	o.Say("%d, and the old one %d", have, was)
	if have < max(was, 1) {
		return fmt.Errorf("the new app has %d routable instances, the old one %d; if it wants no more: cf scale %s -i %d", have, was, app.Name, was)
	}
	return nil
}

func (u *unmapOldApp) Plan(ctx context.Context) ([]runner.Task, error) {
	b, err := u.recorded()
	if err != nil {
		return nil, err
	}
	if _, err := u.needGreen(ctx); err != nil {
		return nil, err
	}
	var tasks []runner.Task
	for _, route := range b.Routes {
		now, err := u.liveNow(ctx, route)
		if err != nil {
			return nil, err
		}
		if now.Reaches(b.App) {
			tasks = append(tasks, u.unmapTask(b.Name, b.App, route))
		}
	}
	if len(tasks) == 0 && !u.timeOf(factDrained).IsZero() {
		return nil, nil
	}
	tasks = append(tasks, u.onEveryRouter("the old app", b.Routes, u.blueInstances, "is off", unknown)...)
	return append(tasks, u.drain(), u.last()), nil
}

// blueInstances is the old app and how many instances it should have.
func (s *Site) blueInstances(ctx context.Context) (string, int, error) {
	b, err := s.recorded()
	if err != nil {
		return "", 0, err
	}
	process, err := s.cf.Process(ctx, b.App)
	if err != nil {
		return "", 0, err
	}
	return b.App, process.Instances, nil
}

func (u *unmapOldApp) drain() runner.Task {
	return runner.Task{Name: "let the requests in flight end", Do: func(ctx context.Context, o *runner.Observation) error {
		o.Say("%s", u.Settings.Drain)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(u.Settings.Drain):
			return nil
		}
	}}
}

// last carries over what went to blue while both served, or in its last
// requests, and notes that it is done.
func (u *unmapOldApp) last() runner.Task {
	return runner.Task{
		Effect: runner.Changes, Name: "carry over what was written to the old app last",
		Do: func(ctx context.Context, o *runner.Observation) error {
			if err := u.catchUp(ctx, o, u.indices.Live()); err != nil {
				return err
			}
			u.entered(witness.After)
			return u.setTime(ctx, factDrained, u.cf.Now())
		},
	}
}

func (u *unmapOldApp) Verify() []runner.Task {
	return append(u.ordinary(toGreen), u.countsHold(0))
}

// Abort maps the old app back at once, as long as the last catch-up has not
// ended: until then it is the only one that surely has every write.
func (u *unmapOldApp) Abort(ctx context.Context) ([]runner.Task, error) {
	if !u.timeOf(factDrained).IsZero() {
		return nil, nil
	}
	return u.mapBack(ctx)
}

// Undo brings the old app level by a route of its own, maps it back and proves it:
// nobody meets an app that lacks what was changed. Where nobody serves it is
// mapped first.
func (u *unmapOldApp) Undo(ctx context.Context) ([]runner.Task, error) {
	b, err := u.recorded()
	if err != nil {
		return nil, err
	}
	states, err := u.liveStates(ctx, b)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(states, func(state string) bool { return state != toBlue }) {
		return nil, nil
	}
	urgent, err := u.unserved(ctx, states)
	if err != nil {
		return nil, err
	}
	if urgent {
		return u.mapBack(ctx)
	}
	tasks, err := u.growBack(ctx, b)
	if err != nil {
		return nil, err
	}
	level, err := u.level(ctx, b)
	if err != nil {
		return nil, err
	}
	mapping, err := u.onLive(ctx, b)
	return slices.Concat(tasks, level, mapping), err
}

// mapBack is the quick way: the old app is mapped at once, and gets what it lacks
// while it serves.
func (u *unmapOldApp) mapBack(ctx context.Context) ([]runner.Task, error) {
	b, err := u.recorded()
	if err != nil {
		return nil, err
	}
	tasks, err := u.onLive(ctx, b)
	if err != nil || len(tasks) == 0 {
		return nil, err
	}
	more, err := u.growBack(ctx, b)
	return append(append(tasks, more...), u.carryBack(b)), err
}

// onLive maps the old app to every live route, and proves it.
func (u *unmapOldApp) onLive(ctx context.Context, b blue) ([]runner.Task, error) {
	states, err := u.liveStates(ctx, b)
	if err != nil {
		return nil, err
	}
	name := u.nameOf(ctx, b)
	var tasks []runner.Task
	for i, route := range b.Routes {
		if states[i] == toGreen || states[i] == toNone {
			tasks = append(tasks, u.mapTask(name, b.App, route))
		}
	}
	if len(tasks) > 0 {
		tasks = append(tasks, u.onEveryRouter("the old app", b.Routes, u.blueInstances, "answers", served)...)
	}
	if !u.timeOf(factDrained).IsZero() {
		tasks = append(tasks, runner.Task{Effect: runner.Changes, Name: "note that the old app serves again", Do: func(ctx context.Context, _ *runner.Observation) error {
			return u.journal.Unset(ctx, u.run, factDrained)
		}})
	}
	return tasks, nil
}
