package search

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

func valid(body []byte) bool { return json.Valid(body) }

// root is GET / (views/meta.py): a link for each index and each alias, and the mappings of this build.
func (c *call) root() {
	if !c.read() {
		return
	}
	k := c.cluster()
	for range 2 { // get_mapping, cat.aliases
		ok, err := c.engine(k, false)
		if !ok {
			return
		}
		if err != nil {
			flask.InternalError(c.w, c.r)
			return
		}
	}
	links := []map[string]any{}
	base := flask.Base(c.r)
	add := func(rel, name, docType string) {
		links = append(links, map[string]any{"rel": rel, "href": base + "/" + name + "/" + docType + "/search"})
	}
	list, _ := k.lookup("*")
	for _, x := range list {
		if x.mapping.docType == "" {
			flask.InternalError(c.w, c.r) // a KeyError, too
			return
		}
		add("query.gdm.index", x.name, x.mapping.docType)
	}
	seen := map[string]bool{}
	for _, x := range list {
		for _, alias := range k.aliasesOf(x) {
			if !seen[alias] {
				add("query.gdm.alias", alias, x.mapping.docType)
			}
			seen[alias] = true
		}
	}
	names := []string{}
	for name := range c.program.mappings {
		names = append(names, name) // unordered, like os.scandir
	}
	c.json(http.StatusOK, map[string]any{"links": links, "field-mappings": names})
}

// putIndex is PUT /<name>: it makes an index or sets an alias (views/admin.py: create).
func (c *call) putIndex(name string) {
	body, ok := c.jsonBody()
	if !ok {
		return
	}
	fields := map[string]flask.Member{}
	for _, m := range flask.Members(nil, body) {
		fields[m.Key] = m
	}
	want := func(key string) (string, bool) {
		m, ok := fields[key]
		if !ok {
			flask.Error(c.w, http.StatusBadRequest, "Invalid JSON must have '['"+key+"']' key(s)")
			return "", false
		}
		if flask.Kind(m.Value) != '"' {
			return string(m.Value), true
		}
		return flask.Text(m.Value), true
	}
	kind, ok := want("type")
	if !ok {
		return
	}
	switch kind {
	case "index":
		if mapping, ok := want("mapping"); ok {
			c.createIndex(name, mapping)
		}
	case "alias":
		target, ok := want("target")
		switch {
		case !ok:
		case flask.Kind(fields["target"].Value) == 'n':
			c.change(func(*cluster) error { return badTarget(name, "[add] index doesn't support values of type: VALUE_NULL") })
		default:
			c.createAlias(name, target)
		}
	default:
		flask.Error(c.w, http.StatusBadRequest, "Unrecognized 'type' value. Expected 'index' or 'alias'")
	}
}

func (c *call) createIndex(name, mapping string) {
	m, ok := c.program.mappings[mapping]
	if !ok {
		flask.Error(c.w, http.StatusBadRequest, "Mapping definition named '"+mapping+"' not found.")
		return
	}
	c.change(func(k *cluster) error { return k.create(name, m) })
}

func (c *call) createAlias(name, target string) {
	c.change(func(k *cluster) error { return k.setAlias(name, target) })
}

// change makes one call to the engine that changes its indices.
func (c *call) change(f func(*cluster) error) {
	if !c.read() {
		return
	}
	k := c.cluster()
	ok, err := c.engine(k, false) // indices can be made and deleted on a full disk
	if !ok {
		return
	}
	if err == nil {
		err = f(k)
	}
	if err != nil {
		c.apiResponse(err)
		return
	}
	c.acknowledged()
}

// deleteIndex is DELETE /<name> (views/admin.py: delete). The real one takes a name
// whose status is empty for an alias, wildcards too. The status of _all has no key "aliases" (unless an index has that
// name), so _all reaches the engine and deletes every index, aliased or not.
func (c *call) deleteIndex(name string) {
	if !c.read() {
		return
	}
	k := c.cluster()
	status, ok, err := c.statusFor(k, name)
	if !ok {
		return
	}
	if err != nil {
		c.apiResponse(err)
		return
	}
	if len(status) == 0 {
		c.json(http.StatusBadRequest, map[string]any{"error": "Cannot delete alias '" + name + "'"})
		return
	}
	if aliases, _ := status["aliases"].([]string); len(aliases) > 0 {
		c.json(http.StatusBadRequest, map[string]any{"error": "Index '" + name + "' is aliased as '" + aliases[0] + "' and cannot be deleted"})
		return
	}
	c.change(func(k *cluster) error { return k.drop(name) })
}

// getIndex is GET /<name>: an index's status, an empty object for an alias, a map for _all.
func (c *call) getIndex(name string) {
	if !c.read() {
		return
	}
	status, ok, err := c.statusFor(c.cluster(), name)
	switch {
	case !ok:
	case err != nil:
		c.apiResponse(err)
	default:
		c.json(http.StatusOK, map[string]any{"status": status})
	}
}

// statusFor is status_for_index: two calls, stats and get.
func (c *call) statusFor(k *cluster, name string) (status map[string]any, ok bool, err error) {
	for range 2 {
		ok, err := c.engine(k, false)
		if err != nil || !ok {
			return nil, ok, err
		}
	}
	list, err := k.lookup(name)
	if err != nil {
		return nil, true, err
	}
	all := map[string]any{}
	for _, x := range list {
		all[x.name] = indexStatus(k, x)
	}
	if name == "_all" {
		return all, true, nil
	}
	status, _ = all[name].(map[string]any)
	if status == nil {
		status = map[string]any{}
	}
	return status, true, nil
}

// indexStatus is _convert_es_index_status.
func indexStatus(k *cluster, x *index) map[string]any {
	docs, size := x.numDocs()
	if x.mapping.docType == "" {
		return map[string]any{
			"num_docs": docs, "primary_size": human(size), "mapping_version": nil, "max_result_window": nil,
			"mapping_generated_from_framework": nil, "aliases": k.aliasesOf(x),
		}
	}
	return map[string]any{
		"num_docs":                         docs,
		"primary_size":                     human(size),
		"mapping_version":                  x.mapping.version,
		"max_result_window":                strconv.Itoa(x.mapping.window),
		"mapping_generated_from_framework": x.mapping.framework,
		"aliases":                          k.aliasesOf(x),
	}
}

// human is a size as Elasticsearch prints it.
func human(bytes int) string {
	size := float64(bytes + 208)
	for _, unit := range []string{"b", "kb", "mb"} {
		if size < 1024 {
			return strings.TrimSuffix(strconv.FormatFloat(size, 'f', 1, 64), ".0") + unit
		}
		size /= 1024
	}
	return strings.TrimSuffix(strconv.FormatFloat(size, 'f', 1, 64), ".0") + "gb"
}

// getStatus is GET /_status (app/status/views.py, dmutils/status.py): it needs no token. With ignore-dependencies, only
// the version is missing; the engine is called nevertheless.
func (c *call) getStatus() {
	if !c.read() {
		return
	}
	body := map[string]any{"status": "ok", "disk": "OK (62% free)"}
	if !c.r.URL.Query().Has("ignore-dependencies") {
		body["version"] = nil
		if v := c.program.opts.Version; v != "" {
			body["version"] = v
		}
	}
	status, ok, err := c.statusFor(c.cluster(), "_all")
	if !ok {
		return
	}
	var problems []string
	if k := c.cluster(); k != nil && k.broken() == LowDisk {
		body["disk"] = "LOW (4% free)"
		problems = append(problems, "Disk space low: 4% remaining.")
	}
	if err != nil {
		problems = append(problems, "Error connecting to elasticsearch "+describe(err))
	} else {
		body["es_status"] = status
	}
	code := http.StatusOK
	if len(problems) > 0 {
		code, body["status"], body["message"] = http.StatusInternalServerError, "error", problems
	}
	c.json(code, body)
}

// getMetrics is the Prometheus endpoint, whose path is a setting.
func (c *call) getMetrics() {
	c.w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = c.w.Write([]byte("# HELP http_server_requests_total Number of HTTP requests\n# TYPE http_server_requests_total counter\n" +
		"http_server_requests_total " + strconv.FormatInt(c.workers.served.Load(), 10) + "\n"))
}
