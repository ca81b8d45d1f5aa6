package httpclient

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// maxRetryAfter limits the pause that a server can ask for with Retry-After. Cloud
// Foundry sends the whole reset interval with a 429, which can be an hour
// (cloud_controller_ng: middleware/rate_limiter.rb).
const maxRetryAfter = 60 * time.Second

func retrying(o Options, base http.RoundTripper, policy retryablehttp.CheckRetry) http.RoundTripper {
	c := retryablehttp.NewClient()
	c.HTTPClient = &http.Client{
		Transport:     base,
		Timeout:       cmp.Or(o.Timeout, 60*time.Second),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.RetryMax = cmp.Or(o.Attempts, 5) - 1
	c.RetryWaitMin = cmp.Or(o.WaitMin, 200*time.Millisecond)
	c.RetryWaitMax = cmp.Or(o.WaitMax, 5*time.Second)
	c.CheckRetry = policy
	c.Backoff = backoff
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.Logger = nil
	if o.Log != nil {
		c.RequestLogHook = func(_ retryablehttp.Logger, r *http.Request, attempt int) {
			if attempt > 0 {
				o.Log.Debug("retry", "method", r.Method, "host", r.URL.Host, "path", r.URL.Path, "attempt", attempt+1)
			}
		}
	}
	return &retrier{c}
}

// retrier is retryablehttp's RoundTripper, except that it does not copy the request
// body: for each attempt it gets the body from GetBody.
type retrier struct{ client *retryablehttp.Client }

func (t *retrier) RoundTrip(r *http.Request) (*http.Response, error) {
	length, getBody := r.ContentLength, r.GetBody
	if getBody == nil {
		return (&retryablehttp.RoundTripper{Client: t.client}).RoundTrip(r)
	}
	retried := &retryablehttp.Request{Request: r}
	if err := retried.SetBody(func() (io.Reader, error) { return getBody() }); err != nil {
		return nil, err
	}
	r.ContentLength = length
	resp, err := t.client.Do(retried)
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	return resp, err
}

func retryRead(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return true, nil
	}
	return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented, nil
}

func retryWrite(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return err == nil && resp.StatusCode == http.StatusTooManyRequests, nil
}

// backoff is the pause before the next attempt: what the server asks for, or one of our
// own. A long one is reported (see WithWaits).
func backoff(minimum, maximum time.Duration, attempt int, resp *http.Response) time.Duration {
	asked, isAsked := retryAfter(resp)
	pause := min(asked, maxRetryAfter)
	if !isAsked {
		floor := min(minimum<<min(attempt, 10), maximum)
		pause = retryablehttp.LinearJitterBackoff(floor, min(2*floor, maximum), 0, nil)
	}
	if resp != nil && resp.Request != nil && pause > longWait {
		report(resp.Request.Context(), Wait{
			Host: resp.Request.URL.Host, Status: resp.StatusCode, Asked: asked, For: pause, Until: time.Now().Add(pause),
		})
	}
	return pause
}

// retryAfter is what a response asks for: a number of seconds, or a date, which is
// compared with the server's own clock (RFC 9110, sections 10.2.3 and 6.6.1). A negative
// number, a date that has passed and anything else ask for nothing.
func retryAfter(resp *http.Response) (time.Duration, bool) {
	if resp == nil {
		return 0, false
	}
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(seconds, 1<<30)) * time.Second, seconds >= 0
	}
	when, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return when.Sub(now), when.After(now)
}
