package cloudfoundry

import (
	"sync"
	"time"
)

// readCache keeps responses to reads for a short time. A dry run of all stages reads
// the same few objects again and again: it sends about five times as many requests
// as there are different ones.
type readCache struct {
	ttl time.Duration

	mu      sync.Mutex
	entries map[string]cached
}

type cached struct {
	body []byte
	at   time.Time
}

// newReadCache returns a cache that keeps nothing if ttl is zero.
func newReadCache(ttl time.Duration) *readCache {
	return &readCache{ttl: ttl, entries: map[string]cached{}}
}

// get returns the response to a request if it is young enough.
func (r *readCache) get(request string) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry, found := r.entries[request]
	if !found || time.Since(entry.at) > r.ttl {
		return nil, false
	}
	return entry.body, true
}

func (r *readCache) put(request string, body []byte) {
	if r.ttl <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries[request] = cached{body, time.Now()}
}
