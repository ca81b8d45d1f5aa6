package platform

import (
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// rateLimiter counts the requests of each user, and of each address without a token, in windows of an hour
// (ccng: middleware/base_rate_limiter.rb, middleware/rate_limiter.rb). The real one is off unless an operator turns it
// on, with 20,000 requests for a user and 1,000 for an address, and each of its processes counts separately: here
// there is one.
type rateLimiter struct {
	user, address int // limits; off if both are 0
	windows       map[string]*rateWindow
	refused       int
}

// LimitRate limits each user to so many requests in an hour from now on; 0 removes the limit. The counts start at zero.
func (p *Platform) LimitRate(requests int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*p.limits = rateLimiter{user: requests, address: p.limits.address, windows: map[string]*rateWindow{}}
}

// RateLimit is the limit for a user, and how many requests were refused because of it.
func (p *Platform) RateLimit() (requests, refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limits.user, p.limits.refused
}

// rateWindow ends at a whole second, so that there is always at least one second left.
type rateWindow struct {
	count int
	ends  int64
}

// count counts a request. It returns how many there were in this window, and how many seconds of the window are left.
func (l *rateLimiter) count(key string, now, lasts int64) (requests int, left int64) {
	window := l.windows[key]
	if window == nil || now >= window.ends {
		window = &rateWindow{ends: now + lasts}
		l.windows[key] = window
	}
	window.count++
	return window.count, window.ends - now
}

const rateInterval = time.Hour

// freeOfLimits are the paths that are not counted.
var freeOfLimits = regexp.MustCompile(`^(?:/v3|/|/healthz)$`)

// admit counts a request and reports whether it may pass. If not, it has been answered. The headers say how many are left,
// in tenths of the limit, because the real one only estimates it.
func (l *rateLimiter) admit(p *Platform, w http.ResponseWriter, r *http.Request) bool {
	now := p.now()
	p.mu.Lock()
	if l.user == 0 && l.address == 0 || freeOfLimits.MatchString(r.URL.Path) {
		p.mu.Unlock()
		return true
	}
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	key, limit, code, title, words := address, l.address, 10014, "CF-IPBasedRateLimitExceeded",
		"Rate Limit Exceeded: Unauthenticated requests from this IP address have exceeded the limit. Please log in."
	if a, err := p.uaa.Authenticate(r.Header.Get("Authorization"), now); err == nil {
		key, limit, code, title, words = a.GUID, l.user, 10013, "CF-RateLimitExceeded", "Rate Limit Exceeded"
	}
	if limit == 0 {
		p.mu.Unlock()
		return true
	}
	count, left := l.count(key, now.Unix(), max(int64(p.opts.Clock.Scale(rateInterval).Seconds()), 1))
	if count > limit {
		l.refused++
	}
	p.mu.Unlock()

	h := w.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(now.Unix()+left, 10))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, (limit-count)*10/limit*limit/10)))
	if count <= limit {
		return true
	}
	h.Set("Retry-After", strconv.FormatInt(left, 10))
	h.Set("Content-Type", "text/plain; charset=utf-8") // although the body is JSON
	w.WriteHeader(http.StatusTooManyRequests)
	body, _ := json.Marshal(presentErrors(apiErrors{{http.StatusTooManyRequests, code, title, words}}))
	_, _ = w.Write(body)
	return false
}
