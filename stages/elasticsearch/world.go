package elasticsearch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// theRun is its id. A rollback makes the run the last one, so that neither what it
// left nor a run that begins after it is taken for the approved one.
func (w *world) theRun(ctx context.Context) ([]report.Subject, error) {
	before := "none"
	last, err := w.journal.LastRun(ctx)
	if err != nil {
		return nil, err
	}
	if last != nil {
		before = last.ID
	}
	run := report.Subject{Name: "run", None: "not begun", Was: []string{""}}
	if w.begun {
		run.Now = w.run.ID
	}
	return []report.Subject{run, {Name: "run-before", Now: before}}, nil
}

// theRoutes are the live routes with the strangers on them, other routes of the two
// apps, and how far the live traffic has moved.
func (w *world) theRoutes(ctx context.Context) ([]report.Subject, error) {
	var said []string
	order := []string{toBlue, toBoth, toGreen}
	furthest := len(order) - 1
	for _, route := range w.blue.Routes {
		text, at, err := w.liveRoute(ctx, route, order)
		if err != nil {
			return nil, err
		}
		said, furthest = append(said, text), min(furthest, at)
	}
	traffic := report.Subject{Name: "traffic", Now: order[furthest], Was: order[:furthest]}
	others, err := w.otherRoutes(ctx)
	if err != nil {
		return nil, err
	}
	return []report.Subject{{Name: "routes", Now: listed(said)}, {Name: "other-routes", Now: listed(others)}, traffic}, nil
}

// liveRoute tells of a live route what is not of this run, and how far it has moved.
func (w *world) liveRoute(ctx context.Context, route liveRoute, order []string) (text string, at int, err error) {
	text = route.Address + " (" + route.GUID + ")"
	now, err := w.cf.Route(ctx, route.GUID)
	if cloudfoundry.IsNotFound(err) {
		return text + " is deleted", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	if len(now.Destinations) == 0 {
		text += " leads to nobody"
	}
	var strangers []string
	for _, d := range now.Destinations {
		if w.part(d.AppGUID) == "" && !w.awaitsRelease() {
			strangers = append(strangers, w.appName(ctx, d.AppGUID))
		}
	}
	slices.Sort(strangers)
	for _, one := range strangers {
		text += " leads to app " + one
	}
	guard, err := w.cf.RouteService(ctx, route.GUID)
	if err != nil {
		return "", 0, err
	}
	if guard != nil {
		text += " guarded by " + guard.InstanceGUID
	}
	switch {
	case now.Reaches(w.blue.App) && w.green != nil && now.Reaches(w.green.GUID):
		return text, slices.Index(order, toBoth), nil
	case now.Reaches(w.blue.App):
		return text, slices.Index(order, toBlue), nil
	}
	return text, slices.Index(order, toGreen), nil
}

// otherRoutes are routes that the run does not know and one of its apps is on, and
// who is on the temporary route beside green.
func (w *world) otherRoutes(ctx context.Context) ([]string, error) {
	known := map[string]bool{}
	for _, route := range w.blue.Routes {
		known[route.GUID] = true
	}
	var apps []string
	if w.app != nil {
		apps = append(apps, w.blue.App)
	}
	if w.green != nil {
		apps = append(apps, w.green.GUID)
	}
	var all []string
	for _, app := range apps {
		routes, err := w.cf.RoutesOfApp(ctx, app)
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			if !known[r.GUID] && !(w.begun && w.ours(r.Metadata)) {
				all = append(all, fmt.Sprintf("%s leads to %s", r.Address, w.part(app)))
			}
		}
	}
	route, err := w.cf.RouteByAddress(ctx, w.Settings.TemporaryRoute)
	if err != nil || route == nil {
		return all, err
	}
	for _, d := range route.Destinations {
		if w.green == nil || d.AppGUID != w.green.GUID {
			all = append(all, route.Address+" leads to app "+w.appName(ctx, d.AppGUID))
		}
	}
	return all, nil
}

// theUsers are who else uses one of the two services: apps and keys.
func (w *world) theUsers(ctx context.Context) ([]report.Subject, error) {
	old, err := w.strangersTo(ctx, w.blue.Service)
	if err != nil {
		return nil, err
	}
	var now []string
	if w.newGUID != "" {
		if now, err = w.strangersTo(ctx, w.newGUID); err != nil {
			return nil, err
		}
	}
	return []report.Subject{{Name: "old-service-users", Now: listed(old)}, {Name: "new-service-users", Now: listed(now)}}, nil
}

func (w *world) strangersTo(ctx context.Context, service string) ([]string, error) {
	bindings, err := w.cf.Bindings(ctx, cloudfoundry.BindingFilter{Instance: service})
	if err != nil {
		return nil, err
	}
	var all []string
	for _, b := range bindings {
		if w.part(b.AppGUID) == "" && !(service == w.newGUID && w.awaitsRelease()) {
			all = append(all, "app "+w.appName(ctx, b.AppGUID))
		}
	}
	keys, err := w.cf.ServiceKeys(ctx, service)
	for _, k := range keys {
		all = append(all, "key "+k.Name+" ("+k.GUID+")")
	}
	return all, err
}

// theNames are names that the run has given to nobody: of its own objects, and
// those of strangers who have one that it needs.
func (w *world) theNames(ctx context.Context) ([]report.Subject, error) {
	var odd []string
	if w.app != nil && w.app.Name != w.blue.Name && w.app.Name != w.Settings.OldApp {
		odd = append(odd, "the old app is "+w.app.Name)
	}
	if w.service != nil && w.service.Name != w.blue.ServiceName && w.service.Name != w.Settings.OldService {
		odd = append(odd, "the old service is "+w.service.Name)
	}
	if w.green != nil && !w.awaitsRelease() && w.green.Name != w.Settings.NewApp && w.green.Name != w.Settings.LiveApp {
		odd = append(odd, "the new app is "+w.green.Name)
	}
	for _, name := range []string{w.Settings.LiveApp, w.Settings.OldApp, w.Settings.NewApp} {
		guid, err := w.appNamed(ctx, name)
		if err != nil {
			return nil, err
		}
		if guid != "" && w.part(guid) == "" && !w.awaitsRelease() {
			odd = append(odd, name+" is app "+guid)
		}
	}
	for _, name := range []string{w.Settings.Service, w.Settings.OldService, w.Settings.NewService} {
		guid, err := w.serviceNamed(ctx, name)
		if err != nil {
			return nil, err
		}
		if guid != "" && guid != w.blue.Service && guid != w.newGUID {
			odd = append(odd, name+" is service "+guid)
		}
	}
	if len(odd) == 0 {
		odd = []string{"as they should be"}
	}
	return []report.Subject{{Name: "names", Now: listed(odd)}}, nil
}

// awaitsRelease tells that the next app on the live routes is the release that the
// runbook has after step 17.
func (w *world) awaitsRelease() bool { return w.done(stageRemoveOldApp) && !w.done(stageAwaitRelease) }

// listed is a list in one order, so that it is the same whatever order it was read in.
func listed(all []string) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
