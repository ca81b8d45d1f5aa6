package dataapi_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
)

// canned answers each request with the same body, so that only the client's own work is measured.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{},
		ContentLength: int64(len(c)), Body: io.NopCloser(bytes.NewReader(c)),
	}, nil
}

// BenchmarkServices reads a page of 100 services.
func BenchmarkServices(b *testing.B) {
	answer := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/services?framework=g-cloud-12", nil)
	request.Header.Set("Authorization", "Bearer "+token)
	data.New(data.Options{Services: 100, Tokens: []string{token}}).ServeHTTP(answer, request)
	page := canned(answer.Body.Bytes())
	c := dataapi.New(dataapi.Options{BaseURL: "http://data-api", Token: token, HTTP: httpclient.NewOver(httpclient.Options{}, page)})
	b.ReportAllocs()
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		if got, err := c.Services(b.Context(), []string{"g-cloud-12"}, 1); err != nil || len(got.Documents) != 100 {
			b.Fatalf("%d documents: %v", len(got.Documents), err)
		}
	}
}
