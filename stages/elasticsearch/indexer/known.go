package indexer

import "hash/maphash"

// known is what a fill remembers of each document: which scan saw it last, and a
// digest of what was put. With it, a second scan of a listing puts only what has
// changed, and a reindex finds the documents of the index that are not in the
// listing. It takes about 17 bytes per document, whatever its size: 8 MB for 300,000.
type known struct {
	seed maphash.Seed
	// entries are keyed by a hash of the document's id. The low byte is the number of
	// the scan that saw the document last; the rest is the digest of what was put, or 0
	// if nothing was.
	entries map[uint64]uint64
}

const scanMask = 0xff

func newKnown() known {
	return known{seed: maphash.MakeSeed(), entries: map[uint64]uint64{}}
}

func (k known) key(id string) uint64 { return maphash.String(k.seed, id) }

// digest is never 0, and its low byte is.
func (k known) digest(raw []byte) uint64 {
	return max(maphash.Bytes(k.seed, raw)&^scanMask, scanMask+1)
}

// markSeen records that a scan saw a document and reports whether it is the first
// time in this scan.
func (k known) markSeen(id string, scan int) bool {
	key := k.key(id)
	entry := k.entries[key]
	if int(entry&scanMask) == scan {
		return false
	}
	k.entries[key] = entry&^scanMask | uint64(scan)
	return true
}

// markPut records what was put for a document and reports whether it is the first
// time.
func (k known) markPut(id string, raw []byte) bool {
	key := k.key(id)
	before := k.entries[key]
	k.entries[key] = k.digest(raw) | before&scanMask
	return before&^scanMask == 0
}

// wasPut reports whether any version of a document was put.
func (k known) wasPut(id string) bool { return k.entries[k.key(id)]&^scanMask != 0 }

// isCurrent reports whether this version of a document was the last one put.
func (k known) isCurrent(id string, raw []byte) bool {
	return k.entries[k.key(id)]&^scanMask == k.digest(raw)
}
