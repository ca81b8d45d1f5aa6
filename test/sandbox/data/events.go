package data

import (
	"slices"
	"strconv"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// event is a row of the audit_events table.
type event struct {
	ID         int
	Type       string
	User       string
	Data       map[string]any
	ObjectType string // "" for an event without an object: delete_brief
	ObjectID   int    // the internal key, never the id in addresses
	Created    time.Time
}

// serialize is models/main.py: AuditEvent.serialize.
func (e *event) serialize(base string) map[string]any {
	links := map[string]string{"self": base + "/audit-events"}
	for key, link := range map[string]string{"oldArchivedServiceId": "oldArchivedService", "newArchivedServiceId": "newArchivedService"} {
		if id, ok := e.Data[key].(int); ok {
			links[link] = base + "/archived-services/" + strconv.Itoa(id)
		}
	}
	m := map[string]any{
		"id": e.ID, "type": e.Type, "acknowledged": false, "user": e.User, "data": e.Data,
		"objectType": nil, "objectId": nil, "createdAt": stampOf(e.Created), "links": links,
	}
	if e.ObjectType != "" {
		m["objectType"], m["objectId"] = e.ObjectType, e.ObjectID
	}
	return m
}

// record inserts an event by its createdAt. The caller holds mu.
func (a *API) record(e event) int {
	a.lastID++
	e.ID = a.lastID
	e.Created = e.Created.UTC().Truncate(time.Microsecond)
	i := len(a.events)
	for i > 0 && e.Created.Before(a.events[i-1].Created) {
		i--
	}
	a.events = slices.Insert(a.events, i, e)
	return e.ID
}

// invert makes a createdAt earlier than that of an event which was already visible, as concurrent writers do: in reality it
// happened three times in 1,266 events. The caller holds mu.
func (a *API) invert(created time.Time) time.Time {
	if n := len(a.events); n > 0 && a.rand.n(422) == 0 {
		if last := a.events[n-1].Created; created.Sub(last) < time.Second {
			return last.Add(-time.Millisecond)
		}
	}
	return created
}

// makeHistory makes the events before the epoch: the edits of the last days, and the end of G-Cloud 11.
func (a *API) makeHistory() {
	at := a.opts.Epoch.Add(-72 * time.Hour)
	a.record(event{
		Type: "framework_update", User: "ccs@crowncommercial.gov.uk", Created: at.Add(-2000 * time.Hour),
		Data:       map[string]any{"frameworkSlug": "g-cloud-11", "update": map[string]any{"status": "expired"}},
		ObjectType: "Framework", ObjectID: gcloud11 + 1,
	})
	if len(a.services) == 0 {
		return
	}
	r := mix(a.opts.Seed, 0x415)
	for range min(60, len(a.services)) {
		at = at.Add(time.Duration(r.n(4200)) * time.Second).Add(time.Duration(r.n(1e6)) * time.Microsecond)
		s := &a.services[r.n(len(a.services))]
		kind, extra := "update_service", map[string]any{}
		switch {
		case s.status != published:
			kind, extra = "update_service_status", map[string]any{"old_status": "published", "new_status": statuses[s.status]}
		case r.chance(20):
			kind = "update_service_admin"
		case r.chance(10):
			// A copy to a draft: the service is named by its internal key.
			a.record(event{
				Type: "create_draft_service", User: userOf(s.supplier), Created: at, ObjectType: "DraftService", ObjectID: r.n(90000),
				Data: map[string]any{"serviceId": s.pk, "supplierId": s.supplier, "draftId": r.n(90000)},
			})
			continue
		}
		a.archive(s, kind, extra, at)
		s.updated = at.Truncate(time.Microsecond)
	}
}

// archive records an event of a service with the data that commit_and_archive_service gives it
// (app/service_utils.py). The caller holds mu, or nothing else uses the API yet.
func (a *API) archive(s *service, kind string, data map[string]any, at time.Time) int {
	a.archived++
	data["serviceId"] = s.name()
	data["oldArchivedServiceId"] = s.archived
	data["newArchivedServiceId"] = a.archived
	if kind != "update_service_supplier" {
		data["supplierId"] = s.supplier
		data["supplierName"] = a.world.supplier(s.supplier)
	}
	s.archived = a.archived
	return a.record(event{
		Type: kind, User: userOf(s.supplier), Data: data, ObjectType: "Service", ObjectID: s.pk, Created: at,
	})
}

func userOf(supplier int) string { return "user-" + strconv.Itoa(supplier) + "@example.com" }

// auditTypes are the names that the argument audit-type accepts (dmapiclient/audit.py), as far as they occur here.
var auditTypes = map[string]bool{
	"contact_update": true, "supplier_update": true, "create_user": true, "update_user": true, "invite_user": true,
	"user_auth_failed": true, "import_service": true, "update_service": true, "update_service_admin": true,
	"update_service_status": true, "update_service_supplier": true, "create_draft_service": true,
	"update_draft_service": true, "complete_draft_service": true, "publish_draft_service": true,
	"delete_draft_service": true, "framework_update": true, "create_brief": true, "update_brief": true,
	"update_brief_status": true, "update_brief_framework_id": true, "delete_brief": true,
	"add_brief_clarification_question": true, "create_brief_response": true, "update_brief_response": true,
	"submit_brief_response": true, "register_framework_interest": true, "create_outcome": true,
	"update_outcome": true, "complete_outcome": true, "create_project": true,
}

// objectTypes are the values of the argument object-type, and the objects that they find. None finds clarification
// questions.
var objectTypes = map[string]string{
	"brief-responses": "BriefResponse", "briefs": "Brief", "draft-services": "DraftService", "frameworks": "Framework",
	"outcomes": "Outcome", "services": "Service", "suppliers": "Supplier", "users": "User",
}

// rawEvents renders events for a body.
func rawEvents(events []event, base string) []flask.Raw {
	list := make([]flask.Raw, 0, len(events))
	for i := range events {
		list = append(list, flask.Append(nil, events[i].serialize(base)))
	}
	return list
}
