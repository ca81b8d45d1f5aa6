package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/clock"
)

// index records what is written to the live index.
type index struct {
	mu    sync.Mutex
	calls []string
	docs  map[string]json.RawMessage
	err   error
	check func(id string)
}

func (x *index) Put(_ ctx, alias, docType, id string, doc json.RawMessage) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.calls = append(x.calls, strings.Join([]string{"put", alias, docType, id}, " "))
	if x.docs == nil {
		x.docs = map[string]json.RawMessage{}
	}
	x.docs[id] = doc
	if x.check != nil {
		x.check(id)
	}
	return x.err
}

func (x *index) Delete(_ ctx, alias, docType, id string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.calls = append(x.calls, strings.Join([]string{"delete", alias, docType, id}, " "))
	return x.err
}

func (x *index) taken() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	calls := x.calls
	x.calls = nil
	return calls
}

func (s *server) edit(e Edit) Edited {
	s.t.Helper()
	done, err := s.Do(s.t.Context(), e)
	if err != nil {
		s.t.Fatal(err)
	}
	return done
}

func (s *server) event(id int) map[string]any {
	s.t.Helper()
	return s.object(fmt.Sprintf("/audit-events/%d", id))["auditEvents"].(map[string]any)
}

func (s *server) service(id string) map[string]any {
	s.t.Helper()
	return s.object("/services/" + id)["services"].(map[string]any)
}

// digitalmarketplace-api: app/service_utils.py, app/brief_utils.py, app/main/views: the events have the shapes of the
// real API's: type, object, keys of data; and which edits reach the index.
func TestEditsMakeEventsAndSomeReachTheIndex(t *testing.T) {
	for _, c := range []struct{ kind, event, object, keys, index string }{
		{"update-service", "update_service", "Service", "newArchivedServiceId oldArchivedServiceId serviceId supplierId supplierName", "put"},
		{"update-service-admin", "update_service_admin", "Service", "newArchivedServiceId oldArchivedServiceId serviceId supplierId supplierName", "put"},
		{"unpublish-service", "update_service_status", "Service", "newArchivedServiceId new_status oldArchivedServiceId old_status serviceId supplierId supplierName", "delete"},
		{"publish-service", "update_service_status", "Service", "newArchivedServiceId new_status oldArchivedServiceId old_status serviceId supplierId supplierName", "put"},
		{"transfer-service", "update_service_supplier", "Service", "newArchivedServiceId oldArchivedServiceId previousSupplierId previousSupplierName serviceId supplierId", "put"},
		{"publish-draft-service", "publish_draft_service", "Service", "draftId newArchivedServiceId oldArchivedServiceId serviceId supplierId supplierName", "put"},
		{"rename-supplier", "supplier_update", "Supplier", "supplierId update", ""},
		{"publish-brief", "update_brief_status", "Brief", "briefId briefPreviousStatus briefStatus", "put"},
		{"withdraw-brief", "update_brief_status", "Brief", "briefId briefPreviousStatus briefStatus", "put"},
		{"pend-brief-award", "update_brief_response", "BriefResponse", "briefId briefResponseAwardedValue briefResponseId", ""},
		{"award-brief", "update_brief_response", "BriefResponse", "briefId briefResponseAwardDetails briefResponseId", "put"},
		{"add-clarification-question", "add_brief_clarification_question", "BriefClarificationQuestion", "answer question", ""},
		{"create-brief", "create_brief", "Brief", "briefId briefJson", ""},
	} {
		t.Run(c.kind, func(t *testing.T) {
			s := serve(t, Options{Services: 50, Briefs: 100})
			// All are published, so that a random choice reaches the index.
			e := Edit{Kind: c.kind}
			if strings.HasPrefix(c.kind, "update-service") || c.kind == "transfer-service" {
				e.ID = s.ids("/services?status=published", "services")[0]
			}
			var x index
			s.SetLiveIndex(&x)
			done := s.edit(e)
			ev := s.event(done.Event)
			want(t, "type", ev["type"], any(c.event))
			want(t, "object", ev["objectType"], any(c.object))
			want(t, "acknowledged", ev["acknowledged"], any(false))
			if _, ok := ev["objectId"].(float64); !ok {
				t.Errorf("objectId is %v", ev["objectId"])
			}
			data := ev["data"].(map[string]any)
			var keys []string
			for k := range data {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			want(t, "keys", strings.Join(keys, " "), c.keys)
			want(t, "index", done.Index, c.index)
			calls := x.taken()
			if c.index == "" {
				want(t, "calls", len(calls), 0)
				return
			}
			alias, docType := "g-cloud-12", "services"
			if strings.HasSuffix(c.kind, "-brief") {
				alias, docType = "briefs-digital-outcomes-and-specialists", "briefs"
			}
			if w := []string{c.index + " " + alias + " " + docType + " " + done.ID}; !reflect.DeepEqual(calls, w) {
				t.Errorf("calls %v, want %v", calls, w)
			}
		})
	}
}

// digitalmarketplace-api: app/main/views/briefs.py, frameworks.py: delete_brief has no object; a framework's event is
// about the framework, whose services are not written anywhere.
func TestEventsWithoutAndOfOtherObjects(t *testing.T) {
	s := serve(t, Options{Services: 5, Briefs: 40})
	ev := s.event(s.edit(Edit{Kind: "delete-brief"}).Event)
	if ev["objectType"] != nil || ev["objectId"] != nil {
		t.Errorf("object %v %v", ev["objectType"], ev["objectId"])
	}
	var x index
	s.SetLiveIndex(&x)
	ev = s.event(s.edit(Edit{Kind: "update-framework", ID: "g-cloud-12", Status: "standstill"}).Event)
	want(t, "object", ev["objectType"], any("Framework"))
	want(t, "calls", len(x.taken()), 0)
	want(t, "frameworkStatus", s.object("/services?framework=g-cloud-12")["services"].([]any)[0].(map[string]any)["frameworkStatus"], any("standstill"))
	// No edit in a framework that is not live reaches the index.
	id := s.ids("/services?framework=g-cloud-12&status=published", "services")[0]
	want(t, "index", s.edit(Edit{Kind: "update-service", ID: id}).Index, "")
}

// digitalmarketplace-api: app/models/main.py: renames and awards change documents without updatedAt.
func TestUpdatedAtDoesNotProveThatNothingChanged(t *testing.T) {
	s := serve(t, Options{Services: 30, Briefs: 100})
	before := s.object("/services")["services"].([]any)[0].(map[string]any)
	id := before["id"].(string)
	s.edit(Edit{Kind: "rename-supplier", ID: fmt.Sprintf("%.0f", before["supplierId"]), Name: "New Name Ltd"})
	after := s.service(id)
	want(t, "name", after["supplierName"], any("New Name Ltd"))
	want(t, "updatedAt", after["updatedAt"], before["updatedAt"])

	s.edit(Edit{Kind: "update-service", ID: id, Fields: map[string]json.RawMessage{"serviceName": []byte(`"Ünique"`), "new": []byte("1")}})
	after = s.service(id)
	want(t, "field", after["serviceName"], any("Ünique"))
	want(t, "new field", after["new"], any(1.0))
	if after["updatedAt"] == before["updatedAt"] {
		t.Error("an update does not change updatedAt")
	}
	closed := s.object("/briefs?status=closed")["briefs"].([]any)[0].(map[string]any)
	done := s.edit(Edit{Kind: "award-brief", ID: fmt.Sprintf("%.0f", closed["id"])})
	b := s.object("/briefs/" + done.ID)["briefs"].(map[string]any)
	want(t, "status", b["status"], any("awarded"))
	want(t, "updatedAt", b["updatedAt"], closed["updatedAt"])
}

// digitalmarketplace-api: app/service_utils.py, commit_and_archive_service: the writer commits first, and the index
// gets what the API then returns.
func TestIndexGetsTheDocumentUnchanged(t *testing.T) {
	s := serve(t, Options{Services: 10})
	var x index
	// The writer commits first: at the time of the call the API has the change already.
	x.check = func(id string) {
		if got := s.total("/audit-events?object-type=services&object-id=" + id); got == 0 {
			t.Error("the index is written before the commit")
		}
	}
	s.SetLiveIndex(&x)
	id := s.ids("/services?status=published", "services")[0]
	before := s.service(id)["serviceDescription"]
	s.edit(Edit{Kind: "update-service", ID: id})
	after := s.service(id)
	if after["serviceDescription"] == before {
		t.Error("nothing changed")
	}
	var doc map[string]any
	if err := json.Unmarshal(x.docs[id], &doc); err != nil {
		t.Fatal(err)
	}
	delete(doc, "links")
	delete(after, "links")
	if !reflect.DeepEqual(doc, after) {
		t.Error("the index got another document than the API shows")
	}
}

// digitalmarketplace-api: app/utils.py, index_object: a failing index is logged and does not fail the edit; other than
// a client's error, it is tried six times (digitalmarketplace-apiclient: dmapiclient/base.py).
func TestFailingIndexDoesNotFailTheEdit(t *testing.T) {
	s := serve(t, Options{Services: 10})
	x := index{err: errors.New("connection refused")}
	s.SetLiveIndex(&x)
	id := s.ids("/services?status=published", "services")[0]
	done := s.edit(Edit{Kind: "unpublish-service", ID: id, Status: "disabled"})
	want(t, "error", done.IndexError, "connection refused")
	want(t, "tries", len(x.taken()), 6)
	want(t, "status", s.service(id)["status"], any("disabled"))
	if s.object("/services/" + id)["serviceMadeUnavailableAuditEvent"] == nil {
		t.Error("it is unavailable without an event")
	}
	x.err = answered(400)
	id = s.ids("/services?status=published", "services")[0]
	s.edit(Edit{Kind: "unpublish-service", ID: id})
	want(t, "tries after an answer", len(x.taken()), 1)
}

type answered int

func (a answered) Error() string   { return fmt.Sprint(int(a)) }
func (a answered) StatusCode() int { return int(a) }

// PostgreSQL docs, "LIMIT and OFFSET": a row that no longer passes the filter shifts those after it, so that one is
// skipped.
func TestOffsetPagingSkipsARowAfterAnUnpublish(t *testing.T) {
	s := serve(t, Options{Services: 150})
	path := "/services?framework=g-cloud-12&status=published"
	all := s.ids(path, "services")
	first := s.object(path)["services"].([]any)
	s.edit(Edit{Kind: "unpublish-service", ID: first[3].(map[string]any)["id"].(string)})
	second := s.object(path + "&page=2")["services"].([]any)
	want(t, "first of page 2", second[0].(map[string]any)["id"], any(all[101]))
}

// digitalmarketplace-api: app/utils.py, compare_sql_datetime_with_string compares with midnight: "<=D" leaves day D
// out, "A..B" day B, ">D" takes D in.
func TestAuditDatesHaveDaysAndQuirks(t *testing.T) {
	s := serve(t, Options{Services: 10})
	before := s.total("/audit-events?audit-date=>=2026-11-23")
	s.edit(Edit{Kind: "update-service"})
	today, all := s.total("/audit-events?audit-date=2026-11-23"), s.total("/audit-events")
	want(t, "today", today, before+1)
	for query, n := range map[string]int{
		">=2026-11-23": today, ">2026-11-22": s.total("/audit-events?audit-date=>=2026-11-22"), ">2026-11-23": today,
		"<=2026-11-23": all - today, "<2026-11-23": all - today, "2026-11-23..2026-11-23": 0, "2026-01-01..2026-11-23": all - today,
		"2026-01-01..2026-11-24": all, "2026-11-24": 0,
	} {
		want(t, query, s.total("/audit-events?audit-date="+query), n)
	}
	for _, bad := range []string{"yesterday", ">=x", "2026-11-23..x"} {
		a := s.get("/audit-events?audit-date=" + bad)
		want(t, bad, a.status, 400)
		want(t, bad, a.body, `{"error": "invalid audit date supplied"}`)
	}
}

// digitalmarketplace-api: app/main/views/audits.py: filters, order, per_page without a cap, object-id by the id in
// addresses.
func TestAuditEventsAreFilteredAndUncapped(t *testing.T) {
	s := serve(t, Options{Services: 20, Briefs: 60})
	id := s.ids("/services?status=published", "services")[0]
	for range 150 {
		s.edit(Edit{Kind: "update-service", ID: id})
	}
	s.edit(Edit{Kind: "award-brief"})
	s.edit(Edit{Kind: "add-clarification-question"})
	want(t, "page", len(s.object("/audit-events")["auditEvents"].([]any)), 100)
	all := s.object("/audit-events?per_page=100000")["auditEvents"].([]any)
	want(t, "per_page", len(all), s.total("/audit-events"))
	for i := 1; i < len(all); i++ {
		a, b := all[i-1].(map[string]any), all[i].(map[string]any)
		if a["createdAt"].(string) > b["createdAt"].(string) {
			t.Errorf("%v comes before %v", a["createdAt"], b["createdAt"])
		}
	}
	last := s.object("/audit-events?latest_first=true&per_page=1")["auditEvents"].([]any)[0]
	if !reflect.DeepEqual(last, all[len(all)-1]) {
		t.Error("latest_first does not begin with the last")
	}
	if n := s.total("/audit-events?object-type=services&object-id=" + id); n < 150 {
		t.Errorf("%d events of the service", n)
	}
	want(t, "earliest", s.total("/audit-events?object-type=services&object-id="+id+"&earliest_for_each_object=true"), 1)
	want(t, "responses", s.total("/audit-events?object-type=brief-responses"), 2)
	want(t, "question", s.total("/audit-events?audit-type=add_brief_clarification_question"), 1)
	for _, kind := range []string{"briefs", "brief-responses", "services", "suppliers", "frameworks", "draft-services", "users", "outcomes"} {
		if strings.Contains(s.get("/audit-events?per_page=9999&object-type="+kind).body, "add_brief_clarification_question") {
			t.Errorf("object-type=%s finds a clarification question", kind)
		}
	}
	for path, status := range map[string]int{
		"object-type=nothing": 400, "object-id=1": 400, "object-type=services&object-id=1": 404, "audit-type=nothing": 400, "acknowledged=perhaps": 400,
	} {
		want(t, path, s.get("/audit-events?"+path).status, status)
	}
}

// digitalmarketplace-api: app/main/views/drafts.py: create_draft_service names a service by its internal key.
func TestDraftEventsNameTheInternalKey(t *testing.T) {
	s := serve(t, Options{Services: 400})
	for _, e := range s.object("/audit-events?audit-type=create_draft_service")["auditEvents"].([]any) {
		if _, ok := e.(map[string]any)["data"].(map[string]any)["serviceId"].(float64); !ok {
			t.Errorf("serviceId of %v is not a number", e)
		}
	}
}

// digitalmarketplace-api: app/models/main.py, AuditEvent: createdAt is set before the commit; the event and the change
// become visible together.
func TestEventsBecomeVisibleWithTheirChange(t *testing.T) {
	s := serve(t, Options{Services: 40})
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() {
			for range 20 {
				if _, err := s.RandomEdit(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	ids := map[float64]bool{}
	for _, e := range s.object("/audit-events?per_page=9999&audit-date=>=2026-11-23")["auditEvents"].([]any) {
		ids[e.(map[string]any)["id"].(float64)] = true
	}
	if len(ids) < 120 {
		t.Errorf("%d events of 120 edits", len(ids))
	}
	want(t, "total of published", s.total("/services?framework=g-cloud-12&status=published"), s.PublishedServices("g-cloud-12").Len())
}

// Frozen documents are those of the time at which they were frozen.
func TestFrozenDocumentsDoNotChange(t *testing.T) {
	s := serve(t, Options{Services: 10})
	f := s.PublishedServices("g-cloud-12")
	id := f.ID(4)
	i, ok := f.Find(id)
	if !ok || i != 4 {
		t.Fatalf("found at %d, %v", i, ok)
	}
	before := string(f.Append(nil, 4))
	s.edit(Edit{Kind: "update-service", ID: id})
	s.edit(Edit{Kind: "rename-supplier", ID: fmt.Sprintf("%.0f", s.service(id)["supplierId"])})
	s.edit(Edit{Kind: "unpublish-service", ID: id})
	want(t, "document", string(f.Append(nil, 4)), before)
	want(t, "length", f.Len(), 10)
	var few map[string]any
	if err := json.Unmarshal(f.Only([]string{"id", "lot"}).Append(nil, 4), &few); err != nil || len(few) != 2 {
		t.Errorf("only two keys are %v: %v", few, err)
	}
}

// digitalmarketplace-apiclient: dmapiclient/base.py, five retries with backoff 0.3: while the search API fails, an edit is
// answered after nine seconds, and so is /_status.
func TestAFailingSearchAPIDelaysEditsAndStatusByNineSeconds(t *testing.T) {
	c := clock.New(0.03)
	s := serve(t, Options{Services: 10, Clock: c})
	s.SetLiveIndex(&index{err: errors.New("connection refused")})
	var wait sync.WaitGroup
	for what, ask := range map[string]func(){
		"an edit":  func() { s.edit(Edit{Kind: "update-service"}) },
		"/_status": func() { want(t, "status", s.do("GET", "/_status", "").status, 500) },
	} {
		wait.Go(func() {
			began := time.Now()
			ask()
			if took := time.Since(began); took < c.Scale(9*time.Second) {
				t.Errorf("%s took %s, want %s", what, took, c.Scale(9*time.Second))
			}
		})
	}
	wait.Wait()
}

// digitalmarketplace-api: app/models/main.py, AuditEvent: createdAt is set before the commit, so that with concurrent
// writers an event may become visible after a younger one: in reality it happened three times in 1,266 events.
func TestAnOlderEventMayComeAfterAYoungerOne(t *testing.T) {
	s := serve(t, Options{Services: 40})
	id := s.ids("/services?status=published", "services")[0]
	for range 700 {
		s.edit(Edit{Kind: "update-service", ID: id})
	}
	inverted, last := 0, 0.0
	for _, o := range s.object("/audit-events?per_page=9999&object-type=services&object-id=" + id)["auditEvents"].([]any) {
		n := o.(map[string]any)["id"].(float64)
		if n < last {
			inverted++
		}
		last = n
	}
	if inverted == 0 || inverted > 14 {
		t.Errorf("%d of 700 events are inverted", inverted)
	}
}
