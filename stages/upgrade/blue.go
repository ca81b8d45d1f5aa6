package upgrade

import (
	"context"
	"strings"

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
	// where the release was pushed by one, else a tag, which somebody may move. An app
	// of a buildpack has none.
	Image string `json:"image,omitempty"`
	// Droplet is the droplet that the app starts from; each release makes another. Of
	// an app of a buildpack it has the checksum of the bits, and which buildpacks made
	// them.
	Droplet    string      `json:"droplet,omitempty"`
	Checksum   string      `json:"checksum,omitempty"`
	Buildpacks []string    `json:"buildpacks,omitempty"`
	Instances  int         `json:"instances"`
	MemoryMB   int         `json:"memory_mb"`
	Routes     []LiveRoute `json:"routes"`
}

// Docker reports whether blue runs a docker image, not what a buildpack made.
func (b Blue) Docker() bool { return b.Image != "" }

// From is the droplet that blue starts from, as it is recorded.
func (b Blue) From() *cloudfoundry.Droplet {
	d := &cloudfoundry.Droplet{GUID: b.Droplet, Lifecycle: cloudfoundry.Buildpack, Image: b.Image, Checksum: b.Checksum, Buildpacks: b.Buildpacks}
	if b.Docker() {
		d.Lifecycle = cloudfoundry.Docker
	}
	return d
}

// LiveRoute is a route that blue had when the run began.
type LiveRoute struct {
	GUID    string `json:"guid"`
	Address string `json:"address"`
	// Answer is the status that blue gives to a request for the route's path, where that
	// is none that an app usually gives there: what green gives there is proved by it.
	Answer int `json:"answer,omitempty"`
}

// Blue returns blue as it is recorded.
func (r *Run) Blue() (Blue, error) {
	var b Blue
	if r.now == nil {
		return b, r.None()
	}
	return b, r.Decode(factBlue, &b)
}

// SetBlue records another app as blue: the one that a rollback made again.
func (r *Run) SetBlue(ctx context.Context, b Blue) error { return r.Set(ctx, factBlue, b) }

// BlueCanBeRebuilt reports whether the run has recorded what blue was made of.
func (r *Run) BlueCanBeRebuilt() bool { return r.Fact(FactBlueMadeOf) != "" }

// FindBlue reads the app that alone is behind the live route, with its image, size
// and routes: what check-stages record as blue. It refuses anything else.
func FindBlue(ctx context.Context, platform *cloudfoundry.Client, liveApp, liveRoute string) (Blue, error) {
	if strings.HasPrefix(liveRoute, "*.") {
		return Blue{}, runner.Misconfigure("%s stands for any host (LIVE_ROUTE): give a route with a host that people use; the others of the app are carried too", liveRoute)
	}
	route, err := platform.Routes.ByAddress(ctx, liveRoute)
	if err != nil {
		return Blue{}, err
	}
	if route == nil {
		return Blue{}, runner.Misconfigure("there is no route %s in this space (LIVE_ROUTE)", liveRoute)
	}
	if len(route.Destinations) == 0 {
		return Blue{}, runner.Refuse("nobody answers: the live route %s leads to no app: cf map-route %s %s", liveRoute, liveApp, platform.Routes.Arguments(liveRoute))
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
	switch {
	case droplet == nil:
		return Blue{}, runner.Refuse("app %s has no droplet: nothing was pushed to it", b.Name)
	case droplet.Lifecycle != cloudfoundry.Docker && droplet.Lifecycle != cloudfoundry.Buildpack:
		return Blue{}, runner.Refuse("app %s has lifecycle %s; only apps of a docker image or of a buildpack can be copied", b.Name, droplet.Lifecycle)
	case droplet.Image == "" && droplet.Checksum == "":
		return Blue{}, runner.Refuse("the platform tells neither image nor checksum of droplet %s of app %s, so no copy of it could be checked", droplet.GUID, b.Name)
	}
	b.Image, b.Droplet, b.Checksum, b.Buildpacks = droplet.Image, droplet.GUID, droplet.Checksum, droplet.Buildpacks
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
		all = append(all, LiveRoute{GUID: r.GUID, Address: r.Address})
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
