package upgrade

import (
	"context"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Blue is what was live when the run began, as the run records it. Objects are known
// by GUID: names change during the run.
type Blue struct {
	App  string `json:"app"`
	Name string `json:"name"`
	// Service is the backing service that is replaced, with its name when the run
	// began and the name of its binding; all "" in a runbook that replaces none.
	Service     string `json:"service,omitempty"`
	ServiceName string `json:"service_name,omitempty"`
	BindingName string `json:"binding_name,omitempty"`
	// Image is the reference that the platform starts instances from: with a digest
	// where the release was pushed by one, else a tag, which somebody may move.
	Image     string      `json:"image"`
	Instances int         `json:"instances"`
	MemoryMB  int         `json:"memory_mb"`
	Routes    []LiveRoute `json:"routes"`
}

// LiveRoute is a route that blue had when the run began.
type LiveRoute struct {
	GUID    string `json:"guid"`
	Address string `json:"address"`
}

// Blue returns blue as it is recorded.
func (r *Run) Blue() (Blue, error) {
	var b Blue
	if r.now == nil {
		return b, r.None()
	}
	return b, r.Decode(factBlue, &b)
}

// Addresses are those of the live routes.
func (b Blue) Addresses() []string {
	var all []string
	for _, route := range b.Routes {
		all = append(all, route.Address)
	}
	return all
}

// SetBlue records another app as blue: the one that a rollback made again.
func (r *Run) SetBlue(ctx context.Context, b Blue) error { return r.Set(ctx, factBlue, b) }

// BlueCanBeRebuilt reports whether the run has recorded what blue was made of.
func (r *Run) BlueCanBeRebuilt() bool { return r.Fact(FactBlueMadeOf) != "" }

// FindBlue reads the app that alone is behind the live route, with its image, size
// and routes: what check-stages record as blue. It refuses anything else.
func FindBlue(ctx context.Context, platform *cloudfoundry.Client, liveApp, liveRoute string) (Blue, error) {
	route, err := platform.Routes.ByAddress(ctx, liveRoute)
	if err != nil {
		return Blue{}, err
	}
	if route == nil {
		return Blue{}, runner.Misconfigure("there is no route %s in this space (LIVE_ROUTE)", liveRoute)
	}
	if len(route.Destinations) != 1 {
		return Blue{}, runner.Refuse("the live route %s leads to %d apps; a run begins with one", liveRoute, len(route.Destinations))
	}
	app, err := platform.Apps.Get(ctx, route.Destinations[0].AppGUID)
	if err != nil {
		return Blue{}, err
	}
	if app.Name != liveApp {
		return Blue{}, runner.Refuse("the live route %s leads to app %s, not %s (LIVE_APP): a release or an earlier run is under way", liveRoute, app.Name, liveApp)
	}
	b := Blue{App: app.GUID, Name: app.Name}
	process, err := platform.Apps.Process(ctx, b.App)
	if err != nil {
		return Blue{}, err
	}
	b.Instances, b.MemoryMB = process.Instances, process.MemoryMB
	droplet, err := platform.Apps.CurrentDroplet(ctx, b.App)
	if err != nil {
		return Blue{}, err
	}
	if droplet == nil || droplet.Image == "" {
		return Blue{}, runner.Refuse("app %s does not run a docker image; only docker apps can be rebuilt from what the platform knows", b.Name)
	}
	b.Image = droplet.Image
	b.Routes, err = routesOf(ctx, platform, b.App)
	return b, err
}

// routesOf are all routes of an app, none of which may lead to another app as well.
func routesOf(ctx context.Context, platform *cloudfoundry.Client, app string) ([]LiveRoute, error) {
	routes, err := platform.Routes.OfApp(ctx, app)
	if err != nil {
		return nil, err
	}
	var all []LiveRoute
	for _, r := range routes {
		for _, d := range r.Destinations {
			if d.AppGUID != app {
				return nil, runner.Refuse("the live app's route %s leads to %s as well; a run begins with one app on each", r.Address, Describe(ctx, platform, d.AppGUID))
			}
		}
		all = append(all, LiveRoute{r.GUID, r.Address})
	}
	return all, nil
}

// Describe is an app's name with its GUID, for people; the GUID alone where the
// name cannot be read.
func Describe(ctx context.Context, platform *cloudfoundry.Client, guid string) string {
	if app, err := platform.Apps.Get(ctx, guid); err == nil {
		return app.Name + " (" + guid + ")"
	}
	return guid
}
