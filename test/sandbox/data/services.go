package data

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// listServices is GET /services (views/services.py: list_services): by key, a hundred a page; without a
// framework those of live frameworks; those of one supplier on one page. With an unknown framework, status or lot the list
// is empty, which is not an error.
func (a *API) listServices(w http.ResponseWriter, r *http.Request) {
	page, ok := pageOf(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	supplier, bySupplier := 0, q.Has("supplier_id")
	if bySupplier {
		if supplier, ok = atoi(q.Get("supplier_id")); !ok {
			flask.Error(w, http.StatusBadRequest, "Invalid supplier_id: "+q.Get("supplier_id"))
			return
		}
	}
	a.mu.RLock()
	match, compress := a.serviceFilter(q.Get("framework"), q.Get("status"), q.Get("lot"))
	view := a.view(flask.Base(r))
	var rows []service
	total, from, to := 0, 0, 0
	known := false
	if bySupplier {
		for i := range a.services {
			s := &a.services[i]
			if s.supplier == supplier {
				known = true
				if match(s) {
					rows = append(rows, *s)
				}
			}
		}
	} else {
		for i := range a.services {
			if match(&a.services[i]) {
				total++
			}
		}
		if from, to, ok = bounds(page, pageSize, total); ok {
			rows = a.slice(match, from, to)
		}
	}
	names, edits := a.world.renamed, a.edits
	view.renamed = copyNames(names, rows)
	a.mu.RUnlock()
	switch {
	case bySupplier && !known:
		flask.Error(w, http.StatusNotFound, "supplier_id '"+strconv.Itoa(supplier)+"' not found")
	case bySupplier:
		a.listOfSupplier(w, r, rows, view)
	case !ok:
		flask.Error(w, http.StatusNotFound, flask.NotFound)
	default:
		address := view.base + "?" + r.URL.RawQuery
		zips := compress && flask.TakesGzip(r)
		if kept := a.zipped.find(address, edits); zips && kept != nil {
			flask.Zipped(w, http.StatusOK, kept)
			return
		}
		body := a.renderPage(r, view, rows, page, total)
		if !zips || len(body) < flask.MinimumSize {
			flask.Body(w, r, http.StatusOK, body, false)
			return
		}
		packed := flask.Zip(body)
		a.zipped.keep(address, edits, packed)
		flask.Zipped(w, http.StatusOK, packed)
	}
}

// renderPage is one page of a listing.
func (a *API) renderPage(r *http.Request, view *world, rows []service, page, total int) []byte {
	body := make([]byte, 0, len(rows)*12<<10+512)
	body = append(body, `{"links":`...)
	body = flask.Append(body, links(view.base+"/services", argumentsOf(r), page, pageSize, total))
	body = append(body, `,"meta":{"total":`...)
	body = strconv.AppendInt(body, int64(total), 10)
	body = append(body, `},"services":[`...)
	for i := range rows {
		if i > 0 {
			body = append(body, ',')
		}
		body = a.gen.append(body, &rows[i], view)
	}
	return append(body, "]}\n"...)
}

// serviceFilter is filter_services; compress reports whether the answer may be compressed because it is public:
// frameworks are named, and none of them has further competition. The caller holds mu.
func (a *API) serviceFilter(framework, status, lot string) (match func(*service) bool, compress bool) {
	slugs, states := split(framework), split(status)
	var inFramework, inStatus, inLot [16]bool
	compress = slugs != nil
	for i, f := range a.world.frameworks {
		inFramework[i] = slugs[f.slug] || slugs == nil && f.status == "live"
		if slugs[f.slug] && f.furtherCompetition {
			compress = false
		}
	}
	for i, s := range statuses {
		inStatus[i] = states == nil || states[s]
	}
	for i, l := range a.world.lots {
		inLot[i] = lot == "" || l.slug == lot
	}
	return func(s *service) bool { return inFramework[s.framework] && inStatus[s.status] && inLot[s.lot] }, compress
}

// slice is LIMIT and OFFSET: rows move to another page when one before them no longer passes the filter. The caller
// holds mu.
func (a *API) slice(match func(*service) bool, from, to int) []service {
	rows := make([]service, 0, to-from)
	n := 0
	for i := range a.services {
		if !match(&a.services[i]) {
			continue
		}
		if n >= from {
			rows = append(rows, a.services[i])
		}
		if n++; n >= to {
			break
		}
	}
	return rows
}

// listOfSupplier is a supplier's list: without pages and links, never compressed, by framework, lot and name.
func (a *API) listOfSupplier(w http.ResponseWriter, r *http.Request, rows []service, view *world) {
	type made struct {
		s    service
		name string
		doc  flask.Raw
	}
	list := make([]made, 0, len(rows))
	for i := range rows {
		doc := a.gen.append(nil, &rows[i], view)
		list = append(list, made{rows[i], memberText(doc, "serviceName"), doc})
	}
	slices.SortStableFunc(list, func(x, y made) int {
		if x.s.framework != y.s.framework {
			return int(x.s.framework) - int(y.s.framework)
		}
		if x.s.lot != y.s.lot {
			return int(x.s.lot) - int(y.s.lot)
		}
		return strings.Compare(x.name, y.name)
	})
	docs := make([]flask.Raw, 0, len(list))
	for _, m := range list {
		docs = append(docs, m.doc)
	}
	flask.JSON(w, r, http.StatusOK, map[string]any{"meta": map[string]any{"total": len(docs)}, "services": docs}, false)
}

func memberText(doc []byte, key string) string {
	for _, m := range flask.Members(nil, doc) {
		if m.Key == key {
			return flask.Text(m.Value)
		}
	}
	return ""
}

// copyNames are the new names of the rows' suppliers, so that they can be read without mu.
func copyNames(names map[int]string, rows []service) map[int]string {
	own := map[int]string{}
	for i := range rows {
		if n, ok := names[rows[i].supplier]; ok {
			own[rows[i].supplier] = n
		}
	}
	return own
}

// getService is GET /services/<id> (views/services.py: get_service).
func (a *API) getService(w http.ResponseWriter, r *http.Request) {
	a.mu.RLock()
	i, ok := a.find(r.PathValue("id"))
	if !ok {
		a.mu.RUnlock()
		flask.Error(w, http.StatusNotFound, flask.NotFound)
		return
	}
	rows := []service{a.services[i]}
	view := a.view(flask.Base(r))
	view.renamed = copyNames(a.world.renamed, rows)
	event := a.madeUnavailable(&rows[0])
	a.mu.RUnlock()
	body := []byte(`{"serviceMadeUnavailableAuditEvent":`)
	if event == nil {
		body = append(body, "null"...)
	} else {
		body = flask.Append(body, event.serialize(view.base))
	}
	body = append(body, `,"services":`...)
	body = a.gen.append(body, &rows[0], view)
	flask.Body(w, r, http.StatusOK, append(body, "}\n"...), false)
}

// find is the index of a service's row; the caller holds mu.
func (a *API) find(id string) (int, bool) {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != id {
		return 0, false
	}
	i, ok := a.byID[n]
	return i, ok
}

// madeUnavailable is the last event that made the service unavailable: the expiry of its framework, or a change of its
// status.
func (a *API) madeUnavailable(s *service) *event {
	object, pk, kind := "Service", s.pk, "update_service_status"
	switch {
	case a.world.frameworks[s.framework].status == "expired":
		object, pk, kind = "Framework", int(s.framework)+1, "framework_update"
	case s.status == published:
		return nil
	}
	for i := len(a.events) - 1; i >= 0; i-- {
		if e := &a.events[i]; e.Type == kind && e.ObjectType == object && e.ObjectID == pk {
			found := *e
			return &found
		}
	}
	return nil
}
