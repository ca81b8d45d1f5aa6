package search

import (
	"cmp"
	"context"
	"slices"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

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
