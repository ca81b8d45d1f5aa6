package elasticsearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/witness"
)

// A way back gives blue traffic only once it has every change: what was written
// while it was off, or shared, the live routes is carried over to it by a route of
// its own, and its counts are compared.

// level brings blue level with the data API, before it gets live traffic.
func (s *Site) level(ctx context.Context, b blue) ([]runner.Task, error) {
	address := s.Settings.PrivateRoute
	route, err := s.cf.RouteByAddress(ctx, address)
	if err != nil {
		return nil, err
	}
	if route != nil && !s.ours(route.Metadata) {
		return nil, fmt.Errorf("PRIVATE_ROUTE: %w", s.notOurs("route", route.Address, route.Metadata))
	}
	var tasks []runner.Task
	if route == nil {
		tasks = append(tasks, runner.Task{
			Effect: runner.Creates, Name: "create route " + address, ByHand: "cf create-route " + typed(address),
			Do: func(ctx context.Context, _ *runner.Observation) error {
				_, err := s.cf.CreateRoute(ctx, address, s.labels(anew))
				return err
			},
		})
	}
	if route == nil || !route.Reaches(b.App) {
		tasks = append(tasks, s.mapPrivate(s.nameOf(ctx, b)))
	}
	tasks = append(tasks, s.onEveryRouter("the old app", []liveRoute{{Address: address}}, s.blueInstances, "answers", served)...)
	return append(tasks, s.carryOver(), s.blueCountsHold()), nil
}

func (s *Site) mapPrivate(name string) runner.Task {
	address := s.Settings.PrivateRoute
	return runner.Task{
		Effect: runner.Creates, Name: "map " + address + " to " + name, ByHand: "cf map-route " + name + " " + typed(address),
		Do: func(ctx context.Context, _ *runner.Observation) error {
			b, err := s.recorded()
			if err != nil {
				return err
			}
			route, err := s.cf.RouteByAddress(ctx, address)
			if err != nil {
				return err
			}
			if route == nil || !s.ours(route.Metadata) {
				return runner.Refuse("route %s is gone, or another's", address)
			}
			return s.cf.MapRoute(ctx, route.GUID, b.App)
		},
	}
}

// onItsOwn is blue on its private route, which leads to nobody else.
func (s *Site) onItsOwn() *searchapi.Client {
	return s.searchAt(s.Settings.RouteScheme+"://"+s.Settings.PrivateRoute, nil)
}

func (s *Site) carryOver() runner.Task {
	return runner.Task{
		Effect: runner.Changes, Name: "carry over to the old app what was changed, before it gets live traffic", ByHand: s.indexByHand(s.Settings.PrivateRoute),
		Do: func(ctx context.Context, o *runner.Observation) error {
			return s.carry(ctx, o, s.onItsOwn())
		},
	}
}

// indexByHand are the house's scripts that put all documents into blue: more than
// is carried over, and to the same end but for those that are gone.
func (s *Site) indexByHand(address string) string {
	var all []string
	for _, t := range s.blueTargets() {
		all = append(all, fmt.Sprintf("scripts/index-to-search-service.py %s %s --frameworks=%s --index=%s --search-api-url=%s://%s",
			t.Kind, s.Settings.Stage, strings.Join(t.Frameworks, ","), t.Alias, s.Settings.RouteScheme, address))
	}
	return strings.Join(all, "; ")
}

// carry carries over to blue what was changed since it had everything, and notes
// up to when it has it now.
func (s *Site) carry(ctx context.Context, o *runner.Observation, to *searchapi.Client) error {
	since := s.timeOf(factShared)
	if since.IsZero() {
		since = s.timeOf(factBegan)
	}
	if since.IsZero() {
		since = s.run.Started
	}
	until, err := s.replay(ctx, o, to, s.blueTargets(), since)
	if err != nil || !until.After(since) {
		return err
	}
	return s.setTime(ctx, factShared, until)
}

// drifts are how many documents more, or less, than the data API blue had when it
// last served alone, by alias.
func (s *Site) drifts() map[string]int {
	known := map[string]int{}
	if s.run != nil {
		_ = json.Unmarshal([]byte(s.run.Facts[factDrift]), &known)
	}
	return known
}

// blueTargets are the aliases that blue has: one that the data API has since may
// be new with green. Where it is not known, all are meant.
func (s *Site) blueTargets() []indexer.Target {
	known := s.drifts()
	if len(known) == 0 {
		return s.indices.Live()
	}
	return slices.DeleteFunc(s.indices.Live(), func(t indexer.Target) bool {
		_, has := known[t.Alias.String()]
		return !has
	})
}

// blueCountsHold sees that blue has all documents. What it lacked when it last
// served alone it may lack still: nobody was told of that then either.
func (s *Site) blueCountsHold() runner.Task {
	return runner.Task{
		Name: "the document counts of the old app are the data API's", ByHand: s.indexByHand(s.Settings.PrivateRoute), Wait: s.Settings.VerifyTimeout,
		Do: func(ctx context.Context, o *runner.Observation) error {
			since := s.timeOf(factShared)
			if since.IsZero() {
				since = s.run.Started
			}
			if err := s.compare(ctx, o, s.onItsOwn(), s.blueTargets(), since, s.drifts()); err != nil {
				return err
			}
			s.entered(witness.During)
			return nil
		},
	}
}

// carryBack carries over to blue, or to what was released in its place, what was
// changed while it was off, or shared, the live routes, once it is there. Each request
// names an instance of it, since green may still be mapped.
func (s *Site) carryBack(b blue) runner.Task {
	return runner.Task{
		Effect: runner.Changes, Name: "carry over to the old app what was changed meanwhile", ByHand: s.indexByHand(s.Settings.LiveRoute),
		Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := s.needHeir(ctx, b)
			if err != nil {
				return err
			}
			if err := s.carry(ctx, o, s.beside(app.GUID)); err != nil {
				return err
			}
			s.entered(witness.After)
			return nil
		},
	}
}

// noteDrift counts what blue has, while it serves alone.
func (s *Site) noteDrift(ctx context.Context) (string, error) {
	counts, err := s.counts(ctx, s.live(), s.indices.Live())
	if err != nil {
		return "", err
	}
	drift := map[string]int{}
	for _, n := range counts {
		if n.Documents >= 0 {
			drift[n.Alias.String()] = n.Documents - n.Expected
		}
	}
	text, err := json.Marshal(drift)
	return string(text), err
}

// dropPrivate deletes the private route, unless somebody else uses it.
func (s *Site) dropPrivate(b blue) runner.Task {
	address := s.Settings.PrivateRoute
	return runner.Task{
		Effect: runner.Deletes, Name: "delete route " + address, ByHand: "cf delete-route " + typed(address) + " -f",
		Do: func(ctx context.Context, o *runner.Observation) error {
			route, err := s.cf.RouteByAddress(ctx, address)
			if err != nil {
				return err
			}
			if route == nil || !s.ours(route.Metadata) {
				o.Say("there is none of ours")
				return nil
			}
			for _, d := range route.Destinations {
				if d.AppGUID != b.App {
					return runner.Refuse("route %s leads to another app as well", route.Address)
				}
			}
			return s.cf.DeleteRoute(ctx, route.GUID)
		},
	}
}

// unserved tells that nobody answers on some live route: no app is mapped there,
// nothing of the one that is runs, or none of a few requests over fresh connections
// is answered well. Then the old app is mapped first, and carried over to afterwards.
func (s *Site) unserved(ctx context.Context, states []string) (bool, error) {
	if slices.Contains(states, toNone) {
		return true, nil
	}
	if slices.Contains(states, toBoth) {
		return false, nil
	}
	app, err := s.successor(ctx)
	if err != nil || app == nil {
		return app == nil, err
	}
	n, _, err := s.routable(ctx, app.GUID)
	if err != nil || n == 0 {
		return err == nil, err
	}
	for range 5 {
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		a, err := s.askAny(asking, s.Settings.LiveRoute)
		cancel()
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err == nil && a.fault == "" && a.status < http.StatusInternalServerError {
			return false, nil
		}
	}
	return true, nil
}

// watchedBack is the witness of the live address beside the way back. It begins
// only where somebody answers there.
type watchedBack struct {
	*witness.Witness
	s *Site
}

// Start begins the baseline at once, or says why there is nothing to watch.
func (w watchedBack) Start(ctx context.Context) (<-chan error, error) {
	b, err := w.s.recorded()
	if err != nil {
		return nil, err
	}
	states, err := w.s.liveStates(ctx, b)
	if err != nil {
		return nil, err
	}
	sick, err := w.s.unserved(ctx, states)
	if err == nil && sick {
		err = errors.New("nobody answers on the live routes")
	}
	if err != nil {
		return nil, err
	}
	return w.Witness.Start(ctx)
}

// liveStates tells where each live route leads.
func (s *Site) liveStates(ctx context.Context, b blue) ([]string, error) {
	next, err := s.successorApp(ctx)
	if err != nil {
		return nil, err
	}
	var states []string
	for _, route := range b.Routes {
		state, stranger, err := s.routeState(ctx, b, next, route)
		if err != nil {
			return nil, err
		}
		if stranger != "" {
			return nil, &runner.Irreversible{Why: "the live routes lead to " + stranger + ", which is none of this run, and stay so", Covered: true}
		}
		states = append(states, state)
	}
	return states, nil
}
