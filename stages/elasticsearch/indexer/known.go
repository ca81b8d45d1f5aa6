package indexer

import "hash/maphash"

// known is what a fill knows of each document: whether it was listed, and how it was put. That is what keeps a second
// reading of a listing from putting everything again, and what tells a reindex which documents of the index are not in
// the listing. It is 17 bytes or so for each document, whatever its size: 8 MB for 300,000.
type known struct {
	seed maphash.Seed
	// documents has, by the hash of an id, the digest of the document as it was put, but for the last byte, which is the
	// number of the scan that saw it last. A digest of 0: it was not put.
	documents map[uint64]uint64
}

const scanBits = 0xff

func newKnown() known {
	return known{seed: maphash.MakeSeed(), documents: map[uint64]uint64{}}
}

func (k known) id(id string) uint64 { return maphash.String(k.seed, id) }

func (k known) digest(raw []byte) uint64 {
	return max(maphash.Bytes(k.seed, raw)&^scanBits, scanBits+1)
}

// see notes that a scan has seen a document, and tells whether it had not before.
func (k known) see(id string, scan int) bool {
	at := k.id(id)
	d := k.documents[at]
	if int(d&scanBits) == scan {
		return false
	}
	k.documents[at] = d&^scanBits | uint64(scan)
	return true
}

// put notes a document as it was put, and tells whether it was the first time.
func (k known) put(id string, raw []byte) bool {
	at := k.id(id)
	before := k.documents[at]
	k.documents[at] = k.digest(raw) | before&scanBits
	return before&^scanBits == 0
}

// wasPut tells whether a document was put.
func (k known) wasPut(id string) bool { return k.documents[k.id(id)]&^scanBits != 0 }

// is tells whether a document was put last as it is now.
func (k known) is(id string, raw []byte) bool {
	return k.documents[k.id(id)]&^scanBits == k.digest(raw)
}
