package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
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
	err, ok := c.engine(k, false) // get_mapping, whose errors are caught here
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
	if text := c.wrongType(list, name, docType); text != "" {
		flask.Error(c.w, http.StatusBadRequest, text)
		return
	}
	m := list[0].mapping
	q, problem := parseQuery(m, c.r.URL.Query(), fields)
	if problem != "" {
		c.json(http.StatusBadRequest, map[string]any{"error": problem})
		return
	}
	if err, ok = c.engine(k, false); !ok {
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

// query is a request to the engine (query_builder.py).
type query struct {
	mapping *mapping
	words   []term // of q; nil: match_all
	phrases bool   // some have more than one word
	filters []filter
	nothing bool // filtered by a field that no document has
	idOnly  bool
	page    string
	hasPage bool
	from    int
	size    int
	fields  []string // to aggregate
}

type filter struct{ anyOf []uint32 } // hashes of field and normalised value

func parseQuery(m *mapping, args url.Values, fields []string) (*query, string) {
	q := &query{mapping: m, size: resultsPerPage, fields: fields, page: args.Get("page"), hasPage: args.Has("page"), idOnly: args.Has("idOnly")}
	if q.idOnly {
		q.size *= idOnlyFactor
	}
	if args.Has("q") {
		q.words = parseWords(args.Get("q"))
		for _, t := range q.words {
			for _, phrase := range t.any {
				q.phrases = q.phrases || len(phrase) > 1
			}
		}
	}
	q.parseFilters(args)
	var unknown []string
	for _, f := range fields {
		if i, ok := m.byName[f]; !ok || !m.fields[i].agg {
			unknown = append(unknown, f)
		}
	}
	if len(unknown) > 0 {
		return nil, "Aggregations for `" + strings.Join(unknown, ", ") + "` are not supported."
	}
	if q.hasPage {
		n, err := strconv.Atoi(strings.TrimSpace(q.page))
		if err != nil {
			return nil, "Invalid page " + q.page
		}
		q.from = (n - 1) * q.size
	}
	return q, ""
}

// parseFilters reads filter_<field>: a value with commas matches any part, several values must all match. Names that are
// not in the mapping are ignored unless there is one that is; then they match nothing.
func (q *query) parseFilters(args url.Values) {
	known := false
	var list []filter
	nothing := false
	for key, values := range args {
		name, ok := strings.CutPrefix(key, "filter_")
		if !ok {
			continue
		}
		i, ok := q.mapping.byName[name]
		if !ok || !q.mapping.fields[i].filter {
			nothing = true
			continue
		}
		known = true
		if len(values) == 1 && strings.Contains(values[0], ",") {
			var f filter
			for v := range strings.SplitSeq(values[0], ",") {
				f.anyOf = append(f.anyOf, hashOf(name, normalize(v)))
			}
			list = append(list, f)
			continue
		}
		for _, v := range values {
			list = append(list, filter{[]uint32{hashOf(name, normalize(v))}})
		}
	}
	if known {
		q.filters, q.nothing = list, nothing
	}
}

// normalize is filter_normalizer: no \W, lower case.
func normalize(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return -1
	}, s)
}

// errBeyondWindow is "Result window is too large".
var errBeyondWindow = errors.New("result window is too large")

// refusal is the engine's error for a request that it refuses before it searches; nil if there is none.
func (q *query) refusal() error {
	switch {
	case q.from < 0:
		return refusal(400, "illegal_argument_exception", "[from] parameter cannot be negative, found ["+strconv.Itoa(q.from)+"]")
	case q.from+q.engineSize() > q.mapping.window:
		return errBeyondWindow
	}
	return nil
}

func (q *query) engineSize() int {
	if len(q.fields) > 0 {
		return 0
	}
	return q.size
}

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

func firsts(args url.Values) map[string]string {
	m := map[string]string{}
	for k, v := range args {
		m[k] = v[0]
	}
	return m
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

// result is the engine's answer as the API passes it on.
type result struct {
	total, took  int
	documents    []flask.Raw
	aggregations map[string]map[string]int
}

// hit is a document that matches.
type hit struct {
	entry
	index *index
	score int
	seq   int
}

// run finds the visible documents that match. Without words and filters it reads only the documents of the page; otherwise
// all.
func (q *query) run(ctx context.Context, list []*index) (result, error) {
	started := list[0].clock.Now()
	var hits []hit
	total := 0
	plain := q.words == nil && len(q.filters) == 0
	sums := map[string]map[string]int{}
	for _, f := range q.fields {
		sums[f] = map[string]int{}
	}
	// window is the page, if it can be found without reading the documents.
	window := func(n int) (int, int) {
		if len(list) > 1 {
			return 0, n
		}
		from := min(max(q.from, 0), n)
		return from, min(from+q.size, n)
	}
	for _, x := range list {
		if !plain || len(q.fields) > 0 {
			x.analyse()
		}
		x.mu.Lock()
		x.tick()
		switch {
		case q.nothing:
		case plain && q.idOnly && len(q.fields) == 0:
			ids := x.inserted()
			total += len(ids)
			from, to := window(len(ids))
			for seq, id := range ids[from:to] {
				hits = append(hits, hit{entry{"", id}, x, 0, from + seq})
			}
		case plain && len(q.fields) == 0:
			order := x.sorted()
			total += len(order)
			from, to := window(len(order))
			for _, e := range order[from:to] {
				hits = append(hits, hit{e, x, 0, 0})
			}
		default:
			x.eachSeen(func(id string, d *document, i int) {
				h := hit{entry{"", id}, x, 0, i}
				var f *facts
				if d == nil {
					f, h.order = x.original.facts[i], x.original.orders[i]
				} else {
					if d.facts == nil {
						d.facts = x.factsOf(d)
					}
					f, h.order, h.seq = d.facts, d.order, d.seq
				}
				if !q.mayMatch(f) {
					return
				}
				if q.phrases {
					if d == nil {
						d = x.original.make(i)
					}
					if !q.phrasesMatch(d) {
						return
					}
				}
				h.score = q.score(f)
				hits = append(hits, h)
				q.count(sums, f)
			})
		}
		x.mu.Unlock()
		if ctx.Err() != nil {
			return result{}, ctx.Err()
		}
	}
	if !plain || len(q.fields) > 0 {
		total = len(hits)
	}
	if (!plain || len(list) > 1) && len(q.fields) == 0 {
		hits = q.first(hits, max(q.from, 0)+q.size)
	}
	r := result{total: total, aggregations: sums, documents: []flask.Raw{}}
	if len(q.fields) == 0 {
		from := min(q.from, len(hits))
		if plain && len(list) == 1 {
			from = 0 // hits are already the page
		}
		for _, h := range hits[from:min(from+q.size, len(hits))] {
			if doc := q.present(h); doc != nil {
				r.documents = append(r.documents, doc)
			}
		}
	}
	r.took = int(list[0].clock.Now().Sub(started).Milliseconds()) + 1
	return r, nil
}

// first is the first n hits, in their order. It sorts all hits only if all are needed.
func (q *query) first(hits []hit, n int) []hit {
	best := make([]hit, 0, min(2*n, len(hits)))
	cut := false
	for _, h := range hits {
		if cut && q.compare(h, best[n-1]) >= 0 {
			continue
		}
		if best = append(best, h); len(best) == 2*n {
			slices.SortStableFunc(best, q.compare)
			best, cut = best[:n], true
		}
	}
	slices.SortStableFunc(best, q.compare)
	return best[:min(n, len(best))]
}

func (q *query) compare(a, b hit) int {
	if q.idOnly {
		return cmp.Compare(a.seq, b.seq)
	}
	if !q.mapping.byStatus && a.score != b.score {
		return cmp.Compare(b.score, a.score)
	}
	return compareEntries(a.entry, b.entry)
}

func (q *query) present(h hit) flask.Raw {
	if q.idOnly {
		return flask.Append(nil, map[string]string{"id": h.id})
	}
	h.index.mu.Lock()
	d := h.index.seen(h.id)
	h.index.mu.Unlock()
	if d == nil {
		return nil
	}
	return q.mapping.result(d, q.words)
}

func (q *query) count(sums map[string]map[string]int, f *facts) {
	if len(sums) == 0 {
		return
	}
	for _, v := range f.aggs {
		if sum, ok := sums[q.mapping.fields[v.field].name]; ok {
			sum[v.value]++
		}
	}
}
