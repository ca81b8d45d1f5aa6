package search

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
	"github.com/digitalmarketplace/cutover/test/sandbox/platform/diego"
)

const token = "secret-token"

// app is one instance of the program over one cluster, behind real HTTP.
type app struct {
	t        *testing.T
	url      string
	clock    *clock.Clock
	clusters *Clusters
	handler  http.Handler
}

const plan = "small-ha-7.x"

func start(t *testing.T, o Options, plan string) *app {
	t.Helper()
	if o.Clock == nil {
		o.Clock = clock.New(0)
	}
	if o.Clusters == nil {
		o.Clusters = NewClusters(o.Clock)
	}
	if err := o.Clusters.Provision("instance", plan, nil); err != nil {
		t.Fatal(err)
	}
	h, err := New(o).Boot(diego.Instance{AppName: "search-api", Env: environment(t, o.Clusters, "search_api_elasticsearch")})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &app{t, s.URL, o.Clock, o.Clusters, h}
}

func environment(t *testing.T, c *Clusters, name string) map[string]string {
	t.Helper()
	vcap, err := json.Marshal(map[string]any{
		"user-provided": []any{map[string]any{"name": "digitalmarketplace_splunk", "credentials": map[string]any{}}},
		"elasticsearch": []any{map[string]any{"name": name, "credentials": c.Credentials("instance", "binding")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"VCAP_SERVICES": string(vcap), "DM_SEARCH_API_AUTH_TOKENS": "other:" + token, "PROMETHEUS_METRICS_PATH": "/_metrics"}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) is(t *testing.T, what string, status int, body string) {
	t.Helper()
	if a.status != status || strings.TrimSpace(a.body) != body {
		t.Errorf("%s: %d %s, want %d %s", what, a.status, a.body, status, body)
	}
}

// has checks that the body is an error with that text.
func (a answer) fails(t *testing.T, what string, status int, text string) {
	t.Helper()
	var b struct {
		Error any `json:"error"`
	}
	if err := json.Unmarshal([]byte(a.body), &b); err != nil || a.status != status || b.Error != text {
		t.Errorf("%s: %d %s, want %d %q", what, a.status, a.body, status, text)
	}
}

func (a *app) do(method, path, payload string, header ...string) answer {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(payload))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if payload != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Del(header[i])
		if header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

func (a *app) get(path string) answer { a.t.Helper(); return a.do("GET", path, "") }

// object gets path, which must be 200, as JSON.
func (a *app) object(path string) map[string]any {
	a.t.Helper()
	r := a.get(path)
	var m map[string]any
	if err := json.Unmarshal([]byte(r.body), &m); err != nil || r.status != 200 {
		a.t.Fatalf("GET %s: %d %s", path, r.status, r.body)
	}
	return m
}

func (a *app) ok(method, path, body string) {
	a.t.Helper()
	a.do(method, path, body).is(a.t, method+" "+path, 200, `{"message":"acknowledged"}`)
}

func (a *app) create(index, mapping string) {
	a.t.Helper()
	a.ok("PUT", "/"+index, `{"type":"index","mapping":"`+mapping+`"}`)
}

func (a *app) alias(name, target string) answer {
	a.t.Helper()
	return a.do("PUT", "/"+name, `{"type":"alias","target":"`+target+`"}`)
}

func (a *app) services(index string) { a.t.Helper(); a.create(index, "services-g-cloud-12") }

func (a *app) put(index, id string, fields ...string) {
	a.t.Helper()
	a.ok("PUT", "/"+index+"/services/"+id, body(id, fields...))
}

// body is the body that puts a service with that id and those fields, given as name and JSON value.
func body(id string, fields ...string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"document":{"id":%q`, id)
	for i := 0; i+1 < len(fields); i += 2 {
		fmt.Fprintf(&b, `,%q:%s`, fields[i], fields[i+1])
	}
	b.WriteString("}}")
	return b.String()
}

func (a *app) source(index, id string) map[string]any {
	a.t.Helper()
	return a.object("/" + index + "/services/" + id)["services"].(map[string]any)["_source"].(map[string]any)
}

func (a *app) numDocs(index string) int {
	a.t.Helper()
	return int(a.object("/_status")["es_status"].(map[string]any)[index].(map[string]any)["num_docs"].(float64))
}

func (a *app) total(path string) int {
	a.t.Helper()
	return int(a.object(path)["meta"].(map[string]any)["total"].(float64))
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
