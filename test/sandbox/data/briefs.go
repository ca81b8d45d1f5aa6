package data

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

func itoa(n int) string { return strconv.Itoa(n) }

// listBriefs is GET /briefs (views/briefs.py: list_briefs).
func (a *API) listBriefs(w http.ResponseWriter, r *http.Request) {
	page, ok := pageOf(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	user := 0
	if v := q.Get("user_id"); q.Has("user_id") {
		if user, ok = atoi(v); !ok {
			flask.Error(w, http.StatusBadRequest, "Invalid user_id: "+v)
			return
		}
	}
	within, ok := dateFilters(q)
	if !ok {
		flask.InternalError(w, r) // nothing catches strptime's ValueError
		return
	}
	slugs, lotSlugs, states := split(q.Get("framework")), split(q.Get("lot")), split(q.Get("status"))
	withUsers := strings.ToLower(q.Get("with_users")) == "true"
	withQuestions := strings.ToLower(q.Get("with_clarification_questions")) == "true"
	compress := states != nil && !states["draft"] && !states["withdrawn"] && !withUsers && user == 0
	now := a.opts.Clock.Now()

	a.mu.RLock()
	view := a.view(flask.Base(r))
	var found []brief
	for _, b := range a.briefs {
		if (slugs == nil || slugs[a.world.frameworks[b.framework].slug]) && (lotSlugs == nil || lotSlugs[a.world.lots[b.lot].slug]) &&
			(states == nil || states[b.status(now)]) && (user == 0 || b.user() == user) && within(&b) {
			b.questions = slices.Clone(b.questions)
			found = append(found, b)
		}
	}
	a.mu.RUnlock()
	if q.Get("human") != "" {
		forPeople(found, now)
	}
	from, to := 0, len(found)
	if user == 0 {
		if from, to, ok = bounds(page, pageSize, len(found)); !ok {
			flask.Error(w, http.StatusNotFound, flask.NotFound)
			return
		}
	}
	list := make([]flask.Raw, 0, to-from)
	for i := range found[from:to] {
		list = append(list, flask.Append(nil, found[from+i].serialize(view, now, withUsers, withQuestions)))
	}
	body := map[string]any{"briefs": list, "meta": map[string]any{"total": len(found)}}
	if user == 0 {
		body["links"] = links(view.base+"/briefs", argumentsOf(r), page, pageSize, len(found))
	}
	flask.JSON(w, r, http.StatusOK, body, compress)
}

// getBrief is GET /briefs/<id>. It has the users' addresses, which must not get into an index.
func (a *API) getBrief(w http.ResponseWriter, r *http.Request) {
	id, ok := atoi(r.PathValue("id"))
	a.mu.RLock()
	i, found := a.findBrief(id)
	if !ok || !found {
		a.mu.RUnlock()
		flask.Error(w, http.StatusNotFound, flask.NotFound)
		return
	}
	b := a.briefs[i]
	b.questions = slices.Clone(b.questions)
	view := a.view(flask.Base(r))
	a.mu.RUnlock()
	flask.JSON(w, r, http.StatusOK, map[string]any{"briefs": b.serialize(view, a.opts.Clock.Now(), true, true)}, false)
}

// findBrief is the index of a brief's row; the caller holds mu.
func (a *API) findBrief(id int) (int, bool) {
	return slices.BinarySearchFunc(a.briefs, id, func(b brief, id int) int { return cmp.Compare(b.id, id) })
}

func (b *brief) user() int { return 100 + b.id%300 }

func (b *brief) serialize(w *world, now time.Time, users, questions bool) map[string]any {
	m := b.document(w, now)
	if users {
		n := itoa(b.user())
		m["users"] = []map[string]any{{
			"id": b.user(), "emailAddress": "buyer-" + n + "@example.gov.uk", "name": "Buyer " + n, "role": "buyer",
			"active": true, "phoneNumber": "020 7946 0" + n, "personalDataRemoved": false, "userResearchOptedIn": false,
		}}
	}
	if questions {
		list := []map[string]any{}
		for _, q := range b.questions {
			list = append(list, map[string]any{"question": q.text, "answer": q.answer, "publishedAt": stampOf(q.at)})
		}
		m["clarificationQuestions"] = list
	}
	return m
}

// forPeople is the order of human=true: by status_order, then the newest first, then id.
func forPeople(briefs []brief, now time.Time) {
	order := map[string]int{"live": 0, "closed": 1, "awarded": 1, "cancelled": 1, "unsuccessful": 1, "draft": 2, "withdrawn": 2}
	slices.SortStableFunc(briefs, func(x, y brief) int {
		return cmp.Or(cmp.Compare(order[x.status(now)], order[y.status(now)]), y.published.Compare(x.published), cmp.Compare(x.id, y.id))
	})
}

// dateFilters reads <state>_on, _before and _after; false if one is not a date.
func dateFilters(q url.Values) (func(*brief) bool, bool) {
	fields := map[string]func(*brief) time.Time{
		"created":      func(b *brief) time.Time { return b.created },
		"published":    func(b *brief) time.Time { return b.published },
		"withdrawn":    func(b *brief) time.Time { return b.withdrawn },
		"cancelled":    func(b *brief) time.Time { return b.cancelled },
		"unsuccessful": func(b *brief) time.Time { return b.unsuccessful },
		"closed": func(b *brief) time.Time {
			if b.published.IsZero() {
				return time.Time{}
			}
			return b.closes()
		},
	}
	var tests []func(*brief) bool
	for name, field := range fields {
		for _, when := range []string{"on", "before", "after"} {
			if !q.Has(name + "_" + when) {
				continue
			}
			day, err := time.Parse(time.DateOnly, q.Get(name+"_"+when))
			if err != nil {
				return nil, false
			}
			end := day.AddDate(0, 0, 1).Add(-time.Microsecond)
			tests = append(tests, func(b *brief) bool {
				at := field(b)
				switch {
				case at.IsZero():
					return false
				case when == "on":
					return !at.Before(day) && !at.After(end)
				case when == "before":
					return at.Before(day)
				}
				return at.After(end)
			})
		}
	}
	return func(b *brief) bool {
		for _, t := range tests {
			if !t(b) {
				return false
			}
		}
		return true
	}, true
}
