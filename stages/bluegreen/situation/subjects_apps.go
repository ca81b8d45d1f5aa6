package situation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/bluegreen/traffic"
	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// reading is one thing about an app; hidden is compared like now, and never shown.
type reading func(ctx context.Context, app string) (now, hidden string, err error)

// blueSubjects are blue, its service, and what green is made of. Once the run's own
// stages delete blue, what is left of it is not compared: a deletion takes time.
func (w *world) blueSubjects(ctx context.Context) ([]report.Subject, error) {
	who := report.Subject{Name: "blue", Now: "app " + w.blue.App}
	if w.reader.Backing != nil {
		who.Now += " on service " + w.blue.Service
		if w.service == nil && !w.serviceMayBeDeleted() {
			who.Now += ", which is deleted"
		}
	}
	if w.app == nil && !w.appMayBeDeleted() {
		who.Now += "; the app is deleted"
	}
	all := []report.Subject{who}
	for _, one := range []struct {
		name string
		gone bool
		read reading
	}{
		{"blue-size", w.reached(upgrade.OnLiveRoutes), w.size},
		{"blue-image", w.appMayBeDeleted(), w.droplet},
		{"blue-bindings", w.appMayBeDeleted(), w.bindings},
		{"blue-variables", w.appMayBeDeleted(), w.variables},
		{"blue-policies", w.appMayBeDeleted(), w.policies},
	} {
		subject := report.Subject{Name: one.name, None: "no longer compared", Gone: one.gone}
		if w.app != nil && !one.gone {
			var err error
			if subject.Now, subject.Hidden, err = one.read(ctx, w.blue.App); err != nil {
				return nil, err
			}
		}
		all = append(all, subject)
	}
	return all, nil
}

// size is compared until green is on the live routes: it gets blue's size when it is
// built, and again before it serves.
func (w *world) size(ctx context.Context, app string) (string, string, error) {
	p, err := w.reader.platform().Apps.Process(ctx, app)
	if err != nil {
		return "", "", err
	}
	return traffic.Size(p), "", nil
}

func (w *world) droplet(ctx context.Context, app string) (string, string, error) {
	droplet, err := w.reader.platform().Apps.CurrentDroplet(ctx, app)
	if err != nil {
		return "", "", err
	}
	if droplet == nil {
		return "none", "", nil
	}
	if droplet.Image == "" {
		return droplet.What(), "", nil
	}
	return droplet.Image + " (droplet " + droplet.GUID + ")", "", nil
}

// bindings are the services that an app is bound to, by GUID.
func (w *world) bindings(ctx context.Context, app string) (string, string, error) {
	bindings, err := w.reader.platform().Services.Bindings(ctx, cloudfoundry.BindingFilter{App: app})
	if err != nil {
		return "", "", err
	}
	var all []string
	for _, b := range bindings {
		all = append(all, strings.TrimSpace(b.InstanceGUID+" "+b.Name))
	}
	return joined(all), "", nil
}

// variables are blue's, by name; their values are hidden. The one that the run
// changes, so that blue finds its renamed service, counts as what it was before.
func (w *world) variables(ctx context.Context, app string) (string, string, error) {
	env, err := w.reader.platform().Apps.Environment(ctx, app)
	if err != nil {
		return "", "", err
	}
	all := maps.Clone(env.User)
	if w.reader.Backing != nil {
		name, value, err := w.reader.Backing.VariableBefore()
		if err != nil {
			return "", "", err
		}
		if name != "" && all[name] == w.reader.Names.OldService {
			delete(all, name)
			if value != nil {
				all[name] = *value
			}
		}
	}
	names, values := sorted(all)
	return names, values, nil
}

func (w *world) policies(ctx context.Context, app string) (string, string, error) {
	policies, err := w.reader.platform().Space.NetworkPolicies(ctx, app)
	var all []string
	for _, p := range policies {
		all = append(all, fmt.Sprintf("%s to %s %s %d-%d", p.SourceGUID, p.DestinationGUID, p.Protocol, p.Start, p.End))
	}
	return joined(all), "", err
}

// greenSubjects are green and its service, from when on they are complete, and after
// a release the app that serves in green's place.
func (w *world) greenSubjects(ctx context.Context) ([]report.Subject, error) {
	service := report.Subject{Name: "green-service", Was: []string{""}}
	if w.reached(upgrade.ServiceCreated) {
		service.Now = w.greenService
	}
	green := report.Subject{Name: "green", Was: []string{""}, None: "replaced by a release", Gone: w.reached(upgrade.BlueRemoved)}
	released := report.Subject{Name: "released-app", Was: []string{""}}
	var err error
	if w.reached(upgrade.GreenBuilt) && !green.Gone {
		if green.Now, green.Hidden, err = w.greenNow(ctx); err != nil {
			return nil, err
		}
	}
	if w.released != "" {
		var image string
		image, err = w.image(ctx, w.released)
		released.Now = "app " + w.released + ", " + image
	}
	if w.reader.Backing == nil {
		return []report.Subject{green, released}, err
	}
	return []report.Subject{service, green, released}, err
}

func (w *world) greenNow(ctx context.Context) (now, hidden string, err error) {
	if w.green == nil {
		return "deleted", "", nil
	}
	bound, _, err := w.bindings(ctx, w.green.GUID)
	if err != nil {
		return "", "", err
	}
	env, err := w.reader.platform().Apps.Environment(ctx, w.green.GUID)
	if err != nil {
		return "", "", err
	}
	image, err := w.image(ctx, w.green.GUID)
	names, values := sorted(env.User)
	return fmt.Sprintf("app %s, %s, services %s, variables %s", w.green.GUID, image, bound, names), values, err
}

func (w *world) image(ctx context.Context, app string) (string, error) {
	droplet, err := w.reader.platform().Apps.CurrentDroplet(ctx, app)
	if err != nil {
		return "", err
	}
	if droplet == nil {
		return "no droplet", nil
	}
	return droplet.What(), nil
}

// sorted are the names of variables, and their values in the same order.
func sorted(variables map[string]string) (names, values string) {
	order := slices.Sorted(maps.Keys(variables))
	for _, name := range order {
		values += fmt.Sprintf("%q ", variables[name])
	}
	return joined(order), values
}
