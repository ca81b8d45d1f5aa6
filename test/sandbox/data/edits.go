package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// Edit is a change to be made. Kind is one of Kinds. What the kind needs and is empty is chosen at random.
type Edit struct {
	Kind string `json:"kind"`
	// ID is the service's, the brief's or the supplier's id, or the framework's slug.
	ID string `json:"id,omitempty"`
	// Fields are what update-service sets; empty: a new description, features, benefits and price.
	Fields map[string]json.RawMessage `json:"fields,omitempty"`
	// Status is what unpublish-service (disabled, enabled) and update-framework set.
	Status string `json:"status,omitempty"`
	// Name is a supplier's new name.
	Name string `json:"name,omitempty"`
	// Supplier is the new supplier of transfer-service.
	Supplier int `json:"supplier,omitempty"`
}

// Edited is the result of an Edit.
type Edited struct {
	Kind  string `json:"kind"`
	ID    string `json:"id"`
	Event int    `json:"event"`
	// Index is what was done in the live index: "put", "delete", or "" for the many edits that do not change it.
	Index string `json:"index,omitempty"`
	Alias string `json:"alias,omitempty"`
	// IndexError is why the live index was not changed. The edit is made nevertheless.
	IndexError string `json:"index_error,omitempty"`
}

// ErrNothing means that there is no object to which an edit applies.
var ErrNothing = errors.New("nothing that this edit applies to")

// change is an edit of a copy of the rows: its event, and what is then written to the index.
type change struct {
	edited   Edited
	alias    string
	docType  string
	document json.RawMessage // nil: nothing is put
	remove   bool
}

type editor func(a *API, e Edit, at time.Time) (change, error)

// editors are the kinds of edits. Each is called with mu held.
func editors() map[string]editor {
	return map[string]editor{
		"publish-draft-service":      (*API).publishDraftService,
		"publish-service":            (*API).publishService,
		"unpublish-service":          (*API).unpublishService,
		"update-service":             (*API).updateService,
		"update-service-admin":       (*API).updateServiceAdmin,
		"transfer-service":           (*API).transferService,
		"rename-supplier":            (*API).renameSupplier,
		"update-framework":           (*API).updateFramework,
		"create-brief":               (*API).createBrief,
		"delete-brief":               (*API).deleteBrief,
		"publish-brief":              (*API).publishBrief,
		"withdraw-brief":             (*API).withdrawBrief,
		"cancel-brief":               (*API).cancelBrief,
		"unsuccessful-brief":         (*API).unsuccessfulBrief,
		"pend-brief-award":           (*API).pendBriefAward,
		"award-brief":                (*API).awardBrief,
		"add-clarification-question": (*API).addQuestion,
	}
}

// Kinds are the kinds of edits.
func Kinds() []string { return slices.Sorted(maps.Keys(editors())) }

// Do makes one edit: the row and its audit event become visible together, at most CommitLag after the event's createdAt;
// then the live index is written, if this kind of edit does that. If that fails, the edit takes nine seconds more (scaled),
// the failure is logged, and the edit succeeds nevertheless.
// An error means that the edit cannot be made, and that nothing has changed.
func (a *API) Do(ctx context.Context, e Edit) (Edited, error) {
	apply, ok := editors()[e.Kind]
	if !ok {
		return Edited{}, fmt.Errorf("edit of kind %q: there are only %v", e.Kind, Kinds())
	}
	at := a.opts.Clock.Now()
	if a.opts.CommitLag > 0 {
		a.mu.Lock()
		lag := time.Duration(a.rand.n(int(a.opts.CommitLag)))
		a.mu.Unlock()
		if err := a.opts.Clock.Sleep(ctx, lag); err != nil {
			return Edited{}, err
		}
	}
	a.mu.Lock()
	a.edits++
	done, err := apply(a, e, a.invert(at).Truncate(time.Microsecond))
	live := a.live
	a.mu.Unlock()
	if err != nil {
		return Edited{}, fmt.Errorf("%s %s: %w", e.Kind, e.ID, err)
	}
	done.edited.Kind = e.Kind
	if done.alias == "" || live == nil {
		return done.edited, nil
	}
	done.edited.Alias = done.alias
	if err := a.writeLive(ctx, live, &done); err != nil {
		done.edited.IndexError = err.Error()
		a.log.Warn("failed to change the search index", "index", done.alias, "id", done.edited.ID, "error", err)
	}
	return done.edited, nil
}

// RandomEdit makes one edit of the kinds that people make all day, most of them changes to services.
func (a *API) RandomEdit(ctx context.Context) (Edited, error) {
	weights := []struct {
		kind   string
		weight int
	}{
		{"update-service", 50}, {"unpublish-service", 12}, {"publish-service", 12}, {"publish-draft-service", 6},
		{"rename-supplier", 4}, {"transfer-service", 2}, {"publish-brief", 6}, {"withdraw-brief", 2}, {"create-brief", 3},
		{"award-brief", 3},
	}
	a.mu.Lock()
	draw := a.rand.n(100)
	a.mu.Unlock()
	for _, w := range weights {
		if draw -= w.weight; draw < 0 {
			done, err := a.Do(ctx, Edit{Kind: w.kind})
			if errors.Is(err, ErrNothing) {
				return a.Do(ctx, Edit{Kind: "update-service"})
			}
			return done, err
		}
	}
	return a.Do(ctx, Edit{Kind: "update-service"})
}

// writeLive is index_object and delete_service_from_index: the client of the data API tries six times in nine seconds
// unless the answer is an error that the request itself has caused (dmapiclient/base.py).
func (a *API) writeLive(ctx context.Context, live LiveIndex, c *change) error {
	var err error
	for _, pause := range []time.Duration{0, 0, 600, 1200, 2400, 4800} {
		if e := a.opts.Clock.Sleep(ctx, pause*time.Millisecond); e != nil {
			return errors.Join(err, e)
		}
		if c.remove {
			err = live.Delete(ctx, c.alias, c.docType, c.edited.ID)
		} else {
			err = live.Put(ctx, c.alias, c.docType, c.edited.ID, c.document)
		}
		var answer interface{ StatusCode() int }
		if err == nil || errors.As(err, &answer) && !retried[answer.StatusCode()] {
			return err
		}
	}
	return err
}

var retried = map[int]bool{500: true, 502: true, 503: true, 504: true}

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
