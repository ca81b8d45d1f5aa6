package searchapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const token = "s3cret-Token/of+preview"

// answers are a server's handlers by "METHOD /path?query". Any other request
// fails the test.
type answers map[string]http.HandlerFunc

func serve(t *testing.T, known answers) *searchapi.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := known[r.Method+" "+r.RequestURI]
		if !ok {
			t.Errorf("unexpected request: %s %s", r.Method, r.RequestURI)
			http.NotFound(w, r)
			return
		}
		if got := r.Header.Get("Authorization"); got != "Bearer "+token {
			t.Errorf("%s %s: Authorization is %q", r.Method, r.RequestURI, got)
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return searchapi.New(searchapi.Options{
		BaseURL: server.URL + "/", Token: token, TokenVariable: "DM_SEARCH_API_TOKEN_PREVIEW",
		HTTP: httpclient.New(httpclient.Options{Attempts: 1}),
	})
}

// say returns a handler that responds with a status and a body.
func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func routerSays(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Cf-RouterError", "unknown_route")
	w.WriteHeader(http.StatusNotFound)
}

func writing(t *testing.T) context.Context {
	t.Helper()
	return httpclient.WithPermit(t.Context(), func(context.Context) error { return nil })
}

func name(t *testing.T, text string) searchapi.Name {
	t.Helper()
	n, err := searchapi.ParseName(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNamesThatCouldAddressAnotherIndexAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "_all", "*", "g*", "g-cloud-12,g-cloud-11", ".kibana", "..", "-g", "_g", "+g", "G-Cloud", "g cloud", "g/cloud",
		"g%2Fcloud", "g?cloud", "g#", "ü", "g\n", strings.Repeat("g", 256),
	} {
		if n, err := searchapi.ParseName(text); err == nil || !n.IsZero() {
			t.Errorf("%q was accepted", text)
		}
		var n searchapi.Name
		quoted, _ := json.Marshal(text)
		if json.Unmarshal(quoted, &n) == nil {
			t.Errorf("%q was accepted in JSON", text)
		}
	}
	for _, text := range []string{"g-cloud-12", "g-cloud-12-2021-03-01", "briefs_2", "7", strings.Repeat("g", 255)} {
		if got := name(t, text).String(); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestCallsWithoutAValidNameAreNotSent(t *testing.T) {
	c := serve(t, nil)
	none, ctx := searchapi.Name{}, writing(t)
	g := name(t, "g")
	calls := map[string]error{
		"create":         c.CreateIndex(ctx, none, "services"),
		"alias":          c.SetAlias(ctx, none, g),
		"alias target":   c.SetAlias(ctx, g, none),
		"put":            c.Put(ctx, none, searchapi.Services, "1", nil),
		"put type":       c.Put(ctx, g, "_doc", "1", nil),
		"refresh":        c.Refresh(ctx, none, searchapi.Services),
		"id search":      c.Put(ctx, g, searchapi.Services, "search", nil),
		"id aggregation": c.Put(ctx, g, searchapi.Services, "aggregations", nil),
		"id empty":       c.Put(ctx, g, searchapi.Services, "", nil),
		"id dots":        c.Put(ctx, g, searchapi.Services, "..", nil),
		"id slash":       c.Put(ctx, g, searchapi.Services, "a/b", nil),
		"id backslash":   c.Put(ctx, g, searchapi.Services, `a\b`, nil),
		"id control":     c.Put(ctx, g, searchapi.Services, "a\nb", nil),
		"id delete":      c.Put(ctx, g, searchapi.Services, "a\x7fb", nil),
	}
	_, calls["delete"] = c.Delete(ctx, none, searchapi.Services, "1")
	_, calls["delete id"] = c.Delete(ctx, g, searchapi.Services, "")
	_, _, calls["get"] = c.Get(ctx, none, searchapi.Services, "1")
	_, calls["total"] = c.Total(ctx, none, searchapi.Services, nil)
	_, calls["ids"] = c.IDs(ctx, none, searchapi.Services)
	for call, err := range calls {
		if err == nil {
			t.Errorf("%s: no error", call)
		}
	}
}

func TestAWriteWithoutAPermitIsNotSent(t *testing.T) {
	c := serve(t, nil)
	err := c.Put(t.Context(), name(t, "g"), searchapi.Services, "1", []byte(`{}`))
	if !errors.Is(err, httpclient.ErrNoPermit) || runner.ClassOf(err) != runner.Failed {
		t.Errorf("%v, class %v", err, runner.ClassOf(err))
	}
}

func TestPutSendsTheDocumentUnchanged(t *testing.T) {
	var got, contentType, instance string
	c := serve(t, answers{"PUT /g-cloud-12/services/a%20b%25%5B": func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got, contentType, instance = string(body), r.Header.Get("Content-Type"), r.Header.Get("X-Cf-App-Instance")
		say(200, `{"message":"acknowledged"}`)(w, r)
	}})
	err := c.Put(writing(t), name(t, "g-cloud-12"), searchapi.Services, "a b%[", []byte(`{"id":"a b%[","n":1.0}`))
	if err != nil {
		t.Fatal(err)
	}
	if got != `{"document":{"id":"a b%[","n":1.0}}` || contentType != "application/json" || instance != "" {
		t.Errorf("body %s, type %q, instance %q", got, contentType, instance)
	}
}

func TestAClientCanBePinnedToOneInstance(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Cf-App-Instance"); got != "guid:1" {
			t.Errorf("X-Cf-App-Instance is %q", got)
		}
		say(200, `{"es_status":{}}`)(w, r)
	}))
	defer server.Close()
	c := searchapi.New(searchapi.Options{BaseURL: server.URL, Header: http.Header{"X-Cf-App-Instance": {"guid:1"}}})
	if _, err := c.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestIndicesAndAliases(t *testing.T) {
	var bodies []string
	take := func(answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
			answer(w, r)
		}
	}
	c := serve(t, answers{
		"GET /":       say(200, `{"links":[],"field-mappings":["services-g-cloud-12","b"]}`),
		"PUT /new":    take(say(200, `{"message":"acknowledged"}`)),
		"PUT /alias":  take(say(200, `{"message":"acknowledged"}`)),
		"PUT /there":  say(400, `{"error":"resource_already_exists_exception: index [there/x] already exists"}`),
		"PUT /there6": say(400, `{"error":"resource_already_exists_exception: index [there6/x] already exists (index)"}`),
		"PUT /taken":  say(400, `{"error":"invalid_index_name_exception: Invalid index name [taken], already exists as alias"}`),
		"PUT /index":  say(400, `{"error":"invalid_alias_name_exception: an index exists with the same name as the alias"}`),
		"PUT /lost":   say(404, `{"error":"index_not_found_exception: no such index (x)"}`),
	})
	ctx := writing(t)
	if got, err := c.Mappings(ctx); err != nil || !cmp.Equal(got, []string{"services-g-cloud-12", "b"}) {
		t.Error(got, err)
	}
	if err := c.CreateIndex(ctx, name(t, "new"), "services-g-cloud-12"); err != nil {
		t.Error(err)
	}
	if err := c.SetAlias(ctx, name(t, "alias"), name(t, "new")); err != nil {
		t.Error(err)
	}
	want := []string{`{"mapping":"services-g-cloud-12","type":"index"}`, `{"target":"new","type":"alias"}`}
	if diff := cmp.Diff(want, bodies); diff != "" {
		t.Error(diff)
	}
	for at, is := range map[string]error{
		"there": searchapi.ErrExists, "there6": searchapi.ErrExists, "taken": searchapi.ErrNameTaken,
		"index": searchapi.ErrNameTaken, "lost": searchapi.ErrNoIndex,
	} {
		err := c.CreateIndex(ctx, name(t, at), "m")
		var typed *searchapi.Error
		if !errors.Is(err, is) || !errors.As(err, &typed) || runner.ClassOf(err) != runner.Failed {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func TestOnlyA404AboutTheDocumentMeansThatItIsAbsent(t *testing.T) {
	c := serve(t, answers{
		"GET /g/services/1":       say(200, `{"services":{"_index":"g","_id":"1","found":true,"_source":{"dmtext_id": "1"}}}`),
		"GET /g/services/2":       say(404, `{"error":{"_index":"g","_id":"2","found":false}}`),
		"GET /g/services/3":       say(404, `{"error":"index_not_found_exception: no such index [g]"}`),
		"GET /g/services/4":       routerSays,
		"DELETE /g/services/1":    say(200, `{"message":{"_id":"1","result":"deleted"}}`),
		"DELETE /g/services/2":    say(404, `{"error":{"_id":"2","result":"not_found"}}`),
		"DELETE /g/services/3":    say(500, `{"error":"Internal error"}`),
		"DELETE /g/services/4":    routerSays,
		"DELETE /g/services/five": say(404, `{"error":"The requested URL was not found on the server."}`),
		"DELETE /g/services/6":    say(404, `{"error":{"_id":"6","found":true}}`),
		"DELETE /g/services/7":    say(500, `{"error":"ConnectionError"}`),
		"DELETE /g/services/8":    say(400, `{"error":"Internal error"}`),
	})
	ctx, g := writing(t), name(t, "g")
	if source, found, err := c.Get(ctx, g, searchapi.Services, "1"); err != nil || !found || string(source) != `{"dmtext_id": "1"}` {
		t.Error(string(source), found, err)
	}
	if _, found, err := c.Get(ctx, g, searchapi.Services, "2"); err != nil || found {
		t.Error(found, err)
	}
	if _, _, err := c.Get(ctx, g, searchapi.Services, "3"); !errors.Is(err, searchapi.ErrNoIndex) {
		t.Error(err)
	}
	if _, _, err := c.Get(ctx, g, searchapi.Services, "4"); err == nil {
		t.Error("the router's 404 was taken for a missing document")
	}
	if found, err := c.Delete(ctx, g, searchapi.Services, "1"); err != nil || !found {
		t.Error(found, err)
	}
	if found, err := c.Delete(ctx, g, searchapi.Services, "2"); err != nil || found {
		t.Error(found, err)
	}
	for _, id := range []string{"3", "4", "five", "6"} {
		if _, err := c.Delete(ctx, g, searchapi.Services, id); err == nil {
			t.Errorf("%s: no error", id)
		}
	}
	for id, want := range map[string]bool{"3": true, "five": false, "7": false, "8": false} {
		if _, err := c.Delete(ctx, g, searchapi.Services, id); searchapi.IsInternalError(err) != want {
			t.Errorf("IsInternalError is %t: %v", !want, err)
		}
	}
}

func TestStatus(t *testing.T) {
	c := serve(t, answers{"GET /_status": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Mon, 01 Mar 2021 10:00:00 GMT")
		say(200, `{"status":"ok","disk":"OK (62% free)","version":null,"es_status":{
			"g-cloud-12-2021-03-01":{"num_docs":36311,"primary_size":"73.7mb","mapping_version":"18.0.0","max_result_window":"50000",
				"mapping_generated_from_framework":"g-cloud-12","aliases":["z","g-cloud-12"]},
			".kibana":{"num_docs":null,"primary_size":"1b","mapping_version":null,"max_result_window":null,
				"mapping_generated_from_framework":null,"aliases":[]}}}`)(w, r)
	}})
	got, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 36311
	want := searchapi.Status{Indices: map[string]searchapi.IndexStatus{
		"g-cloud-12-2021-03-01": {
			Documents: &n, MappingVersion: "18.0.0", Framework: "g-cloud-12", Window: 50000,
			Aliases: []string{"g-cloud-12", "z"}, Size: "73.7mb",
		},
		".kibana": {Size: "1b"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Resolve(name(t, "g-cloud-12")) != "g-cloud-12-2021-03-01" || got.Resolve(name(t, "g")) != "" {
		t.Error("Resolve is wrong")
	}
	if diff := cmp.Diff([]string{"g-cloud-12", "g-cloud-12-2021-03-01", "z"}, got.Names()); diff != "" {
		t.Error(diff)
	}
	if want := time.Date(2021, 3, 1, 10, 0, 0, 0, time.UTC); !c.Date().Equal(want) {
		t.Error(c.Date())
	}
}

func TestStatusWithoutElasticsearch(t *testing.T) {
	c := serve(t, answers{"GET /_status": say(500,
		`{"status":"error","message":["Error connecting to elasticsearch (status_code: N/A, message: x)"],"disk":"OK"}`)})
	_, err := c.Status(t.Context())
	if err == nil || !strings.Contains(err.Error(), "500: Error connecting to elasticsearch (status_code: N/A") {
		t.Error(err)
	}
}

func TestTotalAndRefresh(t *testing.T) {
	c := serve(t, answers{
		"GET /g/services/search?filter_lot=cloud-software&idOnly=True": say(200, `{"meta":{"total":7},"documents":[],"links":{}}`),
		"GET /g/services/search?idOnly=True":                           say(200, `{"meta":{"total":9},"documents":[],"links":{}}`),
	})
	if n, err := c.Total(t.Context(), name(t, "g"), searchapi.Services, url.Values{"lot": {"cloud-software"}}); n != 7 || err != nil {
		t.Error(n, err)
	}
	if err := c.Refresh(t.Context(), name(t, "g"), searchapi.Services); err != nil {
		t.Error(err)
	}
}
