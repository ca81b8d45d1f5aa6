package release

import (
	"context"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// HalfWay is a release whose app has routes already and does not have the live app's
// name yet: it is under way, or was cut off. The release job must not be run then: it
// pushes that app again without routes, and so takes them from an app that serves.
// A cut-off release is finished or undone by hand.
type HalfWay struct {
	// Serving are the apps on the routes, for people, and Next is the release's.
	Serving, Next string
	// Finish are the commands that finish the release; "" where its app does not run.
	// Undo are those that undo it; "" where the app that it replaces is deleted.
	Finish, Undo string
}

// Error says who serves, and what to type.
func (h *HalfWay) Error() string {
	return "a release is under way, or stopped half-way: the live routes lead to " + h.Serving +
		", and releasing again would take the routes from " + h.Next + "; if no release job runs, " + strings.Join(h.ways(), "; or ")
}

// ByHand are the commands that finish the release, or else undo it.
func (h *HalfWay) ByHand() string {
	if h.Finish != "" {
		return h.Finish
	}
	return h.Undo
}

func (h *HalfWay) ways() []string {
	var ways []string
	if h.Finish != "" {
		ways = append(ways, "finish it: "+h.Finish)
	}
	if h.Undo != "" {
		ways = append(ways, "undo it: "+h.Undo)
	}
	return ways
}

// FindHalfWay looks for a release of the live app that is under way or was cut off once
// its app had routes; nil where there is none. Before that nothing serves from the
// release's app, and it can be released again. live are addresses that must lead to the
// live app besides those that lead to it, or to the release's app, now.
func FindHalfWay(ctx context.Context, platform *cloudfoundry.Client, liveApp string, live []string) (*HalfWay, error) {
	next, err := platform.Apps.ByName(ctx, liveApp+inProgress)
	if err != nil || next == nil {
		return nil, err
	}
	has, err := addresses(ctx, platform, next)
	if err != nil || len(has) == 0 {
		return nil, err
	}
	old, err := platform.Apps.ByName(ctx, liveApp)
	if err != nil {
		return nil, err
	}
	had, err := addresses(ctx, platform, old)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(live, has, had)
	slices.Sort(all)
	all = slices.Compact(all)

	h := &HalfWay{Serving: next.Name + " (" + next.GUID + ") alone", Next: next.Name}
	if len(had) > 0 {
		h.Serving = old.Name + " (" + old.GUID + ") and " + next.Name + " (" + next.GUID + ")"
	}
	if old != nil {
		h.Undo = commands(start(old), onEach(platform, "map", old, without(all, had)), onEach(platform, "unmap", next, has))
	}
	ready, instances, err := upgrade.Routable(ctx, platform, next.GUID)
	if err != nil {
		return nil, err
	}
	if old != nil && (ready == 0 || ready < len(instances)) {
		return h, nil
	}
	h.Finish = commands(onEach(platform, "map", next, without(all, has)), retire(platform, old, had), []string{"cf rename " + next.Name + " " + liveApp})
	return h, nil
}

// addresses are those of an app's routes; none where there is no app.
func addresses(ctx context.Context, platform *cloudfoundry.Client, app *cloudfoundry.App) ([]string, error) {
	if app == nil {
		return nil, nil
	}
	routes, err := platform.Routes.OfApp(ctx, app.GUID)
	var all []string
	for _, route := range routes {
		all = append(all, route.Address)
	}
	slices.Sort(all)
	return all, err
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool { return slices.Contains(some, one) })
}

// start are the commands that start an app where it is stopped.
func start(app *cloudfoundry.App) []string {
	if app.State == cloudfoundry.Started {
		return nil
	}
	return []string{"cf start " + app.Name}
}

// retire are the commands that take the old app off its routes, let its requests end,
// and delete it, as the release job does.
func retire(platform *cloudfoundry.Client, old *cloudfoundry.App, had []string) []string {
	if old == nil {
		return nil
	}
	all := onEach(platform, "unmap", old, had)
	if len(had) > 0 {
		all = append(all, "sleep 60")
	}
	return append(all, "cf delete "+old.Name+" -f")
}

// onEach maps or unmaps an app on each of some addresses.
func onEach(platform *cloudfoundry.Client, verb string, app *cloudfoundry.App, addresses []string) []string {
	var all []string
	for _, address := range addresses {
		all = append(all, "cf "+verb+"-route "+app.Name+" "+platform.Routes.Arguments(address))
	}
	return all
}

func commands(lists ...[]string) string {
	return strings.Join(slices.Concat(lists...), "; ")
}

// refuseHalfWay refuses where a release is under way or was cut off half-way. Waiting
// may resolve it.
func (r *Release) refuseHalfWay(ctx context.Context) error {
	b, err := r.run().Blue()
	if err != nil {
		return err
	}
	half, err := FindHalfWay(ctx, r.platform(), r.Names.LiveApp, b.Addresses())
	if err != nil || half == nil {
		return err
	}
	return runner.MayPass(runner.Refuse("%w", half))
}
