package indexer_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/indexer"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/data"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
	"github.com/digitalmarketplace/cutover/test/sandbox/search"
)

const token = "a-token-for-both"

// interceptor handles a request before the server does; true: it has responded.
type interceptor func(w http.ResponseWriter, r *http.Request) bool

// world is a data API and a search API with an empty Elasticsearch.
type world struct {
	t        *testing.T
	data     *data.API
	clusters *search.Clusters
	source   *dataapi.Client
	target   *searchapi.Client

	mu       sync.Mutex
	requests []string // to the search API: "METHOD /path"
	search   interceptor
	listing  interceptor
}

func newWorld(t *testing.T, services, briefs int) *world {
	t.Helper()
	c := clock.New(0)
	w := &world{t: t, clusters: search.NewClusters(c)}
	w.data = data.New(data.Options{Clock: c, Seed: 7, Services: services, Briefs: briefs, Tokens: []string{token}})
	program := search.New(search.Options{Clock: c, Clusters: w.clusters, Build: search.NewBuild()})
	w.source = dataapi.New(dataapi.Options{
		BaseURL: w.serve(w.data, func() interceptor { return w.listing }, false),
		Token:   token, TokenVariable: "DM_DATA_API_TOKEN_PREVIEW", HTTP: client(),
	})
	w.target = searchapi.New(searchapi.Options{
		BaseURL: w.serve(w.instance(program, "green"), func() interceptor { return w.search }, true),
		Token:   token, TokenVariable: "DM_SEARCH_API_TOKEN_PREVIEW", HTTP: client(),
	})
	return w
}

// client has no retries of its own, so that all retries are the indexer's.
func client() *http.Client { return httpclient.New(httpclient.Options{Attempts: 1}) }

func (w *world) instance(p *search.Program, instance string) http.Handler {
	if err := w.clusters.Provision(instance, "small-ha-7.x", nil); err != nil {
		w.t.Fatal(err)
	}
	services, _ := json.Marshal(map[string]any{"elasticsearch": []any{map[string]any{
		"name": "search_api_elasticsearch", "credentials": w.clusters.Credentials(instance, "b"),
	}}})
	h, err := p.Boot(diego.Instance{
		AppName: "search-api", Log: func(bool, string) {},
		Env: map[string]string{"VCAP_SERVICES": string(services), "DM_SEARCH_API_AUTH_TOKENS": token},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

func (w *world) serve(h http.Handler, before func() interceptor, record bool) string {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		if record {
			w.requests = append(w.requests, r.Method+" "+r.URL.Path)
		}
		intercept := before()
		w.mu.Unlock()
		if intercept == nil || !intercept(rw, r) {
			h.ServeHTTP(rw, r)
		}
	}))
	w.t.Cleanup(server.Close)
	return server.URL
}

// sent counts the requests to the search API with a prefix of "METHOD /path".
func (w *world) sent(prefix string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, r := range w.requests {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

func (w *world) intercept(search, listing interceptor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.search, w.listing = search, listing
}

func (w *world) edit(kind, id string) string {
	w.t.Helper()
	e := data.Edit{Kind: kind, ID: id}
	switch kind {
	case "unpublish-service":
		e.Status = "disabled"
	case "update-framework":
		e.ID, e.Status = "g-cloud-12", "standstill"
	}
	done, err := w.data.Do(context.Background(), e)
	if err != nil {
		w.t.Error(err)
	}
	return done.ID
}

var day = time.Date(2021, 3, 1, 0, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant in all but syntax

// create creates the targets' indices and aliases.
func (w *world) create(all []indexer.Target) {
	w.t.Helper()
	for _, t := range all {
		if err := w.target.CreateIndex(writing(w.t), t.Name, t.Mapping); err != nil {
			w.t.Fatal(err)
		}
		if t.Name != t.Alias {
			if err := w.target.SetAlias(writing(w.t), t.Alias, t.Name); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// filled returns dated targets whose indices are created and filled.
func (w *world) filled() []indexer.Target {
	w.t.Helper()
	all := indexer.Defaults("production").Dated(day)
	w.create(all)
	for _, t := range all {
		if _, err := indexer.Fill(writing(w.t), w.source, w.target, t, indexer.FillOptions{Pace: quick()}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.mu.Lock()
	w.requests = nil
	w.mu.Unlock()
	return all
}

// wantUpToDate compares the targets' indices with what the data API has now.
func (w *world) wantUpToDate(all []indexer.Target) {
	w.t.Helper()
	if err := w.clusters.Provision("reference", "small-ha-7.x", nil); err != nil {
		w.t.Fatal(err)
	}
	if err := search.Preload(w.clusters, "reference", w.data, 0); err != nil {
		w.t.Fatal(err)
	}
	snapshot := w.clusters.Snapshot()
	want := map[string]search.IndexSnapshot{}
	for _, x := range snapshot["reference"].Indices {
		for _, alias := range x.Aliases {
			want[alias] = x
		}
	}
	for _, t := range all {
		found := false
		for _, x := range snapshot["green"].Indices {
			if x.Name != t.Name.String() {
				continue
			}
			found = true
			if want := want[t.Alias.String()]; x.Docs != want.Docs || x.Digest != want.Digest {
				w.t.Errorf("%s: %d documents, digest %s; want %d, %s", t.Name, x.Docs, x.Digest, want.Docs, want.Digest)
			}
		}
		if !found {
			w.t.Errorf("%s does not exist", t.Name)
		}
	}
}

func writing(t *testing.T) context.Context {
	t.Helper()
	return permit(t.Context())
}

func permit(ctx context.Context) context.Context {
	return httpclient.WithPermit(ctx, func(context.Context) error { return nil })
}

// quick is a pace with short pauses.
func quick() indexer.Pace {
	return indexer.Pace{Concurrency: 4, RetryMin: time.Millisecond, RetryMax: 2 * time.Millisecond, RetryFor: time.Minute}
}
