package search

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// digitalmarketplace-search-api: app/main/views/update.py, index_document, and Elasticsearch's answers.
func TestADocumentThatDoesNotFitIsRefusedWithTheRealMessage(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("x")
	put := func(index, docType, b string) answer { return a.do("PUT", "/"+index+"/"+docType+"/1", b) }
	put("none", "services", body("1")).is(t, "no index", 500, `{"error":"Internal error"}`)
	put("x", "briefs", body("1")).is(t, "wrong type", 400, `{"error": "Document type 'briefs' is not valid in index 'x' - not returning mapping."}`)
	for _, b := range []string{`{}`, `{"document":{}}`, `{"document":null}`, `{"other":{"id":"1"}}`} {
		put("x", "services", b).is(t, b, 400, `{"error": "Invalid JSON must have 'document' key."}`)
	}
	for _, b := range []string{`{"document":"x"}`, `{"document":[1]}`, `[]`} {
		put("x", "services", b).is(t, b, 500, `{"error":"Internal error"}`)
	}
	want(t, "the old key", put("x", "services", `{"service":{"id":"1"}}`).status, 200)
	put("x", "services", body("1", "cloudDeploymentModel", `{"value":"Hybrid cloud","assurance":"none"}`)).fails(t, "an object", 400,
		"mapper_parsing_exception: failed to parse field [dmfilter_cloudDeploymentModel] of type [keyword] in document with id '1'. "+
			"Preview of field's value: '{assurance=none, value=Hybrid cloud}'")
	put("x", "services", body("1", "serviceCategories", `[{"a":1}]`)).is(t, "unhashable", 500, `{"error":"Internal error"}`)
	put("x", "services", `{"document":{"lot":{"a":1},"frameworkName":{"b":2},"id":{"c":3}}}`).fails(t, "the document's first field", 400,
		"mapper_parsing_exception: failed to parse field [dmagg_lot] of type [keyword] in document with id '1'. Preview of field's value: '{a=1}'")
	long := strings.Repeat("i", 513)
	a.do("PUT", "/x/services/"+long, body(long)).fails(t, "a long id", 400,
		"action_request_validation_exception: Validation Failed: 1: id ["+long+"] is too long, must be no longer than 512 bytes but was: 513;")
	want(t, "left as it was", a.source("x", "1")["dmtext_id"], any("1"))
}

// Lucene: DefaultIndexingChain, IndexWriter.MAX_TERM_LENGTH. A keyword may have 32,766 bytes of UTF-8 after its normalizer; a
// text, which is cut into words, any number.
func TestAKeywordLongerThanALuceneTermIsRefused(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("x")
	put := func(field, value string) answer { return a.do("PUT", "/x/services/1", body("1", field, `"`+value+`"`)) }
	immense := func(field, prefix string, length int) string {
		return "illegal_argument_exception: Document contains at least one immense term in field=\"" + field + "\" (whose UTF8 encoding is longer than the max length 32766), " +
			"all of which were skipped.  Please correct the analyzer to not produce such terms.  The prefix of the first immense term is: '[" +
			strings.Repeat(prefix+", ", 30/(1+strings.Count(prefix, ","))-1) + prefix + "]...', original message: bytes can be at most 32766 in length; got " + fmt.Sprint(length)
	}
	want(t, "32,766 bytes", put("frameworkName", strings.Repeat("a", 32766)).status, 200)
	put("frameworkName", strings.Repeat("a", 32767)).fails(t, "32,767 bytes", 400, immense("dmtext_frameworkName", "97", 32767))
	put("frameworkName", strings.Repeat("é", 16384)).fails(t, "of two bytes each", 400, immense("dmtext_frameworkName", "-61, -87", 32768))
	a.do("PUT", "/x/services/1", body("1", "installation", `["no",["`+strings.Repeat("B", 40000)+`"]]`)).fails(t, "normalized, in a list", 400, immense("dmfilter_installation", "98", 40000))
	want(t, "nothing is left of it", put("installation", strings.Repeat("- ", 20000)).status, 200)
	want(t, "a text", put("serviceDescription", strings.Repeat("a", 40000)).status, 200)
}

// digitalmarketplace-search-api: app/mapping.py, app/main/services/process_request_json.py: every prefix gets a copy,
// fields that are not in the mapping are dropped, and the transformations are applied.
func TestAMappingKeepsItsFieldsUnderEveryPrefix(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("x")
	a.put("x", "123", "lot", `"cloud-software"`, "serviceCategories", `["Payroll"]`, "emailOrTicketingSupport", `"yes_extra_cost"`,
		"dataStorageAndProcessingLocations", `["uk"]`, "governmentSecurityClearances", `["dv"]`, "training", "true", "updatedAt", `"now"`,
		"phoneSupport", "true", "serviceName", `"\u00dcber \"x\""`, "notInAnyMapping", "1")
	got, _ := json.Marshal(a.source("x", "123"))
	hash := sha256.Sum256([]byte("123"))
	categories := `["Payroll","Accounting and finance","Human resources and employee management","Training"]`
	wanted := fmt.Sprintf(`{"dmagg_lot":"cloud-software","dmagg_serviceCategories":%[1]s,"dmfilter_dataStorageAndProcessingLocations":["uk","eea","privacy_shield"],`+
		`"dmfilter_emailOrTicketingSupport":["yes_extra_cost","yes"],"dmfilter_governmentSecurityClearances":["dv","sc","bpss"],"dmfilter_lot":"cloud-software",`+
		`"dmfilter_phoneSupport":true,"dmfilter_serviceCategories":%[1]s,"dmtext_id":"123","dmtext_lot":"cloud-software","dmtext_serviceCategories":%[1]s,`+
		`"dmtext_serviceName":"Über \"x\"","sortonly_serviceIdHash":"%[2]s"}`, categories, hex.EncodeToString(hash[:]))
	want(t, "_source", string(got), wanted)
}

// digitalmarketplace-search-api: mappings/briefs-digital-outcomes-and-specialists-2.json, _meta.transformations: a
// number as id is hashed as its digits, the status opens and closes.
func TestABriefIsOpenOrClosedByItsStatus(t *testing.T) {
	a := start(t, Options{}, plan)
	a.create("b", "briefs-digital-outcomes-and-specialists-2")
	hash := sha256.Sum256([]byte("77"))
	for status, open := range map[string]string{"live": "open 0", "closed": "closed 1", "awarded": "closed 1", "withdrawn": "<nil> 2"} {
		a.ok("PUT", "/b/briefs/77", `{"document":{"id":77,"status":"`+status+`","publishedAt":"2026-11-01T10:00:00.000000Z"}}`)
		s := a.object("/b/briefs/77")["services"].(map[string]any)["_source"].(map[string]any)
		want(t, status, fmt.Sprint(s["dmfilter_statusOpenClosed"], " ", s["sortonly_statusOrder"].([]any)[0]), open)
		want(t, "hash", s["sortonly_idHash"], any(hex.EncodeToString(hash[:])))
		want(t, "id", s["dmtext_id"], any(77.0))
	}
	a.do("PUT", "/b/briefs/77", `{"document":{"id":77,"publishedAt":"garbage"}}`).fails(t, "a date", 400,
		"mapper_parsing_exception: failed to parse field [sortonly_publishedAt] of type [date] in document with id '77'. Preview of field's value: 'garbage'")
}

// digitalmarketplace-search-api: app/main/services/search_service.py, fetch_by_id; Elasticsearch 7.10 docs, "Get API":
// found, _version, the concrete index behind an alias, _type on Elasticsearch only.
func TestADocumentIsTheEnginesObjectAsItIs(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("x-2026")
	a.alias("x", "x-2026")
	a.put("x", "1")
	a.put("x", "1")
	a.get("/x/services/1").is(t, "found", 200, `{"services":{"_id":"1","_index":"x-2026","_primary_term":1,"_seq_no":1,"_source":{"dmtext_id":"1",`+
		`"sortonly_serviceIdHash":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"},"_type":"_doc","_version":2,"found":true}}`)
	a.get("/x/services/2").is(t, "missing", 404, `{"error":{"_id":"2","_index":"x-2026","_type":"_doc","found":false}}`)
	a.get("/none/services/2").fails(t, "no index", 404, "index_not_found_exception: no such index [none]")
	want(t, "the type is not looked at", a.get("/x/other/1").status, 200)
	open := start(t, Options{}, "opensearch-2")
	open.services("x")
	open.get("/x/services/2").is(t, "OpenSearch", 404, `{"error":{"_id":"2","_index":"x","found":false}}`)
}

// digitalmarketplace-search-api: app/main/views/update.py, delete_service; Elasticsearch 7.10 docs, "Delete API".
func TestADeletionIsTheEnginesObjectAsItIs(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("x")
	a.put("x", "1")
	del := func(path string) answer { return a.do("DELETE", path, "") }
	del("/x/services/1").is(t, "deleted", 200, `{"message":{"_id":"1","_index":"x","_primary_term":1,"_seq_no":1,"_shards":{"failed":0,"successful":2,"total":2},"_type":"_doc","_version":2,"result":"deleted"}}`)
	absent := `{"error":{"_id":"%s","_index":"x","_primary_term":1,"_seq_no":%d,"_shards":{"failed":0,"successful":2,"total":2},"_type":"_doc","_version":%d,"result":"not_found"}}`
	del("/x/services/1").is(t, "again", 404, fmt.Sprintf(absent, "1", 2, 3))
	del("/x/services/2").is(t, "never there", 404, fmt.Sprintf(absent, "2", 3, 1))
	a.put("x", "1")
	want(t, "a new one goes on counting", a.object("/x/services/1")["services"].(map[string]any)["_version"], any(4.0))
	del("/x/services/1")
	a.clock.Move(time.Minute)
	if r := del("/x/services/1"); !strings.Contains(r.body, `"_version":1,`) {
		t.Errorf("a minute later: %d %s", r.status, r.body)
	}
	want(t, "gone", a.get("/x/services/1").status, 404)
	want(t, "wrong type", del("/x/briefs/1").status, 400)
	del("/none/services/1").is(t, "no index", 500, `{"error":"Internal error"}`)
}

// digitalmarketplace-search-api: app/main/views/search.py: the route of the search comes first.
func TestADocumentCalledSearchCanBePutButNotFetched(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("x")
	a.put("x", "search")
	if m := a.object("/x/services/search"); m["meta"] == nil {
		t.Error("it was fetched")
	}
}

// digitalmarketplace-utils: dmutils/flask.py.
func TestBodiesOf8192BytesAndMoreAreCompressed(t *testing.T) {
	a := start(t, Options{}, plan)
	a.services("x")
	a.put("x", "1", "serviceDescription", `"`+strings.Repeat("long ", 2000)+`"`)
	want(t, "long", a.do("GET", "/x/services/1", "", "Accept-Encoding", "gzip").header.Get("Content-Encoding"), "gzip")
	want(t, "short", a.do("GET", "/x", "", "Accept-Encoding", "gzip").header.Get("Content-Encoding"), "")
	want(t, "not taken", a.do("GET", "/x/services/1", "").header.Get("Content-Encoding"), "")
}

// digitalmarketplace-docker-base: nginx.conf, client_max_body_size.
func TestBodiesOverFortyMegabytesAre413InHTML(t *testing.T) {
	a := start(t, Options{}, plan)
	r := a.do("PUT", "/x/services/1", strings.Repeat(" ", 40<<20+1))
	if r.status != 413 || !strings.HasPrefix(r.body, "<html>") {
		t.Errorf("%d %.80s", r.status, r.body)
	}
}
