package elasticsearch

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/witness"
)

const mapLiveRouteHelp = `Gives the new app as many instances as the old one has by now, carries over what was changed since the last catch-up, sees that the counts hold, and maps every live route, those with a path too, to the new app as well. From then on both apps serve. Proves that each instance of the new app answers on the live host, over enough fresh connections to have met every router. If that fails, the new app is taken off the live routes at once.

Refuses where an instance of the new app has less memory or disk than one of the old app.

By hand: cf map-route elasticsearch-migration cloudapps.digital --hostname dm-search-api-<stage>.`

// mapLiveRoute puts green beside blue. To undo it by hand: cf unmap-route.
type mapLiveRoute struct{ *Site }

func (m *mapLiveRoute) Check() []runner.Task {
	return append(m.ordinary(toBlue, toBoth), m.stands(), m.roomy(), m.countsHold(m.Settings.VerifyTimeout))
}

func (m *mapLiveRoute) Plan(ctx context.Context) ([]runner.Task, error) {
	app, err := m.needGreen(ctx)
	if err != nil {
		return nil, err
	}
	missing, err := m.routes(ctx, func(r *cloudfoundry.Route) bool { return !r.Reaches(app.GUID) })
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	tasks, err := m.grow(ctx, app)
	if err != nil {
		return nil, err
	}
	if m.Settings.SmokeTest != "" {
		tasks = append(tasks, m.smokeTest())
	}
	tasks = append(tasks, m.catchUpTask("carry over what was changed"), m.countsHold(m.Settings.VerifyTimeout))
	if m.timeOf(factShared).IsZero() {
		tasks = append(tasks, m.noteShared())
	}
	for _, route := range missing {
		tasks = append(tasks, m.mapTask(m.Settings.NewApp, app.GUID, route))
	}
	return tasks, nil
}

// noteShared notes up to when blue alone got the live writes, and how true it was
// then: a way back carries over to blue what came after.
func (m *mapLiveRoute) noteShared() runner.Task {
	return runner.Task{Effect: runner.Changes, Name: "note from when on both apps get live writes", Do: func(ctx context.Context, o *runner.Observation) error {
		at := m.timeOf(factCursor)
		drift, err := m.noteDrift(ctx)
		if err != nil {
			return err
		}
		m.entered(witness.During)
		o.Say("%s", at.Format("15:04:05 MST"))
		return m.journal.SetAll(ctx, m.run, map[string]string{factShared: stamp(at), factDrift: drift})
	}}
}

// routes are the live routes for which choose says yes.
func (m *mapLiveRoute) routes(ctx context.Context, choose func(*cloudfoundry.Route) bool) ([]liveRoute, error) {
	b, err := m.recorded()
	if err != nil {
		return nil, err
	}
	var some []liveRoute
	for _, route := range b.Routes {
		now, err := m.liveNow(ctx, route)
		if err != nil {
			return nil, err
		}
		if choose(now) {
			some = append(some, route)
		}
	}
	return some, nil
}

func (m *mapLiveRoute) Verify() []runner.Task {
	b, err := m.recorded()
	if err != nil {
		return []runner.Task{{Name: "the run is there", Do: func(context.Context, *runner.Observation) error { return err }}}
	}
	return m.onEveryRouter("the new app", b.Routes, m.successorInstances, "answers", served)
}

// Abort takes green off the live routes at once.
func (m *mapLiveRoute) Abort(ctx context.Context) ([]runner.Task, error) { return m.off(ctx) }

// Undo takes green off the live routes, and deletes the route by which blue was
// brought level.
func (m *mapLiveRoute) Undo(ctx context.Context) ([]runner.Task, error) {
	tasks, err := m.off(ctx, m.dropPrivate)
	if err != nil || !m.timeOf(factShared).IsZero() {
		return tasks, err
	}
	b, err := m.recorded()
	if err != nil {
		return nil, err
	}
	route, err := m.cf.RouteByAddress(ctx, m.Settings.PrivateRoute)
	if err == nil && route != nil && m.ours(route.Metadata) {
		tasks = append(tasks, m.dropPrivate(b))
	}
	return tasks, err
}

// off takes green off the live routes, one by one, each only when blue is there, or
// what was released in its place: a live route is never left to nobody. Then what
// was written to green meanwhile is carried over to it, and what is left to do is done.
func (m *mapLiveRoute) off(ctx context.Context, then ...func(blue) runner.Task) ([]runner.Task, error) {
	b, err := m.recorded()
	if err != nil {
		return nil, err
	}
	tasks, err := m.takeOff(ctx, b)
	if err != nil || m.timeOf(factShared).IsZero() {
		return tasks, err
	}
	tasks = append(tasks, m.carryBack(b))
	for _, task := range then {
		tasks = append(tasks, task(b))
	}
	return append(tasks, m.forgetShared()), nil
}

func (m *mapLiveRoute) takeOff(ctx context.Context, b blue) ([]runner.Task, error) {
	app, err := m.successor(ctx)
	if err != nil || app == nil {
		return nil, err
	}
	mapped, err := m.routes(ctx, func(r *cloudfoundry.Route) bool { return r.Reaches(app.GUID) })
	if err != nil || len(mapped) == 0 {
		return nil, err
	}
	heir, err := m.needHeir(ctx, b)
	if err != nil {
		return nil, err
	}
	who := "the old app"
	if heir.GUID != b.App {
		who = "the released app " + heir.Name
	}
	// Mapped is not served: only an answer of its own on every router is proof.
	tasks := m.onEveryRouter(who, mapped, m.heirInstances, "answers", served)
	for _, route := range mapped {
		task := m.unmapTask(app.Name, app.GUID, route)
		unmap := task.Do
		task.Do = func(ctx context.Context, o *runner.Observation) error {
			now, err := m.liveNow(ctx, route)
			if err != nil {
				return err
			}
			if !now.Reaches(heir.GUID) {
				return runner.Refuse("%s is not behind %s: map it there first", who, route.Address)
			}
			for _, d := range now.Destinations {
				if d.AppGUID != heir.GUID && d.AppGUID != app.GUID {
					return runner.Refuse("%s leads to %s as well, which is none of this run: unmap that first", route.Address, m.appName(ctx, d.AppGUID))
				}
			}
			return unmap(ctx, o)
		}
		tasks = append(tasks, task)
	}
	return append(tasks, m.onEveryRouter("the new app", mapped, m.successorInstances, "is off", unknown)...), nil
}

// forgetShared notes that blue alone gets the live writes again, and has them all.
func (m *mapLiveRoute) forgetShared() runner.Task {
	return runner.Task{
		Effect: runner.Changes, Name: "note that the old app has every live write",
		Do: func(ctx context.Context, _ *runner.Observation) error {
			return m.journal.Unset(ctx, m.run, factShared, factDrift)
		},
	}
}
