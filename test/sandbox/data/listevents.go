package data

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// listEvents is GET /audit-events (views/audits.py: list_audits).
func (a *API) listEvents(w http.ResponseWriter, r *http.Request) {
	page, ok := pageOf(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	size := pageSize
	if q.Has("per_page") {
		if size, ok = atoi(q.Get("per_page")); !ok {
			flask.Error(w, http.StatusBadRequest, "invalid page size supplied")
			return
		}
	}
	match, problem, status := a.eventFilter(q)
	if problem != "" {
		flask.Error(w, status, problem)
		return
	}
	a.mu.RLock()
	var found []event
	for i := range a.events {
		if match(&a.events[i]) {
			found = append(found, a.events[i])
		}
	}
	a.mu.RUnlock()
	if truth(q.Get("earliest_for_each_object")) {
		found = earliest(found)
	}
	if truth(q.Get("latest_first")) {
		slices.Reverse(found)
	}
	from, to, ok := bounds(page, size, len(found))
	if !ok {
		flask.Error(w, http.StatusNotFound, flask.NotFound)
		return
	}
	base := flask.Base(r)
	flask.JSON(w, r, http.StatusOK, map[string]any{
		"auditEvents": rawEvents(found[from:to], base),
		"links":       links(base+"/audit-events", argumentsOf(r), page, size, len(found)),
		"meta":        map[string]any{"total": len(found)},
	}, false)
}

// eventFilter reads the arguments; problem is the text of the error if one of them is wrong.
func (a *API) eventFilter(q url.Values) (match func(*event) bool, problem string, status int) {
	var tests []func(*event) bool
	bad := func(text string) (func(*event) bool, string, int) { return nil, text, http.StatusBadRequest }
	if d := q.Get("audit-date"); d != "" {
		test, err := dateTest(d)
		if err != nil {
			return bad("invalid audit date supplied")
		}
		tests = append(tests, func(e *event) bool { return test(e.Created) })
	}
	if kind := q.Get("audit-type"); kind != "" {
		if !auditTypes[kind] {
			return bad("Invalid audit type")
		}
		tests = append(tests, func(e *event) bool { return e.Type == kind })
	}
	if user := q.Get("user"); user != "" {
		tests = append(tests, func(e *event) bool { return e.User == user })
	}
	for argument, keys := range map[string][]string{"data-supplier-id": {"supplierId", "supplier_id"}, "data-draft-service-id": {"draftId"}} {
		if n, ok := atoi(q.Get(argument)); ok && n != 0 {
			tests = append(tests, func(e *event) bool { return hasNumber(e.Data, keys, n) })
		}
	}
	if v := q.Get("acknowledged"); v != "" && v != "all" {
		switch strings.ToLower(v) {
		case "true", "false":
		default:
			return bad("invalid acknowledged state supplied")
		}
		want := truth(v)
		tests = append(tests, func(*event) bool { return !want })
	}
	kind, id := q.Get("object-type"), q.Get("object-id")
	switch {
	case kind != "":
		name, ok := objectTypes[kind]
		if !ok {
			return bad("invalid object-type supplied")
		}
		tests = append(tests, func(e *event) bool { return e.ObjectType == name })
		if id != "" {
			pk, ok := a.key(kind, id)
			if !ok {
				return nil, "Object with given object-type and object-id doesn't exist", http.StatusNotFound
			}
			tests = append(tests, func(e *event) bool { return e.ObjectID == pk })
		}
	case id != "":
		return bad("object-id cannot be provided without object-type")
	}
	return func(e *event) bool {
		for _, t := range tests {
			if !t(e) {
				return false
			}
		}
		return true
	}, "", 0
}

// key is the internal key of the object with an id.
func (a *API) key(kind, id string) (int, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	n, isNumber := atoi(id)
	switch kind {
	case "services":
		if i, ok := a.find(id); ok {
			return a.services[i].pk, true
		}
	case "briefs":
		_, ok := a.findBrief(n)
		return n, isNumber && ok
	case "frameworks":
		for i := range a.world.frameworks {
			if a.world.frameworks[i].slug == id {
				return i + 1, true
			}
		}
	case "suppliers":
		return n, isNumber && slices.ContainsFunc(a.services, func(s service) bool { return s.supplier == n })
	default:
		return n, isNumber && slices.ContainsFunc(a.events, func(e event) bool {
			return e.ObjectType == objectTypes[kind] && e.ObjectID == n
		})
	}
	return 0, false
}

// dateTest is compare_sql_datetime_with_string (app/utils.py). It compares with midnight, which differs from its own
// documentation: ">D" is ">=D" except for an event exactly at midnight, "<=D" leaves out day D, "A..B" leaves out day
// B, and "D" includes midnight of the next day.
func dateTest(s string) (func(time.Time) bool, error) {
	day := func(s string) (time.Time, error) { return time.Parse(time.DateOnly, s) }
	for _, op := range []struct {
		sign string
		test func(at, day time.Time) bool
	}{
		{">=", func(at, d time.Time) bool { return !at.Before(d) }},
		{">", func(at, d time.Time) bool { return at.After(d) }},
		{"<=", func(at, d time.Time) bool { return !at.After(d) }},
		{"<", func(at, d time.Time) bool { return at.Before(d) }},
	} {
		if rest, ok := strings.CutPrefix(s, op.sign); ok {
			d, err := day(rest)
			return func(at time.Time) bool { return op.test(at, d) }, err
		}
	}
	between := func(from, to time.Time) func(time.Time) bool {
		return func(at time.Time) bool { return !at.Before(from) && !at.After(to) }
	}
	if low, high, ok := strings.Cut(s, ".."); ok {
		from, err := day(low)
		if err != nil {
			return nil, fmt.Errorf("first date: %w", err)
		}
		to, err := day(high)
		return between(from, to), err
	}
	d, err := day(s)
	return between(d, d.AddDate(0, 0, 1)), err
}

// truth is dmutils.config.convert_to_boolean for arguments.
func truth(s string) bool {
	switch strings.ToLower(s) {
	case "true", "t", "yes", "y", "on", "1":
		return true
	}
	return false
}

func hasNumber(data map[string]any, keys []string, n int) bool {
	for _, k := range keys {
		if v, ok := data[k]; ok {
			return fmt.Sprint(v) == strconv.Itoa(n)
		}
	}
	return false
}

func earliest(events []event) []event {
	type object struct {
		kind string
		id   int
	}
	seen := map[object]bool{}
	return slices.DeleteFunc(events, func(e event) bool {
		o := object{e.ObjectType, e.ObjectID}
		again := seen[o]
		seen[o] = true
		return again
	})
}

// getEvent is GET /audit-events/<id>.
func (a *API) getEvent(w http.ResponseWriter, r *http.Request) {
	id, ok := atoi(r.PathValue("id"))
	if !ok {
		flask.Error(w, http.StatusNotFound, flask.NotFound)
		return
	}
	a.mu.RLock()
	i := slices.IndexFunc(a.events, func(e event) bool { return e.ID == id })
	var found event
	if i >= 0 {
		found = a.events[i]
	}
	a.mu.RUnlock()
	if i < 0 {
		flask.Error(w, http.StatusNotFound, "No audit event with this id")
		return
	}
	flask.JSON(w, r, http.StatusOK, map[string]any{"auditEvents": found.serialize(flask.Base(r))}, false)
}
