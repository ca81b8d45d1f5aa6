package platform

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listing says which query parameters a list knows.
type listing struct {
	filters  []string // of its own, in the order in which the real one names them
	order    []string // beside created_at and updated_at
	includes []string
	plain    bool // knows no label_selector
	// nested lists are filtered by their path, and do not know these of their filters.
	without []string
}

// query is a list's or a resource's query, checked.
type query struct {
	listing
	values        map[string][]string
	fields        map[string][]string
	raw           url.Values
	page, perPage int
	orderBy       string
	descending    bool
	selector      []requirement
}

// ccng: app/messages/list_message.rb
var commonParameters = []string{"page", "per_page", "order_by", "created_ats", "updated_ats", "guids"}

// query checks the request's query: an unknown parameter is a 400
// (ccng: app/messages/base_message.rb, NoAdditionalParamsValidator).
func (c *call) query(l listing) (*query, error) {
	known := slices.Concat(commonParameters, l.filters)
	if !l.plain {
		known = append(known, "label_selector")
	}
	q := &query{listing: l, values: map[string][]string{}, fields: map[string][]string{}, raw: c.r.URL.Query(), page: 1, perPage: 50}
	var unknown []string
	for _, key := range sortedKeys(q.raw) {
		value := q.raw.Get(key)
		name, sub, nested := strings.Cut(strings.TrimSuffix(key, "]"), "[")
		if !contains(known, name) {
			unknown = append(unknown, name)
			continue
		}
		if contains(l.without, name) {
			return nil, badQuery("Unknown query parameter(s): '%s'", name)
		}
		if nested {
			q.fields[name+"["+sub+"]"] = splitList(value)
			continue
		}
		q.values[name] = splitList(value)
	}
	if len(unknown) > 0 {
		return nil, badQuery("Unknown query parameter(s): '%s'. Valid parameters are: '%s'", strings.Join(unknown, "', '"), strings.Join(known, "', '"))
	}
	return q, q.check()
}

func (q *query) check() error {
	var err error
	if q.page, err = q.positive("page", 1, 0); err != nil {
		return err
	}
	if q.perPage, err = q.positive("per_page", 50, 5000); err != nil {
		return err
	}
	if by := q.raw.Get("order_by"); by != "" {
		valid := slices.Concat([]string{"created_at", "updated_at"}, q.order)
		q.orderBy = strings.TrimLeft(by, "+-")
		q.descending = strings.HasPrefix(by, "-")
		if !contains(valid, q.orderBy) {
			return badQuery("Order by can only be: '%s'", strings.Join(valid, "', '"))
		}
	}
	for _, want := range q.values["include"] {
		if !contains(q.includes, want) {
			return badQuery("Invalid included resource: '%s'. Valid included resources are: '%s'", want, strings.Join(q.includes, "', '"))
		}
	}
	if s := q.raw.Get("label_selector"); s != "" {
		if q.selector, err = parseSelector(s); err != nil {
			return err
		}
	}
	return nil
}

func (q *query) positive(name string, normal, most int) (int, error) {
	s := q.raw.Get(name)
	if s == "" {
		return normal, nil
	}
	n, _ := strconv.Atoi(s)
	if n <= 0 {
		return 0, badQuery("%s must be a positive integer", capital(name))
	}
	if most > 0 && n > most {
		return 0, badQuery("%s must be between 1 and %d", capital(name), most)
	}
	return n, nil
}

// splitList is ccng's to_array!: at commas, each part unescaped once more, so that a name may hold one.
func splitList(s string) []string {
	if s == "" {
		return []string{""}
	}
	parts := strings.Split(s, ",")
	for i, p := range parts {
		if p, err := url.PathUnescape(strings.TrimLeft(p, " ")); err == nil {
			parts[i] = p
		}
	}
	return parts
}

// has says whether a filter lets one of these values pass; a filter that was not asked for lets everything pass.
func (q *query) has(filter string, values ...string) bool {
	want, asked := q.values[filter]
	if !asked {
		return true
	}
	for _, v := range values {
		if contains(want, v) {
			return true
		}
	}
	return false
}

func (q *query) asked(filter string) bool { _, ok := q.values[filter]; return ok }

func (q *query) include(name string) bool { return contains(q.values["include"], name) }

func (q *query) field(name string) []string { return q.fields["fields["+name+"]"] }

func (q *query) common(r *record) bool {
	return q.has("guids", r.guid) && q.matchesLabels(r) &&
		q.inTime("created_ats", r.created) && q.inTime("updated_ats", r.updated)
}

// inTime compares by the second, as the real one's timestamps do.
func (q *query) inTime(filter string, t time.Time) bool {
	t = t.Truncate(time.Second)
	if !q.has(filter, stamp(t)) {
		return false
	}
	for op, holds := range map[string]func(time.Time) bool{
		"lt":  t.Before,
		"gt":  t.After,
		"lte": func(o time.Time) bool { return !t.After(o) },
		"gte": func(o time.Time) bool { return !t.Before(o) },
	} {
		values := q.fields[filter+"["+op+"]"]
		if len(values) == 0 {
			continue
		}
		bound, err := time.Parse(time.RFC3339, values[0])
		if err == nil && !holds(bound) {
			return false
		}
	}
	return true
}

// list answers with one page of the rows that pass the common filters, and hands back that page for its includes.
func list[T row](c *call, q *query, rows []T, present func(*call, T) obj) ([]T, obj) {
	rows = slices.DeleteFunc(slices.Clone(rows), func(v T) bool { return !q.common(v.base()) })
	if q.orderBy != "" {
		slices.SortStableFunc(rows, func(a, b T) int { return compareBy(q.orderBy, a.base(), b.base()) })
		if q.descending { // of the same instant, the newest first
			slices.Reverse(rows)
		}
	}
	total := len(rows)
	low := min((q.page-1)*q.perPage, total)
	page := rows[low:min(low+q.perPage, total)]
	resources := make([]obj, len(page))
	for i, v := range page {
		resources[i] = present(c, v)
	}
	return page, obj{"pagination": c.pagination(q, total), "resources": resources}
}

func compareBy(field string, a, b *record) int {
	switch field {
	case "name":
		return strings.Compare(a.name, b.name)
	case "updated_at":
		return a.updated.Compare(b.updated)
	}
	return a.created.Compare(b.created)
}

// pagination has absolute links that repeat the filters (ccng: app/presenters/v3/paginated_list_presenter.rb).
func (c *call) pagination(q *query, total int) obj {
	last := max((total+q.perPage-1)/q.perPage, 1)
	page := func(n int) obj {
		params := url.Values{}
		for k, v := range q.raw {
			params[k] = v
		}
		params.Set("page", strconv.Itoa(n))
		params.Set("per_page", strconv.Itoa(q.perPage))
		return c.link(c.r.URL.Path + "?" + params.Encode())
	}
	out := obj{
		"total_results": total, "total_pages": last,
		"first": page(1), "last": page(last), "next": nil, "previous": nil,
	}
	if q.page < last {
		out["next"] = page(q.page + 1)
	}
	if q.page > 1 {
		out["previous"] = page(q.page - 1)
	}
	return out
}

// requirement is one part of a label selector.
type requirement struct {
	key    string
	not    bool
	exists bool
	values []string
}

var (
	selectorParts = regexp.MustCompile(`(?:\([^)]*\)|[^,(])+`)
	setForm       = regexp.MustCompile(`^(\S+)\s+(in|notin)\s*\(([^)]*)\)$`)
	equalForm     = regexp.MustCompile(`^([^!=\s]+)\s*(==|=|!=)\s*(.*)$`)
	existForm     = regexp.MustCompile(`^(!?)([^!=\s]+)$`)
)

// parseSelector reads "a=b,c in (d,e),!f" (ccng: app/models/helpers/metadata_helpers.rb).
func parseSelector(s string) ([]requirement, error) {
	var out []requirement
	for _, part := range selectorParts.FindAllString(s, -1) {
		part = strings.TrimSpace(part)
		if m := setForm.FindStringSubmatch(part); m != nil {
			values := strings.Split(m[3], ",")
			for i := range values {
				values[i] = strings.TrimSpace(values[i])
			}
			out = append(out, requirement{key: m[1], not: m[2] == "notin", values: values})
		} else if m := equalForm.FindStringSubmatch(part); m != nil {
			out = append(out, requirement{key: m[1], not: m[2] == "!=", values: []string{m[3]}})
		} else if m := existForm.FindStringSubmatch(part); m != nil {
			out = append(out, requirement{key: m[2], not: m[1] == "!", exists: true})
		} else {
			return nil, badQuery("Invalid label_selector value")
		}
	}
	return out, nil
}

func (q *query) matchesLabels(r *record) bool {
	for _, want := range q.selector {
		value, ok := r.labels[want.key]
		holds := ok
		if !want.exists {
			holds = ok && contains(want.values, value)
		}
		if holds == want.not {
			return false
		}
	}
	return true
}

// only checks a query that belongs to a single resource: nothing but these.
func (c *call) only(known ...string) (*query, error) {
	q := &query{values: map[string][]string{}, fields: map[string][]string{}, raw: c.r.URL.Query()}
	for _, key := range sortedKeys(q.raw) {
		name, sub, nested := strings.Cut(strings.TrimSuffix(key, "]"), "[")
		if !contains(known, name) {
			return nil, badQuery("%s", fmt.Sprintf("Unknown query parameter(s): '%s'. Valid parameters are: '%s'", name, strings.Join(known, "', '")))
		}
		if nested {
			q.fields[name+"["+sub+"]"] = splitList(q.raw.Get(key))
		} else {
			q.values[name] = splitList(q.raw.Get(key))
		}
	}
	return q, nil
}
