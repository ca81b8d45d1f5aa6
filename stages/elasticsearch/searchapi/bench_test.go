package searchapi_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

// acknowledger reads each body, as the network would, and acknowledges it, so that only the client's own work is measured.
type acknowledger struct{}

func (acknowledger) RoundTrip(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader([]byte(`{"message":"acknowledged"}`))),
	}, err
}

// BenchmarkPut puts a document of 8 KB.
func BenchmarkPut(b *testing.B) {
	c := searchapi.New(searchapi.Options{BaseURL: "http://search-api", Token: token, HTTP: httpclient.NewOver(httpclient.Options{}, acknowledger{})})
	index, err := searchapi.ParseName("g-cloud-12-2026-11-23")
	if err != nil {
		b.Fatal(err)
	}
	document := append(append([]byte(`{"serviceDescription":"`), bytes.Repeat([]byte("word "), 1600)...), `"}`...)
	ctx := httpclient.WithPermit(b.Context(), func(context.Context) error { return nil })
	b.ReportAllocs()
	b.SetBytes(int64(len(document)))
	for b.Loop() {
		if err := c.Put(ctx, index, "services", "123456789012345", document); err != nil {
			b.Fatal(err)
		}
	}
}
