package search

import (
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// digitalmarketplace-search-api: the build before fba39ef puts the index after the engine's message, which does not
// have it in Elasticsearch 6.8.
func TestTheOldBuildNamesTheIndexAfterTheEnginesMessage(t *testing.T) {
	a := start(t, Options{Build: OldBuild()}, "small-ha-5.x")
	a.get("/none/services/2").is(t, "no index", 404, `{"error":"index_not_found_exception: no such index (none)"}`)
	a.services("x")
	if twice := a.do("PUT", "/x", `{"type":"index","mapping":"services-g-cloud-12"}`); !strings.HasSuffix(twice.body, `already exists (x)"}`+"\n") {
		t.Errorf("twice: %s", twice.body)
	}

	over7 := start(t, Options{Build: OldBuild()}, plan)
	over7.get("/none/services/2").is(t, "no index", 404, `{"error":"index_not_found_exception: no such index [none] (none)"}`)
}

// digitalmarketplace-search-api: app/mapping.py, app/main/views/search.py of the older release.
func TestTheOldBuildChecksTheType(t *testing.T) {
	a := start(t, Options{Build: OldBuild()}, "small-ha-5.x")
	a.services("x")
	a.put("x", "1")
	want(t, "its type", a.get("/x/services/1").status, 200)
	want(t, "another type", a.get("/x/briefs/1").status, 404)
	a.do("PUT", "/x/briefs/1", body("1")).is(t, "wrong type", 400, `{"error": "Document type 'briefs' is not valid in index 'x' - no mapping found."}`)
}

// elasticsearch-py 6.8.1: transport.py, retries on a refused connection after 0, 1, 3 and 7 s. The new one does
// not retry (measured with Elasticsearch 6.8.23 and 7.10.2).
func TestTheOldBuildKeepsAWorkerBusyWhileTheEngineRefuses(t *testing.T) {
	const pace = 0.02
	for _, c := range []struct {
		build Build
		takes time.Duration
	}{{OldBuild(), 11 * time.Second}, {NewBuild(), 0}} {
		cl := clock.New(pace)
		a := start(t, Options{Build: c.build, Clock: cl}, plan)
		a.clusters.Break("instance", Down)
		began := time.Now()
		want(t, "status", a.get("/_status").status, 500)
		if took, least := time.Since(began), cl.Scale(c.takes); took < least || c.takes == 0 && took > cl.Scale(11*time.Second) {
			t.Errorf("it took %s, want %s or a little more", took, least)
		}
	}
}
