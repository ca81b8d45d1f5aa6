package search

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// describe is the message of a failed status check.
func describe(err error) string {
	var e *engineError
	if !errors.As(err, &e) {
		return "(" + err.Error() + ")"
	}
	message := any("None")
	if e.message != nil {
		message = e.message
	}
	return fmt.Sprintf("(status_code: %s, message: %v)", e.statusCode(), message)
}

// checkMapping is get_mapping (mapping.py), the first of a document's two calls to the engine. Nothing
// catches its errors on a PUT or DELETE, so they become "Internal error"; a wrong type is a 400. If it returns nil, it has
// answered.
func (c *call) checkMapping(k *cluster, name, docType string) *index {
	ok, err := c.engine(k, false)
	if !ok {
		return nil
	}
	var list []*index
	if err == nil {
		list, err = k.lookup(name)
	}
	if err != nil {
		flask.InternalError(c.w, c.r)
		return nil
	}
	if c.wrongType(list, name, docType) {
		return nil
	}
	return list[0]
}

// wrongType answers and returns true where the first index is not of that type. An index without _meta, which the engine has
// made by itself, is a KeyError.
func (c *call) wrongType(list []*index, name, docType string) bool {
	reason := "not returning mapping"
	switch {
	case len(list) > 0 && list[0].mapping.docType == "":
		flask.InternalError(c.w, c.r)
		return true
	case len(list) > 0 && list[0].mapping.docType == docType:
		return false
	case len(list) == 0, c.program.opts.Build.Old:
		reason = "no mapping found"
	}
	flask.Error(c.w, http.StatusBadRequest, fmt.Sprintf("Document type '%s' is not valid in index '%s' - %s.", docType, name, reason))
	return true
}

// putDocument is PUT /<index>/<type>/<id> (views/update.py: index_document).
func (c *call) putDocument(name, docType, id string) {
	body, ok := c.jsonBody()
	if !ok {
		return
	}
	document := payload(body)
	if document == nil {
		flask.Error(c.w, http.StatusBadRequest, "Invalid JSON must have 'document' key.")
		return
	}
	takes := time.Duration(c.program.putTime.Load())
	if !work(c.w, c.r, takes/2) {
		return
	}
	k := c.cluster()
	x := c.checkMapping(k, name, docType)
	if x == nil {
		return
	}
	if flask.Kind(document) != '{' {
		flask.InternalError(c.w, c.r)
		return
	}
	d, refusal := x.mapping.convert(id, flask.Members(make([]flask.Member, 0, 160), document))
	if errors.Is(refusal, errUnhashable) {
		flask.InternalError(c.w, c.r)
		return
	}
	if !work(c.w, c.r, takes/4) {
		return
	}
	ok, err := c.engine(k, true)
	if !ok {
		return
	}
	if err == nil {
		x, err = k.target(name, x.mapping)
	}
	if err == nil {
		err = refusal
	}
	if err == nil && len(id) > 512 {
		err = k.engine.idTooLong(id)
	}
	if err == nil {
		x.known.lighten(id, d)
		x.put(id, d)
	}
	if !work(c.w, c.r, takes/4) {
		return // applied, but not answered
	}
	if err != nil {
		c.apiResponse(err)
		return
	}
	c.acknowledged()
}

// payload is payload.get('document') or payload.get('service'): an empty value counts as missing.
func payload(body []byte) []byte {
	var document, service []byte
	for _, m := range flask.Members(nil, body) {
		switch m.Key {
		case "document":
			document = m.Value
		case "service":
			service = m.Value
		}
	}
	if !falsy(document) {
		return document
	}
	// The second may be empty: only None is refused.
	if service != nil && flask.Kind(service) != 'n' {
		return service
	}
	return nil
}

func falsy(v []byte) bool {
	switch flask.Kind(v) {
	case 0, 'n', 'f':
		return true
	case '{':
		return len(flask.Members(nil, v)) == 0
	case '[':
		return !some(flask.Elements(v))
	case '"':
		return len(v) == 2
	case '0':
		return string(v) == "0"
	}
	return false
}

// getDocument is GET /<index>/<type>/<id> (views/search.py: fetch_service). Only the old build checks the type.
func (c *call) getDocument(name, docType, id string) {
	if !c.read() {
		return
	}
	k := c.cluster()
	ok, err := c.engine(k, false)
	if !ok {
		return
	}
	var x *index
	if err == nil {
		x, err = k.single(name, false)
	}
	if err != nil {
		c.apiResponse(err)
		return
	}
	raw := map[string]any{"_index": x.name, "_id": id, "found": false}
	if k.engine.typeName != "" {
		raw["_type"] = k.engine.typeName
	}
	d := x.fetch(id)
	if d == nil || c.program.opts.Build.Old && x.mapping.docType != docType {
		c.json(http.StatusNotFound, map[string]any{"error": raw})
		return
	}
	raw["found"], raw["_version"], raw["_seq_no"], raw["_primary_term"] = true, d.version, d.seq, 1
	raw["_source"] = x.mapping.project(d.text())
	c.json(http.StatusOK, map[string]any{"services": raw})
}

// deleteDocument is DELETE /<index>/<type>/<id> (views/update.py: delete_service).
func (c *call) deleteDocument(name, docType, id string) {
	takes := time.Duration(c.program.putTime.Load())
	if !work(c.w, c.r, takes/2) {
		return
	}
	k := c.cluster()
	if c.checkMapping(k, name, docType) == nil {
		return
	}
	if !work(c.w, c.r, takes/4) {
		return
	}
	ok, err := c.engine(k, true)
	if !ok {
		return
	}
	var x *index
	if err == nil {
		x, err = k.single(name, true)
	}
	if err != nil {
		c.apiResponse(err)
		return
	}
	version, seq, found := x.remove(id)
	if !work(c.w, c.r, takes/4) {
		return
	}
	// The shards are those of a plan with a replica. An engine of one node has one successful; whether that differs for a
	// document that is not there was not measured with two.
	raw := map[string]any{
		"_index": x.name, "_id": id, "_version": version, "_seq_no": seq, "_primary_term": 1,
		"_shards": map[string]int{"total": 2, "successful": 2, "failed": 0}, "result": "deleted",
	}
	if k.engine.typeName != "" {
		raw["_type"] = k.engine.typeName
	}
	if !found {
		raw["result"] = "not_found"
		c.json(http.StatusNotFound, map[string]any{"error": raw})
		return
	}
	c.json(http.StatusOK, map[string]any{"message": raw})
}

func some(list iter.Seq[[]byte]) bool {
	for range list {
		return true
	}
	return false
}
