package platform

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

func (w *world) head(path, token string) (*http.Response, string) {
	w.t.Helper()
	r, _ := http.NewRequestWithContext(w.t.Context(), "GET", w.api+path, nil)
	if token != "" {
		r.Header.Set("Authorization", "bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body := make([]byte, 1000)
	n, _ := resp.Body.Read(body)
	return resp, string(body[:n])
}

// ccng: middleware/base_rate_limiter.rb: the headers on every answer, 429 with Retry-After for the rest of the window,
// JSON with the content type of text; requests with a token do not count for the address; the root and /v3 are not counted.
func TestRequestsBeyondTheLimitAre429UntilTheWindowEnds(t *testing.T) {
	c := clock.New(1)
	w := start(t, func(o *Options, _ *World) {
		o.Clock, o.RateLimit, o.RateLimitUnauthenticated = c, 20, 2
		o.StageTime, o.StartTime = -1, -1
	})
	resp, _ := w.head("/v3/apps", w.token)
	if h := resp.Header; resp.StatusCode != 200 || h.Get("X-RateLimit-Limit") != "20" || h.Get("X-RateLimit-Remaining") != "18" {
		t.Errorf("%d %v", resp.StatusCode, h)
	}
	for range 18 {
		w.head("/v3/apps", w.token)
	}
	resp, body := w.head("/v3/apps", w.token)
	h := resp.Header
	if resp.StatusCode != 429 || h.Get("X-RateLimit-Remaining") != "0" || !strings.HasPrefix(h.Get("Retry-After"), "359") && h.Get("Retry-After") != "3600" {
		t.Errorf("%d %v", resp.StatusCode, h)
	}
	if !strings.HasPrefix(h.Get("Content-Type"), "text/plain") || body != `{"errors":[{"code":10013,"detail":"Rate Limit Exceeded","title":"CF-RateLimitExceeded"}]}` {
		t.Errorf("%s: %s", h.Get("Content-Type"), body)
	}
	if resp, _ := w.head("/v3", w.token); resp.StatusCode != 200 || resp.Header.Get("X-RateLimit-Limit") != "" {
		t.Errorf("/v3: %d %v", resp.StatusCode, resp.Header)
	}
	for _, want := range []int{401, 401, 429} {
		if resp, _ := w.head("/v3/apps", ""); resp.StatusCode != want {
			t.Errorf("without a token: %d, want %d", resp.StatusCode, want)
		}
	}
	c.Move(time.Hour)
	w.login("admin", "s3cret")
	if resp, _ := w.head("/v3/apps", w.token); resp.StatusCode != 200 {
		t.Errorf("in the next window: %d", resp.StatusCode)
	}
}
