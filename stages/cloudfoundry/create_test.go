package cloudfoundry_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const (
	ourApp  = `{"guid":"a2","name":"green","metadata":{"labels":{"cutover-run":"r1"}}}`
	herApp  = `{"guid":"a3","name":"green","metadata":{"labels":{"cutover-run":"r0"}}}`
	hisApp  = `{"guid":"a4","name":"green","metadata":{"labels":{}}}`
	nameErr = "App with the name 'green' already exists."
)

func TestACreateTakesWhatIsThereOnlyIfItCarriesTheSameRunLabel(t *testing.T) {
	for name, c := range map[string]struct {
		post   answer
		there  string
		guid   string
		class  runner.Class
		saying string
	}{
		"made":                                   {post: created(ourApp), guid: "a2"},
		"taken by ours":                          {post: unprocessable(nameErr), there: ourApp, guid: "a2"},
		"taken by another run's":                 {post: unprocessable(nameErr), there: herApp, class: runner.Refused, saying: "it is of run r0"},
		"taken by nobody's":                      {post: unprocessable(nameErr), there: hisApp, class: runner.Refused, saying: "not ours"},
		"no answer, and it was done":             {post: cut(), there: ourApp, guid: "a2"},
		"no answer, and it was not done":         {post: cut(), class: runner.Unavailable, saying: "EOF"},
		"no answer, and another's is there":      {post: cut(), there: herApp, class: runner.Unavailable},
		"an error, and it was done":              {post: answer{status: 503}, there: ourApp, guid: "a2"},
		"an error, and it was not done":          {post: answer{status: 503}, class: runner.Unavailable, saying: "503"},
		"refused for another reason":             {post: unprocessable("You have exceeded your organization's memory limit"), class: runner.Failed, saying: "memory limit"},
		"refused with ours there all the same":   {post: fault(403, 10003, "CF-NotAuthorized", "no"), there: ourApp, class: runner.Refused},
		"an error, ours there but just deleted?": {post: answer{status: 500}, class: runner.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on("POST /v3/apps", c.post)
			s.on("GET /v3/apps", pageOf(c.there))
			app, err := s.open().CreateApp(writing(t), "green", map[string]string{cloudfoundry.RunLabel: "r1"})
			if c.guid != "" {
				if err != nil || app.GUID != c.guid {
					t.Fatalf("got %+v, %v", app, err)
				}
				return
			}
			if err == nil || runner.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.saying) {
				t.Errorf("got %v (class %d), want class %d and %q", err, runner.ClassOf(err), c.class, c.saying)
			}
			if n := s.count("POST /v3/apps"); n != 1 {
				t.Errorf("it was sent %d times", n)
			}
		})
	}
}

func TestWithoutARunLabelNothingIsTakenAsOurs(t *testing.T) {
	s := newServer(t)
	s.on("POST /v3/apps", unprocessable(nameErr))
	s.on("GET /v3/apps", pageOf(hisApp))
	if _, err := s.open().CreateApp(writing(t), "green", nil); runner.ClassOf(err) != runner.Refused {
		t.Errorf("got %v", err)
	}
}

func sent(t *testing.T, s *server, request, want string) {
	t.Helper()
	var got, expected any
	if err := json.Unmarshal([]byte(s.body(request)), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("%s:\n%s", request, diff)
	}
}

func TestCreatesSendWhatTheAPIDescribes(t *testing.T) {
	s := newServer(t)
	c := s.open()
	labels := map[string]string{cloudfoundry.RunLabel: "r1"}
	s.on("POST /v3/apps", created(ourApp))
	must[*cloudfoundry.App](t)(c.CreateApp(writing(t), "green", labels))
	sent(t, s, "POST /v3/apps", `{"name":"green","lifecycle":{"type":"docker","data":{}},
		"relationships":{"space":{"data":{"guid":"space-guid"}}},"metadata":{"labels":{"cutover-run":"r1"}}}`)

	s.on("POST /v3/service_instances", job("j1"))
	s.on("GET /v3/service_instances", pageOf(`{"guid":"s1","name":"es_new","type":"managed","last_operation":{"type":"create","state":"in progress"},"metadata":{"labels":{"cutover-run":"r1"}}}`))
	made := must[*cloudfoundry.ServiceInstance](t)(c.CreateServiceInstance(writing(t), "es_new", "p1", json.RawMessage(`{"a":1}`), labels))
	if made.GUID != "s1" || made.LastOperation.Ended() {
		t.Errorf("got %+v", made)
	}
	sent(t, s, "POST /v3/service_instances", `{"type":"managed","name":"es_new","parameters":{"a":1},
		"relationships":{"space":{"data":{"guid":"space-guid"}},"service_plan":{"data":{"guid":"p1"}}},"metadata":{"labels":{"cutover-run":"r1"}}}`)

	s.on("POST /v3/service_instances", created(`{"guid":"u1","name":"cutover-search-api","type":"user-provided"}`))
	must[*cloudfoundry.ServiceInstance](t)(c.CreateUserProvided(writing(t), "cutover-search-api", labels, map[string]string{"id": "r1"}))
	sent(t, s, "POST /v3/service_instances", `{"type":"user-provided","name":"cutover-search-api",
		"relationships":{"space":{"data":{"guid":"space-guid"}}},"metadata":{"labels":{"cutover-run":"r1"},"annotations":{"id":"r1"}}}`)
}

func TestUpdatesSendNothingButWhatShallChange(t *testing.T) {
	s := newServer(t)
	c := s.open()
	s.on("PATCH /v3/service_instances/s1", ok(`{}`))
	s.on("PATCH /v3/apps/a1", ok(`{}`))
	if err := c.RenameServiceInstance(writing(t), "s1", "es"); err != nil {
		t.Fatal(err)
	}
	sent(t, s, "PATCH /v3/service_instances/s1", `{"name":"es"}`)
	if err := c.RenameApp(writing(t), "a1", "search-api"); err != nil {
		t.Fatal(err)
	}
	sent(t, s, "PATCH /v3/apps/a1", `{"name":"search-api"}`)
	value := "1"
	s.on("PATCH /v3/apps/a1/environment_variables", ok(`{}`))
	if err := c.SetEnvironment(writing(t), "a1", map[string]*string{"A": &value, "B": nil}); err != nil {
		t.Fatal(err)
	}
	sent(t, s, "PATCH /v3/apps/a1/environment_variables", `{"var":{"A":"1","B":null}}`)
	if err := c.SetMetadata(writing(t), cloudfoundry.ServiceInstances, "s1", map[string]*string{cloudfoundry.RunLabel: nil}, map[string]*string{"x": &value}); err != nil {
		t.Fatal(err)
	}
	sent(t, s, "PATCH /v3/service_instances/s1", `{"metadata":{"labels":{"cutover-run":null},"annotations":{"x":"1"}}}`)
}

func TestAnUpdateWithoutAnAnswerIsLookedAt(t *testing.T) {
	for _, c := range []struct {
		now  string
		done bool
	}{{`{"name":"es"}`, true}, {`{"name":"es_new"}`, false}} {
		s := newServer(t)
		s.on("PATCH /v3/service_instances/s1", cut())
		s.on("GET /v3/service_instances/s1", ok(c.now))
		err := s.open().RenameServiceInstance(writing(t), "s1", "es")
		if (err == nil) != c.done {
			t.Errorf("it is %s now: got %v", c.now, err)
		}
	}
}

func TestARenameThatIsAJobIsWaitedFor(t *testing.T) {
	s := newServer(t)
	s.on("PATCH /v3/service_instances/s1", job("j1"))
	s.on("GET /v3/jobs/j1", ok(`{"state":"PROCESSING"}`), ok(`{"state":"COMPLETE"}`))
	if err := s.open().RenameServiceInstance(writing(t), "s1", "es"); err != nil || s.count("GET /v3/jobs/j1") != 2 {
		t.Errorf("got %v after %d looks", err, s.count("GET /v3/jobs/j1"))
	}
}

func TestDeletesOfWhatIsGoneSucceed(t *testing.T) {
	gone := fault(404, 10010, "CF-ResourceNotFound", "not found")
	for path, remove := range map[string]func(*cloudfoundry.Client, context.Context) error{
		"/v3/apps/x":   func(c *cloudfoundry.Client, ctx context.Context) error { return c.DeleteApp(ctx, "x") },
		"/v3/routes/x": func(c *cloudfoundry.Client, ctx context.Context) error { return c.DeleteRoute(ctx, "x") },
		"/v3/service_instances/x": func(c *cloudfoundry.Client, ctx context.Context) error {
			return c.DeleteServiceInstance(ctx, "x")
		},
		"/v3/service_credential_bindings/x": func(c *cloudfoundry.Client, ctx context.Context) error { return c.Unbind(ctx, "x") },
	} {
		for how, a := range map[string]answer{"gone": gone, "no answer": cut(), "a job": job("j1")} {
			t.Run(path+" "+how, func(t *testing.T) {
				s := newServer(t)
				s.on("DELETE "+path, a)
				s.on("GET "+path, gone)
				s.on("GET /v3/jobs/j1", ok(`{"state":"POLLING"}`), ok(`{"state":"COMPLETE"}`))
				if err := remove(s.open(), writing(t)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestADeletionThatIsUnderWayIsWaitedFor(t *testing.T) {
	s := newServer(t)
	s.on("DELETE /v3/service_instances/x", fault(409, 60016, "CF-AsyncServiceInstanceOperationInProgress", "An operation for service instance es is in progress."))
	underWay := ok(`{"guid":"x","last_operation":{"type":"delete","state":"in progress"}}`)
	s.on("GET /v3/service_instances/x", underWay, underWay, fault(404, 10010, "CF-ResourceNotFound", "not found"))
	if err := s.open().DeleteServiceInstance(writing(t), "x"); err != nil {
		t.Error(err)
	}
	s.on("GET /v3/service_instances/x", underWay, ok(`{"guid":"x","last_operation":{"type":"delete","state":"failed","description":"no"}}`))
	if err := s.open().DeleteServiceInstance(writing(t), "x"); err == nil || !strings.Contains(err.Error(), "the broker says: no") {
		t.Errorf("got %v", err)
	}
}

// A route does not say that it is being deleted: the job, which nobody was told
// of, takes it away after a while.
func TestADeletionWhoseAnswerIsLostIsWaitedFor(t *testing.T) {
	s := newServer(t)
	s.on("DELETE /v3/routes/x", answer{status: 503})
	there := ok(`{"guid":"x"}`)
	s.on("GET /v3/routes/x", there, there, there, fault(404, 10010, "CF-ResourceNotFound", "not found"))
	if err := s.open().DeleteRoute(writing(t), "x"); err != nil {
		t.Errorf("deleted late: %v", err)
	}
	s.on("GET /v3/routes/x", there)
	if err := s.open().DeleteRoute(writing(t), "x"); runner.ClassOf(err) != runner.Unavailable {
		t.Errorf("never deleted: %v", err)
	}

	// A service instance says so once the job has begun, and takes its time.
	underWay := ok(`{"guid":"x","last_operation":{"type":"delete","state":"in progress"}}`)
	looks := []answer{there}
	for range 30 {
		looks = append(looks, underWay)
	}
	s.on("DELETE /v3/service_instances/x", answer{status: 503})
	s.on("GET /v3/service_instances/x", append(looks, fault(404, 10010, "CF-ResourceNotFound", "not found"))...)
	if err := s.open().DeleteServiceInstance(writing(t), "x"); err != nil {
		t.Errorf("begun late: %v", err)
	}
}

func TestADeleteThatFailedIsNotTakenForDone(t *testing.T) {
	s := newServer(t)
	s.on("DELETE /v3/service_instances/x", job("j1"))
	s.on("GET /v3/service_instances/x", ok(`{"guid":"x","last_operation":{"type":"delete","state":"failed"}}`))
	s.on("GET /v3/jobs/j1", ok(`{"state":"FAILED","operation":"service_instance.delete","errors":[{"code":10009,"title":"CF-UnableToPerform","detail":"unbind is in progress"},{"detail":"and more."}]}`))
	err := s.open().DeleteServiceInstance(writing(t), "x")
	if err == nil || !strings.Contains(err.Error(), "unbind is in progress; and more") {
		t.Errorf("got %v", err)
	}
	s.on("DELETE /v3/service_instances/x", answer{status: http.StatusServiceUnavailable})
	s.on("GET /v3/service_instances/x", ok(`{"guid":"x"}`))
	if err := s.open().DeleteServiceInstance(writing(t), "x"); runner.ClassOf(err) != runner.Unavailable {
		t.Errorf("got %v", err)
	}
}
