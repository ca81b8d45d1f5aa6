package search

import (
	"sync"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// Source makes the documents of an index that exists when the sandbox starts. It must be safe for use by several
// goroutines, and always make the same documents.
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
	deleted map[string]tombstone // of the last minute, and older ones that nobody has written since

	// A search sees the state at the last refresh. hidden has the documents that were written since, as they were
	// before (nil: they did not exist).
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
		written: map[string]*document{}, deleted: map[string]tombstone{}, hidden: map[string]*document{}, refreshed: now, searched: now,
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
		d.version = x.afterDeletion(id)
		delete(x.deleted, id)
		x.count++
	}
	d.seq = x.seq
	x.seq++
	x.bytes += d.size
	x.written[id] = d
}

// tombstone is what is left of a document that was deleted, or was to be.
type tombstone struct {
	version int
	at      time.Time
}

// forgets is index.gc_deletes: how long the version of a deleted document is known.
const forgets = time.Minute

// afterDeletion is the version of the next operation on a document that is not there: 1, unless its deletion is remembered.
func (x *index) afterDeletion(id string) int {
	if last, ok := x.deleted[id]; ok && x.clock.Now().Sub(last.at) < forgets {
		return last.version + 1
	}
	return 1
}

// remove deletes a document. It returns false if there was none; that is an operation with a version all the same.
func (x *index) remove(id string) (version, seq int, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tick()
	seq = x.seq
	x.seq++
	defer func() { x.deleted[id] = tombstone{version, x.clock.Now()} }()
	if !x.has(id) {
		return x.afterDeletion(id), seq, false
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
