package search

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

// BenchmarkConvert is the time for a document without HTTP.
func BenchmarkConvert(b *testing.B) {
	s := data.New(data.Options{Seed: 1, Services: 1000}).PublishedServices("g-cloud-12")
	m := mappings(NewBuild())["services-g-cloud-12"]
	docs := make([][]byte, s.Len())
	for i := range docs {
		docs[i] = s.Append(nil, i)
	}
	b.Run("valid", func(b *testing.B) {
		for i := range b.N {
			valid(docs[i%len(docs)])
		}
	})
	b.Run("convert", func(b *testing.B) {
		for i := range b.N {
			if _, err := m.convert("x", flask.Members(nil, docs[i%len(docs)])); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("generate", func(b *testing.B) {
		buf := make([]byte, 0, 20000)
		for i := range b.N {
			s.Append(buf, i%s.Len())
		}
	})
}

// BenchmarkHTTP is whole requests on kept connections, client and server on the same processors: PUTs of all documents
// in turn, and /_status, beside a cluster and a data API of full size. It reports the memory of all together.
func BenchmarkHTTP(b *testing.B) {
	c := clock.New(0)
	api := data.New(data.Options{Clock: c, Seed: 1, Services: 36311, Briefs: 1192})
	clusters := NewClusters(c)
	for _, instance := range []string{"blue", "green"} {
		if err := clusters.Provision(instance, plan, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := Preload(clusters, "blue", api, 3); err != nil {
		b.Fatal(err)
	}
	vcap, _ := json.Marshal(map[string]any{"es": []any{map[string]any{"name": "search_api_elasticsearch", "credentials": clusters.Credentials("green", "x")}}})
	h, err := New(Options{Clock: c, Clusters: clusters, Slots: 8}).Boot(diego.Instance{
		Env: map[string]string{"VCAP_SERVICES": string(vcap), "DM_SEARCH_API_AUTH_TOKENS": token},
	})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	send := func(method, path, body string) {
		r, _ := http.NewRequest(method, server.URL+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		res, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 200 {
			b.Fatalf("%s %s: %s", method, path, res.Status)
		}
	}
	send("PUT", "/g-cloud-12-2026-11-23", `{"type":"index","mapping":"services-g-cloud-12"}`)
	services := api.PublishedServices("g-cloud-12")
	bodies := make([]string, 500)
	for i := range bodies {
		bodies[i] = `{"document":` + string(services.Append(nil, i)) + `}`
	}
	b.Run("put", func(b *testing.B) {
		i := 0
		for b.Loop() {
			send("PUT", "/g-cloud-12-2026-11-23/services/"+services.ID(i%services.Len()), bodies[i%len(bodies)])
			i++
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
	})
	b.Run("status", func(b *testing.B) {
		for b.Loop() {
			send("GET", "/_status", "")
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
	})
	for i := range services.Len() {
		send("PUT", "/g-cloud-12-2026-11-23/services/"+services.ID(i), bodies[i%len(bodies)])
	}
	clusters.Snapshot()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.Logf("heap %d MB, taken from the system %d MB", m.HeapAlloc>>20, m.Sys>>20)
}
