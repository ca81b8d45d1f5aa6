package data

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// getStatus is GET /_status (app/status/views.py, dmutils/status.py): it needs no token, and includes the search
// API's status unless dependencies are ignored.
func (a *API) getStatus(w http.ResponseWriter, r *http.Request) {
	a.mu.RLock()
	frameworks := map[string]string{}
	for _, f := range a.world.frameworks {
		frameworks[f.slug] = f.status
	}
	ask := a.status
	a.mu.RUnlock()
	body := map[string]any{"status": "ok", "disk": "OK (71% free)", "frameworks": frameworks, "db_version": "1450"}
	code := http.StatusOK
	if !r.URL.Query().Has("ignore-dependencies") {
		body["version"] = nil
		if a.opts.Version != "" {
			body["version"] = a.opts.Version
		}
		var search struct {
			Status string `json:"status"`
		}
		raw, err := json.RawMessage(nil), error(nil)
		if ask != nil {
			raw, err = ask(r.Context())
		}
		if ask == nil || err != nil || json.Unmarshal(raw, &search) != nil {
			// The client tries for nine seconds (dmapiclient/base.py: five retries, backoff 0.3).
			if a.opts.Clock.Sleep(r.Context(), 9*time.Second) != nil {
				return
			}
			raw, search.Status = json.RawMessage(`{"status":"n/a"}`), "n/a"
		}
		body["search_api_status"] = raw
		if search.Status != "ok" {
			code = http.StatusInternalServerError
			body["status"], body["message"] = "error", []string{"Error connecting to the Search API."}
		}
	}
	flask.JSON(w, r, code, body, false)
}
