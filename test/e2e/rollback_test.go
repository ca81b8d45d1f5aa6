package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

// unmapped counts the apps that were unmapped from routes so far.
func (w *world) unmapped() int {
	w.t.Helper()
	return len(choose(w.writes(), func(one faults.Write) bool { return one.Method == "DELETE" && ofDestination(one) }))
}

// A live route is never left to an app that does not serve, however often the rollback is run.
func TestARollbackNeedsABlueThatServes(t *testing.T) {
	t.Parallel()
	for _, until := range []string{"map-live-route", "unmap-old-app"} {
		t.Run(until, func(t *testing.T) {
			w := start(t, small())
			w.run(0, "elasticsearch", "run", "--to", until)
			broken := w.fault(faults.Fault{Place: "search-api", App: "search-api", Path: "/_status", Kind: faults.ErrorBefore, Status: 500})
			unmapped := w.unmapped()
			for range 2 {
				p := w.with(map[string]string{"ROUTE_TIMEOUT": "500ms", "START_TIMEOUT": "500ms"}, 1, "elasticsearch", "rollback")
				p.wantLog("the old app")
				if n := w.unmapped(); n != unmapped {
					t.Fatalf("green was unmapped from the live routes:\n%s", p.Stderr())
				}
			}
			w.removeFault(broken)
			w.run(0, "elasticsearch", "rollback")
		})
	}
}

func TestASwitchIsRunAgainAfterABreachWithoutTheTemporaryRoute(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	p := w.begin(map[string]string{"WITNESS_AFTER": "10s", "WITNESS_BASELINE": "300ms"}, "elasticsearch", "switch")
	w.eventually("the temporary route is deleted", func() bool {
		return slices.ContainsFunc(w.writes(), func(one faults.Write) bool {
			return one.Method == "DELETE" && strings.HasPrefix(one.Path, "/v3/routes/") && strings.Count(one.Path, "/") == 3
		}) || p.Ended()
	})
	w.breach()
	p.wantExit(1)
	w.run(0, "elasticsearch", "switch")
}

func TestALostRecordIsReported(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "map-live-route")
	w.cf("DELETE", "/v3/service_instances/"+w.instance(recordName), nil, nil)
	p := w.run(0, "elasticsearch", "status")
	if out := p.Stdout(); !strings.Contains(out, "whose record (service cutover-search-api) is deleted") || strings.Contains(out, "nothing to roll back") {
		t.Errorf("status:\n%s", out)
	}
	w.run(3, "elasticsearch", "guard")
	w.refused(nil, "whose record (service cutover-search-api) is deleted", "elasticsearch", "rollback")
}

// Others delete a live route and stop an instance of blue. For the route status has the command to type; the instance is started
// before blue has all traffic.
func TestARollbackWithARecreatedRouteAndASmallerBlue(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "switch")
	w.cf("POST", "/v3/apps/"+w.app("search-api")+"/processes/web/actions/scale", map[string]any{"instances": 1}, nil)
	w.deleteRoute(liveHost)

	w.refused(nil, "live route dm-search-api-preview.cloudapps.digital is deleted: create it again", "elasticsearch", "rename-old-service")
	w.run(3, "elasticsearch", "rollback")
	says := w.run(0, "elasticsearch", "status").Stdout()
	if want := "next         cf map-route elasticsearch-migration cloudapps.digital --hostname dm-search-api-preview\n"; !strings.Contains(says, want) || !strings.Contains(says, "12. unmap-temporary-route") {
		t.Errorf("status does not contain %q, or not the stages:\n%s", want, says)
	}
	w.createRoute(liveHost)
	w.mapTo(liveHost, w.app("elasticsearch-migration"))
	p := w.run(0, "elasticsearch", "rollback")
	p.wantLog("scale search-api from 1 to 2 instances")
	w.serves()
}

func TestAnAnswerOtherThanAStatusIsNoProof(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "verify-indices")
	w.fault(faults.Fault{Place: "router", Query: "ignore-dependencies", Kind: faults.ErrorBefore, Status: 403})
	p := w.with(map[string]string{"ROUTE_TIMEOUT": "500ms"}, 1, "elasticsearch", "map-live-route")
	p.wantLog("answered 403")
}

// Step 9 was killed after it had mapped the routes and before it was complete: the nightly job does nothing, and succeeds.
func TestTheNightlyJobSkipsAnIncompleteSwitch(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "map-live-route")
	w.uncomplete("map-live-route")
	n := len(w.writes())
	p := w.run(0, "elasticsearch", "reindex")
	p.wantLog("19. reindex: skipped: run ", "both apps serve")
	if some := choose(w.writes()[n:], ofDocument); len(some) > 0 {
		t.Errorf("documents were written: %+v", some)
	}
}
