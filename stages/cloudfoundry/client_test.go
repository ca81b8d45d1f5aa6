package cloudfoundry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/environ"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

func TestWrongPasswordErrorNamesTheVariable(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*cloudfoundry.Settings)
		text   string
	}{
		"user": {func(*cloudfoundry.Settings) {}, "CF_PASSWORD"},
		"client": {func(s *cloudfoundry.Settings) {
			s.Username, s.Password, s.ClientID, s.ClientSecret = "", "", "jenkins", password
		}, "CF_CLIENT_SECRET"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on("POST /oauth/token", answer{status: 401, body: `{"error":"unauthorized","error_description":"Bad credentials: ` + password + `"}`})
			settings := s.settings()
			c.change(&settings)
			_, err := cloudfoundry.Open(t.Context(), settings, cloudfoundry.Options{})
			if runner.ClassOf(err) != runner.Misconfigured || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), password) {
				t.Errorf("got %v (class %d)", err, runner.ClassOf(err))
			}
		})
	}
}

func TestMissingCredentialsAreReportedByVariable(t *testing.T) {
	lookup := func(name string) (string, bool) {
		v, is := map[string]string{"STAGE": "preview", "CF_USERNAME": "jenkins"}[name]
		return v, is
	}
	type all struct {
		CF cloudfoundry.Settings `env:", prefix=CF_"`
	}
	s, problems := environ.Load[all](t.Context(), lookup)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if s.CF.Space != "preview" || s.CF.Org != "digitalmarketplace" || s.CF.API != "https://api.cloud.service.gov.uk" {
		t.Errorf("the defaults are %+v", s.CF)
	}
	if got := s.CF.Problems(); len(got) != 1 || got[0].Variable != "CF_PASSWORD" {
		t.Errorf("got %v", got)
	}
}

func TestRejectedTokenIsReplacedOnceForAllGoroutines(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/apps/a1", ok(`{"guid":"a1","name":"search-api"}`))
	c := s.open()
	s.expire()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := c.Apps.Get(t.Context(), "a1"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if s.tokens != 2 {
		t.Errorf("%d tokens were fetched, want 2", s.tokens)
	}
}

func TestTokenRejectedTwiceIsAMisconfiguration(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/apps/a1", fault(401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token"))
	_, err := s.open().Apps.Get(t.Context(), "a1")
	if runner.ClassOf(err) != runner.Misconfigured || !strings.Contains(err.Error(), "CF_PASSWORD") {
		t.Errorf("got %v", err)
	}
}

func TestLoginCanBeInterrupted(t *testing.T) {
	s := newServer(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	s.on("POST /oauth/token", answer{do: func(http.ResponseWriter, *http.Request) { close(arrived); <-release }})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := cloudfoundry.Open(ctx, s.settings(), cloudfoundry.Options{})
	if runner.ClassOf(err) != runner.Interrupted {
		t.Errorf("got %v (class %d)", err, runner.ClassOf(err))
	}
}

func TestClassOfErrors(t *testing.T) {
	for name, c := range map[string]struct {
		answer answer
		class  runner.Class
		text   string
	}{
		"no permission":  {fault(403, 10003, "CF-NotAuthorized", "You are not authorized to perform the requested action"), runner.Refused, "(403 CF-NotAuthorized)"},
		"not found":      {fault(404, 10010, "CF-ResourceNotFound", "App not found"), runner.Failed, "App not found"},
		"several errors": {answer{status: 422, body: `{"errors":[{"code":1,"title":"A","detail":"one."},{"code":2,"title":"B","detail":"two."}]}`}, runner.Failed, "one; two"},
		"from a proxy":   {answer{status: 502, body: "<html>secret page</html>"}, runner.Unavailable, "bad gateway (502)"},
		"no response":    {cut(), runner.Unavailable, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on("POST /v3/apps/a1/actions/start", c.answer)
			s.on("GET /v3/apps/a1", ok(`{"guid":"a1","state":"STOPPED"}`))
			err := s.open().Apps.Start(writing(t), "a1")
			if runner.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "start app a1: POST /v3/apps/a1/actions/start") {
				t.Errorf("got %v (class %d)", err, runner.ClassOf(err))
			}
			if strings.Contains(err.Error(), "secret page") {
				t.Error("the error contains the proxy's page")
			}
		})
	}
}

func TestWriteWithoutPermitIsNotSent(t *testing.T) {
	s := newServer(t)
	c := s.open()
	if err := c.Apps.Start(t.Context(), "a1"); !errors.Is(err, httpclient.ErrNoPermit) {
		t.Errorf("got %v", err)
	}
	lost := runner.Refuse("the lease is held by build 42")
	ctx := httpclient.WithPermit(t.Context(), func(context.Context) error { return lost })
	if err := c.Apps.Start(ctx, "a1"); runner.ClassOf(err) != runner.Refused || !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
	if n := s.count("POST /v3/apps/a1/actions/start"); n != 0 {
		t.Errorf("it was sent %d times", n)
	}
}

func TestMissingSpaceIsAMisconfiguration(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/spaces", pageOf(""))
	if _, err := s.open().Space.Target(t.Context()); runner.ClassOf(err) != runner.Misconfigured || !strings.Contains(err.Error(), "CF_SPACE") {
		t.Errorf("got %v", err)
	}
}

func TestTargetIsReadOnce(t *testing.T) {
	s := newServer(t)
	c := s.open()
	for range 3 {
		got := must[cloudfoundry.Target](t)(c.Space.Target(t.Context()))
		if diff := cmp.Diff(cloudfoundry.Target{Org: "digitalmarketplace", OrgGUID: "org-guid", Space: "preview", SpaceGUID: spaceGUID}, got); diff != "" {
			t.Error(diff)
		}
	}
	if n := s.count("GET /v3/spaces"); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestResponsesAreCachedForCacheFor(t *testing.T) {
	for ttl, want := range map[time.Duration]int{0: 3, time.Nanosecond: 3, time.Hour: 1} {
		s := newServer(t)
		s.on("GET /v3/apps/a1", ok(`{"guid":"a1"}`))
		c, err := cloudfoundry.Open(t.Context(), s.settings(), cloudfoundry.Options{CacheFor: ttl})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if app := must[*cloudfoundry.App](t)(c.Apps.Get(t.Context(), "a1")); app.GUID != "a1" {
				t.Errorf("cached for %s: got %+v", ttl, app)
			}
		}
		if n := s.count("GET /v3/apps/a1"); n != want {
			t.Errorf("cached for %s: %d requests, want %d", ttl, n, want)
		}
	}
}

func TestNowIsThePlatformsTime(t *testing.T) {
	s := newServer(t)
	far := time.Now().Add(72 * time.Hour).UTC()
	s.on("GET /v3/apps/a1", answer{status: 200, body: `{"guid":"a1"}`, header: map[string]string{"Date": far.Format(http.TimeFormat)}})
	c := s.open()
	must[*cloudfoundry.App](t)(c.Apps.Get(t.Context(), "a1"))
	if d := c.Space.Now().Sub(far); d < -2*time.Second || d > time.Minute {
		t.Errorf("differs from the platform's time by %s", d)
	}
}

func TestHeadroomIsTheSmallerOfBothQuotas(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/organizations/org-guid", ok(`{"relationships":{"quota":{"data":{"guid":"q1"}}}}`))
	s.on("GET /v3/organization_quotas/q1", ok(`{"apps":{"total_memory_in_mb":10240,"per_process_memory_in_mb":null,"total_instances":null},
		"services":{"total_service_instances":10,"paid_services_allowed":true},"routes":{"total_routes":1000}}`))
	s.on("GET /v3/organizations/org-guid/usage_summary", ok(`{"usage_summary":{"memory_in_mb":4096,"started_instances":8,"service_instances":10,"routes":5}}`))
	s.on("GET /v3/spaces/"+spaceGUID, ok(`{"relationships":{"quota":{"data":null}}}`))
	got := must[cloudfoundry.Headroom](t)(s.open().Space.Headroom(t.Context()))
	want := cloudfoundry.Headroom{MemoryMB: 6144, Instances: -1, Services: 0, Routes: 995}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Following a redirect would send the token to another server.
func TestRedirectIsNotFollowed(t *testing.T) {
	s := newServer(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was requested with the authorization %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	s.on("GET /v3/apps/blue", answer{status: http.StatusFound, header: map[string]string{"Location": elsewhere.URL + "/v3/apps/blue"}})
	if _, err := s.open().Apps.Get(t.Context(), "blue"); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("got %v, want an error that names the 302", err)
	}
}

func TestListThatLinksBackToAPageIsAnError(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/apps", ok(`{"pagination":{"next":{"href":"`+s.URL+`/v3/apps?page=2"}},"resources":[]}`))
	if _, err := s.open().Apps.ByLabel(t.Context(), "k", "v"); err == nil || !strings.Contains(err.Error(), "already read") {
		t.Errorf("got %v, want an error", err)
	}
}
