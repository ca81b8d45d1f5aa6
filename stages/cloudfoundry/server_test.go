package cloudfoundry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
)

const (
	password  = "correct-horse-battery"
	spaceGUID = "space-guid"
)

// server sends the responses that a test gives it, and fails the test on any other
// request.
type server struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	answers map[string][]answer
	seen    []string
	bodies  map[string][]string
	tokens  int
	// valid is the only token that is accepted.
	valid string
}

// answer is one response. If do is set, it writes the response and the other fields
// are not used.
type answer struct {
	status int
	header map[string]string
	body   string
	do     http.HandlerFunc
}

func ok(body string) answer      { return answer{status: http.StatusOK, body: body} }
func created(body string) answer { return answer{status: http.StatusCreated, body: body} }

// job is a 202 with the location of a job on the same server.
func job(guid string) answer {
	return answer{do: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+r.Host+"/v3/jobs/"+guid)
		w.WriteHeader(http.StatusAccepted)
	}}
}

func fault(status, code int, title, detail string) answer {
	return answer{status: status, body: fmt.Sprintf(`{"errors":[{"code":%d,"title":%q,"detail":%q}]}`, code, title, detail)}
}

func unprocessable(detail string) answer {
	return fault(http.StatusUnprocessableEntity, 10008, "CF-UnprocessableEntity", detail)
}

// cut closes the connection without a response.
func cut() answer {
	return answer{do: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}
}

func pageOf(resources string) answer {
	return ok(`{"pagination":{"next":null},"resources":[` + resources + `]}`)
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, answers: map[string][]answer{}, bodies: map[string][]string{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	s.on("GET /", ok(fmt.Sprintf(`{"links":{"login":{"href":%[1]q},"uaa":{"href":%[1]q},"log_cache":{"href":%[1]q},
		"network_policy_v1":{"href":"%[2]s/networking/v1/external"},"cloud_controller_v3":{"href":"%[2]s/v3","meta":{"version":"3.228.0"}}}}`, s.URL, s.URL)))
	s.on("GET /v3/organizations", pageOf(`{"guid":"org-guid","name":"digitalmarketplace"}`))
	s.on("GET /v3/spaces", pageOf(`{"guid":"`+spaceGUID+`","name":"preview"}`))
	return s
}

// on sets the responses to a request: one after the other, then always the last one.
func (s *server) on(request string, answers ...answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[request] = answers
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key := r.Method + " " + r.URL.Path
	s.mu.Lock()
	if key == "POST /oauth/token" && len(s.answers[key]) == 0 {
		s.token(w)
		s.mu.Unlock()
		return
	}
	s.seen = append(s.seen, key)
	s.bodies[key] = append(s.bodies[key], string(body))
	all := s.answers[key]
	if len(all) > 1 {
		s.answers[key] = all[1:]
	}
	authorized := key == "GET /" || r.Header.Get("Authorization") == "Bearer "+s.valid
	s.mu.Unlock()
	if len(all) == 0 {
		s.t.Errorf("unexpected request: %s?%s %s", key, r.URL.RawQuery, body)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	a := all[0]
	if !authorized && key != "POST /oauth/token" {
		a = fault(http.StatusUnauthorized, 1000, "CF-InvalidAuthToken", "Invalid Auth Token")
	}
	if a.do != nil {
		a.do(w, r)
		return
	}
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// token issues a new token. From then on it is the only one that is accepted.
func (s *server) token(w http.ResponseWriter) {
	s.tokens++
	s.valid = fmt.Sprintf("token-%d", s.tokens)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": s.valid, "refresh_token": "refresh", "token_type": "bearer", "expires_in": 600})
}

// expire makes the server reject the current token.
func (s *server) expire() { s.mu.Lock(); defer s.mu.Unlock(); s.valid = "none" }

func (s *server) count(request string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.seen {
		if r == request {
			n++
		}
	}
	return n
}

// body returns the last body of a request.
func (s *server) body(request string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.bodies[request]
	if len(all) == 0 {
		s.t.Fatalf("no request %s", request)
	}
	return all[len(all)-1]
}

func (s *server) settings() cloudfoundry.Settings {
	return cloudfoundry.Settings{API: s.URL, Org: "digitalmarketplace", Space: "preview", Username: "jenkins", Password: password}
}

func (s *server) open() *cloudfoundry.Client {
	s.t.Helper()
	c, err := cloudfoundry.Open(s.t.Context(), s.settings(), cloudfoundry.Options{UserAgent: func() string { return "cutover/test" }, Poll: time.Millisecond})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// writing returns a context with a permit to write.
func writing(t *testing.T) context.Context {
	t.Helper()
	return httpclient.WithPermit(t.Context(), func(context.Context) error { return nil })
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
