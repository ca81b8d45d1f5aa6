package data

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// indexService is index_service: only published services of a live framework of G-Cloud are put. The caller holds mu.
func (a *API) indexService(s *service, c *change) {
	f := a.world.frameworks[s.framework]
	if f.status != "live" || f.family != "g-cloud" || s.status != published {
		return
	}
	c.alias, c.docType = f.indexOf("services"), "services"
	c.document = json.RawMessage(a.gen.append(nil, s, a.view("http://localhost")))
	c.edited.Index = "put"
}

// unindexService is delete_service_from_index. The caller holds mu.
func (a *API) unindexService(s *service, c *change) {
	f := a.world.frameworks[s.framework]
	if f.status != "live" || f.family != "g-cloud" {
		return
	}
	c.alias, c.docType, c.remove = f.slug, "services", true
	c.edited.Index = "delete"
}

// pickService is the service with that id, or any that ok accepts. The caller holds mu.
func (a *API) pickService(id string, ok func(*service) bool) (*service, error) {
	if id != "" {
		i, found := a.find(id)
		if !found {
			return nil, fmt.Errorf("no such service: %w", ErrNothing)
		}
		if !ok(&a.services[i]) {
			return nil, fmt.Errorf("service is %s in %s: %w", statuses[a.services[i].status], a.world.frameworks[a.services[i].framework].slug, ErrNothing)
		}
		return &a.services[i], nil
	}
	if len(a.services) == 0 {
		return nil, ErrNothing
	}
	start := a.rand.n(len(a.services))
	for i := range a.services {
		if s := &a.services[(start+i)%len(a.services)]; a.live12(s) && ok(s) {
			return s, nil
		}
	}
	return nil, ErrNothing
}

func (a *API) live12(s *service) bool { return a.world.frameworks[s.framework].status == "live" }

func (a *API) publishService(e Edit, at time.Time) (change, error) {
	return a.setStatus(e, at, published, func(s *service) bool { return s.status != published })
}

func (a *API) unpublishService(e Edit, at time.Time) (change, error) {
	to := uint8(enabled)
	if e.Status == "disabled" || e.Status == "" && a.rand.chance(50) {
		to = disabled
	}
	return a.setStatus(e, at, to, func(s *service) bool { return s.status == published })
}

// setStatus is update_service_status: a change from published deletes the document; a change to published puts it.
func (a *API) setStatus(e Edit, at time.Time, to uint8, ok func(*service) bool) (change, error) {
	s, err := a.pickService(e.ID, ok)
	if err != nil {
		return change{}, err
	}
	from := s.status
	s.status, s.updated = to, at
	c := change{edited: Edited{ID: s.name()}}
	c.edited.Event = a.archive(s, "update_service_status", map[string]any{"old_status": statuses[from], "new_status": statuses[to]}, at)
	if from == published {
		a.unindexService(s, &c)
	} else {
		a.indexService(s, &c)
	}
	return c, nil
}

func (a *API) updateService(e Edit, at time.Time) (change, error) {
	return a.update(e, at, "update_service")
}

func (a *API) updateServiceAdmin(e Edit, at time.Time) (change, error) {
	return a.update(e, at, "update_service_admin")
}

func (a *API) update(e Edit, at time.Time, kind string) (change, error) {
	s, err := a.pickService(e.ID, func(*service) bool { return true })
	if err != nil {
		return change{}, err
	}
	if len(e.Fields) == 0 {
		s.version++
	} else {
		fields := maps.Clone(s.fields)
		if fields == nil {
			fields = map[string]flask.Raw{}
		}
		for k, v := range e.Fields {
			if !json.Valid(v) {
				return change{}, fmt.Errorf("field %s is not JSON", k)
			}
			fields[k] = flask.AppendValue(nil, v)
		}
		s.fields = fields
	}
	s.updated = at
	c := change{edited: Edited{ID: s.name()}}
	c.edited.Event = a.archive(s, kind, map[string]any{}, at)
	a.indexService(s, &c)
	return c, nil
}

// transferService gives a service to another supplier. The event names the old one.
func (a *API) transferService(e Edit, at time.Time) (change, error) {
	s, err := a.pickService(e.ID, func(*service) bool { return true })
	if err != nil {
		return change{}, err
	}
	to := e.Supplier
	if to == 0 {
		to = a.services[a.rand.n(len(a.services))].supplier
	}
	data := map[string]any{"previousSupplierId": s.supplier, "previousSupplierName": a.world.supplier(s.supplier), "supplierId": to}
	s.supplier, s.updated = to, at
	c := change{edited: Edited{ID: s.name()}}
	c.edited.Event = a.archive(s, "update_service_supplier", data, at)
	a.indexService(s, &c)
	return c, nil
}

// publishDraftService makes a new service, the last in the order of keys.
func (a *API) publishDraftService(_ Edit, at time.Time) (change, error) {
	if len(a.services) == 0 {
		return change{}, ErrNothing
	}
	like := a.services[a.rand.n(len(a.services))]
	s := service{pk: a.services[len(a.services)-1].pk + 1, framework: gcloud12, lot: like.lot, status: published, supplier: like.supplier, created: at, updated: at}
	for {
		s.id = 1e14 + a.rand.next()%9e14
		if _, taken := a.byID[s.id]; !taken {
			break
		}
	}
	a.byID[s.id] = len(a.services)
	a.services = append(a.services, s)
	c := change{edited: Edited{ID: s.name()}}
	made := &a.services[len(a.services)-1]
	c.edited.Event = a.archive(made, "publish_draft_service", map[string]any{"draftId": a.archived + 1000}, at)
	a.indexService(made, &c)
	return c, nil
}

// renameSupplier changes the documents of all its services, and neither their updatedAt nor the index.
func (a *API) renameSupplier(e Edit, at time.Time) (change, error) {
	id, ok := atoi(e.ID)
	if e.ID == "" {
		s, err := a.pickService("", func(*service) bool { return true })
		if err != nil {
			return change{}, err
		}
		id, ok = s.supplier, true
	}
	if !ok || !slices.ContainsFunc(a.services, func(s service) bool { return s.supplier == id }) {
		return change{}, ErrNothing
	}
	name := e.Name
	if name == "" {
		name = supplierName(a.rand.next(), id) + " (formerly " + supplierName(a.world.seed, id) + ")"
	}
	a.world.renamed[id] = name
	event := a.record(event{
		Type: "supplier_update", User: userOf(id), Created: at, ObjectType: "Supplier", ObjectID: id,
		Data: map[string]any{"supplierId": id, "update": map[string]any{"name": name}},
	})
	return change{edited: Edited{ID: itoa(id), Event: event}}, nil
}

// updateFramework changes frameworkStatus in all documents of the framework, and neither their updatedAt nor the index.
func (a *API) updateFramework(e Edit, at time.Time) (change, error) {
	list := slices.Clone(a.world.frameworks)
	i := slices.IndexFunc(list, func(f framework) bool { return f.slug == e.ID })
	if i < 0 || e.Status == "" {
		return change{}, ErrNothing
	}
	list[i].status = e.Status
	a.world.frameworks = list
	event := a.record(event{
		Type: "framework_update", User: "ccs@crowncommercial.gov.uk", Created: at, ObjectType: "Framework", ObjectID: i + 1,
		Data: map[string]any{"frameworkSlug": e.ID, "update": map[string]any{"status": e.Status}},
	})
	return change{edited: Edited{ID: e.ID, Event: event}}, nil
}
