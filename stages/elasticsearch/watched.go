package elasticsearch

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/stages/runner"
	"github.com/digitalmarketplace/cutover/stages/witness"
)

// Monitor is the witness of the live address, during the stages that move traffic;
// nil where steps do not move all of it.
func (s *Site) Monitor(steps []runner.Step) *runner.Monitor {
	has := func(name string) bool {
		return slices.ContainsFunc(steps, func(step runner.Step) bool { return step.Name == name })
	}
	if !has(stageMapLiveRoute) || !has(stageUnmapOldApp) {
		return nil
	}
	s.watch()
	return &runner.Monitor{
		Range:     runner.Range{First: stageMapLiveRoute, Last: stageUnmapTemporaryRoute},
		Companion: s.eyes, Revert: s.retreat,
	}
}

// RollbackMonitor is the same witness, during the part of a rollback that moves traffic.
func (s *Site) RollbackMonitor() *runner.Monitor {
	s.watch()
	return &runner.Monitor{
		Range:     runner.Range{First: stageMapLiveRoute, Last: stageUnmapOldApp},
		Companion: watchedBack{s.eyes, s},
	}
}

func (s *Site) watch() {
	s.eyes = witness.New(witness.Options{
		// The status asks the backend too, also when told to ignore what it
		// depends on (search API: app/status/views.py).
		URL:  s.Settings.RouteScheme + "://" + s.Settings.LiveRoute + "/_status?ignore-dependencies",
		Kept: s.once, Fresh: s.fresh, Rate: s.Settings.WitnessRate,
		Baseline: s.Settings.WitnessBaseline, After: s.Settings.WitnessAfter, Who: s.who,
	})
}

// who tells which app answered by the indices that it has: those of this run
// bear the date on which the run began.
func (s *Site) who(_ *http.Response, body []byte) string {
	var status struct {
		Indices map[string]json.RawMessage `json:"es_status"`
	}
	ours, known := s.ourIndices.Load().([]string)
	if json.Unmarshal(body, &status) != nil || len(status.Indices) == 0 || !known {
		return ""
	}
	for _, name := range ours {
		if _, is := status.Indices[name]; is {
			return "green"
		}
	}
	return "blue"
}

// entered tells the witness, where there is one, that the change begins or has ended.
func (s *Site) entered(phase string) {
	if s.eyes != nil {
		s.eyes.Enter(phase)
	}
}

// retreat is the way back on a breach: the old app on every live route, proved,
// then the new one off. It is not taken where the operator wants to hold, or
// where the old app is sick itself: then both stay as they are.
func (s *Site) retreat(ctx context.Context) ([]runner.Task, error) {
	if s.Settings.OnBreach == "hold" {
		return nil, runner.Refuse("ON_BREACH is hold: the live routes stay as they are")
	}
	b, err := s.recorded()
	if err != nil {
		return nil, err
	}
	routable, instances, err := s.routable(ctx, b.App)
	if err != nil {
		return nil, err
	}
	if routable < b.Instances {
		var states []string
		for _, i := range instances {
			states = append(states, i.State)
		}
		return nil, runner.Refuse("the old app has %d of %s that are routable (%s): the live routes stay as they are", routable, runner.Count(b.Instances, "instance", "instances"), strings.Join(states, ", "))
	}
	back, err := (&unmapOldApp{Site: s}).mapBack(ctx)
	if err != nil {
		return nil, err
	}
	off, err := (&mapLiveRoute{Site: s}).off(ctx)
	return append(append(back, off...), s.restoreTemporary()), err
}

// restoreTemporary makes the temporary route again where step 12 deleted it: the
// new app, off the live routes, is reached by nothing else.
func (s *Site) restoreTemporary() runner.Task {
	return runner.Task{
		Effect: runner.Changes, Name: "see to the temporary route", ByHand: "cf map-route " + s.Settings.NewApp + " " + typed(s.Settings.TemporaryRoute),
		Do: func(ctx context.Context, o *runner.Observation) error {
			app, err := s.needGreen(ctx)
			if err != nil {
				return err
			}
			route, err := s.cf.CreateRoute(ctx, s.Settings.TemporaryRoute, s.labels(green))
			if err != nil {
				return err
			}
			o.Say("%s leads to %s", route.Address, app.Name)
			return s.cf.MapRoute(ctx, route.GUID, app.GUID)
		},
	}
}
