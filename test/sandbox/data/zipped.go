package data

import "sync"

// mostZipped is how many compressed pages are kept: those that are asked for again and again, such as a listing's first for
// its total, are few.
const mostZipped = 16

// zipped keeps compressed pages of services for as long as nobody edits anything: compressing one takes longer than all
// the rest of its answer.
type zipped struct {
	mu    sync.Mutex
	edits int // that the pages kept have seen
	pages map[string][]byte
	order []string // oldest first
}

// find is the page at an address after so many edits, nil if it is not kept.
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
