package search

import (
	"fmt"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
)

// idle is an index x that is not refreshed any more: it was not searched for thirty seconds after its creation. The
// clock is moved; its pace is so slow that no other delay passes during a test.
func idle(t *testing.T, plan string) *app {
	t.Helper()
	a := start(t, Options{Clock: clock.New(1)}, plan)
	a.services("x")
	return a
}

// Elasticsearch 7.10, index modules: index.search.idle.after; in reality the count refreshes each second for about
// 30 s after the creation, and then does not change.
func TestNumDocsLags(t *testing.T) {
	a := idle(t, plan)
	a.put("x", "1")
	want(t, "at once", a.numDocs("x"), 0)
	a.clock.Move(2 * time.Second)
	want(t, "two seconds later", a.numDocs("x"), 1)
	a.clock.Move(40 * time.Second)
	a.put("x", "2")
	a.clock.Move(time.Hour)
	want(t, "an hour later, unsearched", a.numDocs("x"), 1)
}

// Elasticsearch 7.10 docs, "Index modules", index.search.idle.after: a search of an idle index waits for the refresh
// that it causes.
func TestSearchForcesARefresh(t *testing.T) {
	a := idle(t, plan)
	a.clock.Move(time.Minute)
	a.put("x", "1")
	want(t, "before", a.numDocs("x"), 0)
	began := time.Now()
	want(t, "the search", a.total("/x/services/search"), 1)
	if d := time.Since(began); d < 700*time.Millisecond {
		t.Errorf("it took %v", d)
	}
	want(t, "after", a.numDocs("x"), 1)
	// The index is not idle now: the next document is counted a second later.
	a.put("x", "2")
	want(t, "not yet searchable", a.total("/x/services/search"), 1)
	a.clock.Move(time.Second)
	want(t, "searchable", a.total("/x/services/search"), 2)
}

// Elasticsearch 7.10 docs, "Get API", Realtime: a GET by id of a document that was just written refreshes at
// once; in reality a GET of another document does not.
func TestGetByIDForcesARefresh(t *testing.T) {
	a := idle(t, plan)
	a.put("x", "1")
	a.clock.Move(time.Minute)
	a.numDocs("x")
	a.put("x", "2")
	want(t, "realtime", a.get("/x/services/1").status, 200)
	want(t, "after a GET of an older one", a.numDocs("x"), 1)
	want(t, "realtime", a.get("/x/services/2").status, 200)
	want(t, "after a GET of the new one", a.numDocs("x"), 2)
}

// Elasticsearch 7.10 docs, "Near real-time search": deletes and overwrites lag as well.
func TestDeletesLagToo(t *testing.T) {
	a := idle(t, plan)
	a.put("x", "1", "serviceName", `"old"`)
	a.put("x", "2")
	a.clock.Move(time.Minute)
	want(t, "both", a.numDocs("x"), 2)
	a.total("/x/services/search") // not idle for half a minute
	a.do("DELETE", "/x/services/2", "")
	a.put("x", "1", "serviceName", `"new"`)
	want(t, "count", a.numDocs("x"), 2)
	want(t, "old", a.total("/x/services/search?q=old"), 1)
	want(t, "realtime", a.get("/x/services/2").status, 404)
	a.clock.Move(time.Second)
	want(t, "count", a.numDocs("x"), 1)
	want(t, "old", a.total("/x/services/search?q=old"), 0)
	want(t, "new", a.total("/x/services/search?q=new"), 1)
}

// Elasticsearch 6.8 docs, "Index modules": index.refresh_interval has no exception for idle indices.
func TestVersionSixNeverGoesIdle(t *testing.T) {
	a := idle(t, "small-ha-5.x")
	a.clock.Move(time.Hour)
	a.put("x", "1")
	want(t, "at once", a.numDocs("x"), 0)
	a.clock.Move(time.Second)
	want(t, "a second later", a.numDocs("x"), 1)
}

// The documents at the start are visible at once, except for the drift, and can be overwritten and deleted like any other.
func TestAPreloadedIndexIsLikeAnyOther(t *testing.T) {
	c := clock.New(0)
	api := data.New(data.Options{Clock: c, Seed: 3, Services: 400, Briefs: 60, Tokens: []string{token}})
	a := start(t, Options{Clock: c}, plan)
	if err := Preload(a.clusters, "instance", api, 3); err != nil {
		t.Fatal(err)
	}
	const index = "g-cloud-12-2020-10-01"
	want(t, "services", a.numDocs(index), 397)
	want(t, "briefs", a.numDocs("briefs-digital-outcomes-and-specialists-2020-10-01"), 60)
	want(t, "-old", a.total("/g-cloud-12-old/services/search") > 0, true)
	services := api.PublishedServices("g-cloud-12")
	missing := 0
	for i := range services.Len() {
		if a.get("/g-cloud-12/services/"+services.ID(i)).status == 404 {
			missing++
		}
	}
	want(t, "missing", missing, 3)
	id := services.ID(1)
	version := func() any { return a.object("/g-cloud-12/services/" + id)["services"].(map[string]any)["_version"] }
	want(t, "version", version(), any(1.0))
	a.put("g-cloud-12", id, "serviceName", `"unheardof"`)
	want(t, "version", version(), any(2.0))
	want(t, "found", a.total("/g-cloud-12/services/search?q=unheardof"), 1)
	want(t, "count", a.numDocs(index), 397)
	want(t, "deleted", a.do("DELETE", "/g-cloud-12/services/"+id, "").status, 200)
	want(t, "count", a.numDocs(index), 396)
	want(t, "total", a.total("/g-cloud-12/services/search"), 396)
	want(t, "again", a.do("DELETE", "/g-cloud-12/services/"+id, "").status, 404)
	seen := map[string]bool{}
	for page := 1; page <= 2; page++ {
		for _, id := range ids(a.object(fmt.Sprintf("/g-cloud-12/services/search?idOnly=1&page=%d", page))) {
			seen[id] = true
		}
	}
	want(t, "ids", len(seen), 396)
	if Preload(a.clusters, "other", api, 0) == nil {
		t.Error("an instance that does not exist was filled")
	}
}
