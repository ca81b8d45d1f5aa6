package platform

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// listing is the query parameters that a list, or a single resource, accepts.
type listing struct {
	filters  []string // its own, in the order of the real one's messages
	order    []string // in addition to created_at and updated_at
	includes []string
	fields   []fieldset
	plain    bool // without label_selector
	single   bool // a single resource: without pages and the filters of all lists
	// without is the filters that a nested list does not accept, since its path filters already.
	without []string
}

// fieldset is a resource that fields[…] can request, with the keys that can be requested.
type fieldset struct {
	resource string
	keys     []string
}

// query is the checked query of a list or a resource.
type query struct {
	listing
	values        map[string][]string
	fields        map[string][]string
	raw           url.Values
	page, perPage int
	orderBy       string
	descending    bool
	selector      []requirement
	problems      []string
}

// ccng: app/messages/list_message.rb
var commonParameters = []string{"page", "per_page", "order_by", "created_ats", "updated_ats", "guids"}

// operators are the keys in brackets that parameters may have.
var operators = map[string][]string{
	"created_ats": {"lt", "gt", "lte", "gte"}, "updated_ats": {"lt", "gt", "lte", "gte"}, "target_guids": {"not"}, "fields": nil,
}

// query checks the request's query, and reports all that is wrong with it in one 400 (ccng: app/messages/list_message.rb,
// base_message.rb and app/messages/validators.rb; the last of several equal parameters counts, as in Rack).
func (c *call) query(l listing) (*query, error) {
	known := l.filters
	if !l.single {
		known = slices.Concat(commonParameters, l.filters)
		if !l.plain {
			known = append(known, "label_selector")
		}
	}
	q := &query{listing: l, values: map[string][]string{}, fields: map[string][]string{}, raw: url.Values{}, page: 1, perPage: 50}
	var unknown []string
	for key, values := range c.r.URL.Query() {
		q.raw.Set(key, values[len(values)-1])
	}
	for _, key := range sortedKeys(q.raw) {
		name, sub, nested := strings.Cut(strings.TrimSuffix(key, "]"), "[")
		switch {
		case !contains(known, name):
			unknown = append(unknown, name)
		case nested:
			q.fields[name+"["+sub+"]"] = splitList(q.raw.Get(key))
		default:
			q.values[name] = splitList(q.raw.Get(key))
		}
	}
	if !l.single {
		q.checkPages()
		q.checkTimes()
		q.checkSelector()
	}
	if len(unknown) > 0 {
		q.wrong("Unknown query parameter(s): '%s'. Valid parameters are: '%s'", strings.Join(unknown, "', '"), strings.Join(known, "', '"))
	}
	q.checkIncludes()
	q.checkFields()
	if foreign := slices.DeleteFunc(slices.Clone(l.without), func(name string) bool { return !q.asked(name) }); len(foreign) > 0 {
		q.wrong("Unknown query parameter(s): '%s'", strings.Join(foreign, "', '"))
	}
	if len(q.problems) > 0 {
		return nil, badQuery("%s", strings.Join(q.problems, ", "))
	}
	return q, nil
}

// only checks the query of a single resource that accepts no other parameters than these.
func (c *call) only(known ...string) (*query, error) {
	return c.query(listing{filters: known, single: true})
}

func (q *query) wrong(format string, args ...any) {
	q.problems = append(q.problems, fmt.Sprintf(format, args...))
}

func (q *query) checkPages() {
	q.page = q.positive("page", 1, 0)
	q.perPage = q.positive("per_page", 50, 5000)
	by := q.raw.Get("order_by")
	if by == "" {
		return
	}
	valid := slices.Concat([]string{"created_at", "updated_at"}, q.order)
	q.descending = by[0] == '-'
	if q.orderBy = by; by[0] == '-' || by[0] == '+' {
		q.orderBy = by[1:]
	}
	if !contains(valid, q.orderBy) {
		q.wrong("Order by can only be: '%s'", strings.Join(valid, "', '"))
	}
}

func (q *query) positive(name string, normal, most int) int {
	if !q.raw.Has(name) {
		return normal
	}
	n, _ := strconv.Atoi(q.raw.Get(name))
	if n <= 0 {
		q.wrong("%s must be a positive integer", capital(name))
		return normal
	}
	if most > 0 && n > most {
		q.wrong("%s must be between 1 and %d", capital(name), most)
		return normal
	}
	return n
}

var timestamp = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$`)

// checkTimes accepts whole seconds in UTC, with none or one of four operators.
func (q *query) checkTimes() {
	const form = "%s has an invalid timestamp format. Timestamps should be formatted as 'YYYY-MM-DDThh:mm:ssZ'"
	for _, name := range []string{"created_ats", "updated_ats"} {
		for _, v := range q.values[name] {
			if !timestamp.MatchString(v) {
				q.wrong(form, capital(name))
			}
		}
	}
	for _, key := range sortedKeys(q.fields) {
		name, operator, _ := strings.Cut(strings.TrimSuffix(key, "]"), "[")
		if name != "created_ats" && name != "updated_ats" {
			continue
		}
		if !contains(operators[name], operator) {
			q.wrong("%s Invalid relational operator: '%s'", capital(name), operator)
		}
		if len(q.fields[key]) > 1 {
			q.wrong("%s only accepts one value when using a relational operator", capital(name))
		} else if !timestamp.MatchString(q.fields[key][0]) {
			q.wrong(form, capital(name))
		}
	}
}

func (q *query) checkIncludes() {
	seen := map[string]int{}
	for _, want := range q.values["include"] {
		if seen[want]++; seen[want] == 2 && contains(q.includes, want) {
			q.wrong("Duplicate included resource: '%s'", want)
		}
		if !contains(q.includes, want) {
			q.wrong("Invalid included resource: '%s'. Valid included resources are: '%s'", want, strings.Join(q.includes, "', '"))
		}
	}
}

// checkFields checks the parameters with a key in brackets that are not times.
func (q *query) checkFields() {
	if q.asked("fields") {
		q.wrong("Fields must be an object")
	}
	for _, key := range sortedKeys(q.fields) {
		name, resource, _ := strings.Cut(strings.TrimSuffix(key, "]"), "[")
		if _, known := operators[name]; !known {
			q.wrong("%s must be an array", capital(name))
		}
		if name != "fields" {
			continue
		}
		at := slices.IndexFunc(q.listing.fields, func(f fieldset) bool { return f.resource == resource })
		if at < 0 {
			var valid []string
			for _, f := range q.listing.fields {
				valid = append(valid, "'"+f.resource+"'")
			}
			q.wrong("Fields [%s] valid resources are: %s", resource, strings.Join(valid, ", "))
			continue
		}
		keys := q.listing.fields[at].keys
		if slices.ContainsFunc(q.fields[key], func(k string) bool { return !contains(keys, k) }) {
			q.wrong("Fields valid keys for '%s' are: '%s'", resource, strings.Join(keys, "', '"))
		}
	}
}

// splitList is ccng's to_array!: it splits at commas and then unescapes each part again, so that a name may have a comma.
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

// has reports whether one of these values passes a filter. Everything passes a filter that is not in the query.
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
