package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/digitalmarketplace/cutover/test/rig"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
)

func TestBlueHasEveryChangeBeforeItServesAgain(t *testing.T) {
	t.Parallel()
	for _, until := range []string{"map-live-route", "rename-new-app", "remove-old-app"} {
		t.Run(until, func(t *testing.T) {
			t.Parallel()
			w := start(t, undrifted())
			live := w.route(liveHost)
			w.run(0, "elasticsearch", "run", "--to", until)
			w.edits()
			n := len(w.writes())
			p := w.run(0, "elasticsearch", "rollback")
			all := w.writes()[n:]
			documents, mapped, unmapped := first(all, ofDocument), first(all, onRoute("POST", live)), first(all, onRoute("DELETE", live))
			if until == "map-live-route" {
				mapped = unmapped // It was never unmapped.
			}
			if documents >= mapped || mapped > unmapped || unmapped == len(all) {
				t.Errorf("catch-up at write %d, blue mapped at %d, green unmapped at %d\n%s", documents, mapped, unmapped, p.Stderr())
			}
			if first(all[unmapped:], ofDocument) == len(all[unmapped:]) {
				t.Error("no catch-up after green was unmapped")
			}
			w.wantIndices("search_api_elasticsearch")
			if w.route(privateHost) != "" {
				t.Error("the private route is a leftover")
			}
			p.wantLog("ok     verify the live address answered all the time: 0 of")
		})
	}
}

// Where no app serves, blue is mapped before anything else is done.
func TestWhereNoAppServesBlueIsMappedFirst(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*world){
		"green is stopped": func(w *world) { w.actOn("search-api", "stop") },
		"green is broken": func(w *world) {
			w.fault(faults.Fault{Place: "search-api", App: "elasticsearch-migration", Kind: faults.ErrorBefore, Status: 500})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, undrifted())
			live := w.route(liveHost)
			w.run(0, "elasticsearch", "run", "--to", "rename-new-app")
			w.edits()
			spoil(w)
			n := len(w.writes())
			p := w.run(0, "elasticsearch", "rollback")
			all := w.writes()[n:]
			if mapped := first(all, onRoute("POST", live)); mapped > first(all, ofDocument) || mapped == len(all) {
				t.Errorf("blue was mapped at write %d:\n%s", mapped, p.Stderr())
			}
			if created := first(all, func(one faults.Write) bool { return one.Method == "POST" && one.Path == "/v3/routes" }); created < len(all) {
				t.Error("a private route was created, which takes time")
			}
			p.wantLog("not monitored: nobody answers on the live routes")
			w.wantIndices("search_api_elasticsearch")
		})
	}
}

// A request that fails while traffic moves does not stop the rollback, and is reported at its end.
func TestAFailedRequestDuringTheRollbackIsReported(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.run(0, "elasticsearch", "run", "--to", "rename-new-app")
	id := w.fault(faults.Fault{Kind: faults.Hold, Method: "POST", Path: "^/v3/routes$", N: 1})
	p := w.begin(nil, "elasticsearch", "rollback")
	w.awaitHeld(id)
	some := w.fault(faults.Fault{Place: "router", Kind: faults.ErrorBefore, Status: 503, Times: 2, UserAgent: "^cutover/"})
	w.eventually("the witness has seen both failures", func() bool { return w.hits(some) == 2 })
	w.release(id, rig.Do)
	p.wantExit(1)
	p.wantLog("FAILED verify the live address answered all the time: ", "cutover: the rollback is complete, but live requests failed meanwhile: http://dm-search-api-preview")
	if out := w.run(0, "elasticsearch", "status").Stdout(); !strings.Contains(out, "no run has begun") {
		t.Errorf("status:\n%s", out)
	}
}

func TestABlueThatLacksDocumentsGetsNoTraffic(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	live := w.route(liveHost)
	w.run(0, "elasticsearch", "run", "--to", "unmap-temporary-route")
	w.loseOne()
	n := len(w.writes())
	p := w.with(map[string]string{"VERIFY_TIMEOUT": "300ms"}, 1, "elasticsearch", "rollback")
	p.wantLog("g-cloud-12 has 129 documents, the data API 130: -1, and 0 objects changed")
	if all := w.writes()[n:]; first(all, onRoute("POST", live)) < len(all) || first(all, onRoute("DELETE", live)) < len(all) {
		t.Error("live traffic was moved")
	}
}

// loseOne deletes one document of blue, by a temporary route, so that no audit event records it.
func (w *world) loseOne() {
	w.t.Helper()
	w.createRoute("by-hand")
	w.mapTo("by-hand", w.app("search-api"))
	var found struct {
		Documents []struct {
			ID string `json:"id"`
		} `json:"documents"`
	}
	ask := func(method, path string, into any) bool {
		req, _ := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.Env["ROUTER_ADDRESS"]+path, nil)
		req.Host = "by-hand.cloudapps.digital"
		req.Header.Set("Authorization", "Bearer "+w.Env["DM_SEARCH_API_TOKEN_PREVIEW"])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			w.t.Fatal(err)
		}
		defer resp.Body.Close()
		if into != nil && resp.StatusCode == http.StatusOK {
			return json.NewDecoder(resp.Body).Decode(into) == nil
		}
		return resp.StatusCode == http.StatusOK
	}
	w.eventually("the route leads to blue", func() bool { return ask("GET", "/g-cloud-12/services/search", &found) && len(found.Documents) > 0 })
	w.eventually("a document is deleted", func() bool { return ask("DELETE", "/g-cloud-12/services/"+found.Documents[0].ID, nil) })
	w.deleteRoute("by-hand")
}

// An index that the run has added is not caught up in blue.
func TestAnIndexThatBlueNeverHadIsNotCaughtUp(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.Env["INDICES"] = `[
		{"alias": "g-cloud-12", "kind": "services", "frameworks": ["g-cloud-12"], "mapping": "services-g-cloud-12"},
		{"alias": "services-more", "kind": "services", "frameworks": ["g-cloud-12"], "mapping": "services-g-cloud-12"}]`
	w.Env["DROP_INDICES"] = "briefs-digital-outcomes-and-specialists"
	w.run(0, "elasticsearch", "run", "--to", "unmap-temporary-route").wantLog("given up in DROP_INDICES: briefs-digital-outcomes-and-specialists")
	w.edits()
	w.run(0, "elasticsearch", "rollback")
	w.wantIndices("search_api_elasticsearch")
}

func TestAnInterruptedRollbackIsResumed(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	was := w.state()
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	id := w.fault(faults.Fault{Kind: faults.Hold, Method: "POST", Path: "/destinations$", N: 2})
	p := w.begin(nil, "elasticsearch", "rollback")
	w.awaitHeld(id)
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	w.release(id, rig.Do)
	p.wantExit(130)
	w.run(0, "elasticsearch", "rollback")
	w.removeRetired()
	w.wantState(was)
}

func TestAPrivateRouteOfSomebodyElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "unmap-temporary-route")
	w.createRoute(privateHost)
	p := w.run(3, "elasticsearch", "rollback")
	p.wantLog("PRIVATE_ROUTE: route " + privateHost)
	w.with(map[string]string{"PRIVATE_ROUTE": "another.cloudapps.digital"}, 0, "elasticsearch", "rollback")
	if w.route(privateHost) == "" {
		t.Error("somebody else's route was deleted")
	}
}
