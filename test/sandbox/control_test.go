package sandbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
	"github.com/digitalmarketplace/cutover/test/sandbox/faults"
	"github.com/digitalmarketplace/cutover/test/sandbox/pipeline"
)

// editors stands in for the data API.
type editors struct{}

func (editors) Do(_ context.Context, e data.Edit) (data.Edited, error) {
	if e.Kind != "unpublish-service" {
		return data.Edited{}, errors.New("no such kind")
	}
	return data.Edited{Kind: e.Kind, ID: e.ID, Event: 7}, nil
}

func (editors) RandomEdit(context.Context) (data.Edited, error) {
	return data.Edited{Kind: "award-brief", IndexError: "index is down"}, nil
}

func newControl(t *testing.T) func(method, path, body string, want int) string {
	t.Helper()
	c := clock.New(0.5)
	router := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	t.Cleanup(router.Close)
	s := &Sandbox{
		clock: c, faults: faults.New(c),
		load:   &load{router: strings.TrimPrefix(router.URL, "http://"), host: "live", now: c.Now},
		writer: &liveWriter{edits: editors{}, life: t.Context()},
		releases: pipeline.NewRuns(t.Context(), func(_ context.Context, o pipeline.Order) error {
			if o.Image == "bad" {
				return errors.New(o.App + " does not start")
			}
			return nil
		}),
	}
	t.Cleanup(s.load.stop)
	t.Cleanup(s.writer.stop)
	server := httptest.NewServer(s.control())
	t.Cleanup(server.Close)
	return func(method, path, body string, want int) string {
		t.Helper()
		r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != want {
			t.Errorf("%s %s %s: %d %s, want %d", method, path, body, res.StatusCode, b, want)
		}
		return strings.TrimSpace(string(b))
	}
}

func wantJSON(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("answered %s, want %s in it", got, part)
		}
	}
}

func TestControlOfTheClock(t *testing.T) {
	call := newControl(t)
	wantJSON(t, call("GET", "/_sandbox/clock", "", 200), `"pace":0.5`, `"moved":"0s"`)
	wantJSON(t, call("POST", "/_sandbox/clock", `{"move":"24h"}`, 200), `"moved":"24h0m0s"`, time.Now().UTC().Add(24*time.Hour).Format(time.DateOnly))
	call("POST", "/_sandbox/clock", `{"move":"tomorrow"}`, 400)
	call("POST", "/_sandbox/clock", `{"set":"24h"}`, 400)
}

func TestControlOfReleases(t *testing.T) {
	call := newControl(t)
	wantJSON(t, call("POST", "/_sandbox/release", `{"image":"good"}`, 200), `"state":"done"`, `"app":"search-api"`)
	wantJSON(t, call("POST", "/_sandbox/release", `{"app":"other","image":"bad"}`, 409), `"state":"failed"`, `"error":"other does not start"`)
	call("POST", "/_sandbox/release", `{}`, 400)
	call("POST", "/_sandbox/release", `{"image":"good","background":true}`, 202)
	until(t, "all releases are over", func() bool {
		list := call("GET", "/_sandbox/release", "", 200)
		return strings.Count(list, `"state":"done"`) == 2 && strings.Count(list, `"state":"failed"`) == 1
	})
}

func TestControlOfEdits(t *testing.T) {
	call := newControl(t)
	wantJSON(t, call("POST", "/_sandbox/edit", `{"kind":"unpublish-service","id":"12"}`, 200), `"id":"12"`, `"event":7`)
	wantJSON(t, call("POST", "/_sandbox/edit", `{}`, 200), `"kind":"award-brief"`, `"index_error":"index is down"`)
	call("POST", "/_sandbox/edit", `{"kind":"no"}`, 400)
	call("POST", "/_sandbox/edit", `{"rate":-1}`, 400)
	wantJSON(t, call("POST", "/_sandbox/edit", `{"rate":100}`, 201), `"running":true`)
	until(t, "ten edits", func() bool { return strings.Count(call("GET", "/_sandbox/edit", "", 200), "index is down") >= 10 })
	wantJSON(t, call("POST", "/_sandbox/edit", `{"rate":0}`, 201), `"running":false`, `"by_kind":{"award-brief":`)
	wantJSON(t, call("DELETE", "/_sandbox/edit", "", 200), `"running":false`)
}

func TestControlOfReaders(t *testing.T) {
	call := newControl(t)
	wantJSON(t, call("GET", "/_sandbox/load", "", 200), `"running":false`)
	call("POST", "/_sandbox/load", `{"rate":0}`, 400)
	wantJSON(t, call("POST", "/_sandbox/load", `{"rate":100}`, 201), `"running":true`, `"rate":100`, `"failures":[]`)
	until(t, "readers read", func() bool { return !strings.Contains(call("GET", "/_sandbox/load", "", 200), `"sent":0`) })
	wantJSON(t, call("DELETE", "/_sandbox/load", "", 200), `"running":false`, `"failed":0`)
}

func TestControlOfFaults(t *testing.T) {
	call := newControl(t)
	wantJSON(t, call("POST", "/_sandbox/faults", `{"kind":"hold","n":1}`, 201), `"id":"f1"`)
	wantJSON(t, call("GET", "/_sandbox/faults/f1", "", 200), `"state":"armed"`)
	wantJSON(t, call("GET", "/_sandbox/writes", "", 200), `[]`)
}

func TestPaces(t *testing.T) {
	for text, want := range map[string]float64{"instant": 0, "quick": PaceQuick, "slow": PaceSlow, "real": 1, "0.25": 0.25} {
		if got, err := ParsePace(text); err != nil || got != want {
			t.Errorf("ParsePace(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "fast", "-1", "NaN", "1e9"} {
		if got, err := ParsePace(text); err == nil {
			t.Errorf("ParsePace(%q) = %v", text, got)
		}
	}
}

func TestExportsCanBeSourced(t *testing.T) {
	got := Exports(map[string]string{"B": "it's", "A": "1 $x"})
	if want := "export A='1 $x'\nexport B='it'\\''s'\n"; got != want {
		t.Errorf("Exports = %q, want %q", got, want)
	}
}

func TestTheEnvironmentFitsThePace(t *testing.T) {
	for pace, want := range map[float64]string{1: "1m0s 3s 30s 2m0s 3m0s 10m0s", 0: "0s 20ms 500ms 2s 5s 10s"} {
		env := makeEnv(Options{Stage: "staging", Pace: pace}, Addresses{CFAPI: "http://x"})
		got := strings.Join([]string{env["DRAIN"], env["POLL_INTERVAL"], env["LEASE_HEARTBEAT"], env["LEASE_STALE_AFTER"], env["ROUTE_TIMEOUT"], env["START_TIMEOUT"]}, " ")
		if got != want {
			t.Errorf("pace %v: %s, want %s", pace, got, want)
		}
		if env["DM_DATA_API_TOKEN_STAGING"] == "" || env["CF_SPACE"] != "staging" || env["CF_API"] != "http://x" {
			t.Errorf("environment of staging: %v", env)
		}
	}
}
