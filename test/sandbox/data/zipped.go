package data

import "sync"

// mostZipped is how many compressed pages are kept. Few pages are requested again and again, such as the first of a listing
// for its total.
const mostZipped = 16

// zipped keeps compressed pages of services until the next edit: compressing a page takes longer than all the rest of its
// answer.
type zipped struct {
	mu    sync.Mutex
	edits int // number of edits when the pages were made
	pages map[string][]byte
	order []string // oldest first
}

// find is the page at an address after so many edits; nil if it is not kept.
func (z *zipped) find(address string, edits int) []byte {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.edits != edits {
		return nil
	}
	return z.pages[address]
}

func (z *zipped) keep(address string, edits int, page []byte) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if edits < z.edits {
		return
	}
	if edits > z.edits || z.pages == nil {
		z.edits, z.pages, z.order = edits, map[string][]byte{}, nil
	}
	if z.pages[address] == nil {
		z.order = append(z.order, address)
	}
	z.pages[address] = page
	if len(z.order) > mostZipped {
		delete(z.pages, z.order[0])
		z.order = z.order[1:]
	}
}
