package search

import (
	"bytes"
	"hash/fnv"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// facts are what a query needs of a document, so that a scan of an index does not read the documents: the stems of its
// text, the normalised values of its filters, and the values of its aggregations.
type facts struct {
	tokens []uint32 // hashes, sorted
	values []uint32 // hashes of field and value, sorted
	aggs   []aggValue
}

type aggValue struct {
	field int
	value string
}

func hashOf(parts ...string) uint32 {
	h := fnv.New32a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum32()
}

func (m *mapping) factsOf(d *document) *facts {
	f := &facts{}
	for _, member := range flask.Members(make([]flask.Member, 0, 64), d.text()) {
		i := m.byName[member.Key]
		info := &m.fields[i]
		for e := range flask.Elements(member.Value) {
			if flask.Kind(e) == 'n' {
				continue // the engine indexes nothing for null
			}
			text := string(e)
			if flask.Kind(e) == '"' {
				text = flask.Text(e)
			}
			if info.text {
				for _, w := range tokens(text) {
					f.tokens = append(f.tokens, hashOf(w))
				}
			}
			if info.filter {
				f.values = append(f.values, hashOf(info.name, normalize(text)))
			}
			if v := (aggValue{i, text}); info.agg && !slices.Contains(f.aggs, v) {
				f.aggs = append(f.aggs, v)
			}
		}
	}
	slices.Sort(f.tokens)
	slices.Sort(f.values)
	f.tokens = slices.Clip(slices.Compact(f.tokens))
	f.values = slices.Clip(slices.Compact(f.values))
	return f
}

func has(sorted []uint32, h uint32) bool {
	_, ok := slices.BinarySearch(sorted, h)
	return ok
}

// originals are the documents of a source under a mapping. They are made when they are needed, except for what scans and
// digests need of all of them, which is made once and shared by all indices that have them.
type originals struct {
	source  Source
	mapping *mapping

	naming sync.Once
	ids    []string

	once    sync.Once
	done    atomic.Bool // facts and digests are made
	facts   []*facts
	orders  []string
	digests [][16]byte
}

func (o *originals) make(i int) *document {
	d, err := o.convert(i)
	if err != nil {
		panic("search: a document of the source does not fit the mapping: " + err.Error())
	}
	d.version, d.seq = 1, i
	return d
}

func (o *originals) convert(i int) (*document, error) {
	return o.mapping.convert(o.source.ID(i), flask.Members(make([]flask.Member, 0, 64), o.source.Append(make([]byte, 0, 8<<10), i)))
}

// lighten removes from a written document what is the same in the source's document: a full index then needs no more memory
// than a list of its ids.
func (o *originals) lighten(id string, d *document) {
	if o == nil {
		return
	}
	i, ok := o.source.Find(id)
	if !ok {
		return
	}
	if own, err := o.convert(i); err == nil && bytes.Equal(own.source, d.source) {
		d.source, d.origin, d.place = nil, o, i
	}
}

// names are the ids of all documents.
func (o *originals) names() []string {
	o.naming.Do(func() {
		o.ids = make([]string, o.source.Len())
		for i := range o.ids {
			o.ids[i] = o.source.ID(i)
		}
	})
	return o.ids
}

// analyse makes the facts and digests of every document, on all processors.
func (o *originals) analyse() {
	if o == nil {
		return
	}
	o.once.Do(func() {
		n := o.source.Len()
		o.facts, o.orders, o.digests = make([]*facts, n), make([]string, n), make([][16]byte, n)
		workers := runtime.GOMAXPROCS(0)
		var wait sync.WaitGroup
		for w := range workers {
			wait.Go(func() {
				for i := w; i < n; i += workers {
					d := o.make(i)
					o.facts[i], o.orders[i], o.digests[i] = o.mapping.factsOf(d), d.order, d.digest
				}
			})
		}
		wait.Wait()
		o.done.Store(true)
	})
}

// analyse makes what a scan needs of the documents that are not stored. For an index that was written and is nearly full,
// it is faster to make the facts of all documents, which needs no lock of the index.
func (x *index) analyse() {
	x.original.analyse()
	if x.known == nil {
		return
	}
	x.mu.Lock()
	much := 2*len(x.written) > x.known.source.Len()
	x.mu.Unlock()
	if much {
		x.known.analyse()
	}
}

// factsOf are the facts of a document that was written.
func (x *index) factsOf(d *document) *facts {
	if d.origin != nil && d.origin.done.Load() {
		return d.origin.facts[d.place]
	}
	return x.mapping.factsOf(d)
}
