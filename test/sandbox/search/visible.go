package search

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

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

// sorted is the position of every visible document, in the mapping's order. The caller holds mu; the list must not be
// changed.
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

// inserted is the id of every visible document in the engine's own order, which is the order of a search without a
// sort. A document that is written again moves to the end, so that pages shift and repeat during writes. The caller
// holds mu; the list must not be changed.
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
