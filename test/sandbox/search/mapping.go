package search

import (
	"cmp"
	"slices"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// mapping is one of the search API's mapping files, with which an index is created.
type mapping struct {
	name      string
	version   string
	framework string // generated_from_framework
	docType   string
	window    int    // max_result_window
	refused   string // why every engine refuses it; "" if none does
	byStatus  bool   // sorted like briefs, not like services

	properties []property // by full name
	fields     []fieldInfo
	byName     map[string]int // index in fields
	transforms []transform
}

type property struct {
	name  string // with its prefix
	kind  string // keyword, text, date, byte
	field int
}

// fieldInfo is a field without its prefixes.
type fieldInfo struct {
	name     string
	mapped   bool  // in properties; otherwise only a transformation reads it
	text     bool  // dmtext_: searched, and in the results
	filter   bool  // dmfilter_
	agg      bool  // dmagg_
	prefixes []int // in properties
}

// transform is one of _meta.transformations (process_request_json.py). anyOf and values are JSON.
type transform struct {
	kind   string
	field  int
	target int
	anyOf  []string
	values []string
}

func quote(list ...string) []string {
	var quoted []string
	for _, s := range list {
		quoted = append(quoted, string(flask.AppendString(nil, s)))
	}
	return quoted
}

// define makes a mapping from lists of names: kinds maps a prefix and a type, as "dmtext keyword", to names.
func define(m mapping, kinds map[string]string, transforms []namedTransform) *mapping {
	m.byName = map[string]int{}
	at := func(name string) int {
		i, ok := m.byName[name]
		if !ok {
			i = len(m.fields)
			m.byName[name] = i
			m.fields = append(m.fields, fieldInfo{name: name})
		}
		return i
	}
	for kind, names := range kinds {
		prefix, kind, _ := strings.Cut(kind, " ")
		for name := range strings.FieldsSeq(names) {
			i := at(name)
			f := &m.fields[i]
			f.mapped = true
			f.text = f.text || prefix == "dmtext"
			f.filter = f.filter || prefix == "dmfilter"
			f.agg = f.agg || prefix == "dmagg"
			m.properties = append(m.properties, property{prefix + "_" + name, kind, i})
		}
	}
	slices.SortFunc(m.properties, func(a, b property) int { return strings.Compare(a.name, b.name) })
	for i, p := range m.properties {
		f := &m.fields[p.field]
		f.prefixes = append(f.prefixes, i)
	}
	for _, t := range transforms {
		target := t.target
		if target == "" {
			target = t.field
		}
		m.transforms = append(m.transforms, transform{t.kind, at(t.field), at(target), t.anyOf, t.values})
	}
	// A stored document's keys are sorted, so that equal documents are equal bytes.
	order := make([]int, len(m.fields))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(m.fields[a].name, m.fields[b].name) })
	place := make([]int, len(order))
	fields := make([]fieldInfo, len(order))
	for to, from := range order {
		place[from] = to
		fields[to] = m.fields[from]
		m.byName[fields[to].name] = to
	}
	m.fields = fields
	for i := range m.properties {
		m.properties[i].field = place[m.properties[i].field]
	}
	for i := range m.transforms {
		m.transforms[i].field, m.transforms[i].target = place[m.transforms[i].field], place[m.transforms[i].target]
	}
	return &m
}

type namedTransform struct {
	kind, field, target string
	anyOf, values       []string
}

// reads are the fields of a document that the mapping uses. All others are dropped.
func (m *mapping) reads() []string {
	var names []string
	for _, f := range m.fields {
		names = append(names, f.name)
	}
	return names
}
