package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/test/sandbox"
)

// undrifted is a small world whose live app has all that the data API has.
func undrifted() sandbox.Options {
	o := small()
	o.Drift = -1
	return o
}

// route finds a route's GUID by its host; "" if there is none.
func (w *world) route(host string) string {
	w.t.Helper()
	var list struct {
		Resources []struct {
			GUID string `json:"guid"`
			URL  string `json:"url"`
		} `json:"resources"`
	}
	w.cf("GET", "/v3/routes?hosts="+url.QueryEscape(host), nil, &list)
	for _, one := range list.Resources {
		if !strings.Contains(one.URL, "/") {
			return one.GUID
		}
	}
	return ""
}

// edits makes some edits of each kind.
func (w *world) edits() {
	w.t.Helper()
	for _, kind := range []string{"update-service", "update-service", "unpublish-service", "publish-draft-service"} {
		w.call("POST", "/_sandbox/edit", map[string]any{"kind": kind}, nil)
	}
}

const (
	liveHost    = "dm-search-api-preview"
	privateHost = "dm-search-api-rollback-preview"
)

// first is the place of the first write that a function chooses; len(all) if there is none.
func first(all []write, choose func(write) bool) int {
	for i, one := range all {
		if choose(one) {
			return i
		}
	}
	return len(all)
}

// onRoute chooses what maps an app to a route, or takes one off it.
func onRoute(method, guid string) func(write) bool {
	return func(one write) bool {
		return one.Method == method && strings.HasPrefix(one.Path, "/v3/routes/"+guid+"/destinations")
	}
}

func ofDocument(one write) bool { return one.Place == "search-api" }

func TestTheOldAppHasEveryChangeBeforeItServesAgain(t *testing.T) {
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
				mapped = unmapped // It was never off.
			}
			if documents >= mapped || mapped > unmapped || unmapped == len(all) {
				t.Errorf("changes were carried over at write %d, the old app mapped at %d, the new one unmapped at %d\n%s", documents, mapped, unmapped, p.log.String())
			}
			if first(all[unmapped:], ofDocument) == len(all[unmapped:]) {
				t.Error("nothing was carried over after the new app was off")
			}
			if diff := w.unlike("search_api_elasticsearch"); diff != "" {
				t.Error(diff)
			}
			if w.route(privateHost) != "" {
				t.Error("the private route is left behind")
			}
			if out := p.log.String(); !strings.Contains(out, "ok     verify the live address answered all the time: 0 of") {
				t.Errorf("the log does not tell the witness's verdict:\n%s", out)
			}
		})
	}
}

// Where nobody serves, the old app is mapped before anything else is done.
func TestWhereNobodyServesTheOldAppComesFirst(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*world){
		"the new app is stopped": func(w *world) { w.cf("POST", "/v3/apps/"+w.app("search-api")+"/actions/stop", nil, nil) },
		"the new app is sick": func(w *world) {
			w.fault(map[string]any{"place": "search-api", "app": "elasticsearch-migration", "kind": "error-before", "status": 500})
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
				t.Errorf("the old app was mapped at write %d:\n%s", mapped, p.log.String())
			}
			if made := first(all, func(one write) bool { return one.Method == "POST" && one.Path == "/v3/routes" }); made < len(all) {
				t.Error("a private route was made, which took its time")
			}
			if !strings.Contains(p.log.String(), "it is not: nobody answers on the live routes") {
				t.Errorf("the log does not say that nobody is watched:\n%s", p.log.String())
			}
			if diff := w.unlike("search_api_elasticsearch"); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A request that fails while traffic moves does not stop the way back, and is told.
func TestAFailedRequestOnTheWayBackIsToldInTheEnd(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.run(0, "elasticsearch", "run", "--to", "rename-new-app")
	id := w.fault(map[string]any{"kind": "hold", "method": "POST", "path": "^/v3/routes$", "n": 1})
	p := w.begin(nil, "elasticsearch", "rollback")
	w.awaitHeld(id)
	some := w.fault(map[string]any{"place": "router", "kind": "error-before", "status": 503, "times": 2, "user_agent": "^cutover/"})
	w.eventually("the witness meets it", func() bool { return w.hits(some) == 2 })
	w.release(id, "do")
	if code := p.wait(); code != 1 {
		t.Errorf("exit code %d\n%s", code, p.log.String())
	}
	for _, line := range []string{"FAILED verify the live address answered all the time: ", "cutover: the way back is complete, but http://dm-search-api-preview"} {
		if !strings.Contains(p.log.String(), line) {
			t.Errorf("the log does not say %q:\n%s", line, p.log.String())
		}
	}
	if out := w.run(0, "elasticsearch", "status").out.String(); !strings.Contains(out, "no run has begun") {
		t.Errorf("status:\n%s", out)
	}
}

func TestAnOldAppThatLacksDocumentsGetsNoTraffic(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	live := w.route(liveHost)
	w.run(0, "elasticsearch", "run", "--to", "unmap-temporary-route")
	w.loseOne()
	n := len(w.writes())
	p := w.with(map[string]string{"VERIFY_TIMEOUT": "300ms"}, 1, "elasticsearch", "rollback")
	if out := p.log.String(); !strings.Contains(out, "g-cloud-12 has 129 documents, the data API 130: -1, and 0 objects changed") {
		t.Errorf("the log does not say what is missing:\n%s", out)
	}
	if all := w.writes()[n:]; first(all, onRoute("POST", live)) < len(all) || first(all, onRoute("DELETE", live)) < len(all) {
		t.Error("live traffic was moved")
	}
}

// loseOne deletes one document of blue's by a route made for it and deleted again,
// unheard of by anybody.
func (w *world) loseOne() {
	w.t.Helper()
	var live struct {
		Relationships json.RawMessage `json:"relationships"`
	}
	w.cf("GET", "/v3/routes/"+w.route(liveHost), nil, &live)
	var made struct {
		GUID string `json:"guid"`
	}
	w.cf("POST", "/v3/routes", map[string]any{"host": "by-hand", "relationships": live.Relationships}, &made)
	w.cf("POST", "/v3/routes/"+made.GUID+"/destinations", map[string]any{
		"destinations": []any{map[string]any{"app": map[string]any{"guid": w.app("search-api")}}},
	}, nil)
	var found struct {
		Documents []struct {
			ID string `json:"id"`
		} `json:"documents"`
	}
	ask := func(method, path string, into any) bool {
		req, _ := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.env["ROUTER_ADDRESS"]+path, nil)
		req.Host = "by-hand.cloudapps.digital"
		req.Header.Set("Authorization", "Bearer "+w.env["DM_SEARCH_API_TOKEN_PREVIEW"])
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
	w.eventually("the route reaches the old app", func() bool { return ask("GET", "/g-cloud-12/services/search", &found) && len(found.Documents) > 0 })
	w.eventually("a document is deleted", func() bool { return ask("DELETE", "/g-cloud-12/services/"+found.Documents[0].ID, nil) })
	w.cf("DELETE", "/v3/routes/"+made.GUID, nil, nil)
	w.eventually("the route is gone", func() bool { return w.route("by-hand") == "" })
}

// An index that came with the migration is none of the old app's.
func TestAnIndexThatTheOldAppNeverHadIsNotCarriedOverToIt(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	w.env["INDICES"] = `[
		{"alias": "g-cloud-12", "kind": "services", "frameworks": ["g-cloud-12"], "mapping": "services-g-cloud-12"},
		{"alias": "services-more", "kind": "services", "frameworks": ["g-cloud-12"], "mapping": "services-g-cloud-12"}]`
	w.env["DROP_INDICES"] = "briefs-digital-outcomes-and-specialists"
	w.run(0, "elasticsearch", "run", "--to", "unmap-temporary-route")
	w.edits()
	w.run(0, "elasticsearch", "rollback")
	if diff := w.unlike("search_api_elasticsearch"); diff != "" {
		t.Error(diff)
	}
}

func TestARollbackThatIsAskedToStopGoesOnLater(t *testing.T) {
	t.Parallel()
	w := start(t, undrifted())
	was := w.state()
	w.run(0, "elasticsearch", "run", "--to", "remove-old-app")
	id := w.fault(map[string]any{"kind": "hold", "method": "POST", "path": "/destinations$", "n": 2})
	p := w.begin(nil, "elasticsearch", "rollback")
	w.awaitHeld(id)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	w.release(id, "do")
	if code := p.wait(); code != 130 {
		t.Errorf("exit code %d\n%s", code, p.log.String())
	}
	w.run(0, "elasticsearch", "rollback")
	w.removeLast()
	if diff := cmp.Diff(was, w.state()); diff != "" {
		t.Errorf("there and back (-before +after):\n%s", diff)
	}
}

func TestAPrivateRouteThatIsAnothersIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := start(t, small())
	w.run(0, "elasticsearch", "run", "--to", "unmap-temporary-route")
	var live struct {
		Relationships json.RawMessage `json:"relationships"`
	}
	w.cf("GET", "/v3/routes/"+w.route(liveHost), nil, &live)
	w.cf("POST", "/v3/routes", map[string]any{"host": privateHost, "relationships": live.Relationships}, nil)
	p := w.run(3, "elasticsearch", "rollback")
	if !strings.Contains(p.log.String(), "PRIVATE_ROUTE: route "+privateHost) {
		t.Errorf("the log does not say what to set:\n%s", p.log.String())
	}
	w.with(map[string]string{"PRIVATE_ROUTE": "another.cloudapps.digital"}, 0, "elasticsearch", "rollback")
	if w.route(privateHost) == "" {
		t.Error("another's route was deleted")
	}
}
