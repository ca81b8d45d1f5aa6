package indexer_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
)

// bothAPIs is a data API with prepared pages, and a search API that acknowledges everything, so that only the indexer's own
// work is measured.
type bothAPIs map[string][]byte

func (pages bothAPIs) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte(`{"message":"acknowledged"}`)
	if r.Method == http.MethodGet {
		body = pages[r.URL.RequestURI()]
	} else {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	status := http.StatusOK
	if body == nil {
		status = http.StatusNotFound
	}
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)),
	}, nil
}

// BenchmarkFill fills an index with 2,000 services.
func BenchmarkFill(b *testing.B) {
	const services = 2000
	source := data.New(data.Options{Services: services, Tokens: []string{token}})
	pages := bothAPIs{}
	for page := "/services?framework=g-cloud-12&page=1"; page != ""; {
		request, answer := httptest.NewRequestWithContext(b.Context(), http.MethodGet, page, nil), httptest.NewRecorder()
		request.Header.Set("Authorization", "Bearer "+token)
		source.ServeHTTP(answer, request)
		pages[page] = answer.Body.Bytes()
		page = nextOf(b, pages[page])
	}
	all := httpclient.NewOver(httpclient.Options{}, pages)
	from := dataapi.New(dataapi.Options{BaseURL: "http://data-api", Token: token, HTTP: all})
	to := searchapi.New(searchapi.Options{BaseURL: "http://search-api", Token: token, HTTP: all})
	target := indexer.Defaults("production").Dated(day)[0]
	b.ReportAllocs()
	for b.Loop() {
		report, err := indexer.Fill(permit(b.Context()), from, to, target, indexer.FillOptions{Pace: quick()})
		if err != nil || report.Documents != services {
			b.Fatalf("%d documents: %v", report.Documents, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/services, "ns/document")
}

// nextOf returns the request URI of the page after one; "" after the last.
func nextOf(b *testing.B, page []byte) string {
	b.Helper()
	var listing struct {
		Links struct {
			Next string `json:"next"`
		} `json:"links"`
	}
	if err := json.Unmarshal(page, &listing); err != nil {
		b.Fatal(err)
	}
	return strings.TrimPrefix(listing.Links.Next, "http://example.com")
}
