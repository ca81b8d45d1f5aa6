// Package proof asks every instance of an app at every router, since a mapped route
// is not yet a served one: routers learn of it one by one, and only an answer of the
// instance itself proves that one of them has.
package proof

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/upgrade"
)

// InstanceHeader makes a router choose one instance of one app, or refuse
// (gorouter: handlers/lookup.go).
const InstanceHeader = "X-Cf-App-Instance"

// Instance is the header's value.
func Instance(app string, index int) string { return fmt.Sprintf("%s:%d", app, index) }

// Requests is how many requests over fresh connections it takes so that any one of so
// many routers is missed with a probability of at most 10⁻⁶, where the load balancer
// picks one at random for each connection: 76 for six.
func Requests(routers int) int {
	if routers <= 1 {
		return 1
	}
	return int(math.Ceil(math.Log(1e-6) / math.Log(1-1/float64(routers))))
}

// Prober asks.
type Prober struct {
	// Fresh opens a connection for each request, so that each may meet another router,
	// and does not try again.
	Fresh *http.Client
	// Scheme is of all routes; Path is asked on a route that has no path of its own.
	Scheme, Path string
	// Routers is how many the platform has.
	Routers int
	// Timeout is how long the routers may take to follow a change of routes.
	Timeout time.Duration
}

// Answer is what one request met.
type Answer struct {
	Status int
	// Fault is the router's own word, such as "unknown_route"; "" from an app.
	Fault string
	// onPath says that a route with a path was asked, not the app's status; usual is what
	// blue answers there, where that was recorded.
	onPath bool
	usual  int
}

// String is the answer for people.
func (a Answer) String() string {
	if a.Fault != "" {
		return fmt.Sprintf("%d %s from the router", a.Status, a.Fault)
	}
	return fmt.Sprintf("%d", a.Status)
}

// Ask sends one request over a fresh connection to an address, to whichever app the
// router chooses.
func (p *Prober) Ask(ctx context.Context, address string) (Answer, error) {
	return p.send(ctx, address, nil)
}

func (p *Prober) send(ctx context.Context, address string, header http.Header) (Answer, error) {
	onPath, path := strings.Contains(address, "/"), ""
	if !onPath {
		path = p.Path
	}
	// Any host below a wildcard is its; another each time, so that none is a route of its own.
	host := strings.Replace(address, "*", fmt.Sprintf("cutover-%08x", rand.Uint32()), 1)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Scheme+"://"+host+path, nil)
	if err != nil {
		return Answer{}, err
	}
	maps.Copy(req.Header, header)
	resp, err := p.Fresh.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("ask %s: %w", address, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return Answer{Status: resp.StatusCode, Fault: resp.Header.Get("X-Cf-RouterError"), onPath: onPath}, nil
}

// Want is what an answer has to be.
type Want func(Answer) error

// Served wants the instance's own answer, 200 from its status. What is behind a path
// may ask for a login, which is an answer too; and so is what blue answers there.
func Served(a Answer) error {
	own := a.onPath && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden || a.Status == a.usual)
	if a.Fault != "" || a.Status != http.StatusOK && !own {
		return fmt.Errorf("answered %s", a)
	}
	return nil
}

// Unknown wants the router to know no such instance on this route.
func Unknown(a Answer) error {
	if a.Status == http.StatusBadRequest && a.Fault == "unknown_route" {
		return nil
	}
	return fmt.Errorf("still reached: answered %s, not 400 unknown_route", a)
}

// EveryRouter asks for each instance of an app on an address over enough fresh
// connections to have met every router. One answer that is not wanted is enough to
// end it.
func (p *Prober) EveryRouter(ctx context.Context, o *runner.Observation, address, app string, instances int, want Want) error {
	k := Requests(p.Routers)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	indices := make(chan int)
	var workers sync.WaitGroup
	for range min(8, k) {
		workers.Go(func() {
			for index := range indices {
				a, err := p.send(ctx, address, http.Header{InstanceHeader: {Instance(app, index)}})
				if err == nil {
					err = want(a)
				}
				if err != nil {
					cancel(fmt.Errorf("instance %d on %s: %w", index, address, err))
				}
			}
		})
	}
	for n := range k * instances {
		if ctx.Err() != nil {
			break
		}
		indices <- n % instances
	}
	close(indices)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o.Say("%s, %s each, on %s", runner.Count(instances, "instance", "instances"), runner.Count(k, "fresh connection", "fresh connections"), address)
	o.Set("fresh connections", k*instances)
	return nil
}

// App is an app and how many instances it should have.
type App func(context.Context) (guid string, instances int, err error)

// OnEveryRouter is one task a route: each instance of the app does what verb says
// there, by want: "answers" with Served, "is unmapped" with Unknown. who names the app.
func (p *Prober) OnEveryRouter(who string, routes []upgrade.LiveRoute, app App, verb string, want Want) []runner.Task {
	var tasks []runner.Task
	for _, route := range routes {
		tasks = append(tasks, runner.Task{
			Name: fmt.Sprintf("every instance of %s %s on %s", who, verb, route.Address), Wait: p.Timeout,
			Do: func(ctx context.Context, o *runner.Observation) error {
				guid, instances, err := app(ctx)
				if err != nil {
					return err
				}
				if instances == 0 {
					return fmt.Errorf("%s has no instances", who)
				}
				return p.EveryRouter(ctx, o, route.Address, guid, instances, func(a Answer) error {
					a.usual = route.Answer
					return want(a)
				})
			},
		})
	}
	return tasks
}
