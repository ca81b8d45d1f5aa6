package dmapi_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

func TestARequestOnTheWire(t *testing.T) {
	var got *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		respond(200, `{"status":"ok"}`)(w, r)
	}))
	defer server.Close()
	c := dmapi.New("data API", dmapi.Options{
		BaseURL: server.URL + "/base/", Token: token, Header: http.Header{"X-Cf-App-Instance": {"guid:1"}},
	})
	var response struct {
		Status string `json:"status"`
	}
	if err := c.Get(t.Context(), "read the status", "/a%20b", url.Values{"page": {"1"}}, &response); err != nil || response.Status != "ok" {
		t.Fatal(response, err)
	}
	if got.RequestURI != "/base/a%20b?page=1" || got.Header.Get("Content-Type") != "" {
		t.Errorf("%s, Content-Type %q", got.RequestURI, got.Header.Get("Content-Type"))
	}
	for name, want := range map[string]string{"Authorization": "Bearer " + token, "Accept": "application/json", "X-Cf-App-Instance": "guid:1"} {
		if diff := cmp.Diff([]string{want}, got.Header.Values(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	_, err := c.Call(t.Context(), dmapi.Request{Op: "put", Method: http.MethodPut, Path: "/x", Body: []byte(`{"a":1}`)})
	if err != nil || got.RequestURI != "/base/x" || got.Header.Get("Content-Type") != "application/json" || string(body) != `{"a":1}` {
		t.Errorf("%s, Content-Type %q, body %s, %v", got.RequestURI, got.Header.Get("Content-Type"), body, err)
	}
}

func TestWithoutATokenNoneIsSent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("Authorization is %q", r.Header.Get("Authorization"))
		}
		respond(200, `{}`)(w, r)
	}))
	defer server.Close()
	if err := dmapi.New("data API", dmapi.Options{BaseURL: server.URL}).Get(t.Context(), "read", "/", nil, &struct{}{}); err != nil {
		t.Error(err)
	}
}

func TestA2xxThatIsNotTheAPIs(t *testing.T) {
	for name, body := range map[string]string{"empty": " ", "HTML": "<html>", "another type": `{"a":"x"}`, "truncated": `{"a":`} {
		c := newClient(t, respond(200, body))
		err := c.Get(t.Context(), "read", "/", nil, &struct{ A int }{})
		if err == nil || !strings.HasPrefix(err.Error(), "search API: read: read the response: ") || strings.HasSuffix(err.Error(), ":") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Nobody decodes the response to a write, so all of it is checked at once.
	if err := put(t.Context(), t, newClient(t, respond(200, `{"message":`))); !strings.Contains(err.Error(), "read the response") {
		t.Error(err)
	}
}

func TestAResponseThatBreaksOffIsAnError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `[1]`)
	}))
	defer server.Close()
	_, err := dmapi.New("data API", dmapi.Options{BaseURL: server.URL}).Call(t.Context(), dmapi.Request{Op: "read", Method: http.MethodGet, Path: "/"})
	if !errors.Is(err, io.ErrUnexpectedEOF) || runner.ClassOf(err) != runner.Unavailable {
		t.Errorf("class %d: %v", runner.ClassOf(err), err)
	}
}

func TestAResponseMayBeAList(t *testing.T) {
	var list []int
	if err := newClient(t, respond(200, " [1, 2]\n")).Get(t.Context(), "read", "/", nil, &list); err != nil || len(list) != 2 {
		t.Error(list, err)
	}
}
