package search

import (
	"net/url"
	"strconv"
	"strings"
)

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

// refusal is the engine's error for a request that it refuses before it searches; nil if there is none.
func (q *query) refusal() error {
	switch {
	case q.from < 0:
		// Later versions add the number. Which text 7.10.2 has for a body was not measured beyond the status.
		return refusal(400, "illegal_argument_exception", "[from] parameter cannot be negative")
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

func firsts(args url.Values) map[string]string {
	m := map[string]string{}
	for k, v := range args {
		m[k] = v[0]
	}
	return m
}
