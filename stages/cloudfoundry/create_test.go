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
	thisRunsApp   = `{"guid":"a2","name":"green","metadata":{"labels":{"cutover-run":"r1"}}}`
	otherRunsApp  = `{"guid":"a3","name":"green","metadata":{"labels":{"cutover-run":"r0"}}}`
	unlabelledApp = `{"guid":"a4","name":"green","metadata":{"labels":{}}}`
	nameTaken     = "App with the name 'green' already exists."
)

func TestCreateReturnsAnExistingObjectOnlyIfItHasTheSameRunLabel(t *testing.T) {
	for name, c := range map[string]struct {
		post     answer
		existing string
		guid     string
		class    runner.Class
		text     string
	}{
		"created":                             {post: created(thisRunsApp), guid: "a2"},
		"name taken by this run":              {post: unprocessable(nameTaken), existing: thisRunsApp, guid: "a2"},
		"name taken by another run":           {post: unprocessable(nameTaken), existing: otherRunsApp, class: runner.Refused, text: "run r0 created it"},
		"name taken by no run":                {post: unprocessable(nameTaken), existing: unlabelledApp, class: runner.Refused, text: "has no label cutover-run"},
		"no response, created":                {post: cut(), existing: thisRunsApp, guid: "a2"},
		"no response, not created":            {post: cut(), class: runner.Unavailable, text: "EOF"},
		"no response, another run's exists":   {post: cut(), existing: otherRunsApp, class: runner.Unavailable},
		"503, created":                        {post: answer{status: 503}, existing: thisRunsApp, guid: "a2"},
		"503, not created":                    {post: answer{status: 503}, class: runner.Unavailable, text: "503"},
		"500, not created":                    {post: answer{status: 500}, class: runner.Unavailable},
		"rejected for another reason":         {post: unprocessable("You have exceeded your organization's memory limit"), class: runner.Failed, text: "memory limit"},
		"forbidden, though this run's exists": {post: fault(403, 10003, "CF-NotAuthorized", "no"), existing: thisRunsApp, class: runner.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on("POST /v3/apps", c.post)
			s.on("GET /v3/apps", pageOf(c.existing))
			app, err := s.open().Apps.Create(writing(t), "green", map[string]string{cloudfoundry.RunLabel: "r1"})
			if c.guid != "" {
				if err != nil || app.GUID != c.guid {
					t.Fatalf("got %+v, %v", app, err)
				}
				return
			}
			if err == nil || runner.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v (class %d), want class %d and %q", err, runner.ClassOf(err), c.class, c.text)
			}
			if n := s.count("POST /v3/apps"); n != 1 {
				t.Errorf("sent %d times, want once", n)
			}
		})
	}
}

func TestCreateWithoutARunLabelReturnsNoExistingObject(t *testing.T) {
	s := newServer(t)
	s.on("POST /v3/apps", unprocessable(nameTaken))
	s.on("GET /v3/apps", pageOf(unlabelledApp))
	if _, err := s.open().Apps.Create(writing(t), "green", nil); runner.ClassOf(err) != runner.Refused {
		t.Errorf("got %v", err)
	}
}

// wantSent compares the last JSON body that was sent with a request.
func wantSent(t *testing.T, s *server, request, want string) {
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

func TestBodiesOfCreates(t *testing.T) {
	s := newServer(t)
	c := s.open()
	labels := map[string]string{cloudfoundry.RunLabel: "r1"}
	s.on("POST /v3/apps", created(thisRunsApp))
	must[*cloudfoundry.App](t)(c.Apps.Create(writing(t), "green", labels))
	wantSent(t, s, "POST /v3/apps", `{"name":"green","lifecycle":{"type":"docker","data":{}},
		"relationships":{"space":{"data":{"guid":"space-guid"}}},"metadata":{"labels":{"cutover-run":"r1"}}}`)

	s.on("POST /v3/service_instances", job("j1"))
	s.on("GET /v3/service_instances", pageOf(`{"guid":"s1","name":"es_new","type":"managed","last_operation":{"type":"create","state":"in progress"},"metadata":{"labels":{"cutover-run":"r1"}}}`))
	instance := must[*cloudfoundry.ServiceInstance](t)(c.Services.CreateServiceInstance(writing(t), "es_new", "p1", json.RawMessage(`{"a":1}`), labels))
	if instance.GUID != "s1" || instance.LastOperation.Ended() {
		t.Errorf("got %+v", instance)
	}
	wantSent(t, s, "POST /v3/service_instances", `{"type":"managed","name":"es_new","parameters":{"a":1},
		"relationships":{"space":{"data":{"guid":"space-guid"}},"service_plan":{"data":{"guid":"p1"}}},"metadata":{"labels":{"cutover-run":"r1"}}}`)

	s.on("POST /v3/service_instances", created(`{"guid":"u1","name":"cutover-search-api","type":"user-provided"}`))
	must[*cloudfoundry.ServiceInstance](t)(c.Services.CreateUserProvided(writing(t), "cutover-search-api", labels, map[string]string{"id": "r1"}))
	wantSent(t, s, "POST /v3/service_instances", `{"type":"user-provided","name":"cutover-search-api",
		"relationships":{"space":{"data":{"guid":"space-guid"}}},"metadata":{"labels":{"cutover-run":"r1"},"annotations":{"id":"r1"}}}`)
}

func TestUpdatesSendOnlyTheFieldsToChange(t *testing.T) {
	s := newServer(t)
	c := s.open()
	s.on("PATCH /v3/service_instances/s1", ok(`{}`))
	s.on("PATCH /v3/apps/a1", ok(`{}`))
	if err := c.Services.RenameServiceInstance(writing(t), "s1", "es"); err != nil {
		t.Fatal(err)
	}
	wantSent(t, s, "PATCH /v3/service_instances/s1", `{"name":"es"}`)
	if err := c.Apps.Rename(writing(t), "a1", "search-api"); err != nil {
		t.Fatal(err)
	}
	wantSent(t, s, "PATCH /v3/apps/a1", `{"name":"search-api"}`)
	value := "1"
	s.on("PATCH /v3/apps/a1/environment_variables", ok(`{}`))
	if err := c.Apps.SetEnvironment(writing(t), "a1", map[string]*string{"A": &value, "B": nil}); err != nil {
		t.Fatal(err)
	}
	wantSent(t, s, "PATCH /v3/apps/a1/environment_variables", `{"var":{"A":"1","B":null}}`)
	if err := c.Space.SetMetadata(writing(t), cloudfoundry.ServiceInstanceKind, "s1", map[string]*string{cloudfoundry.RunLabel: nil}, map[string]*string{"x": &value}); err != nil {
		t.Fatal(err)
	}
	wantSent(t, s, "PATCH /v3/service_instances/s1", `{"metadata":{"labels":{"cutover-run":null},"annotations":{"x":"1"}}}`)
}

func TestUpdateWithoutResponseIsCheckedByReading(t *testing.T) {
	for _, c := range []struct {
		now  string
		done bool
	}{{`{"name":"es"}`, true}, {`{"name":"es_new"}`, false}} {
		s := newServer(t)
		s.on("PATCH /v3/service_instances/s1", cut())
		s.on("GET /v3/service_instances/s1", ok(c.now))
		err := s.open().Services.RenameServiceInstance(writing(t), "s1", "es")
		if (err == nil) != c.done {
			t.Errorf("current state %s: got %v", c.now, err)
		}
	}
}

func TestRenameWaitsForItsJob(t *testing.T) {
	s := newServer(t)
	s.on("PATCH /v3/service_instances/s1", job("j1"))
	s.on("GET /v3/jobs/j1", ok(`{"state":"PROCESSING"}`), ok(`{"state":"COMPLETE"}`))
	if err := s.open().Services.RenameServiceInstance(writing(t), "s1", "es"); err != nil || s.count("GET /v3/jobs/j1") != 2 {
		t.Errorf("got %v after %d reads", err, s.count("GET /v3/jobs/j1"))
	}
}

func TestDeletingAMissingObjectSucceeds(t *testing.T) {
	gone := fault(404, 10010, "CF-ResourceNotFound", "not found")
	for path, remove := range map[string]func(*cloudfoundry.Client, context.Context) error{
		"/v3/apps/x":   func(c *cloudfoundry.Client, ctx context.Context) error { return c.Apps.Delete(ctx, "x") },
		"/v3/routes/x": func(c *cloudfoundry.Client, ctx context.Context) error { return c.Routes.Delete(ctx, "x") },
		"/v3/service_instances/x": func(c *cloudfoundry.Client, ctx context.Context) error {
			return c.Services.DeleteServiceInstance(ctx, "x")
		},
		"/v3/service_credential_bindings/x": func(c *cloudfoundry.Client, ctx context.Context) error { return c.Services.Unbind(ctx, "x") },
	} {
		for how, a := range map[string]answer{"404": gone, "no response": cut(), "job": job("j1")} {
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

func TestDeletionInProgressIsWaitedFor(t *testing.T) {
	s := newServer(t)
	s.on("DELETE /v3/service_instances/x", fault(409, 60016, "CF-AsyncServiceInstanceOperationInProgress", "An operation for service instance es is in progress."))
	deleting := ok(`{"guid":"x","last_operation":{"type":"delete","state":"in progress"}}`)
	s.on("GET /v3/service_instances/x", deleting, deleting, fault(404, 10010, "CF-ResourceNotFound", "not found"))
	if err := s.open().Services.DeleteServiceInstance(writing(t), "x"); err != nil {
		t.Error(err)
	}
	s.on("GET /v3/service_instances/x", deleting, ok(`{"guid":"x","last_operation":{"type":"delete","state":"failed","description":"no"}}`))
	if err := s.open().Services.DeleteServiceInstance(writing(t), "x"); err == nil || !strings.Contains(err.Error(), "the service broker reported: no") {
		t.Errorf("got %v", err)
	}
}

// A route does not show that it is being deleted: a job whose ID was lost with the
// response deletes it after a while.
func TestDeletionWithALostResponseIsWaitedFor(t *testing.T) {
	s := newServer(t)
	s.on("DELETE /v3/routes/x", answer{status: 503})
	exists := ok(`{"guid":"x"}`)
	s.on("GET /v3/routes/x", exists, exists, exists, fault(404, 10010, "CF-ResourceNotFound", "not found"))
	if err := s.open().Routes.Delete(writing(t), "x"); err != nil {
		t.Errorf("deleted late: %v", err)
	}
	s.on("GET /v3/routes/x", exists)
	if err := s.open().Routes.Delete(writing(t), "x"); runner.ClassOf(err) != runner.Unavailable {
		t.Errorf("never deleted: %v", err)
	}

	// A service instance shows it once the job has begun, and may take long.
	deleting := ok(`{"guid":"x","last_operation":{"type":"delete","state":"in progress"}}`)
	reads := []answer{exists}
	for range 30 {
		reads = append(reads, deleting)
	}
	s.on("DELETE /v3/service_instances/x", answer{status: 503})
	s.on("GET /v3/service_instances/x", append(reads, fault(404, 10010, "CF-ResourceNotFound", "not found"))...)
	if err := s.open().Services.DeleteServiceInstance(writing(t), "x"); err != nil {
		t.Errorf("begun late: %v", err)
	}
}

func TestFailedDeletionIsAnError(t *testing.T) {
	s := newServer(t)
	s.on("DELETE /v3/service_instances/x", job("j1"))
	s.on("GET /v3/service_instances/x", ok(`{"guid":"x","last_operation":{"type":"delete","state":"failed"}}`))
	s.on("GET /v3/jobs/j1", ok(`{"state":"FAILED","operation":"service_instance.delete","errors":[{"code":10009,"title":"CF-UnableToPerform","detail":"unbind is in progress"},{"detail":"and more."}]}`))
	err := s.open().Services.DeleteServiceInstance(writing(t), "x")
	if err == nil || !strings.Contains(err.Error(), "unbind is in progress; and more") {
		t.Errorf("got %v", err)
	}
	s.on("DELETE /v3/service_instances/x", answer{status: http.StatusServiceUnavailable})
	s.on("GET /v3/service_instances/x", ok(`{"guid":"x"}`))
	if err := s.open().Services.DeleteServiceInstance(writing(t), "x"); runner.ClassOf(err) != runner.Unavailable {
		t.Errorf("got %v", err)
	}
}
