package searchapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
)

// listing is a client of a search API with total documents, two to a page. read returns the ids on one page; nil: the page is
// beyond max_result_window.
func listing(t *testing.T, total int, read func(pass, page int, sorted bool) []string, queries answers) *searchapi.Client {
	t.Helper()
	pass := 0
	answer := func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		if page == 1 {
			pass++
		}
		ids := read(pass, page, !r.URL.Query().Has("idOnly"))
		if ids == nil {
			say(400, `{"error":"parsing_exception: Result window is too large"}`)(w, r)
			return
		}
		documents := make([]map[string]string, len(ids))
		for i, id := range ids {
			documents[i] = map[string]string{"id": id}
		}
		links := map[string]string{}
		if 2*page < total {
			links["next"] = "http://elsewhere.example/?page=" + strconv.Itoa(page+1)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"meta": map[string]int{"total": total}, "documents": documents, "links": links})
	}
	for page := range 4 {
		queries[fmt.Sprintf("GET /g/services/search?idOnly=True&page=%d", page+1)] = answer
		queries[fmt.Sprintf("GET /g/services/search?page=%d", page+1)] = answer
	}
	return serve(t, queries)
}

func TestIDsMergesPasses(t *testing.T) {
	c := listing(t, 4, func(pass, page int, _ bool) []string {
		return map[int][][]string{1: {{"1", "2"}, {"2", "3"}}, 2: {{"4", "1"}, {"1", "2"}}}[pass][page-1]
	}, answers{})
	got, err := c.IDs(t.Context(), name(t, "g"), searchapi.Services)
	if err != nil {
		t.Fatal(err)
	}
	want := searchapi.IDs{IDs: []string{"1", "2", "3", "4"}, Total: 4, Passes: 2, Complete: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestIDsFallsBackToTheSortedSearch(t *testing.T) {
	c := listing(t, 4, func(_, page int, sorted bool) []string {
		if sorted {
			return [][]string{{"4", "3"}, {"2", "1"}}[page-1]
		}
		return [][]string{{"1", "2"}, {"2", "3"}}[page-1]
	}, answers{})
	got, err := c.IDs(t.Context(), name(t, "g"), searchapi.Services)
	if err != nil || !got.Complete || len(got.IDs) != 4 {
		t.Error(got, err)
	}
}

func TestIDsBeyondTheWindowAreIncomplete(t *testing.T) {
	c := listing(t, 6, func(_, page int, _ bool) []string {
		if page > 2 {
			return nil
		}
		return [][]string{{"1", "2"}, {"3", "4"}}[page-1]
	}, answers{})
	got, err := c.IDs(t.Context(), name(t, "g"), searchapi.Services)
	if err != nil || got.Complete || len(got.IDs) != 4 || got.Total != 6 {
		t.Error(got, err)
	}
}

func TestIDsReadsTheSortedSearchOnlyAtTheEnd(t *testing.T) {
	var sorted []bool
	c := listing(t, 4, func(_, page int, isSorted bool) []string {
		if page == 1 {
			sorted = append(sorted, isSorted)
		}
		return [][]string{{"1", "2"}, {"2", "3"}}[page-1]
	}, answers{})
	got, err := c.IDs(t.Context(), name(t, "g"), searchapi.Services)
	if err != nil || got.Complete || !cmp.Equal(sorted, []bool{false, false, false, false, true}) {
		t.Errorf("%+v, %v; sorted: %v", got, err, sorted)
	}
}

func TestIDsEndsAtAPageThatDoesNotExist(t *testing.T) {
	const first, second = "GET /g/services/search?idOnly=True&page=1", "GET /g/services/search?idOnly=True&page=2"
	onePage := say(200, `{"meta":{"total":1},"documents":[{"id":"1"}],"links":{"next":"x"}}`)
	for what, is := range map[string]struct {
		pages answers
		ok    bool
	}{
		"the second page is past the end":    {answers{first: onePage, second: say(404, `{"error":"Page 2 does not exist for this search"}`)}, true},
		"the second page fails":              {answers{first: onePage, second: say(500, `{"error":"ConnectionError"}`)}, false},
		"the router answers for the second":  {answers{first: onePage, second: routerSays}, false},
		"the first page: there is no index":  {answers{first: say(404, `{"error":"index_not_found_exception: no such index [g]"}`)}, false},
		"the first page: the search is bad":  {answers{first: say(400, `{"error":"parsing_exception: x"}`)}, false},
		"the second page is empty, all seen": {answers{first: onePage, second: say(200, `{"meta":{"total":1},"documents":[],"links":{"next":"x"}}`)}, true},
	} {
		got, err := serve(t, is.pages).IDs(t.Context(), name(t, "g"), searchapi.Services)
		if (err == nil) != is.ok || is.ok && (!got.Complete || len(got.IDs) != 1 || got.Passes != 1) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}
