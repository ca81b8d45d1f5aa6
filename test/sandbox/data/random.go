package data

// random is splitmix64: fast, and without stored state, so that a document can be generated again
// from its seed, its key and its version whenever it is needed.
type random uint64

func mix(parts ...uint64) random {
	r := random(0x9e3779b97f4a7c15)
	for _, p := range parts {
		r ^= random(p)
		r = random(r.next())
	}
	return r
}

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return z
}

// n is a number in [0, limit).
func (r *random) n(limit int) int {
	return int(r.next() % uint64(limit))
}

// between is a number in [low, high].
func (r *random) between(low, high int) int { return low + r.n(high-low+1) }

// chance is true with a probability of so many percent.
func (r *random) chance(percent int) bool { return r.n(100) < percent }
