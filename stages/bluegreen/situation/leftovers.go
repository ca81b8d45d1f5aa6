package situation

import (
	"context"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// RemovedBy says what removes an object that this run made, or its label.
func (r *Reader) RemovedBy(one cloudfoundry.Labelled) string {
	end := r.Called(r.run().StageOf(upgrade.Ended))
	isApp, isRoute := one.Kind == cloudfoundry.AppKind, one.Kind == cloudfoundry.RouteKind
	switch {
	case isRoute && one.Name == r.Names.TemporaryRoute:
		return r.Called(r.run().StageOf(upgrade.TemporaryOff)) + " deletes it"
	case isRoute || one.Labels[upgrade.RoleLabel] != upgrade.RoleGreen:
		return "made by a rollback, which removes it"
	case r.run().Reached(upgrade.Released) && isApp:
		return "a release replaced it and left it; " + end + " deletes it, and so does a rollback before"
	case r.run().Reached(upgrade.Released):
		return "stays, and loses its label with " + end + "; a rollback before leaves it to the released app"
	}
	return "stays, and loses its label with " + end + "; a rollback before deletes it"
}

// Replaced are blue and its service from when on green serves alone. They carry no label.
func (r *Reader) Replaced(ctx context.Context) ([]report.Leftover, error) {
	off, is := r.run().ReachedAt(upgrade.BlueOff)
	if !is {
		return nil, nil
	}
	b, app, err := r.Live.Pair.Blue(ctx)
	if err != nil {
		return nil, err
	}
	service, err := r.oldService(ctx, b)
	if err != nil {
		return nil, err
	}
	since := off.Ended.UTC().Truncate(time.Second)
	removal := r.Called(r.run().StageOf(upgrade.Ended)) + " deletes it; until then a rollback needs it"
	var all []report.Leftover
	if app != nil {
		all = append(all, report.Leftover{Kind: "app", Name: app.Name, GUID: app.GUID, Since: since, RemovedBy: removal})
	}
	if service != nil {
		all = append(all, report.Leftover{Kind: "service", Name: service.Name, GUID: service.GUID, Since: since, RemovedBy: removal})
	}
	return all, nil
}

// Watched are the objects whose changes by others are reported: blue, green, their
// services and the live routes.
func (r *Reader) Watched(ctx context.Context) (report.Watched, error) {
	b, err := r.run().Blue()
	if err != nil {
		return report.Watched{}, err
	}
	w := report.Watched{GUIDs: []string{b.App}, Names: []string{r.Names.NewApp}}
	for _, route := range b.Routes {
		w.GUIDs, w.Routes = append(w.GUIDs, route.GUID), append(w.Routes, route.GUID)
	}
	if green, err := r.Live.Pair.Green(ctx); err == nil && green != nil {
		w.GUIDs = append(w.GUIDs, green.GUID)
	}
	if r.Backing == nil {
		return w, nil
	}
	w.GUIDs, w.Names = append(w.GUIDs, b.Service), append(w.Names, r.Names.NewService)
	made, err := r.run().Services(ctx)
	for _, service := range made {
		w.GUIDs = append(w.GUIDs, service.GUID)
	}
	return w, err
}
