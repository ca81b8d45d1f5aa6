package search

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// document is a document in an index. Its source is stored once, without prefixes: each prefixed field of the real _source
// is a copy of the field, which project makes when it is needed. A source that is the same as the data API's document at
// the start is not stored.
type document struct {
	source  []byte // the fields that the mapping names, keys sorted; nil where it is the origin's
	origin  *originals
	place   int    // in origin
	size    int    // of the source
	order   string // the place in the mapping's sort, ascending
	digest  [16]byte
	version int
	seq     int
	facts   *facts // made for the first query
}

// text is the source, generated again if it is not stored.
func (d *document) text() []byte {
	if d.source != nil {
		return d.source
	}
	return d.origin.make(d.place).source
}

// errUnhashable is Python's TypeError for a field whose values are objects or lists where a transformation wants
// to put them in a set.
var errUnhashable = errors.New("unhashable type")

// convert is convert_request_json_into_index_json (process_request_json.py) followed by the engine's parsing of the
// fields: the transformations are applied, and then only the fields in the mapping are kept. An *engineError means that the
// engine refuses the document.
func (m *mapping) convert(id string, members []flask.Member) (*document, error) {
	values := make([][]byte, len(m.fields))
	scratch := make([]byte, 0, 4096)
	order := make([]int, 0, len(m.fields)) // of the fields, as they come
	for _, member := range members {
		i, ok := m.byName[member.Key]
		if !ok {
			continue
		}
		if values[i] == nil {
			order = append(order, i)
		}
		start := len(scratch)
		scratch = flask.AppendValue(scratch, member.Value)
		values[i] = scratch[start:len(scratch):len(scratch)]
	}
	var hash [sha256.Size]byte
	for _, t := range m.transforms {
		v := values[t.field]
		if v == nil {
			continue
		}
		if values[t.target] == nil && t.kind == "hash_to" {
			order = append(order, t.target)
		}
		if t.kind == "hash_to" {
			hash = sha256.Sum256([]byte(pythonString(v)))
			values[t.target] = []byte(`"` + hex.EncodeToString(hash[:]) + `"`)
			continue
		}
		found, err := anyIn(v, t.anyOf)
		if err != nil {
			return nil, err
		}
		if found && values[t.target] == nil {
			order = append(order, t.target)
		}
		switch {
		case !found:
		case t.kind == "set_conditionally":
			values[t.target] = []byte(t.values[0])
		default:
			values[t.target] = extend(values[t.target], t.values)
		}
	}
	if err := m.refuses(id, order, values); err != nil {
		return nil, err
	}
	d := &document{source: m.render(values)}
	d.size = len(d.source)
	d.order = m.sortKey(values, hash)
	sum := sha256.New()
	sum.Write([]byte(id))
	sum.Write([]byte{0})
	sum.Write(d.source)
	copy(d.digest[:], sum.Sum(nil))
	return d, nil
}

// refuses is the engine's error for a document that it does not take; nil if it does. All fields are parsed before the first
// is indexed, both in the order of the document. The prefixes of one field come in the order of Python's hashes, which
// differs from process to process; here they are sorted.
func (m *mapping) refuses(id string, order []int, values [][]byte) error {
	for _, i := range order {
		for _, at := range m.fields[i].prefixes {
			if p := m.properties[at]; !accepts(p.kind, values[i]) {
				return parsing(p, id, values[i])
			}
		}
	}
	for _, i := range order {
		if len(values[i]) <= longestTerm {
			continue
		}
		for _, at := range m.fields[i].prefixes {
			if err := m.properties[at].immense(values[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// longestTerm is Lucene's IndexWriter.MAX_TERM_LENGTH, in bytes of UTF-8.
const longestTerm = 32766

// immense is the engine's error for a keyword that is longer than a term may be, after its normalizer; nil if none is. A text
// has no such terms: its tokenizer cuts them at 255 characters.
func (p property) immense(v []byte) error {
	if p.kind != "keyword" {
		return nil
	}
	for e := range flask.Elements(v) {
		term := string(e)
		switch flask.Kind(e) {
		case '[':
			if err := p.immense(e); err != nil {
				return err
			}
			continue
		case '"':
			term = flask.Text(e)
		}
		if strings.HasPrefix(p.name, "dmfilter_") {
			term = normalize(term)
		}
		if len(term) <= longestTerm {
			continue
		}
		prefix := make([]string, 30)
		for i := range prefix {
			prefix[i] = strconv.Itoa(int(int8(term[i]))) // a byte of Java has a sign
		}
		return refusal(400, "illegal_argument_exception", fmt.Sprintf("Document contains at least one immense term in field=\"%s\" (whose UTF8 encoding is longer than "+
			"the max length %d), all of which were skipped.  Please correct the analyzer to not produce such terms.  The prefix of the first immense term is: '[%s]...', "+
			"original message: bytes can be at most %d in length; got %d", p.name, longestTerm, strings.Join(prefix, ", "), longestTerm, len(term)))
	}
	return nil
}

func (m *mapping) render(values [][]byte) []byte {
	n := 2
	for i, v := range values {
		if v != nil && m.fields[i].mapped {
			n += len(v) + len(m.fields[i].name) + 4
		}
	}
	b := append(make([]byte, 0, n), '{')
	for i, v := range values {
		if v == nil || !m.fields[i].mapped {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = flask.AppendString(b, m.fields[i].name)
		b = append(b, ':')
		b = append(b, v...)
	}
	return append(b, '}')
}

// sortKey is the dm_sort_clause as bytes that sort in its order: services by serviceIdHash, descending (after the
// score, if there is one); briefs by statusOrder, then publishedAt descending, then idHash.
func (m *mapping) sortKey(values [][]byte, hash [sha256.Size]byte) string {
	if !m.byStatus {
		for i := range hash {
			hash[i] = ^hash[i]
		}
		return string(hash[:])
	}
	b := make([]byte, 0, 48)
	b = append(b, lowest(values[m.byName["statusOrder"]]))
	var at int64
	if v := values[m.byName["publishedAt"]]; flask.Kind(v) == '"' {
		if t, ok := date(flask.Text(v)); ok {
			at = t.UnixMilli()
		}
	}
	b = binary.BigEndian.AppendUint64(b, ^uint64(at))
	return string(append(b, hash[:]...))
}

func lowest(v []byte) byte {
	least := byte(0xff)
	for e := range flask.Elements(v) {
		if n, err := strconv.Atoi(string(e)); err == nil && n >= 0 && n < int(least) {
			least = byte(n)
		}
	}
	return least
}

// project is the real _source: each field under every prefix that the mapping has for it.
func (m *mapping) project(source []byte) map[string]flask.Raw {
	fields := map[string]flask.Raw{}
	for _, member := range flask.Members(nil, source) {
		for _, i := range m.fields[m.byName[member.Key]].prefixes {
			fields[m.properties[i].name] = member.Value
		}
	}
	return fields
}

func anyIn(v []byte, wanted []string) (bool, error) {
	found := false
	for e := range flask.Elements(v) {
		if k := flask.Kind(e); k == '{' || k == '[' {
			return false, errUnhashable
		}
		for _, w := range wanted {
			found = found || string(e) == w
		}
	}
	return found, nil
}

func extend(v []byte, more []string) []byte {
	var b []byte
	if flask.Kind(v) == '[' {
		b = append(b, v[:len(v)-1]...)
	} else {
		b = append(append(b, '['), v...)
	}
	for _, s := range more {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, s...)
	}
	return append(b, ']')
}

// pythonString is str() of a value, which is hashed.
func pythonString(v []byte) string {
	switch flask.Kind(v) {
	case '"':
		return flask.Text(v)
	case 't':
		return "True"
	case 'f':
		return "False"
	case 'n':
		return "None"
	}
	return string(v)
}

// accepts reports whether the engine can parse a value for a field: keyword and text take scalars and lists of them.
func accepts(kind string, v []byte) bool {
	for e := range flask.Elements(v) {
		switch k := flask.Kind(e); {
		case k == 'n':
		case k == '{':
			return false
		case k == '[':
			if !accepts(kind, e) {
				return false
			}
		case kind == "date":
			text := string(e)
			if k == '"' {
				text = flask.Text(e)
			}
			if _, ok := date(text); !ok {
				return false
			}
		case kind == "byte":
			n, err := strconv.Atoi(strings.Trim(string(e), `"`))
			if err != nil || n < -128 || n > 127 {
				return false
			}
		}
	}
	return true
}

// date is strict_date_optional_time||epoch_millis, as far as the two APIs use it.
func date(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, "2006-01-02T15:04:05.999999", "2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return time.UnixMilli(n), err == nil
}

// parsing is the engine's error for a value that it cannot parse.
func parsing(p property, id string, v []byte) *engineError {
	return refusal(400, "mapper_parsing_exception", fmt.Sprintf("failed to parse field [%s] of type [%s] in document with id '%s'. Preview of field's value: '%s'",
		p.name, p.kind, id, preview(v)))
}

// preview is a value as Java prints it in an error.
func preview(v []byte) string {
	switch flask.Kind(v) {
	case '"':
		return flask.Text(v)
	case '{':
		var b bytes.Buffer
		b.WriteByte('{')
		for i, m := range flask.Members(nil, v) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(m.Key + "=" + preview(m.Value))
		}
		b.WriteByte('}')
		return b.String()
	case '[':
		for e := range flask.Elements(v) {
			if flask.Kind(e) == '{' {
				return preview(e)
			}
		}
	}
	return string(v)
}
