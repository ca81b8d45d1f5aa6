package httpclient

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// buffering reads the whole response body before it returns the response, so that an
// incomplete response is an error like any other and a read is retried. It is meant
// for pages and documents, not for streams.
//
// The buffer is reused once the body is closed, because a page is nearly a megabyte.
type buffering struct {
	base    http.RoundTripper
	buffers sync.Pool
}

func (t *buffering) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, _ := t.buffers.Get().(*bytes.Buffer)
	if body == nil {
		body = &bytes.Buffer{}
	}
	body.Reset()
	_, err = body.ReadFrom(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read the response: %w", err)
	}
	resp.ContentLength = int64(body.Len())
	resp.Body = &bufferedBody{bytes.NewReader(body.Bytes()), func() { t.buffers.Put(body) }}
	return resp, nil
}

// bufferedBody is a body in a buffer. It is empty once it is closed.
type bufferedBody struct {
	io.Reader
	release func()
}

func (b *bufferedBody) Close() error {
	if b.release != nil {
		b.Reader = strings.NewReader("")
		b.release()
		b.release = nil
	}
	return nil
}

// responseOrError drops the response if there is an error too, because net/http
// requires that a RoundTripper returns only one of them. go-retryablehttp returns both
// if the context ends after a response.
func responseOrError(resp *http.Response, err error) (*http.Response, error) {
	if err != nil && resp != nil {
		resp.Body.Close()
		resp = nil
	}
	return resp, err
}

// Body reads at most 64 KiB of a response body, for an error message, and closes it.
func Body(resp *http.Response) string {
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return string(b)
}
