package platform

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (q *query) common(r *record) bool {
	return q.has("guids", r.guid) && q.matchesLabels(r) &&
		q.inTime("created_ats", r.created) && q.inTime("updated_ats", r.updated)
}

// inTime compares by the second, because the real timestamps have whole seconds.
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

// list makes the answer of one page of the rows that pass the common filters. It returns the page, too, for the includes.
func list[T row](c *call, q *query, rows []T, present func(*call, T) obj) ([]T, obj) {
	rows = slices.DeleteFunc(slices.Clone(rows), func(v T) bool { return !q.common(v.base()) })
	if q.orderBy != "" {
		slices.SortStableFunc(rows, func(a, b T) int { return compareBy(q.orderBy, a.base(), b.base()) })
		if q.descending { // with equal times, the newest first
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
