package situation

import (
	"context"
	"slices"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// users are who else uses blue's or green's service: apps and keys.
func (w *world) users(ctx context.Context) ([]report.Subject, error) {
	if w.reader.Backing == nil {
		return nil, nil
	}
	blue, err := w.otherUsers(ctx, w.blue.Service, false)
	if err != nil {
		return nil, err
	}
	var green []string
	if w.greenService != "" {
		green, err = w.otherUsers(ctx, w.greenService, w.awaitsRelease())
	}
	return []report.Subject{
		{Name: "blue-service-users", Now: joined(blue)}, {Name: "green-service-users", Now: joined(green)},
	}, err
}

// otherUsers are the apps, unless any may be bound, and the keys of a service.
func (w *world) otherUsers(ctx context.Context, service string, anyApp bool) ([]string, error) {
	bindings, err := w.reader.platform().Services.Bindings(ctx, cloudfoundry.BindingFilter{Instance: service})
	if err != nil {
		return nil, err
	}
	var all []string
	for _, b := range bindings {
		if w.part(b.AppGUID) == "" && !anyApp {
			all = append(all, "app "+upgrade.Describe(ctx, w.reader.platform(), b.AppGUID))
		}
	}
	keys, err := w.reader.platform().Services.ServiceKeys(ctx, service)
	for _, key := range keys {
		all = append(all, "key "+key.Name+" ("+key.GUID+")")
	}
	return all, err
}

// names are those that the run has not given: of its own objects, and of strangers
// that have a name which it needs.
func (w *world) names(ctx context.Context) ([]report.Subject, error) {
	apps, err := w.appsWithOurNames(ctx)
	if err != nil {
		return nil, err
	}
	services, err := w.servicesWithOurNames(ctx)
	if err != nil {
		return nil, err
	}
	now := "as expected"
	if odd := slices.Concat(w.renamed(), apps, services); len(odd) > 0 {
		now = joined(odd)
	}
	return []report.Subject{{Name: "names", Now: now}}, nil
}

// renamed are objects of the run that have a name which it does not give them.
func (w *world) renamed() []string {
	var odd []string
	n := w.reader.Names
	if w.app != nil && w.app.Name != w.blue.Name && w.app.Name != n.OldApp {
		odd = append(odd, "blue is named "+w.app.Name)
	}
	if w.service != nil && w.service.Name != w.blue.ServiceName && w.service.Name != n.OldService {
		odd = append(odd, "blue's service is named "+w.service.Name)
	}
	if w.green != nil && !w.awaitsRelease() && w.green.Name != n.NewApp && w.green.Name != n.LiveApp {
		odd = append(odd, "green is named "+w.green.Name)
	}
	return odd
}

// appsWithOurNames are strangers. While the run waits for a release, any app may have
// the live app's name, or one that is on the way there.
func (w *world) appsWithOurNames(ctx context.Context) ([]string, error) {
	var odd []string
	for _, name := range []string{w.reader.Names.LiveApp, w.reader.Names.OldApp, w.reader.Names.NewApp} {
		app, err := w.reader.platform().Apps.ByName(ctx, name)
		if err != nil {
			return nil, err
		}
		if app != nil && w.part(app.GUID) == "" && !w.awaitsRelease() {
			odd = append(odd, name+" is app "+app.GUID)
		}
	}
	return odd, nil
}

func (w *world) servicesWithOurNames(ctx context.Context) ([]string, error) {
	if w.reader.Backing == nil {
		return nil, nil
	}
	var odd []string
	for _, name := range []string{w.reader.Names.Service, w.reader.Names.OldService, w.reader.Names.NewService} {
		service, err := w.reader.platform().Services.ServiceInstanceByName(ctx, name)
		if err != nil {
			return nil, err
		}
		if service != nil && service.GUID != w.blue.Service && service.GUID != w.greenService {
			odd = append(odd, name+" is service "+service.GUID)
		}
	}
	return odd, nil
}
