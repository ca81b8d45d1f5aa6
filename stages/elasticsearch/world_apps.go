package elasticsearch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade/report"
)

// theOldApp is blue and its service, and what green is made of. Once the run's own
// steps delete blue, what is left of it says nothing: a deletion takes its time.
func (w *world) theOldApp(ctx context.Context) ([]report.Subject, error) {
	who := report.Subject{Name: "old-app", Now: "app " + w.blue.App + " on service " + w.blue.Service}
	made := []report.Subject{{Name: "old-image"}, {Name: "old-bindings"}, {Name: "old-variables"}, {Name: "old-policies"}}
	if w.service == nil && !w.done(stageReindex) {
		who.Now += ", which is deleted"
	}
	if w.app == nil && !w.mayBeGone() {
		who.Now += "; the app is deleted"
	}
	for i, read := range []func(context.Context) (now, hidden string, err error){w.image, w.bindings, w.variables, w.policiesOf} {
		made[i].Gone, made[i].None = w.mayBeGone(), "not asked for any more"
		if w.app == nil || w.mayBeGone() {
			continue
		}
		var err error
		if made[i].Now, made[i].Hidden, err = read(ctx); err != nil {
			return nil, err
		}
	}
	size, err := w.size(ctx)
	return append([]report.Subject{who, size}, made...), err
}

func (w *world) image(ctx context.Context) (string, string, error) {
	droplet, err := w.cf.CurrentDroplet(ctx, w.blue.App)
	if err != nil {
		return "", "", err
	}
	if droplet == nil {
		return "none", "", nil
	}
	return droplet.Image + " (droplet " + droplet.GUID + ")", "", nil
}

func (w *world) bindings(ctx context.Context) (string, string, error) {
	now, err := w.boundTo(ctx, w.blue.App)
	return now, "", err
}

// boundTo lists the services that an app is bound to, by GUID.
func (s *Site) boundTo(ctx context.Context, app string) (string, error) {
	bindings, err := s.cf.Bindings(ctx, cloudfoundry.BindingFilter{App: app})
	if err != nil {
		return "", err
	}
	var all []string
	for _, b := range bindings {
		all = append(all, strings.TrimSpace(b.InstanceGUID+" "+b.Name))
	}
	return listed(all), nil
}

// variables are blue's, by name; their values are hidden. The one that step 13
// changes counts as what it was before.
func (w *world) variables(ctx context.Context) (string, string, error) {
	env, err := w.cf.Environment(ctx, w.blue.App)
	if err != nil {
		return "", "", err
	}
	all := maps.Clone(env.User)
	was, err := w.variableWas()
	if err != nil {
		return "", "", err
	}
	if was != nil && all[was.Name] == w.Settings.OldService {
		delete(all, was.Name)
		if was.Value != nil {
			all[was.Name] = *was.Value
		}
	}
	names, values := listedEnv(all)
	return names, values, nil
}

func (w *world) policiesOf(ctx context.Context) (string, string, error) {
	policies, err := w.cf.NetworkPolicies(ctx, w.blue.App)
	var all []string
	for _, p := range policies {
		all = append(all, fmt.Sprintf("%s to %s %s %d-%d", p.SourceGUID, p.DestinationGUID, p.Protocol, p.Start, p.End))
	}
	return listed(all), "", err
}

// theNewApp is green and its service, from when on they are complete. After step
// 17 a release takes green's place; from 18 on it is that app that serves.
func (w *world) theNewApp(ctx context.Context) ([]report.Subject, error) {
	service := report.Subject{Name: "new-service", Was: []string{""}}
	if w.done(stageCreateService) {
		service.Now = w.newGUID
	}
	app := report.Subject{Name: "new-app", Was: []string{""}, None: "replaced", Gone: w.done(stageRemoveOldApp)}
	released := report.Subject{Name: "released-app", Was: []string{""}}
	var err error
	if w.next != "" {
		if released.Now, err = w.releasedNow(ctx); err != nil {
			return nil, err
		}
	}
	if !w.done(stagePushApp) || w.done(stageRemoveOldApp) {
		return []report.Subject{service, app, released}, nil
	}
	app.Now, app.Hidden, err = w.greenNow(ctx)
	return []report.Subject{service, app, released}, err
}

func (w *world) releasedNow(ctx context.Context) (string, error) {
	image, err := w.imageOf(ctx, w.next)
	return "app " + w.next + ", image " + image, err
}

func (w *world) greenNow(ctx context.Context) (now, hidden string, err error) {
	if w.green == nil {
		return "deleted", "", nil
	}
	bound, err := w.boundTo(ctx, w.green.GUID)
	if err != nil {
		return "", "", err
	}
	env, err := w.cf.Environment(ctx, w.green.GUID)
	if err != nil {
		return "", "", err
	}
	image, err := w.imageOf(ctx, w.green.GUID)
	if err != nil {
		return "", "", err
	}
	names, values := listedEnv(env.User)
	return fmt.Sprintf("app %s, image %s, services %s, variables %s", w.green.GUID, image, bound, names), values, nil
}

// imageOf is the image of an app.
func (s *Site) imageOf(ctx context.Context, app string) (string, error) {
	droplet, err := s.cf.CurrentDroplet(ctx, app)
	if err != nil {
		return "", err
	}
	if droplet == nil {
		return "none", nil
	}
	return droplet.Image, nil
}

// listedEnv are the names of variables, and their values in the same order.
func listedEnv(variables map[string]string) (names, values string) {
	sorted := slices.Sorted(maps.Keys(variables))
	for _, name := range sorted {
		values += fmt.Sprintf("%q ", variables[name])
	}
	return listed(sorted), values
}
