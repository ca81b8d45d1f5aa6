package search

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// Source makes the documents of an index that exists when the sandbox starts. It must be safe for use by several goroutines,
// and always make the same documents.
type Source interface {
	Len() int
	ID(i int) string
	Find(id string) (int, bool)
	Append(b []byte, i int) []byte
}

// index is one index of a cluster. Documents of its source are made when they are needed; documents that were written are
// stored.
type index struct {
	name    string
	uuid    string
	mapping *mapping
	aliases map[string]bool // guarded by the cluster's mu
	clock   *clock.Clock
	idles   bool // the engine does not refresh an index that is not searched

	source   Source // nil: the index was empty at the start
	original *originals
	excluded map[int]bool // of source
	known    *originals   // documents that are likely to be written; may be nil

	mu      sync.Mutex
	touched []bool               // of source: written or hidden
	written map[string]*document // nil: deleted, although the source has it
	count   int
	bytes   int
	seq     int

	// A search sees the state at the last refresh. hidden has the documents that were written since, as they were before (nil:
	// they did not exist).
	hidden      map[string]*document
	visible     int // num_docs
	refreshed   time.Time
	searched    time.Time
	generation  int // counts refreshes that changed something
	order       []entry
	insertions  []string // ids in the order in which they were written
	insertedGen int
}

// entry is a visible document's position in the mapping's sort.
type entry struct{ order, id string }

func newIndex(name, uuid string, m *mapping, c *clock.Clock, idles bool) *index {
	now := c.Now()
	return &index{
		name: name, uuid: uuid, mapping: m, aliases: map[string]bool{}, clock: c, idles: idles,
		written: map[string]*document{}, hidden: map[string]*document{}, refreshed: now, searched: now,
	}
}

// fill adds the source's documents, except for the excluded ones, as refreshed documents.
func (x *index) fill(o *originals, excluded map[int]bool) {
	s := o.source
	x.source, x.original, x.known, x.excluded = s, o, o, excluded
	x.touched = make([]bool, s.Len())
	x.count = s.Len() - len(excluded)
	x.visible = x.count
	x.seq = s.Len()
	x.bytes = x.count * 2100
}

// untouchedDocument is the source's document with that id; nil if there is none.
func (x *index) untouchedDocument(id string) *document {
	if x.source == nil {
		return nil
	}
	i, ok := x.source.Find(id)
	if !ok || x.excluded[i] {
		return nil
	}
	return x.original.make(i)
}

// get is the document as a realtime GET sees it. The caller holds mu.
func (x *index) get(id string) *document {
	if d, ok := x.written[id]; ok {
		return d
	}
	return x.untouchedDocument(id)
}

// has is get without making the document. The caller holds mu.
func (x *index) has(id string) bool {
	if d, ok := x.written[id]; ok {
		return d != nil
	}
	return x.hasOriginal(id)
}

func (x *index) hasOriginal(id string) bool {
	if x.source == nil {
		return false
	}
	i, ok := x.source.Find(id)
	return ok && !x.excluded[i]
}

// put writes a document. Searches do not see it before a refresh.
func (x *index) put(id string, d *document) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tick()
	before := x.hide(id)
	d.version = 1
	if before {
		if old, ok := x.written[id]; ok && old != nil {
			d.version = old.version + 1
			x.bytes -= old.size
		} else {
			d.version = 2
		}
	} else {
		x.count++
	}
	d.seq = x.seq
	x.seq++
	x.bytes += d.size
	x.written[id] = d
}

// remove deletes a document. It returns false if there was none.
func (x *index) remove(id string) (version, seq int, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tick()
	seq = x.seq
	x.seq++
	if !x.has(id) {
		return 1, seq, false
	}
	x.hide(id)
	version = 2
	if old := x.written[id]; old != nil {
		version = old.version + 1
		x.bytes -= old.size
	}
	x.count--
	if x.hasOriginal(id) {
		x.written[id] = nil
	} else {
		delete(x.written, id)
	}
	return version, seq, true
}

// hide keeps the document that searches go on seeing while its id is written. It reports whether there is a document now.
func (x *index) hide(id string) bool {
	if x.source != nil {
		if i, ok := x.source.Find(id); ok {
			x.touched[i] = true
		}
	}
	has := x.has(id)
	if _, ok := x.hidden[id]; !ok {
		var before *document
		if has {
			if before = x.written[id]; before == nil {
				before = untouched
			}
		}
		x.hidden[id] = before
	}
	return has
}

// untouched means the source's document, in hidden.
var untouched = &document{}

// fetch is a realtime GET. It refreshes the index if the document is not refreshed yet.
func (x *index) fetch(id string) *document {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tick()
	if _, ok := x.hidden[id]; ok {
		x.refresh(x.clock.Now())
	}
	return x.get(id)
}

// seen is the document as searches see it; nil if they see none. The caller holds mu.
func (x *index) seen(id string) *document {
	if d, ok := x.hidden[id]; ok {
		if d == untouched {
			return x.untouchedDocument(id)
		}
		return d
	}
	return x.get(id)
}

// digest sums a hash of every id with its content, so that two indices of equal documents have equal digests.
func (x *index) digest() string {
	x.original.analyse()
	x.mu.Lock()
	defer x.mu.Unlock()
	var sum [16]byte
	if x.source != nil {
		for i, d := range x.original.digests {
			if _, ok := x.written[x.source.ID(i)]; !ok && !x.excluded[i] {
				sum = add(sum, d)
			}
		}
	}
	for _, d := range x.written {
		if d != nil {
			sum = add(sum, d.digest)
		}
	}
	return hex.EncodeToString(sum[:])
}

func add(a, b [16]byte) [16]byte {
	carry := 0
	for i := range a {
		carry += int(a[i]) + int(b[i])
		a[i] = byte(carry)
		carry >>= 8
	}
	return a
}

// sorted is the position of every visible document, in the mapping's order. The caller holds mu; the list must not be changed.
func (x *index) sorted() []entry {
	if x.order != nil {
		return x.order
	}
	x.order = make([]entry, 0, x.visible)
	x.eachSeen(func(id string, d *document, i int) {
		switch {
		case d != nil:
			x.order = append(x.order, entry{d.order, id})
		case x.mapping.byStatus:
			x.order = append(x.order, entry{x.original.make(i).order, id})
		default:
			x.order = append(x.order, entry{x.mapping.sortKey(nil, sha256.Sum256([]byte(id))), id})
		}
	})
	slices.SortFunc(x.order, compareEntries)
	return x.order
}

func compareEntries(a, b entry) int {
	if c := strings.Compare(a.order, b.order); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

// eachSeen calls f with every visible document: the source's in their order, then those that were written. The source's
// documents are not made: d is nil and i is their position. The caller holds mu.
func (x *index) eachSeen(f func(id string, d *document, i int)) {
	if x.source != nil {
		for i, id := range x.original.names() {
			if !x.touched[i] {
				if !x.excluded[i] {
					f(id, nil, i)
				}
				continue
			}
			if x.excluded[i] {
				continue
			}
			if h, ok := x.hidden[id]; ok {
				if h == untouched {
					f(id, nil, i)
				} else if h != nil {
					f(id, h, -1)
				}
			} else if d, ok := x.written[id]; !ok {
				f(id, nil, i)
			} else if d != nil {
				f(id, d, -1)
			}
		}
	}
	for id, d := range x.written {
		if h, ok := x.hidden[id]; ok {
			d = h
		}
		if d != nil && !x.hasOriginal(id) {
			f(id, d, -1)
		}
	}
	for id, h := range x.hidden {
		if _, ok := x.written[id]; !ok && h != nil && h != untouched && !x.hasOriginal(id) {
			f(id, h, -1)
		}
	}
}

// inserted is the id of every visible document in the engine's own order, which is the order of a search without a sort. A
// document that is written again moves to the end, so that pages shift and repeat during writes. The caller holds mu; the list must not be changed.
func (x *index) inserted() []string {
	if x.insertions != nil && x.insertedGen == x.generation {
		return x.insertions
	}
	list := make([]string, 0, x.visible)
	if x.source != nil {
		for i, id := range x.original.names() {
			if x.excluded[i] {
				continue
			}
			if !x.touched[i] {
				list = append(list, id)
			} else if h, hidden := x.hidden[id]; hidden {
				if h == untouched {
					list = append(list, id)
				}
			} else if _, ok := x.written[id]; !ok {
				list = append(list, id)
			}
		}
	}
	type numbered struct {
		seq int
		id  string
	}
	var rest []numbered
	for id, d := range x.written {
		if _, hidden := x.hidden[id]; d != nil && !hidden {
			rest = append(rest, numbered{d.seq, id})
		}
	}
	for id, h := range x.hidden {
		if h != nil && h != untouched {
			rest = append(rest, numbered{h.seq, id})
		}
	}
	slices.SortFunc(rest, func(a, b numbered) int { return a.seq - b.seq })
	for _, r := range rest {
		list = append(list, r.id)
	}
	x.insertions, x.insertedGen = list, x.generation
	return list
}
