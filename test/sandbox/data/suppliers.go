package data

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// getSupplier is GET /suppliers/<id> (views/suppliers.py: get_supplier; models/main.py: Supplier.serialize): what a supplier of
// this world has, which is its name, and how many services it has published in each live framework. Fields that are null are
// left out. The real one has the contact information, too.
func (a *API) getSupplier(w http.ResponseWriter, r *http.Request) {
	id, ok := atoi(r.PathValue("id"))
	if !ok || id < 0 {
		w.Header().Del("Cache-Control") // the path of another kind of id is unknown
		flask.Error(w, http.StatusNotFound, flask.NotFound)
		return
	}
	counts, known := map[string]int{}, false
	a.mu.RLock()
	for i := range a.services {
		s := &a.services[i]
		if s.supplier != id {
			continue
		}
		known = true
		if f := a.world.frameworks[s.framework]; f.status == "live" && s.status == published {
			counts[f.name]++
		}
	}
	name := a.world.supplier(id)
	a.mu.RUnlock()
	if !known {
		flask.Error(w, http.StatusNotFound, flask.NotFound)
		return
	}
	flask.JSON(w, r, http.StatusOK, map[string]any{"suppliers": map[string]any{
		"id": id, "name": name, "contactInformation": []any{}, "companyDetailsConfirmed": false,
		"links": map[string]string{"self": flask.Base(r) + r.URL.Path}, "service_counts": counts,
	}}, false)
}

var serviceID = regexp.MustCompile(`^[A-z0-9-]{10,20}$`)

// changeService is PUT and POST of /services/<id> (views/services.py: import_service, update_service). A change goes through
// the edits of this world and never through here: what the real one would accept is refused as a body without its updater.
func (a *API) changeService(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !serviceID.MatchString(id) {
		flask.Error(w, http.StatusBadRequest, "Invalid service ID supplied: "+id)
		return
	}
	a.mu.RLock()
	_, known := a.find(id)
	a.mu.RUnlock()
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
	case r.Method == http.MethodPut && known:
		flask.Error(w, http.StatusBadRequest, "Cannot update service by PUT")
	case r.Method == http.MethodPost && !known:
		flask.Error(w, http.StatusNotFound, flask.NotFound)
	case !slices.Contains([]string{"application/json", "application/json; charset=UTF-8"}, r.Header.Get("Content-Type")):
		flask.Error(w, http.StatusBadRequest, "Unexpected Content-Type, expecting 'application/json'")
	case !json.Valid(body) || flask.Kind(body) == 'n':
		flask.Error(w, http.StatusBadRequest, "Invalid JSON; must be a valid JSON object")
	default:
		flask.Error(w, http.StatusBadRequest, "Invalid JSON must have 'updated_by' keys")
	}
}
