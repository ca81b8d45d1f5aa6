package data

import (
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// stamp is DATETIME_FORMAT of dmutils/formats.py.
const stamp = "2006-01-02T15:04:05.000000Z"

func stampOf(t time.Time) string { return t.UTC().Format(stamp) }

// world is what a document is made from in addition to its row: the joined tables, and the address of links.
type world struct {
	seed       uint64
	frameworks []framework
	lots       []lot
	renamed    map[int]string // suppliers by id
	base       string
}

func (w *world) supplier(id int) string {
	if name, ok := w.renamed[id]; ok {
		return name
	}
	return supplierName(w.seed, id)
}

// key is one key of a lot's documents, in their order.
type key struct {
	name   string
	quoted string
	field  *field // nil: a column or a join
	index  uint64
}

// generator makes service documents, their keys sorted as jsonify sorts them (models/main.py: ServiceTableMixin.serialize).
type generator struct{ keys [3][]key }

func newGenerator() *generator {
	columns := strings.Fields(`copiedToFollowingFramework createdAt frameworkFamily frameworkFramework frameworkName
		frameworkSlug frameworkStatus id links lot lotName lotSlug status supplierId supplierName updatedAt`)
	fields := serviceFields()
	g := &generator{}
	for l, letter := range []string{"h", "s", "u"} {
		var keys []key
		for _, c := range columns {
			keys = append(keys, key{name: c})
		}
		for i := range fields {
			if strings.Contains(fields[i].lots, letter) {
				keys = append(keys, key{name: fields[i].name, field: &fields[i], index: uint64(i)})
			}
		}
		slices.SortFunc(keys, func(a, b key) int { return strings.Compare(a.name, b.name) })
		for i := range keys {
			keys[i].quoted = `"` + keys[i].name + `":`
		}
		g.keys[l] = keys
	}
	return g
}

// only is a generator of documents with only these keys.
func (g *generator) only(names map[string]bool) *generator {
	less := &generator{}
	for l := range g.keys {
		for _, k := range g.keys[l] {
			if names[k.name] {
				less.keys[l] = append(less.keys[l], k)
			}
		}
	}
	return less
}

// append renders the document of s.
func (g *generator) append(b []byte, s *service, w *world) []byte {
	if len(s.fields) > 0 {
		return g.appendEdited(b, s, w)
	}
	f := &w.frameworks[s.framework]
	l := &w.lots[s.lot]
	b = append(b, '{')
	for i := range g.keys[s.lot] {
		k := &g.keys[s.lot][i]
		if k.field == nil {
			b = comma(b)
			b = append(b, k.quoted...)
			b = appendColumn(b, k.name, s, f, l, w)
			continue
		}
		var version uint64
		if k.field.edited {
			version = uint64(s.version)
		}
		r := mix(w.seed, s.id, k.index, version)
		if k.field.percent < 100 && !r.chance(k.field.percent) {
			continue
		}
		b = comma(b)
		b = append(b, k.quoted...)
		b = k.field.value(b, &r)
	}
	return append(b, '}')
}

func comma(b []byte) []byte {
	if b[len(b)-1] == '{' {
		return b
	}
	return append(b, ',')
}

func appendColumn(b []byte, name string, s *service, f *framework, l *lot, w *world) []byte {
	switch name {
	case "copiedToFollowingFramework":
		return flask.Append(b, s.copied)
	case "createdAt":
		return flask.AppendString(b, stampOf(s.created))
	case "updatedAt":
		return flask.AppendString(b, stampOf(s.updated))
	case "frameworkFamily", "frameworkFramework":
		return flask.AppendString(b, f.family)
	case "frameworkName":
		return flask.AppendString(b, f.name)
	case "frameworkSlug":
		return flask.AppendString(b, f.slug)
	case "frameworkStatus":
		return flask.AppendString(b, f.status)
	case "id":
		return flask.AppendString(b, s.name())
	case "links":
		b = append(b, `{"self":`...)
		b = flask.AppendString(b, w.base+"/services/"+s.name())
		return append(b, '}')
	case "lot", "lotSlug":
		return flask.AppendString(b, l.slug)
	case "lotName":
		return flask.AppendString(b, l.name)
	case "status":
		return flask.AppendString(b, statuses[s.status])
	case "supplierId":
		return flask.Append(b, s.supplier)
	default:
		return flask.AppendString(b, w.supplier(s.supplier))
	}
}

func (g *generator) appendEdited(b []byte, s *service, w *world) []byte {
	plain := *s
	plain.fields = nil
	all := map[string]flask.Raw{}
	for _, m := range flask.Members(nil, g.append(nil, &plain, w)) {
		all[m.Key] = m.Value
	}
	for k, v := range s.fields {
		all[k] = v
	}
	return flask.Append(b, all)
}
