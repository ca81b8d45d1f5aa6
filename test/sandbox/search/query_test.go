package search

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
)

// hundred is an index x with services 1000 to 1000+n.
func hundred(t *testing.T, n int) *app {
	t.Helper()
	a := start(t, Options{}, plan)
	a.services("x")
	for i := range n {
		lot := []string{"cloud-hosting", "cloud-software", "cloud-support"}[i%3]
		a.put("x", fmt.Sprint(1000+i), "lot", `"`+lot+`"`, "serviceName", fmt.Sprintf(`"Number %d of the councils"`, i),
			"serviceDescription", `"Secure <b>hosting</b> of data"`, "phoneSupport", fmt.Sprint(i%2 == 0), "frameworkName", `"G-Cloud 12"`)
	}
	return a
}

func ids(m map[string]any) []string {
	var list []string
	for _, d := range m["documents"].([]any) {
		list = append(list, d.(map[string]any)["id"].(string))
	}
	return list
}

// digitalmarketplace-search-api: app/main/services/query_builder.py, response_formatters.py: pages of 30, of 300 with
// idOnly although results_per_page is 30.
func TestPagesAreOfThirtyAndOfThreeHundredWithIDOnly(t *testing.T) {
	a := hundred(t, 100)
	var all []string
	path := "/x/services/search"
	for path != "" {
		m := a.object(path)
		all = append(all, ids(m)...)
		next, _ := m["links"].(map[string]any)["next"].(string)
		path = strings.TrimPrefix(next, a.url)
		meta := m["meta"].(map[string]any)
		want(t, "total", meta["total"], any(100.0))
		want(t, "results_per_page", meta["results_per_page"], any(30.0))
	}
	slices.Sort(all)
	want(t, "distinct ids", len(slices.Compact(all)), 100)
	m := a.object("/x/services/search?idOnly=1")
	want(t, "idOnly", len(m["documents"].([]any)), 100)
	want(t, "results_per_page", m["meta"].(map[string]any)["results_per_page"], any(30.0))
	if len(m["documents"].([]any)[0].(map[string]any)) != 1 {
		t.Error("idOnly has more than ids")
	}
}

// digitalmarketplace-search-api: app/main/services/search_service.py; Elasticsearch 7.10 docs, "Paginate search
// results", index.max_result_window.
func TestPagesPastTheEndOrTheWindowAreRefused(t *testing.T) {
	a := hundred(t, 31)
	a.get("/x/services/search?page=3").is(t, "past the end", 404, `{"error":"Page 3 does not exist for this search"}`)
	a.get("/x/services/search?idOnly=1&page=2").is(t, "past the end", 404, `{"error":"Page 2 does not exist for this search"}`)
	a.get("/x/services/search?page=9999").is(t, "past the window", 404, `{"error":"Page 9999 does not exist for this search"}`)
	a.get("/x/services/search?idOnly=1&page=9999").fails(t, "past the window", 400, "parsing_exception: request does not support [_source]")
	want(t, "page 0", a.get("/x/services/search?page=0").status, 400)
	a.get("/x/services/search?page=two").fails(t, "not a number", 400, "Invalid page two")
	a.get("/none/services/search").fails(t, "no index", 404, "index_not_found_exception: no such index [none]")
	want(t, "wrong type", a.get("/x/briefs/search").status, 400)
	a.services("empty")
	want(t, "nothing found", a.total("/empty/services/search"), 0)
}

// digitalmarketplace-search-api: app/main/services/query_builder.py: several values of a filter must all match, of a
// list with commas one; the normaliser drops case and punctuation; filters that are not in the mapping are ignored, unless
// there is one that is.
func TestAllFiltersMustMatchAndOneOfAList(t *testing.T) {
	a := hundred(t, 60)
	for query, n := range map[string]int{
		"filter_lot=cloud-hosting": 20, "filter_lot=CLOUD+hosting": 20, "filter_lot=cloud-hosting,cloud-support": 40,
		"filter_lot=cloud-hosting&filter_lot=cloud-support": 0, "filter_phoneSupport=true": 30, "filter_lot=cloud-hosting&filter_phoneSupport=true": 10,
		"filter_unknown=1": 60, "filter_unknown=1&filter_lot=cloud-hosting": 0, "filter_lot=nothing": 0,
	} {
		want(t, query, a.total("/x/services/search?"+query), n)
	}
}

// digitalmarketplace-search-api: app/main/services/query_builder.py; Elasticsearch 7.10 docs, "Simple query string
// query", with AND, OR, NOT, PHRASE over the text fields.
func TestEveryWordMustMatch(t *testing.T) {
	a := hundred(t, 30)
	for query, n := range map[string]int{
		"secure": 30, "SECURE hosting": 30, "secure nothing": 0, "council": 30, "7": 1, "7|8": 2, "secure -7": 29,
		`"number 7"`: 1, `"7 number"`: 0, "nothing": 0,
	} {
		want(t, query, a.total("/x/services/search?q="+url.QueryEscape(query)), n)
	}
	d := a.object("/x/services/search?q=hosting+7")["documents"].([]any)[0].(map[string]any)
	highlight := d["highlight"].(map[string]any)["serviceDescription"].([]any)[0]
	want(t, "highlight", highlight, any("Secure &lt;b&gt;<mark class='search-result-highlighted-text'>hosting</mark>&lt;/b&gt; of data"))
	if d["phoneSupport"] != nil {
		t.Error("a field that is only a filter is in the result")
	}
}

// digitalmarketplace-search-api: app/main/views/search.py, aggregations: counts by value, links to the search; a missing
// argument is a 500.
func TestAggregationsCountByValue(t *testing.T) {
	a := hundred(t, 60)
	m := a.object("/x/services/aggregations?aggregations=lot&aggregations=serviceCategories&filter_phoneSupport=true")
	lots := m["aggregations"].(map[string]any)["lot"].(map[string]any)
	want(t, "cloud-hosting", lots["cloud-hosting"], any(10.0))
	want(t, "categories", len(m["aggregations"].(map[string]any)["serviceCategories"].(map[string]any)), 0)
	a.put("x", "null", "lot", "null", "serviceCategories", `[null,"Payroll"]`)
	a.clock.Move(2 * time.Second)
	m = a.object("/x/services/aggregations?aggregations=lot&aggregations=serviceCategories")["aggregations"].(map[string]any)
	want(t, "null is no lot", m["lot"].(map[string]any)["null"], nil)
	want(t, "nor a category", fmt.Sprint(m["serviceCategories"]), "map[Accounting and finance:1 Human resources and employee management:1 Payroll:1]")
	a.get("/x/services/aggregations?aggregations=serviceName").fails(t, "unsupported", 400, "Aggregations for `serviceName` are not supported.")
	a.get("/x/services/aggregations").is(t, "none", 500, `{"error":"Internal error"}`)
}

// digitalmarketplace-search-api: app/main/services/query_builder.py leaves the sort out of idOnly: documents come in
// the engine's order, and one that is written again moves to the end, so that pages repeat and skip during writes
// (elastic/elasticsearch#65450). The sorted search stays complete.
func TestIDOnlyRepeatsAndSkipsDuringWrites(t *testing.T) {
	a := hundred(t, 400)
	read := func(path string, pages int) map[string]int {
		seen := map[string]int{}
		for page := 1; page <= pages; page++ {
			for _, id := range ids(a.object(fmt.Sprintf("%s&page=%d", path, page))) {
				seen[id]++
			}
			for i := range 40 { // edits of documents on the first page
				a.put("x", fmt.Sprint(1000+i), "serviceName", fmt.Sprintf(`"edit %d"`, page))
			}
		}
		return seen
	}
	seen := read("/x/services/search?idOnly=1", 2)
	repeated := 0
	for _, n := range seen {
		if n > 1 {
			repeated++
		}
	}
	if repeated == 0 || len(seen) == 400 {
		t.Errorf("%d ids were repeated, %d of 400 seen", repeated, len(seen))
	}
	want(t, "sorted", len(read("/x/services/search?sorted", 14)), 400)
}

// Two clusters with equal documents have them in the same order, however they got them.
func TestSameDocumentsHaveTheSameOrderAndDigest(t *testing.T) {
	c := clock.New(0)
	api := data.New(data.Options{Clock: c, Seed: 3, Services: 120, Briefs: 60, Tokens: []string{token}})
	blue := start(t, Options{Clock: c}, plan)
	if err := Preload(blue.clusters, "instance", api, 0); err != nil {
		t.Fatal(err)
	}
	green := start(t, Options{Clock: c}, plan)
	green.services("g")
	green.create("b", "briefs-digital-outcomes-and-specialists-2")
	services, briefs := api.PublishedServices("g-cloud-12"), api.PublishedBriefs()
	for i := range services.Len() {
		green.ok("PUT", "/g/services/"+services.ID(i), `{"document":`+string(services.Append(nil, i))+`}`)
	}
	for i := range briefs.Len() {
		green.ok("PUT", "/b/briefs/"+briefs.ID(i), `{"document":`+string(briefs.Append(nil, i))+`}`)
	}
	for b, g := range map[string]string{"/g-cloud-12/services/": "/g/services/", "/briefs-digital-outcomes-and-specialists/briefs/": "/b/briefs/"} {
		for _, query := range []string{"search", "search?page=2", "search?q=data", "search?filter_lot=cloud-software&q=secure+-risk", "aggregations?aggregations=lot"} {
			one, two := blue.object(b+query), green.object(g+query)
			for _, m := range []map[string]any{one, two} {
				delete(m, "links")
				delete(m["meta"].(map[string]any), "took")
			}
			want(t, b+query, fmt.Sprint(one), fmt.Sprint(two))
		}
	}
	digests := map[string]int{}
	for _, s := range []map[string]ClusterSnapshot{blue.clusters.Snapshot(), green.clusters.Snapshot()} {
		for _, x := range s["instance"].Indices {
			digests[x.Digest]++
		}
	}
	want(t, "distinct digests: two contents, two older indices", len(digests), 4)
	id := services.ID(0)
	green.ok("PUT", "/g/services/"+id, `{"document":{"id":"`+id+`"}}`)
	for _, x := range green.clusters.Snapshot()["instance"].Indices {
		if x.Name == "g" && digests[x.Digest] > 0 {
			t.Error("another content has the same digest")
		}
	}
}
