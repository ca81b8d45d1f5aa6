package clone_test

import (
	"errors"
	"maps"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

func errorOf(instances []cloudfoundry.Instance) error {
	return errors.New("instances are " + upgrade.States(instances))
}

// made is what an app is made of, as far as one made from another is to equal it.
type made struct {
	Image     string
	Instances int
	MemoryMB  int
	Health    string
	Env       map[string]string
	// Services are the names under which the app sees its services, by GUID.
	Services map[string]string
	// Policies are without the app's own GUID.
	Policies []cloudfoundry.NetworkPolicy
}

func (w *world) madeOf(app string) made {
	w.Helper()
	process := must(w.cf.Apps.Process(w.ctx, app))(w)
	env := must(w.cf.Apps.Environment(w.ctx, app))(w)
	m := made{
		Image: must(w.cf.Apps.CurrentDroplet(w.ctx, app))(w).Image, Instances: process.Instances, MemoryMB: process.MemoryMB,
		Health: process.HealthCheckEndpoint, Env: env.User, Services: map[string]string{},
	}
	for _, s := range env.Services {
		m.Services[s.InstanceGUID] = s.Name
	}
	for _, p := range must(w.cf.Space.NetworkPolicies(w.ctx, app))(w) {
		if p.SourceGUID == app {
			p.SourceGUID = "it"
		}
		if p.DestinationGUID == app {
			p.DestinationGUID = "it"
		}
		m.Policies = append(m.Policies, p)
	}
	return m
}

// asGreen is what green is to be made of where blue is made of this.
func (m made) asGreen(blues, greens string) made {
	m.Image = newImage
	m.Env, m.Services = maps.Clone(m.Env), maps.Clone(m.Services)
	m.Env[variable] = replacedName
	delete(m.Services, blues)
	m.Services[greens] = replacedName
	return m
}

// built makes green, and returns it.
func (w *world) built() *cloudfoundry.App {
	w.Helper()
	w.apply(w.green.Tasks(w.ctx))
	return must(w.pair.NeedGreen(w.ctx))(w)
}

func (w *world) blue() upgrade.Blue {
	w.Helper()
	return must(w.run.Blue())(w)
}

// servedByGreen maps the live routes to green alone.
func (w *world) servedByGreen(green *cloudfoundry.App) {
	w.Helper()
	b := w.blue()
	for _, route := range b.Routes {
		w.ok(w.cf.Routes.Map(w.ctx, route.GUID, green.GUID))
		w.ok(w.cf.Routes.Unmap(w.ctx, route.GUID, b.App))
	}
}
