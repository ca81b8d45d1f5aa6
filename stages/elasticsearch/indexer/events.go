package indexer

import (
	"context"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
)

// Overlap is how far before a time audit events are read again: an event has the
// time at which its change began, but is visible only once that is committed.
const Overlap = 5 * time.Minute

// object is something that an audit event is about and that an index may have.
type object struct {
	kind dataapi.Kind
	id   string
}

// subject is what an event is about: one object or, if supplier is not 0, a supplier,
// whose name is in all of its services.
type subject struct {
	object   object
	supplier int
}

// subjectOf returns what an event is about; false if no index is affected.
//
// No index is affected if only fields changed that are in no mapping (framework
// updates, questions about a brief), or if the object is a draft (edits, copies and
// deletions of draft services and briefs; responses to a brief before its award). In
// create_draft_service, serviceId is an internal key.
// (data API: app/main/views/services.py, briefs.py, suppliers.py, drafts.py)
func subjectOf(e dataapi.Event) (subject, bool) {
	switch e.Type {
	case "import_service", "update_service", "update_service_admin",
		"update_service_status", "update_service_supplier", "publish_draft_service":
		return subject{object: object{dataapi.Services, e.Data.ServiceID}}, e.Data.ServiceID != ""
	case "update_brief_status", "update_brief_framework_id", "update_brief_response":
		// Of the updates of a brief response, only the award names the brief.
		return subject{object: object{dataapi.Briefs, e.Data.BriefID}}, e.Data.BriefID != ""
	case "supplier_update":
		return subject{supplier: e.Data.SupplierID}, e.Data.SupplierID != 0
	}
	return subject{}, false
}

// haveKind reports whether any of the targets has documents of a kind.
func haveKind(targets []Target, kind dataapi.Kind) bool {
	return slices.ContainsFunc(targets, func(t Target) bool { return t.Kind == kind })
}

// isOf reports whether an object belongs to any of the targets.
func isOf(targets []Target, d *dataapi.Document) bool {
	return slices.ContainsFunc(targets, func(t Target) bool { return t.Has(d) })
}

// serviceFrameworks returns all frameworks of the targets that have services, sorted.
func serviceFrameworks(targets []Target) []string {
	var all []string
	for _, t := range targets {
		if t.Kind == dataapi.Services {
			all = append(all, t.Frameworks...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// objects returns the objects of the targets' kinds that the subjects stand for, each
// once, and by subject. A supplier stands for its published services; its other services
// are not indexed, and a change of their status has an event of its own.
func objects(ctx context.Context, source *dataapi.Client, targets []Target, subjects []subject) (all []object, of map[subject][]object, err error) {
	seen := map[object]bool{}
	of = map[subject][]object{}
	for _, s := range subjects {
		if _, known := of[s]; known {
			continue
		}
		if of[s], err = objectsOf(ctx, source, targets, s); err != nil {
			return nil, nil, err
		}
		for _, o := range of[s] {
			if !seen[o] {
				seen[o] = true
				all = append(all, o)
			}
		}
	}
	return all, of, nil
}

func objectsOf(ctx context.Context, source *dataapi.Client, targets []Target, s subject) ([]object, error) {
	kind := s.object.kind
	if s.supplier != 0 {
		kind = dataapi.Services
	}
	if !haveKind(targets, kind) {
		return nil, nil
	}
	if s.supplier == 0 {
		return []object{s.object}, nil
	}
	services, err := source.SupplierServices(ctx, s.supplier, serviceFrameworks(targets))
	var all []object
	for _, d := range services {
		if d.IsIndexed() {
			all = append(all, object{dataapi.Services, d.ID})
		}
	}
	return all, err
}

// Pending returns how many objects of the targets have audit events since a time,
// without those of other frameworks. Until a catch-up has handled them, the number of
// documents in an index may differ from the expected one by as many. Changes of a
// supplier's name do not count, as they change no number of documents, and neither do the
// objects with the ids except.
func Pending(ctx context.Context, source *dataapi.Client, since time.Time, targets []Target, except ...string) (int, error) {
	all, err := changedSince(ctx, source, since, targets)
	if err != nil {
		return 0, err
	}
	pending := 0
	for _, o := range all {
		if slices.Contains(except, o.id) {
			continue
		}
		d, err := source.Document(ctx, o.kind, o.id)
		if err != nil {
			return 0, err
		}
		if d == nil || isOf(targets, d) {
			pending++
		}
	}
	return pending, nil
}

// changedSince returns the objects of the targets' kinds that have audit events since a
// time, without changes of a supplier's name.
func changedSince(ctx context.Context, source *dataapi.Client, since time.Time, targets []Target) ([]object, error) {
	events, err := source.AuditEvents(ctx, since)
	if err != nil {
		return nil, err
	}
	var subjects []subject
	for _, e := range events {
		if s, ok := subjectOf(e); ok && s.supplier == 0 {
			subjects = append(subjects, s)
		}
	}
	all, _, err := objects(ctx, source, targets, subjects)
	return all, err
}
