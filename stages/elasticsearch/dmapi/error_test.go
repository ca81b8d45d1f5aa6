package dmapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const token = "s3cret-Token/of+preview"

// newClient returns a client of a server with one handler.
func newClient(t *testing.T, handler http.HandlerFunc) *dmapi.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return dmapi.New("search API", dmapi.Options{
		BaseURL: server.URL, Token: token, TokenVariable: "DM_SEARCH_API_TOKEN_PREVIEW",
		HTTP: httpclient.New(httpclient.Options{Attempts: 1}),
	})
}

// respond returns a handler that sends a status and a body.
func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// router responds as Cloud Foundry's router does for a route that does not exist.
func router(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Cf-RouterError", "unknown_route")
	respond(404, "404 Not Found: Requested route ('x') does not exist.\n")(w, r)
}

func withPermit(ctx context.Context) context.Context {
	return httpclient.WithPermit(ctx, func(context.Context) error { return nil })
}

// put sends a write and returns its error, typed.
func put(ctx context.Context, t *testing.T, c *dmapi.Client) *dmapi.Error {
	t.Helper()
	_, err := c.Call(withPermit(ctx), dmapi.Request{Op: "put document 1 into g", Method: http.MethodPut, Path: "/g/services/1", Body: []byte(`{}`)})
	e, ok := errors.AsType[*dmapi.Error](err)
	if !ok {
		t.Fatalf("not an *Error: %v", err)
	}
	return e
}

func TestErrorResponses(t *testing.T) {
	const fromAPI, unanswered = true, true
	for name, want := range map[string]struct {
		handler    http.HandlerFunc
		class      runner.Class
		text       string
		fromAPI    bool
		unanswered bool
	}{
		"a bad token, which the API echoes": {respond(403, fmt.Sprintf(`{"error":%q}`, token)), runner.Misconfigured, "403: the token in DM_SEARCH_API_TOKEN_PREVIEW was not accepted", fromAPI, !unanswered},
		"no token":                          {respond(401, `{"error":"Unauthorized; bearer token must be provided"}`), runner.Misconfigured, "401: the token in", fromAPI, !unanswered},
		"an allow-list in front":            {respond(403, "<html><title>403 Forbidden</title>"), runner.Failed, "403: answered by something in front of the API", !fromAPI, !unanswered},
		"a login in front":                  {respond(401, "<html><title>401</title>"), runner.Failed, "401: answered by something in front of the API", !fromAPI, !unanswered},
		"a read-only cluster":               {respond(403, `{"error":"cluster_block_exception: blocked by: [FORBIDDEN/6/cluster read-only (api)];"}`), runner.Unavailable, "403: cluster_block_exception", fromAPI, !unanswered},
		"a full disk":                       {respond(429, `{"error":"cluster_block_exception: index [g] blocked"}`), runner.Unavailable, "429: cluster_block", fromAPI, !unanswered},
		"no Elasticsearch":                  {respond(500, `{"error":"ConnectionError","unexpectedStatusCode":"N/A"}`), runner.Unavailable, "500: ConnectionError", fromAPI, !unanswered},
		"no worker":                         {respond(502, "<html>\n<head><title>502 Bad Gateway</title></head>"), runner.Unavailable, "502: an HTML page, not JSON: 502 Bad Gateway", !fromAPI, unanswered},
		"a gateway timeout":                 {respond(504, `{}`), runner.Unavailable, "504 Gateway Timeout", fromAPI, unanswered},
		"an HTML page with status 200":      {respond(200, "<html><title>Maintenance</title>"), runner.Unavailable, "an HTML page, not JSON: Maintenance", !fromAPI, unanswered},
		"a null error":                      {respond(500, `{"error":null}`), runner.Unavailable, "500 Internal Server Error", fromAPI, !unanswered},
		"a null error and a null message":   {respond(500, `{"error":null,"message":null}`), runner.Unavailable, "500 Internal Server Error", fromAPI, !unanswered},
		"a list of messages":                {respond(500, `{"message":["one","two"]}`), runner.Unavailable, "500: one; two", fromAPI, !unanswered},
		"an object":                         {respond(400, `{"error":{"type":"x"}}`), runner.Failed, `400: {"type":"x"}`, fromAPI, !unanswered},
		"a mapping error":                   {respond(400, `{"error":"mapper_parsing_exception: failed"}`), runner.Failed, "400: mapper_parsing_exception", fromAPI, !unanswered},
		"no route":                          {router, runner.Unavailable, "404: from the Cloud Foundry router, not from the app: unknown_route", !fromAPI, !unanswered},
		"the token in another response":     {respond(400, `{"error":"bad header Bearer `+token+`"}`), runner.Failed, "400: bad header Bearer ***", fromAPI, !unanswered},
		"a redirect":                        {respond(302, ""), runner.Failed, "302: redirected", !fromAPI, !unanswered},
		"a connection that is closed":       {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, runner.Unavailable, "EOF", !fromAPI, unanswered},
		"a long message, cut between runes": {respond(400, `{"error":"`+strings.Repeat("é", 5000)+`"}`), runner.Failed, " …", fromAPI, !unanswered},
	} {
		t.Run(name, func(t *testing.T) {
			err := put(t.Context(), t, newClient(t, want.handler))
			if got := runner.ClassOf(fmt.Errorf("wrapped: %w", err)); got != want.class {
				t.Errorf("class %d, want %d: %v", got, want.class, err)
			}
			if got := err.Temporary(); got != (want.class == runner.Unavailable) {
				t.Errorf("Temporary is %t: %v", got, err)
			}
			if got := err.Rejected(); got != (want.class == runner.Misconfigured) {
				t.Errorf("Rejected is %t: %v", got, err)
			}
			if err.FromAPI() != want.fromAPI || err.Unanswered() != want.unanswered {
				t.Errorf("FromAPI is %t, want %t; Unanswered is %t, want %t: %v", err.FromAPI(), want.fromAPI, err.Unanswered(), want.unanswered, err)
			}
			text := err.Error()
			if !strings.Contains(text, want.text) || !strings.HasPrefix(text, "search API: put document 1 into g: ") {
				t.Errorf("got %q, want %q in it", text, want.text)
			}
			if strings.Contains(fmt.Sprintf("%+v %s", err, text), token) {
				t.Errorf("the token is in %q", text)
			}
			if err.Rejected() && err.Detail() != nil {
				t.Errorf("a response that may echo the token is kept: %s", err.Detail())
			}
			if len(text) > 600 || strings.ContainsRune(text, '�') {
				t.Errorf("%d bytes long: %q", len(text), text)
			}
		})
	}
}

func TestTheTokenIsMaskedBeforeTheMessageIsCut(t *testing.T) {
	for pad := 360; pad < 410; pad++ {
		err := put(t.Context(), t, newClient(t, respond(500, `{"message":"`+strings.Repeat("x", pad)+token+`"}`)))
		if strings.Contains(err.Error(), token[:6]) {
			t.Fatalf("part of the token is in %q", err)
		}
	}
}

func TestTheSettingOfARejectedTokenMayBeUnknown(t *testing.T) {
	server := httptest.NewServer(respond(401, `{"error":"Unauthorized"}`))
	defer server.Close()
	err := put(t.Context(), t, dmapi.New("search API", dmapi.Options{BaseURL: server.URL}))
	if !strings.Contains(err.Error(), "the token in the settings was not accepted") {
		t.Error(err)
	}
}

func TestRequestsWithoutAResponse(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	noLease := httpclient.WithPermit(t.Context(), func(context.Context) error { return runner.Refuse("the lease is lost") })
	call := func(ctx context.Context, base string) error {
		c := dmapi.New("search API", dmapi.Options{BaseURL: base, HTTP: httpclient.New(httpclient.Options{Attempts: 1})})
		_, err := c.Call(ctx, dmapi.Request{Op: "put", Method: http.MethodPut, Path: "/g"})
		return err
	}
	for name, want := range map[string]struct {
		err       error
		class     runner.Class
		temporary bool
	}{
		"connection refused": {call(withPermit(t.Context()), closed.URL), runner.Unavailable, true},
		"cancelled":          {call(withPermit(cancelled), closed.URL), runner.Interrupted, false},
		"no permit":          {call(t.Context(), closed.URL), runner.Failed, false},
		"a lost lease":       {call(noLease, closed.URL), runner.Refused, false},
		"an invalid address": {call(withPermit(t.Context()), "http://[half"), runner.Misconfigured, false},
	} {
		e, ok := errors.AsType[*dmapi.Error](want.err)
		if !ok || e.Status != 0 || e.Class() != want.class || e.Temporary() != want.temporary || e.FromAPI() {
			t.Errorf("%s: class %d, %#v", name, runner.ClassOf(want.err), want.err)
			continue
		}
		if want.class != runner.Interrupted && e.Unanswered() {
			t.Errorf("%s: counted as unanswered, though nothing was sent", name)
		}
		if strings.Contains(e.Error(), closed.URL+"/g") {
			t.Errorf("%s: the URL is in %q", name, e)
		}
	}
}

func TestTheServersClock(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Mon, 01 Mar 2021 10:00:00 GMT")
		respond(404, `{"error":"Not found"}`)(w, r)
	})
	if !c.Date().IsZero() {
		t.Error("a time before the first response")
	}
	_ = put(t.Context(), t, c)
	if want := time.Date(2021, 3, 1, 10, 0, 0, 0, time.UTC); !c.Date().Equal(want) {
		t.Errorf("got %s, want %s", c.Date(), want)
	}
}
