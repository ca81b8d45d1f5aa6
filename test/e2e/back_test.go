package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// unmapped counts the destinations that were taken off routes.
func (w *world) unmapped() int {
	w.t.Helper()
	n := 0
	for _, one := range w.writes() {
		if one.Method == "DELETE" && strings.Contains(one.Path, "/destinations/") {
			n++
		}
	}
	return n
}

// A live route is never left to an app that does not serve, however often the way
// back is asked for.
func TestARollbackNeedsAnOldAppThatServes(t *testing.T) {
	t.Parallel()
	for _, until := range []string{"map-live-route", "unmap-old-app"} {
		t.Run(until, func(t *testing.T) {
			w := start(t, small())
			w.run(0, "elasticsearch", "run", "--to", until)
			sick := w.fault(map[string]any{"place": "search-api", "app": "search-api", "path": "/_status", "kind": "error-before", "status": 500})
			unmapped := w.unmapped()
			for range 2 {
				p := w.with(map[string]string{"ROUTE_TIMEOUT": "500ms", "START_TIMEOUT": "500ms"}, 1, "elasticsearch", "rollback")
				if !strings.Contains(p.log.String(), "the old app") {
					t.Errorf("the log does not say what is wrong:\n%s", p.log.String())
				}
				if n := w.unmapped(); n != unmapped {
					t.Fatalf("the new app was taken off the live routes:\n%s", p.log.String())
				}
			}
			w.call("DELETE", "/_sandbox/faults/"+sick, nil, nil)
			w.run(0, "elasticsearch", "rollback")
		})
	}
}

func TestABreachAfterTheTemporaryRouteIsGoneCanBeBegunAnew(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	p := w.begin(map[string]string{"WITNESS_AFTER": "10s", "WITNESS_BASELINE": "300ms"}, "elasticsearch", "switch")
	w.eventually("the temporary route is deleted", func() bool {
		return slices.ContainsFunc(w.writes(), func(one write) bool {
			return one.Method == "DELETE" && strings.HasPrefix(one.Path, "/v3/routes/") && strings.Count(one.Path, "/") == 3
		}) || p.ended()
	})
	w.fail(40)
	if code := p.wait(); code != 1 {
		t.Fatalf("exit code %d\n%s", code, p.log.String())
	}
	w.run(0, "elasticsearch", "switch")
}

func TestALostRecordIsNotNothing(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "map-live-route")
	w.cf("DELETE", "/v3/service_instances/"+w.instance("cutover-search-api"), nil, nil)
	p := w.run(0, "elasticsearch", "status")
	if out := p.out.String(); !strings.Contains(out, "whose record (service cutover-search-api) is gone") || strings.Contains(out, "nothing to go back from") {
		t.Errorf("status:\n%s", out)
	}
	w.run(3, "elasticsearch", "guard")
	w.refused(nil, "whose record (service cutover-search-api) is gone", "elasticsearch", "rollback")
}

// Others delete a live route, and take an instance of the old app away: the one says
// what to type, and the other is made good before the old app has all the traffic.
func TestARollbackWithARouteMadeAgainAndASmallerOldApp(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "switch")
	old := w.app("search-api")
	w.cf("POST", "/v3/apps/"+old+"/processes/web/actions/scale", map[string]any{"instances": 1}, nil)
	w.cf("DELETE", "/v3/routes/"+w.route(liveHost), nil, nil)
	w.eventually("the route is gone", func() bool { return w.route(liveHost) == "" })

	w.refused(nil, "live route dm-search-api-preview.cloudapps.digital is deleted: make it again", "elasticsearch", "rename-old-service")
	w.run(3, "elasticsearch", "rollback")
	says := w.run(0, "elasticsearch", "status").out.String()
	if want := "next         cf map-route elasticsearch-migration cloudapps.digital --hostname dm-search-api-preview\n"; !strings.Contains(says, want) || !strings.Contains(says, "12. unmap-temporary-route") {
		t.Errorf("status does not say %q, or has no tree:\n%s", want, says)
	}
	w.cf("POST", "/v3/routes", map[string]any{"host": liveHost, "relationships": map[string]any{
		"space":  map[string]any{"data": map[string]any{"guid": w.guid("/v3/spaces?names=preview")}},
		"domain": map[string]any{"data": map[string]any{"guid": w.guid("/v3/domains?names=cloudapps.digital")}},
	}}, nil)
	w.mapTo(liveHost, w.app("elasticsearch-migration"))
	p := w.run(0, "elasticsearch", "rollback")
	if !strings.Contains(p.log.String(), "scale search-api from 1 to 2 instances") {
		t.Errorf("the old app is not made as large as it was:\n%s", p.log.String())
	}
	w.serves()
}

func TestAnAnswerThatIsNoStatusIsNoProof(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	w.fault(map[string]any{"place": "router", "query": "ignore-dependencies", "kind": "error-before", "status": 403})
	began := time.Now()
	p := w.with(map[string]string{"ROUTE_TIMEOUT": "500ms"}, 1, "elasticsearch", "map-live-route")
	if !strings.Contains(p.log.String(), "answered 403") {
		t.Errorf("after %s:\n%s", time.Since(began), p.log.String())
	}
}

// Step 9 was killed after it mapped the routes and before it was marked: the
// nightly job has nothing to look for here, and that is no bad night.
func TestTheNightlyJobSkipsAHalfDoneSwitch(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "map-live-route")
	w.unmark("map-live-route")
	n := len(w.writes())
	p := w.run(0, "elasticsearch", "reindex")
	if !strings.Contains(p.log.String(), "19. reindex: skipped: run ") || !strings.Contains(p.log.String(), "both apps serve") {
		t.Errorf("the log does not say why it was skipped:\n%s", p.log.String())
	}
	for _, one := range w.writes()[n:] {
		if one.Place == "search-api" {
			t.Errorf("a document was written: %+v", one)
		}
	}
}
