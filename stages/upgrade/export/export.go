// Package export describes a space for a rehearsal: what apps, routes and services
// there are, of which sizes and plans, and no secret.
package export

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Space is the shape of a space: what a rehearsal needs, and no secret. Of the
// environment there are names alone, of services neither credentials nor
// addresses.
type Space struct {
	Stage     string            `json:"stage"`
	Org       string            `json:"org"`
	Space     string            `json:"space"`
	LiveApp   string            `json:"live_app"`
	LiveRoute string            `json:"live_route"`
	Service   string            `json:"service"`
	Variable  string            `json:"service_variable"`
	Settings  map[string]string `json:"settings"`

	Domains       []string       `json:"domains"`
	Room          Room           `json:"room"`
	Offering      string         `json:"offering"`
	Plans         []string       `json:"plans"`
	Services      []Service      `json:"services"`
	Apps          []App          `json:"apps"`
	RouteServices []RouteService `json:"route_services"`
	Policies      []Policy       `json:"policies"`
	// Documents are the data API's totals by alias.
	Documents map[string]int `json:"documents"`
}

// Room is what the quotas leave; -1 is unlimited.
type Room struct {
	MemoryMB  int `json:"memory_mb"`
	Instances int `json:"instances"`
	Services  int `json:"services"`
	Routes    int `json:"routes"`
}

// Service is a service instance.
type Service struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Offering string   `json:"offering,omitempty"`
	Plan     string   `json:"plan,omitempty"`
	Tags     []string `json:"tags,omitempty"`
}

// App is an app with its routes, bindings and size.
type App struct {
	Name        string    `json:"name"`
	Image       string    `json:"image,omitempty"`
	Buildpacks  []string  `json:"buildpacks,omitempty"`
	Stopped     bool      `json:"stopped,omitempty"`
	Instances   int       `json:"instances"`
	MemoryMB    int       `json:"memory_mb"`
	DiskMB      int       `json:"disk_mb"`
	HealthCheck string    `json:"health_check"`
	Endpoint    string    `json:"health_check_endpoint,omitempty"`
	Variables   []string  `json:"variables,omitempty"` // of the live app: names without values
	Services    []Binding `json:"services,omitempty"`
	Routes      []string  `json:"routes,omitempty"`
}

// Binding is a service as an app sees it.
type Binding struct {
	Service string `json:"service"`
	Name    string `json:"name,omitempty"`
}

// RouteService binds a route to a service.
type RouteService struct {
	Route   string `json:"route"`
	Service string `json:"service"`
}

// Policy lets one app reach another.
type Policy struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Protocol string `json:"protocol"`
	Start    int    `json:"start"`
	End      int    `json:"end"`
}

func (s *Space) String() string {
	routes := 0
	for _, a := range s.Apps {
		routes += len(a.Routes)
	}
	return fmt.Sprintf("%s, %s, %s, no secret", runner.Count(len(s.Apps), "app", "apps"),
		runner.Count(len(s.Services), "service", "services"), runner.Count(routes, "route", "routes"))
}

// Read fills a space, which has the names of the live app and the offering already,
// from the platform. It writes nothing.
func Read(ctx context.Context, platform *cloudfoundry.Client, space *Space) error {
	target, err := platform.Space.Target(ctx)
	if err != nil {
		return err
	}
	space.Org, space.Space = target.Org, target.Space
	x := &exporter{platform: platform, out: space, names: map[string]string{}, domains: map[string]bool{}}
	for _, step := range []func(context.Context) error{x.market, x.services, x.apps, x.policies} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	space.Domains = slices.Sorted(maps.Keys(x.domains))
	return nil
}

// exporter knows the names of what it has met, by GUID.
type exporter struct {
	platform *cloudfoundry.Client
	out      *Space
	names    map[string]string
	domains  map[string]bool
}

func (x *exporter) market(ctx context.Context) error {
	plans, err := x.platform.Services.Plans(ctx, x.out.Offering)
	if err != nil {
		return err
	}
	for _, p := range plans {
		x.out.Plans = append(x.out.Plans, p.Name)
	}
	slices.Sort(x.out.Plans)
	room, err := x.platform.Space.Headroom(ctx)
	x.out.Room = Room{room.MemoryMB, room.Instances, room.Services, room.Routes}
	return err
}

// services leaves out the records of our own runs.
func (x *exporter) services(ctx context.Context) error {
	all, err := x.platform.Services.AllServiceInstances(ctx)
	if err != nil {
		return err
	}
	for _, i := range all {
		if strings.HasPrefix(i.Name, "cutover-"+x.out.LiveApp) {
			continue
		}
		x.names[i.GUID] = i.Name
		service := Service{Name: i.Name, Type: i.Type, Tags: i.Tags}
		if i.PlanGUID != "" {
			plan, err := x.platform.Services.Plan(ctx, i.PlanGUID)
			if err != nil {
				return err
			}
			service.Offering, service.Plan = plan.Offering, plan.Name
		}
		x.out.Services = append(x.out.Services, service)
	}
	return nil
}

func (x *exporter) apps(ctx context.Context) error {
	all, err := x.platform.Apps.All(ctx)
	if err != nil {
		return err
	}
	for _, a := range all {
		x.names[a.GUID] = a.Name
		app, err := x.app(ctx, a)
		if err != nil {
			return err
		}
		x.out.Apps = append(x.out.Apps, app)
	}
	return nil
}

func (x *exporter) app(ctx context.Context, a cloudfoundry.App) (App, error) {
	out := App{Name: a.Name, Stopped: a.State != cloudfoundry.Started}
	process, err := x.platform.Apps.Process(ctx, a.GUID)
	if err != nil {
		return out, err
	}
	out.Instances, out.MemoryMB, out.DiskMB = process.Instances, process.MemoryMB, process.DiskMB
	out.HealthCheck, out.Endpoint = process.HealthCheck, process.HealthCheckEndpoint
	droplet, err := x.platform.Apps.CurrentDroplet(ctx, a.GUID)
	if err != nil {
		return out, err
	}
	if droplet != nil {
		out.Image, out.Buildpacks = droplet.Image, droplet.Buildpacks
	}
	bindings, err := x.platform.Services.Bindings(ctx, cloudfoundry.BindingFilter{App: a.GUID})
	if err != nil {
		return out, err
	}
	for _, b := range bindings {
		out.Services = append(out.Services, Binding{x.names[b.InstanceGUID], b.Name})
	}
	if a.Name == x.out.LiveApp {
		env, err := x.platform.Apps.Environment(ctx, a.GUID)
		if err != nil {
			return out, err
		}
		out.Variables = slices.Sorted(maps.Keys(env.User))
	}
	return out, x.routes(ctx, a.GUID, &out)
}

func (x *exporter) routes(ctx context.Context, app string, out *App) error {
	routes, err := x.platform.Routes.OfApp(ctx, app)
	if err != nil {
		return err
	}
	for _, r := range routes {
		out.Routes = append(out.Routes, r.Address)
		x.domains[r.Domain] = true
		bound, err := x.platform.Routes.ServiceOf(ctx, r.GUID)
		if err != nil {
			return err
		}
		if bound != nil {
			x.out.RouteServices = append(x.out.RouteServices, RouteService{r.Address, x.names[bound.InstanceGUID]})
		}
	}
	return nil
}

func (x *exporter) policies(ctx context.Context) error {
	live, err := x.platform.Apps.ByName(ctx, x.out.LiveApp)
	if err != nil || live == nil {
		return err
	}
	all, err := x.platform.Space.NetworkPolicies(ctx, live.GUID)
	if err != nil {
		return err
	}
	for _, p := range all {
		from, to := x.names[p.SourceGUID], x.names[p.DestinationGUID]
		if from != "" && to != "" { // the other end may be in another space
			x.out.Policies = append(x.out.Policies, Policy{from, to, p.Protocol, p.Start, p.End})
		}
	}
	return nil
}
