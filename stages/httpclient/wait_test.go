package httpclient_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// limited is a server that once answers 429 with a header, and then 200. Its clock is an hour behind.
type limited struct {
	after string
	sent  int
}

const behind = time.Hour

func (l *limited) RoundTrip(r *http.Request) (*http.Response, error) {
	l.sent++
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}
	resp.Header.Set("Date", time.Now().Add(-behind).UTC().Format(http.TimeFormat))
	if l.sent == 1 {
		resp.StatusCode = http.StatusTooManyRequests
		after := l.after
		if d, err := time.ParseDuration(after); err == nil && d != 0 {
			after = time.Now().Add(d - behind).UTC().Format(http.TimeFormat)
		}
		resp.Header.Set("Retry-After", after)
	}
	return resp, nil
}

// A server may choose how long is waited, up to a minute, in seconds or by a date of its own clock. What asks for nothing is
// waited for as if it was not there. Who waits long is told.
func TestAWaitThatAServerChose(t *testing.T) {
	const own = time.Second // the least pause of our own below
	for after, want := range map[string]time.Duration{
		"0": 0, "7": 7 * time.Second, "3600": time.Minute, "99999999999": time.Minute, "-5": own, "soon": own, "": own,
		"20s": 20 * time.Second, "1h": time.Minute, "-1h": own,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			t.Run(method+" "+after, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var told []string
					ctx := httpclient.WithPermit(t.Context(), func(context.Context) error { return nil })
					ctx = httpclient.WithWaits(ctx, func(w httpclient.Wait) { told = append(told, w.String()) })
					server := &limited{after: after}
					client := httpclient.NewOver(httpclient.Options{WaitMin: own, WaitMax: own}, server)
					r, err := http.NewRequestWithContext(ctx, method, "http://api.example/v3", http.NoBody)
					if err != nil {
						t.Fatal(err)
					}
					began := time.Now()
					resp, err := client.Do(r)
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					took := time.Since(began)
					if most := want + map[bool]time.Duration{true: own}[want == own]; took < want || took > most || server.sent != 2 {
						t.Errorf("waited %s in %d attempts, want %s", took, server.sent, want)
					}
					wantTold := 0
					if want > 5*time.Second {
						wantTold = 1
					}
					if len(told) != wantTold || wantTold == 1 && !strings.HasPrefix(told[0], "api.example answered 429 Too Many Requests, and asked to wait ") {
						t.Errorf("told: %q", told)
					}
				})
			})
		}
	}
}

func TestAWaitInWords(t *testing.T) {
	w := httpclient.Wait{
		Host: "api.example", Status: http.StatusTooManyRequests, Asked: time.Hour, For: time.Minute,
		Until: time.Date(2026, 12, 1, 3, 4, 5, 0, time.UTC),
	}
	want := "api.example answered 429 Too Many Requests, and asked to wait 1h0m0s: the next attempt is at 03:04:05 UTC, in 1m0s"
	if diff := cmp.Diff(want, w.String()); diff != "" {
		t.Error(diff)
	}
}
