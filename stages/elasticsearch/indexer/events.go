package indexer

import (
	"context"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
)

// Overlap is how long before a time audit events are read again: an event has
// the time at which its change began, and is to be seen only when that is committed.
const Overlap = 5 * time.Minute

// object is something that an audit event names and an index may hold.
type object struct {
	kind dataapi.Kind
	id   string
}

// named is what an event says has changed: one object, or a supplier, whose
// name stands in all its services.
type named struct {
	object   object
	supplier int
}

// relevant returns what of an event concerns an index; false: nothing.
//
// Nothing does where only fields change that are in no mapping (framework
// updates, questions about a brief), and where the object is a draft (edits,
// copies and deletions of draft services and briefs, answers to a brief that
// are not its award). In create_draft_service, serviceId is an internal key.
// (data API: app/main/views/services.py, briefs.py, suppliers.py, drafts.py)
func relevant(e dataapi.Event) (named, bool) {
	switch e.Type {
	case "import_service", "update_service", "update_service_admin",
		"update_service_status", "update_service_supplier", "publish_draft_service":
		return named{object: object{dataapi.Services, e.Data.ServiceID}}, e.Data.ServiceID != ""
	case "update_brief_status", "update_brief_framework_id", "update_brief_response":
		// Of the answers to a brief only the award names the brief.
		return named{object: object{dataapi.Briefs, e.Data.BriefID}}, e.Data.BriefID != ""
	case "supplier_update":
		return named{supplier: e.Data.SupplierID}, e.Data.SupplierID != 0
	}
	return named{}, false
}

// holds tells whether any of the targets has documents of a kind.
func holds(targets []Target, kind dataapi.Kind) bool {
	return slices.ContainsFunc(targets, func(t Target) bool { return t.Kind == kind })
}

// serviceFrameworks are all frameworks whose services the targets hold.
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

// objects lists, each once, what the events name. Suppliers stand for their
// published services; the others are not indexed, and events of their own say
// so.
func objects(ctx context.Context, source *dataapi.Client, targets []Target, names []named) ([]object, error) {
	seen := map[object]bool{}
	suppliers := map[int]bool{}
	var all []object
	add := func(o object) {
		if !seen[o] && holds(targets, o.kind) {
			seen[o] = true
			all = append(all, o)
		}
	}
	for _, n := range names {
		if n.supplier == 0 {
			add(n.object)
			continue
		}
		if suppliers[n.supplier] || !holds(targets, dataapi.Services) {
			continue
		}
		suppliers[n.supplier] = true
		services, err := source.SupplierServices(ctx, n.supplier, serviceFrameworks(targets))
		if err != nil {
			return nil, err
		}
		for _, d := range services {
			if d.IsIndexed() {
				add(object{dataapi.Services, d.ID})
			}
		}
	}
	return all, nil
}

// Pending counts the objects of the targets that have audit events since a
// time, less those known to be of other frameworks. Until a catch-up has looked
// at them, an index may differ from its source by as many documents.
// Changes of a supplier's name are left out: they change no count.
func Pending(ctx context.Context, source *dataapi.Client, since time.Time, targets []Target) (int, error) {
	events, err := source.AuditEvents(ctx, since)
	if err != nil {
		return 0, err
	}
	var names []named
	for _, e := range events {
		if n, ok := relevant(e); ok && n.supplier == 0 {
			names = append(names, n)
		}
	}
	all, err := objects(ctx, source, targets, names)
	if err != nil {
		return 0, err
	}
	pending := 0
	for _, o := range all {
		d, err := source.Document(ctx, o.kind, o.id)
		if err != nil {
			return 0, err
		}
		if d == nil || slices.ContainsFunc(targets, func(t Target) bool { return t.Has(d) }) {
			pending++
		}
	}
	return pending, nil
}
