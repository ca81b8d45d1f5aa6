package elasticsearch

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"strings"
	"sync"

	"github.com/digitalmarketplace/cutover/stages/runner"
)

// confirmations is how many requests over fresh connections it takes to have
// asked each of so many routers with a probability of at least 1 - 10⁻⁶, where
// the load balancer picks one at random for each connection.
func confirmations(routers int) int {
	if routers <= 1 {
		return 1
	}
	return int(math.Ceil(math.Log(1e-6) / math.Log(1-1/float64(routers))))
}

// answer is what one request to one instance met.
type answer struct {
	status int
	// fault is the router's own word, such as "unknown_route"; "" from an app.
	fault string
	// path tells that a path route was asked, not the status.
	path bool
}

func (a answer) String() string {
	if a.fault != "" {
		return fmt.Sprintf("%d %s from the router", a.status, a.fault)
	}
	return fmt.Sprintf("%d", a.status)
}

// ask sends one request over a fresh connection to one instance of one app on a
// live route. The header makes the router choose that instance or refuse, so the
// answer proves what this one router knows (gorouter: handlers/lookup.go).
func (s *Site) ask(ctx context.Context, address, app string, index int) (answer, error) {
	return s.send(ctx, address, http.Header{instanceHeader: {instanceOf(app, index)}})
}

// askAny is the same, of whoever the router chooses.
func (s *Site) askAny(ctx context.Context, address string) (answer, error) {
	return s.send(ctx, address, nil)
}

func (s *Site) send(ctx context.Context, address string, header http.Header) (answer, error) {
	path := ""
	if !hasPath(address) {
		path = "/_status?ignore-dependencies"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Settings.RouteScheme+"://"+address+path, nil)
	if err != nil {
		return answer{}, err
	}
	maps.Copy(req.Header, header)
	resp, err := s.fresh.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("ask %s: %w", address, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return answer{resp.StatusCode, resp.Header.Get("X-Cf-RouterError"), hasPath(address)}, nil
}

func hasPath(address string) bool { return strings.Contains(address, "/") }

// everyRouter asks for each instance of an app on an address over enough fresh
// connections to have met every router, and compares each answer with want. One
// answer that differs is enough to say no.
func (s *Site) everyRouter(ctx context.Context, o *runner.Observation, address, app string, instances int, want func(answer) error) error {
	k := confirmations(s.Settings.Routers)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := make(chan int)
	var mu sync.Mutex
	var first error
	var workers sync.WaitGroup
	for range min(8, k) {
		workers.Go(func() {
			for index := range jobs {
				a, err := s.ask(ctx, address, app, index)
				if err == nil {
					err = want(a)
				}
				if err != nil {
					mu.Lock()
					if first == nil {
						first = fmt.Errorf("instance %d on %s: %w", index, address, err)
					}
					mu.Unlock()
					cancel()
				}
			}
		})
	}
	for n := range k * instances {
		if ctx.Err() != nil {
			break
		}
		jobs <- n % instances
	}
	close(jobs)
	workers.Wait()
	if first != nil {
		return first
	}
	o.Say("%s, %s each, on %s", runner.Count(instances, "instance", "instances"), runner.Count(k, "fresh connection", "fresh connections"), address)
	o.Set("fresh connections", k*instances)
	return ctx.Err()
}

// served: the instance itself answered, its status with 200. What stands behind a
// path may ask for a login, which is an answer too.
func served(a answer) error {
	login := a.path && (a.status == http.StatusUnauthorized || a.status == http.StatusForbidden)
	if a.fault != "" || a.status != http.StatusOK && !login {
		return fmt.Errorf("answered %s", a)
	}
	return nil
}

// unknown: the router knows no such instance on this route.
func unknown(a answer) error {
	if a.status == http.StatusBadRequest && a.fault == "unknown_route" {
		return nil
	}
	return fmt.Errorf("still reached: answered %s, not 400 unknown_route", a)
}

// onEveryRouter is one task a live route: each instance of the app answers there.
func (s *Site) onEveryRouter(who string, routes []liveRoute, app func(context.Context) (string, int, error), verb string, want func(answer) error) []runner.Task {
	var tasks []runner.Task
	for _, route := range routes {
		tasks = append(tasks, runner.Task{
			Name: fmt.Sprintf("every instance of %s %s on %s", who, verb, route.Address),
			Wait: s.Settings.RouteTimeout,
			Do: func(ctx context.Context, o *runner.Observation) error {
				guid, instances, err := app(ctx)
				if err != nil {
					return err
				}
				if instances == 0 {
					return fmt.Errorf("%s has no instances", who)
				}
				return s.everyRouter(ctx, o, route.Address, guid, instances, want)
			},
		})
	}
	return tasks
}

// mapTask puts an app behind a live route.
func (s *Site) mapTask(name, app string, route liveRoute) runner.Task {
	return runner.Task{
		Effect: runner.Creates, Name: fmt.Sprintf("map %s to %s", route.Address, name),
		ByHand: "cf map-route " + name + " " + typed(route.Address),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			now, err := s.liveNow(ctx, route)
			if err != nil {
				return err
			}
			return s.cf.MapRoute(ctx, now.GUID, app)
		},
	}
}

// unmapTask takes an app off a live route.
func (s *Site) unmapTask(name, app string, route liveRoute) runner.Task {
	return runner.Task{
		Effect: runner.Deletes, Name: fmt.Sprintf("unmap %s from %s", route.Address, name),
		ByHand: "cf unmap-route " + name + " " + typed(route.Address),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			now, err := s.liveNow(ctx, route)
			if err != nil {
				return err
			}
			return s.cf.UnmapRoute(ctx, now.GUID, app)
		},
	}
}

// typed is an address as cf's route commands take it: domain, host and path. The
// host is taken for the first label, as it is on every domain of the house.
func typed(address string) string {
	host, path, is := strings.Cut(address, "/")
	host, domain, _ := strings.Cut(host, ".")
	text := domain + " --hostname " + host
	if is {
		text += " --path /" + path
	}
	return text
}
