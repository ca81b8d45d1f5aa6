package search

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// call is one request in a worker.
type call struct {
	*instance
	w    http.ResponseWriter
	r    *http.Request
	body []byte
}

// route is the url map of the blueprints metrics, status and main. Only what main matches needs a token: an unknown path is
// a 404 without one.
func (i *instance) route(w http.ResponseWriter, r *http.Request, body []byte) {
	flask.Headers(w, r, i.program.opts.Clock.Now())
	c := &call{i, w, r, body}
	path := r.URL.Path
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case path == "/_status" && reads:
		c.getStatus()
		return
	case path == i.metrics && reads:
		c.getMetrics()
		return
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for _, p := range parts {
		if p == "" && path != "/" {
			flask.Error(w, http.StatusNotFound, flask.NotFound)
			return
		}
	}
	views := map[string]func(){}
	switch {
	case path == "/":
		views["GET"] = c.root
	case len(parts) == 1:
		name := parts[0]
		views["GET"] = func() { c.getIndex(name) }
		views["PUT"] = func() { c.putIndex(name) }
		views["DELETE"] = func() { c.deleteIndex(name) }
	case len(parts) == 3:
		index, docType, id := parts[0], parts[1], parts[2]
		views["GET"] = func() { c.getDocument(index, docType, id) }
		if id == "search" {
			views["GET"] = func() { c.search(index, docType) }
		} else if id == "aggregations" {
			views["GET"] = func() { c.aggregations(index, docType) }
		}
		views["PUT"] = func() { c.putDocument(index, docType, id) }
		views["DELETE"] = func() { c.deleteDocument(index, docType, id) }
	default:
		flask.Error(w, http.StatusNotFound, flask.NotFound)
		return
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	allowed := slices.Collect(maps.Keys(views))
	view, ok := views[method]
	if method == http.MethodOptions {
		view, ok = func() { flask.Options(w, allowed) }, true
	}
	switch {
	case !ok:
		flask.NotAllowed(w, allowed)
		return
	case method == http.MethodOptions && (path == "/_status" || path == i.metrics):
		view() // these are of blueprints without authentication
		return
	}
	if !flask.Authenticated(w, r, i.tokens, func(token string) string { return token }) {
		return
	}
	view()
}

// json answers with JSON. All bodies may be compressed (app/__init__.py: compress_by_default).
func (c *call) json(status int, v any) { flask.JSON(c.w, c.r, status, v, true) }

// read spends the time of a request that writes no document.
func (c *call) read() bool { return work(c.w, c.r, time.Duration(c.program.readTime.Load())) }

// engine makes one call to the engine. ok is false if the worker was killed. The error is an *engineError or nil.
func (c *call) engine(k *cluster, write bool) (ok bool, err error) {
	err = k.call(c.r.Context(), write)
	var e *engineError
	if errors.As(err, &e) && e.code == "N/A" && c.program.opts.Build.Old {
		if ended := c.program.opts.Clock.Sleep(c.r.Context(), oldRetries); ended != nil {
			err = ended
		}
	}
	return alive(c.w, c.r, err), err
}

// oldRetries is how long the old build's client (elasticsearch-py 6.8.1) keeps a worker busy while an engine refuses:
// it waits 0, 1, 3 and 7 seconds between its tries. The new one does not wait.
const oldRetries = 11 * time.Second

// apiResponse is response_formatters.py: api_response. A status that is not a number becomes a 500 with the status in its
// text.
func (c *call) apiResponse(err error) {
	var e *engineError
	if !errors.As(err, &e) {
		flask.InternalError(c.w, c.r)
		return
	}
	if e.status == 0 {
		c.json(http.StatusInternalServerError, map[string]any{"error": fmt.Sprint(e.message), "unexpectedStatusCode": e.code})
		return
	}
	message := e.message
	if text, ok := message.(string); ok && e.index != "" && c.program.opts.Build.Old {
		message = text + " (" + e.index + ")"
	}
	c.json(e.status, map[string]any{"error": message})
}

func (c *call) acknowledged() { c.json(http.StatusOK, map[string]any{"message": "acknowledged"}) }

// jsonBody is check_json_from_request: the content type is compared as a string, and a body that is not JSON is a bad
// request without an explanation.
func (c *call) jsonBody() ([]byte, bool) {
	switch c.r.Header.Get("Content-Type") {
	case "application/json", "application/json; charset=UTF-8":
	default:
		flask.Error(c.w, http.StatusBadRequest, "Unexpected Content-Type, expecting 'application/json'")
		return nil, false
	}
	if !valid(c.body) {
		flask.Error(c.w, http.StatusBadRequest, flask.BadRequest)
		return nil, false
	}
	switch flask.Kind(c.body) {
	case 'n':
		flask.Error(c.w, http.StatusBadRequest, "Invalid JSON; must be a valid JSON object")
		return nil, false
	case '{':
		return c.body, true
	}
	flask.InternalError(c.w, c.r) // an AttributeError: the payload has no keys
	return nil, false
}
