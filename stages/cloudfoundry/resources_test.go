package cloudfoundry_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/cloudfoundry"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

func TestListsReadAllPages(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/apps/a1/routes", answer{do: func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("page") {
		case "":
			_, _ = fmt.Fprintf(w, `{"pagination":{"next":{"href":"http://elsewhere.invalid/v3/apps/a1/routes?page=2&per_page=1"}},"resources":[{"guid":"r1"}]}`)
		default:
			_, _ = fmt.Fprint(w, `{"pagination":{"next":null},"resources":[{"guid":"r2"}]}`)
		}
	}})
	all := must[[]cloudfoundry.Route](t)(s.open().Routes.OfApp(t.Context(), "a1"))
	if len(all) != 2 || all[1].GUID != "r2" {
		t.Errorf("got %+v", all)
	}
}

func TestRunningInstanceIsRoutableUnlessThePlatformSaysOtherwise(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/apps/a1/processes/web/stats", ok(`{"resources":[
		{"index":2,"state":"RUNNING","routable":false},{"index":0,"state":"RUNNING","routable":null,"uptime":60},
		{"index":1,"state":"CRASHED"},{"index":3,"state":"RUNNING","routable":true,"details":"d"}]}`))
	var serving []bool
	for _, i := range must[[]cloudfoundry.Instance](t)(s.open().Apps.Instances(t.Context(), "a1")) {
		serving = append(serving, i.Serving())
	}
	if diff := cmp.Diff([]bool{true, false, false, true}, serving); diff != "" {
		t.Error(diff)
	}
}

func TestBuildUsesAnExistingDropletOrBuild(t *testing.T) {
	s := newServer(t)
	c := s.open()
	s.on("GET /v3/packages/p1/droplets", pageOf(`{"guid":"d1","state":"STAGED","image":"i:1"}`))
	if d := must[*cloudfoundry.Droplet](t)(c.Apps.Build(writing(t), "p1")); d.GUID != "d1" || d.Image != "i:1" {
		t.Errorf("existing droplet: got %+v", d)
	}
	s.on("GET /v3/packages/p1/droplets", pageOf(""))
	s.on("GET /v3/builds", pageOf(`{"guid":"b1","state":"STAGING"}`))
	s.on("GET /v3/builds/b1", ok(`{"state":"STAGING"}`), ok(`{"state":"STAGED","droplet":{"guid":"d2"}}`))
	s.on("GET /v3/droplets/d2", ok(`{"guid":"d2","state":"STAGED","image":"i:1"}`))
	if d := must[*cloudfoundry.Droplet](t)(c.Apps.Build(writing(t), "p1")); d.GUID != "d2" {
		t.Errorf("build in progress: got %+v", d)
	}
}

func TestFailedBuildReportsTheReason(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/packages/p1/droplets", pageOf(""))
	s.on("GET /v3/builds", pageOf(""))
	s.on("POST /v3/builds", created(`{"guid":"b1","state":"STAGING"}`))
	s.on("GET /v3/builds/b1", ok(`{"state":"FAILED","error":"StagingError - image not found"}`))
	if _, err := s.open().Apps.Build(writing(t), "p1"); err == nil || !strings.Contains(err.Error(), "image not found") {
		t.Errorf("got %v", err)
	}
}

func TestRegistryPasswordIsNotInErrors(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/packages", pageOf(""))
	s.on("POST /v3/packages", unprocessable("no such login: registry-secret"))
	_, err := s.open().Apps.CreateDockerPackage(writing(t), "a1", "i:1", "robot", "registry-secret")
	if err == nil || strings.Contains(err.Error(), "registry-secret") {
		t.Errorf("got %v", err)
	}
	wantSent(t, s, "POST /v3/packages", `{"type":"docker","relationships":{"app":{"data":{"guid":"a1"}}},"data":{"image":"i:1","username":"robot","password":"registry-secret"}}`)
}

func TestPackageWithoutResponseIsFoundByReading(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/packages", pageOf(`{"guid":"p0","type":"docker","data":{"image":"i:1"}}`),
		pageOf(`{"guid":"p1","type":"docker","data":{"image":"i:1"}},{"guid":"p0","type":"docker","data":{"image":"i:1"}}`))
	s.on("POST /v3/packages", cut())
	if p := must[*cloudfoundry.Package](t)(s.open().Apps.CreateDockerPackage(writing(t), "a1", "i:1", "", "")); p.GUID != "p1" {
		t.Errorf("got %+v", p)
	}
}

func TestErrorOfAMissingPlanListsThePlans(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/service_plans", pageOf(`{"guid":"p2","name":"small-ha-7.x"},{"guid":"p1","name":"small-ha-5.x"}`))
	c := s.open()
	if p := must[*cloudfoundry.Plan](t)(c.Services.PlanByName(t.Context(), "elasticsearch", "small-ha-7.x")); p.GUID != "p2" {
		t.Errorf("got %+v", p)
	}
	_, err := c.Services.PlanByName(t.Context(), "elasticsearch", "huge")
	if runner.ClassOf(err) != runner.Misconfigured || !strings.Contains(err.Error(), "small-ha-5.x, small-ha-7.x") {
		t.Errorf("got %v", err)
	}
}

func TestEnvironmentHasNoCredentials(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/apps/a1/env", ok(`{"environment_variables":{"A":"x","N":5},"system_env_json":{"VCAP_SERVICES":{
		"user-provided":[{"name":"splunk","binding_name":null,"instance_name":"splunk","instance_guid":"s2","credentials":{"p":"w"}}],
		"elasticsearch":[{"name":"es","binding_name":"es","instance_name":"es_new","instance_guid":"s1"}]}}}`))
	want := &cloudfoundry.Environment{User: map[string]string{"A": "x", "N": "5"}, Services: []cloudfoundry.BoundService{
		{Name: "es", BindingName: "es", InstanceName: "es_new", InstanceGUID: "s1"},
		{Name: "splunk", InstanceName: "splunk", InstanceGUID: "s2"},
	}}
	if diff := cmp.Diff(want, must[*cloudfoundry.Environment](t)(s.open().Apps.Environment(t.Context(), "a1"))); diff != "" {
		t.Error(diff)
	}
}

func TestLogIsSortedByTime(t *testing.T) {
	s := newServer(t)
	line := func(at, text, kind string) string {
		return fmt.Sprintf(`{"timestamp":%q,"instance_id":"0","tags":{"source_type":"APP/PROC/WEB"},"log":{"payload":%q,"type":%q}}`,
			at, base64.StdEncoding.EncodeToString([]byte(text)), kind)
	}
	s.on("GET /api/v1/read/a1", ok(`{"envelopes":{"batch":[`+line("30", "third", "ERR")+`,{"timestamp":"25","counter":{}},`+line("10", "first", "OUT")+`,`+line("20", "second", "OUT")+`]}}`))
	var got []string
	for _, l := range must[[]cloudfoundry.LogLine](t)(s.open().Apps.RecentLogs(t.Context(), "a1", 10)) {
		got = append(got, fmt.Sprint(l.Text, l.Stderr))
	}
	if diff := cmp.Diff([]string{"firstfalse", "secondfalse", "thirdtrue"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNetworkPoliciesAreReadAndAdded(t *testing.T) {
	s := newServer(t)
	c := s.open()
	wire := `{"policies":[{"source":{"id":"a1"},"destination":{"id":"a2","protocol":"tcp","ports":{"start":8080,"end":8081}}}]}`
	s.on("GET /networking/v1/external/policies", ok(wire))
	got := must[[]cloudfoundry.NetworkPolicy](t)(c.Space.NetworkPolicies(t.Context(), "a1"))
	want := []cloudfoundry.NetworkPolicy{{SourceGUID: "a1", DestinationGUID: "a2", Protocol: "tcp", Start: 8080, End: 8081}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s.on("POST /networking/v1/external/policies", ok(`{}`))
	if err := c.Space.AddNetworkPolicies(writing(t), got); err != nil {
		t.Error(err)
	}
	wantSent(t, s, "POST /networking/v1/external/policies", wire)
}

func TestEventsAreFilteredByTargetTypeAndTime(t *testing.T) {
	s := newServer(t)
	var query string
	s.on("GET /v3/audit_events", answer{do: func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.Query().Get("target_guids") + " " + r.URL.Query().Get("types") + " " + r.URL.Query().Get("created_ats[gte]")
		_, _ = fmt.Fprint(w, `{"pagination":{"next":null},"resources":[{"guid":"e1","type":"audit.app.unmap-route","actor":{"name":"jenkins"},"target":{"guid":"a1","type":"app"},"data":{"route_guid":"r1"},"created_at":"2026-11-23T15:42:00Z"}]}`)
	}})
	at := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	all := must[[]cloudfoundry.Event](t)(s.open().Space.Events(t.Context(), cloudfoundry.EventFilter{Targets: []string{"a1", "a2"}, Types: []string{"audit.app.map-route"}}, at))
	if len(all) != 1 || all[0].Actor != "jenkins" || all[0].TargetType != "app" || all[0].RouteGUID != "r1" || query != "a1,a2 audit.app.map-route 2026-11-23T15:00:00Z" {
		t.Errorf("got %+v, query %s", all, query)
	}
}

func TestEmptyResponseIsNotAnEmptyList(t *testing.T) {
	for _, body := range []string{``, `{}`, `{"error":"over capacity"}`, `{"resources":null}`, `<html></html>`} {
		s := newServer(t)
		s.on("GET /v3/service_credential_bindings", ok(body))
		all, err := s.open().Services.Bindings(t.Context(), cloudfoundry.BindingFilter{App: "a1"})
		if err == nil || runner.ClassOf(err) != runner.Unavailable {
			t.Errorf("%q: %v, %v", body, all, err)
		}
	}
}

func TestApplyManifestReportsAFailedJob(t *testing.T) {
	s := newServer(t)
	apply := "POST /v3/spaces/" + spaceGUID + "/actions/apply_manifest"
	s.on(apply, job("j1"))
	s.on("GET /v3/jobs/j1", ok(`{"state":"FAILED","operation":"space.apply_manifest","errors":[{"code":10008,"title":"CF-UnprocessableEntity","detail":"For application 'green': Service instance 'x' not found."}]}`))
	if err := s.open().Apps.ApplyManifest(writing(t), []byte("applications: []")); err == nil || !strings.Contains(err.Error(), "Service instance 'x' not found") {
		t.Errorf("got %v", err)
	}
	if s.body(apply) != "applications: []" {
		t.Errorf("sent %s", s.body(apply))
	}
}

func TestPollingSurvivesFailedReadsAndReportsProgress(t *testing.T) {
	s := newServer(t)
	limited := fault(429, 10013, "CF-RateLimitExceeded", "Rate Limit Exceeded")
	limited.header = map[string]string{"Retry-After": "0"}
	s.on("GET /v3/service_instances/s1",
		ok(`{"guid":"s1","last_operation":{"type":"create","state":"in progress","description":"35 %"}}`),
		limited, limited, limited, limited, limited, // as many as the attempts of one read
		ok(`{"guid":"s1","last_operation":{"type":"create","state":"failed","description":"no room"}}`))
	var notes []string
	ctx := cloudfoundry.WithProgress(t.Context(), func(note string) { notes = append(notes, note) })
	got := must[*cloudfoundry.ServiceInstance](t)(s.open().Services.AwaitServiceInstance(ctx, "s1"))
	if !got.LastOperation.Failed() || got.LastOperation.Description != "no room" {
		t.Errorf("got %+v", got)
	}
	if len(notes) != 2 || notes[0] != "create in progress 35 %" || !strings.HasPrefix(notes[1], "read failed, retrying") {
		t.Errorf("reported %q", notes)
	}
}

func TestPollingCanBeInterrupted(t *testing.T) {
	s := newServer(t)
	s.on("GET /v3/service_instances/s1", ok(`{"guid":"s1","last_operation":{"type":"create","state":"in progress"}}`))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ctx = cloudfoundry.WithProgress(ctx, func(string) { cancel() })
	if _, err := s.open().Services.AwaitServiceInstance(ctx, "s1"); runner.ClassOf(err) != runner.Interrupted {
		t.Errorf("got %v", err)
	}
}

func TestTheLastDeploymentOfAnApp(t *testing.T) {
	for status, want := range map[string]*cloudfoundry.Deployment{
		"": nil,
		`{"value":"ACTIVE","reason":"DEPLOYING","details":{"error":"no room"}}`: {GUID: "d1", Strategy: "rolling", Active: true, State: "DEPLOYING", Fault: "no room"},
		`{"value":"FINALIZED","reason":"CANCELED"}`:                             {GUID: "d1", Strategy: "rolling", State: "CANCELED"},
	} {
		s := newServer(t)
		all := ""
		if status != "" {
			all = `{"guid":"d1","strategy":"rolling","status":` + status + `}`
		}
		s.on("GET /v3/deployments", pageOf(all))
		got, err := s.open().Apps.LastDeployment(t.Context(), "app")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	}
}
