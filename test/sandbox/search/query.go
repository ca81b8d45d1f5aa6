package search

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

const (
	// resultsPerPage is DM_SEARCH_PAGE_SIZE; with idOnly a page is ten times as long, but meta still says 30.
	resultsPerPage = 30
	idOnlyFactor   = 10
)

// search is GET /<index>/<type>/search (views/search.py).
func (c *call) search(name, docType string) {
	c.query(name, docType, nil, false)
}

// aggregations is GET /<index>/<type>/aggregations. Without the argument aggregations the view reads a key that the
// response does not have.
func (c *call) aggregations(name, docType string) {
	c.query(name, docType, c.r.URL.Query()["aggregations"], true)
}

// query is core_search_and_aggregate (search_service.py).
func (c *call) query(name, docType string, fields []string, aggregate bool) {
	if !c.read() {
		return
	}
	k := c.cluster()
	ok, err := c.engine(k, false) // get_mapping, whose errors are caught here
	if !ok {
		return
	}
	var list []*index
	if err == nil {
		list, err = k.lookup(name)
	}
	if err != nil {
		c.apiResponse(err)
		return
	}
	if c.wrongType(list, name, docType) {
		return
	}
	m := list[0].mapping
	q, problem := parseQuery(m, c.r.URL.Query(), fields)
	if problem != "" {
		c.json(http.StatusBadRequest, map[string]any{"error": problem})
		return
	}
	if ok, err = c.engine(k, false); !ok {
		return
	}
	if err == nil {
		for _, x := range list {
			if e := x.beforeSearch(c.r.Context()); !alive(c.w, c.r, e) {
				return
			}
		}
		err = q.refusal()
	}
	var found result
	if err == nil {
		if found, err = q.run(c.r.Context(), list); !alive(c.w, c.r, err) {
			return
		}
	}
	if errors.Is(err, errBeyondWindow) {
		c.beyondWindow(q, list)
		return
	}
	if err != nil {
		c.apiResponse(err)
		return
	}
	if aggregate && len(fields) == 0 {
		flask.InternalError(c.w, c.r)
		return
	}
	if !aggregate && q.from > 0 && len(found.documents) == 0 {
		c.noSuchPage(q)
		return
	}
	body := map[string]any{
		"meta": map[string]any{
			"query": firsts(c.r.URL.Query()), "total": found.total, "took": found.took, "results_per_page": resultsPerPage,
		},
		"links": c.links(name, docType, q, found.total),
	}
	if aggregate {
		body["aggregations"] = found.aggregations
	} else {
		body["documents"] = found.documents
	}
	c.json(http.StatusOK, body)
}

// errBeyondWindow is "Result window is too large".
var errBeyondWindow = errors.New("result window is too large")

// beyondWindow counts, and answers that the page does not exist if there are not enough documents. The count of an idOnly
// query still has _source, which the engine refuses in a count.
func (c *call) beyondWindow(q *query, list []*index) {
	if q.idOnly {
		c.apiResponse(refusal(400, "parsing_exception", "request does not support [_source]"))
		return
	}
	all := *q
	all.from, all.size = 0, 0
	if found, err := all.run(c.r.Context(), list); err != nil || found.total < q.from {
		c.noSuchPage(q)
		return
	}
	c.apiResponse(refusal(400, "illegal_argument_exception", fmt.Sprintf("Result window is too large, from + size must be less than or equal to: [%d] but was [%d]. "+
		"See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting.",
		q.mapping.window, q.from+q.size)))
}

func (c *call) noSuchPage(q *query) {
	page := "This page"
	if q.hasPage {
		page = "Page " + q.page
	}
	c.json(http.StatusNotFound, map[string]any{"error": page + " does not exist for this search"})
}

// links is generate_pagination_links. They lead to the search, even those of aggregations.
func (c *call) links(name, docType string, q *query, total int) map[string]string {
	args := c.r.URL.Query()
	page := 1
	if q.hasPage {
		page, _ = strconv.Atoi(strings.TrimSpace(q.page))
	}
	at := func(n int) string {
		args.Set("page", strconv.Itoa(n))
		return flask.Base(c.r) + "/" + url.PathEscape(name) + "/" + url.PathEscape(docType) + "/search?" + args.Encode()
	}
	links := map[string]string{}
	if page > 1 {
		links["prev"] = at(page - 1)
	}
	if page < int(math.Ceil(float64(total)/float64(q.size))) {
		links["next"] = at(page + 1)
	}
	return links
}
