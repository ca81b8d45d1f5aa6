package situation

import (
	"context"
	"fmt"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// routes are the live routes with the strangers on them, the other routes of blue and
// green, and how far the live traffic has moved.
func (w *world) routes(ctx context.Context) ([]report.Subject, error) {
	var live []string
	order := []string{string(upgrade.ToBlue), string(upgrade.ToBoth), string(upgrade.ToGreen)}
	slowest := len(order) - 1
	for _, route := range w.blue.Routes {
		text, traffic, err := w.liveRoute(ctx, route)
		if err != nil {
			return nil, err
		}
		live, slowest = append(live, text), min(slowest, slices.Index(order, string(traffic)))
	}
	others, err := w.otherRoutes(ctx)
	return []report.Subject{
		{Name: "routes", Now: joined(live)},
		{Name: "other-routes", Now: joined(others)},
		{Name: "traffic", Now: order[slowest], Was: order[:slowest]},
	}, err
}

// liveRoute says of a live route what is not of this run, and where it leads: to blue,
// both or green. One that is deleted has not moved.
func (w *world) liveRoute(ctx context.Context, route upgrade.LiveRoute) (text string, at upgrade.Traffic, err error) {
	text = route.Address + " (" + route.GUID + ")"
	now, err := w.reader.platform().Routes.Get(ctx, route.GUID)
	if cloudfoundry.IsNotFound(err) {
		return text + " is deleted", upgrade.ToBlue, nil
	}
	if err != nil {
		return "", "", err
	}
	if len(now.Destinations) == 0 {
		text += " leads to nobody"
	}
	for _, stranger := range w.strangers(ctx, now) {
		text += " leads to app " + stranger
	}
	service, err := w.reader.platform().Routes.ServiceOf(ctx, route.GUID)
	if err != nil {
		return "", "", err
	}
	if service != nil {
		text += " through route service " + service.InstanceGUID
	}
	switch {
	case !now.Reaches(w.blue.App):
		return text, upgrade.ToGreen, nil
	case w.green != nil && now.Reaches(w.green.GUID):
		return text, upgrade.ToBoth, nil
	}
	return text, upgrade.ToBlue, nil
}

// strangers are the apps on a live route that are not of the run, in one order. While
// the run waits for a release there are none.
func (w *world) strangers(ctx context.Context, route *cloudfoundry.Route) []string {
	if w.awaitsRelease() {
		return nil
	}
	var all []string
	for _, d := range route.Destinations {
		if w.part(d.AppGUID) == "" {
			all = append(all, upgrade.Describe(ctx, w.reader.platform(), d.AppGUID))
		}
	}
	slices.Sort(all)
	return all
}

// otherRoutes are routes of blue and green that the run does not know, and who else
// is on the temporary route.
func (w *world) otherRoutes(ctx context.Context) ([]string, error) {
	var all []string
	for _, app := range []*cloudfoundry.App{w.app, w.green} {
		some, err := w.unknownRoutes(ctx, app)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	route, err := w.reader.platform().Routes.ByAddress(ctx, w.reader.Names.TemporaryRoute)
	if err != nil || route == nil {
		return all, err
	}
	for _, d := range route.Destinations {
		if w.green == nil || d.AppGUID != w.green.GUID {
			all = append(all, route.Address+" leads to app "+upgrade.Describe(ctx, w.reader.platform(), d.AppGUID))
		}
	}
	return all, nil
}

// unknownRoutes are the routes of an app that are neither live routes nor made by the
// run. The app may be nil.
func (w *world) unknownRoutes(ctx context.Context, app *cloudfoundry.App) ([]string, error) {
	if app == nil {
		return nil, nil
	}
	routes, err := w.reader.platform().Routes.OfApp(ctx, app.GUID)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, route := range routes {
		isLive := slices.ContainsFunc(w.blue.Routes, func(live upgrade.LiveRoute) bool { return live.GUID == route.GUID })
		if !isLive && !w.reader.run().Owns(route.Metadata) {
			all = append(all, fmt.Sprintf("%s leads to %s", route.Address, w.part(app.GUID)))
		}
	}
	return all, nil
}
