package sandbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/platform"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

// Like describes a real space, as cutover elasticsearch check-release --export writes it: names and sizes, no secrets. The
// sandbox generates as many documents as the space has, and uses its own secrets.
type Like struct {
	Stage     string            `json:"stage"`
	Org       string            `json:"org"`
	Space     string            `json:"space"`
	LiveApp   string            `json:"live_app"`
	LiveRoute string            `json:"live_route"`
	Service   string            `json:"service"`
	Variable  string            `json:"service_variable"`
	Settings  map[string]string `json:"settings"`
	Domains   []string          `json:"domains"`
	Offering  string            `json:"offering"`
	Plans     []string          `json:"plans"`
	Documents map[string]int    `json:"documents"`
	Room      struct {
		MemoryMB                    int `json:"memory_mb"`
		Instances, Services, Routes int // -1: unlimited
	} `json:"room"`
	Services []struct {
		Name, Type, Offering, Plan string
		Tags                       []string
	} `json:"services"`
	Apps          []LikeApp `json:"apps"`
	RouteServices []struct {
		Route, Service string
	} `json:"route_services"`
	Policies []struct {
		From, To, Protocol string
		Start, End         int
	} `json:"policies"`
}

// LikeApp is one app of that space.
type LikeApp struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	// Buildpacks are those of an app that has no image.
	Buildpacks []string `json:"buildpacks"`
	Stopped    bool     `json:"stopped"`
	Instances  int      `json:"instances"`
	MemoryMB   int      `json:"memory_mb"`
	DiskMB     int      `json:"disk_mb"`
	Check      string   `json:"health_check"`
	Endpoint   string   `json:"health_check_endpoint"`
	Variables  []string `json:"variables"`
	Routes     []string `json:"routes"`
	Services   []struct {
		Service, Name string
	} `json:"services"`
}

// ReadLike reads a file that --export has written.
func ReadLike(file string) (*Like, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var l Like
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	at := slices.IndexFunc(l.Apps, func(a LikeApp) bool { return a.Name == l.LiveApp })
	if at < 0 || !slices.Contains(l.Apps[at].Routes, l.LiveRoute) {
		return nil, fmt.Errorf("%s: its live app %q with the route %q is not among its apps", file, l.LiveApp, l.LiveRoute)
	}
	return &l, nil
}

func (l *Like) live() *LikeApp {
	return &l.Apps[slices.IndexFunc(l.Apps, func(a LikeApp) bool { return a.Name == l.LiveApp })]
}

// world is the content of the platform: what is in the file, with the sandbox's secrets, and as much quota left as the
// space had.
func (l *Like) world() platform.World {
	w := platform.World{
		Org: l.Org, Space: l.Space, Users: []platform.User{{Name: cfUser, Password: cfPassword}},
		OrgQuota: platform.Quota{Name: "as-it-was"}, Offerings: l.offerings(),
	}
	for _, d := range l.Domains {
		if kind := l.domain(d); kind != (platform.Domain{Name: d}) {
			w.OtherDomains = append(w.OtherDomains, kind)
			continue
		}
		w.Domains = append(w.Domains, d)
	}
	managed, usedMemory, usedInstances, routes := 0, 0, 0, map[string]bool{}
	for _, s := range l.Services {
		if s.Type == "managed" {
			managed++ // no quota counts the others
		}
	}
	for i := range l.Apps {
		a := &l.Apps[i]
		w.Apps = append(w.Apps, l.app(a))
		for _, r := range a.Routes {
			routes[r] = true
		}
		if !a.Stopped {
			usedMemory, usedInstances = usedMemory+a.Instances*a.MemoryMB, usedInstances+a.Instances
		}
	}
	q := &w.OrgQuota
	for _, part := range []struct {
		limit      *int
		used, room int
	}{
		{&q.MemoryMB, usedMemory, l.Room.MemoryMB},
		{&q.Instances, usedInstances, l.Room.Instances},
		{&q.Services, managed, l.Room.Services},
		{&q.Routes, len(routes), l.Room.Routes},
	} {
		if part.room >= 0 {
			*part.limit = part.used + part.room
		}
	}
	judges := map[string]bool{}
	for _, b := range l.RouteServices {
		judges[b.Service] = true
		w.RouteServices = append(w.RouteServices, platform.RouteService{Route: b.Route, Service: b.Service})
	}
	for _, s := range l.Services {
		service := platform.Service{Name: s.Name, Offering: s.Offering, Plan: s.Plan, Tags: s.Tags}
		if judges[s.Name] {
			service.RouteServiceURL = "https://route-service.example.com"
		}
		w.Services = append(w.Services, service)
	}
	for _, p := range l.Policies {
		w.Policies = append(w.Policies, platform.Policy{From: p.From, To: p.To, Protocol: p.Protocol, FirstPort: p.Start, LastPort: p.End})
	}
	return w
}

// domain is what a domain must be, to have the routes that it has: only a private one has wildcards and routes without a
// host, only one of a TCP router group has ports. By its name, one is internal.
func (l *Like) domain(name string) platform.Domain {
	d := platform.Domain{Name: name, Internal: strings.HasSuffix(name, ".internal")}
	for _, a := range l.Apps {
		for _, r := range a.Routes {
			host, _, _ := strings.Cut(r, "/")
			host, _, port := strings.Cut(host, ":")
			d.TCP = d.TCP || port && host == name
			d.Private = d.Private || !port && (host == name || host == "*."+name)
		}
	}
	return d
}

// offerings are the one that the live app's service is of, with all its plans, and those that the other services are of.
func (l *Like) offerings() []platform.Offering {
	plans := map[string]map[string]bool{l.Offering: {}}
	for _, p := range l.Plans {
		plans[l.Offering][p] = true
	}
	for _, s := range l.Services {
		if s.Offering == "" {
			continue
		}
		if plans[s.Offering] == nil {
			plans[s.Offering] = map[string]bool{}
		}
		plans[s.Offering][s.Plan] = true
	}
	var all []platform.Offering
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		o := platform.Offering{Name: name, Tags: []string{name}}
		for _, p := range slices.Sorted(maps.Keys(plans[name])) {
			o.Plans = append(o.Plans, platform.Plan{Name: p})
		}
		all = append(all, o)
	}
	return all
}

func (l *Like) app(a *LikeApp) platform.App {
	out := platform.App{
		Name: a.Name, Image: a.image(), DockerUser: dockerUser, DockerPassword: dockerPassword, Stopped: a.Stopped,
		Instances: a.Instances, MemoryMB: a.MemoryMB, DiskMB: a.DiskMB, HealthCheckType: a.Check, HealthCheckEndpoint: a.Endpoint,
		Env: map[string]string{}, Routes: a.Routes, Buildpacks: a.Buildpacks,
	}
	for _, name := range a.Variables {
		out.Env[name] = "replaced"
	}
	for _, b := range a.Services {
		out.Services = append(out.Services, platform.Bound{Name: b.Service, BindingName: b.Name})
		if a.Name == l.LiveApp && b.Service == l.Service {
			out.Env[l.Variable] = b.Service
			if b.Name != "" {
				out.Env[l.Variable] = b.Name
			}
		}
	}
	for name, value := range map[string]string{"DM_ENVIRONMENT": l.Stage, "DM_APP_NAME": a.Name, "PROMETHEUS_METRICS_PATH": "/_metrics"} {
		if slices.Contains(a.Variables, name) {
			out.Env[name] = value
		}
	}
	return out
}

// image is the program of an app; one that has no image, such as one of a buildpack, is known by its name.
func (a *LikeApp) image() string {
	if a.Image == "" {
		return "rehearsal/" + a.Name + ":1"
	}
	return a.Image
}

// programs are the sandbox's, and one for every other app of the space.
func (l *Like) programs(known diego.Programs, live diego.Program) diego.Programs {
	repository := withoutTag(l.live().image())
	idle := map[string]bool{}
	for i := range l.Apps {
		if withoutTag(l.Apps[i].image()) != repository {
			idle[l.Apps[i].image()] = true
		}
	}
	return func(image string) (diego.Program, bool) {
		if idle[image] {
			return idleProgram{}, true
		}
		if p, ok := known(image); ok {
			return p, true
		}
		return live, withoutTag(image) == repository
	}
}

var tag = regexp.MustCompile(`(:[^:/@]+)?(@sha256:[0-9a-f]{64})?$`)

func withoutTag(image string) string { return tag.ReplaceAllString(image, "") }

// idleProgram is the program of an app that an upgrade does not touch.
type idleProgram struct{}

func (idleProgram) Boot(diego.Instance) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }), nil
}
