package dataapi_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/httpclient"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

const token = "myToken"

// answers are a server's handlers by "/path?query". Any other request fails the
// test.
type answers map[string]http.HandlerFunc

func serve(t *testing.T, known answers) *dataapi.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := known[r.RequestURI]
		if !ok || r.Method != http.MethodGet {
			t.Errorf("unexpected request: %s %s", r.Method, r.RequestURI)
			http.NotFound(w, r)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return dataapi.New(dataapi.Options{
		BaseURL: server.URL, Token: token, TokenVariable: "DM_DATA_API_TOKEN_PREVIEW",
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

func TestServices(t *testing.T) {
	first := `{"id": "123456789012345", "status":"published","frameworkSlug":"g-cloud-12","supplierId":92,"price":1.50}`
	c := serve(t, answers{
		"/services?framework=g-cloud-12%2Cg-cloud-11&page=1": say(200, `{"meta":{"total":201},
			"links":{"self":"http://elsewhere/","next":"http://elsewhere/services?page=2"},
			"services":[`+first+`,{"id":"2","status":"disabled","frameworkSlug":"g-cloud-11"}]}`),
		"/services?framework=g-cloud-12%2Cg-cloud-11&page=2": say(200, `{"meta":{"total":201},"links":{"prev":"x"},"services":[]}`),
		"/services?framework=g-cloud-12%2Cg-cloud-11&page=3": say(404, `{"error":"Not found"}`),
		"/services?framework=g-cloud-12%2Cg-cloud-11&page=4": routerSays,
	})
	frameworks := []string{"g-cloud-12", "g-cloud-11"}
	got, err := c.Services(t.Context(), frameworks, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := dataapi.Page{Number: 1, Total: 201, Documents: []dataapi.Document{
		{ID: "123456789012345", Kind: dataapi.Services, Status: "published", Framework: "g-cloud-12", Raw: []byte(first)},
		{ID: "2", Kind: dataapi.Services, Status: "disabled", Framework: "g-cloud-11", Raw: []byte(`{"id":"2","status":"disabled","frameworkSlug":"g-cloud-11"}`)},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !got.Documents[0].IsIndexed() || got.Documents[1].IsIndexed() {
		t.Error("IsIndexed is wrong")
	}
	if got, err := c.Services(t.Context(), frameworks, 2); err != nil || !got.Last {
		t.Error(got, err)
	}
	if _, err := c.Services(t.Context(), frameworks, 3); !errors.Is(err, dataapi.ErrNoPage) {
		t.Error(err)
	}
	if _, err := c.Services(t.Context(), frameworks, 4); err == nil || errors.Is(err, dataapi.ErrNoPage) {
		t.Error("the router's 404 was taken for the last page:", err)
	}
}

func TestBriefs(t *testing.T) {
	c := serve(t, answers{
		"/briefs?framework=dos&page=1&status=live%2Cclosed": say(200,
			`{"meta":{"total":1},"links":{},"briefs":[{"id":42,"status":"live","frameworkSlug":"dos"}]}`),
	})
	got, err := c.Briefs(t.Context(), []string{"dos"}, []string{"live", "closed"}, 1)
	if err != nil || len(got.Documents) != 1 || got.Documents[0].ID != "42" || !got.Documents[0].IsIndexed() || !got.Last {
		t.Error(got, err)
	}
}

func TestTotal(t *testing.T) {
	c := serve(t, answers{
		"/services?framework=g&page=1&status=published":                                        say(200, `{"meta":{"total":7},"services":[]}`),
		"/briefs?framework=d&page=1&status=live%2Ccancelled%2Cunsuccessful%2Cawarded%2Cclosed": say(200, `{"meta":{"total":5},"briefs":[]}`),
		"/briefs?framework=d&page=1&status=withdrawn":                                          say(200, `{"meta":{"total":2},"briefs":[]}`),
	})
	for kind, framework := range map[dataapi.Kind]string{dataapi.Services: "g", dataapi.Briefs: "d"} {
		if n, err := c.Total(t.Context(), kind, []string{framework}); n != 7 || err != nil {
			t.Error(kind, n, err)
		}
	}
}

func TestDocumentHasTheFieldsOfAListing(t *testing.T) {
	c := serve(t, answers{
		"/briefs/42": say(200, `{"briefs":{"id":42,"status":"withdrawn","frameworkSlug":"dos","price":1.50,
			"clarificationQuestionsAreClosed":true,"clarificationQuestions":[{"question":"q"}],"users":[{"emailAddress":"a@example.com"}]}}`),
		"/briefs/43":    say(404, `{"error":"Not found"}`),
		"/briefs/44":    routerSays,
		"/services/%5B": say(200, `{"services":{"id":"[","status":"enabled","frameworkSlug":"g"},"serviceMadeUnavailableAuditEvent":null}`),
	})
	got, err := c.Document(t.Context(), dataapi.Briefs, "42")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"clarificationQuestionsAreClosed":true,"frameworkSlug":"dos","id":42,"price":1.50,"status":"withdrawn"}`
	if string(got.Raw) != want || got.ID != "42" || !got.IsIndexed() {
		t.Errorf("%s", got.Raw)
	}
	if got, err := c.Document(t.Context(), dataapi.Briefs, "43"); got != nil || err != nil {
		t.Error(got, err)
	}
	if _, err := c.Document(t.Context(), dataapi.Briefs, "44"); err == nil {
		t.Error("the router's 404 was taken for a missing brief")
	}
	if got, err := c.Document(t.Context(), dataapi.Services, "["); err != nil || got.IsIndexed() || got.ID != "[" {
		t.Error(got, err)
	}
	if _, err := c.Document(t.Context(), dataapi.Services, ".."); err == nil {
		t.Error("the id .. was sent")
	}
}

func TestSupplierServices(t *testing.T) {
	c := serve(t, answers{
		"/services?framework=g&supplier_id=92": say(200, `{"meta":{"total":1},"services":[{"id":"1","status":"published","frameworkSlug":"g"}]}`),
		"/services?framework=g&supplier_id=93": say(404, `{"error":"supplier_id '93' not found"}`),
	})
	if got, err := c.SupplierServices(t.Context(), 92, []string{"g"}); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
	if got, err := c.SupplierServices(t.Context(), 93, []string{"g"}); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
}

func TestAuditEvents(t *testing.T) {
	event := func(id int, at, data string) string {
		return fmt.Sprintf(`{"id":%d,"type":"update_service","objectType":"Service","objectId":9,"createdAt":%q,"data":%s,"user":"a@example.com"}`, id, at, data)
	}
	pages := [][]string{
		{event(5, "2021-03-01T10:00:02.000000Z", `{"serviceId":"s5","supplierId":92}`), event(3, "2021-03-01T10:00:01.000002Z", `{"briefId":7}`)},
		// Event 3 again: an event was added between the two pages.
		{event(3, "2021-03-01T10:00:01.000002Z", `{"briefId":7}`), event(4, "2021-03-01T10:00:01.000001Z", `[]`)},
		{event(2, "2021-03-01T10:00:00.000000Z", `{"serviceId":null}`), event(1, "2021-03-01T09:59:59.999999Z", `{}`)},
	}
	known := answers{}
	for i, page := range pages {
		known[fmt.Sprintf("/audit-events?audit-date=%%3E%%3D2021-03-01&latest_first=true&page=%d&per_page=1000", i+1)] = say(200, `{"auditEvents":[`+strings.Join(page, ",")+`],"links":{"next":"http://elsewhere/"}}`)
	}
	c := serve(t, known)
	got, err := c.AuditEvents(t.Context(), time.Date(2021, 3, 1, 10, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	at := func(second, micro int) time.Time {
		return time.Date(2021, 3, 1, 10, 0, second, micro*1000, time.UTC)
	}
	want := []dataapi.Event{
		{ID: 2, Type: "update_service", CreatedAt: at(0, 0)},
		{ID: 4, Type: "update_service", CreatedAt: at(1, 1)},
		{ID: 3, Type: "update_service", CreatedAt: at(1, 2), Data: dataapi.EventData{BriefID: "7"}},
		{ID: 5, Type: "update_service", CreatedAt: at(2, 0), Data: dataapi.EventData{ServiceID: "s5", SupplierID: 92}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheTokenIsNeverInAnError(t *testing.T) {
	c := serve(t, answers{"/services/1": say(403, `{"error":"Forbidden; invalid bearer token provided `+token+`"}`)})
	_, err := c.Document(t.Context(), dataapi.Services, "1")
	if err == nil || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "DM_DATA_API_TOKEN_PREVIEW") {
		t.Error(err)
	}
	if runner.ClassOf(err) != runner.Misconfigured {
		t.Error("class", runner.ClassOf(err))
	}
}

func TestMalformedListingsAreErrors(t *testing.T) {
	for what, body := range map[string]string{
		"HTML":            `<html>maintenance</html>`,
		"no ids":          `{"meta":{"total":1},"services":[{}]}`,
		"a fractional id": `{"meta":{"total":1},"services":[{"id":1.5}]}`,
	} {
		c := serve(t, answers{"/services?framework=g&page=1": say(200, body)})
		if got, err := c.Services(t.Context(), []string{"g"}, 1); err == nil {
			t.Errorf("%s: %v", what, got)
		}
	}
}
