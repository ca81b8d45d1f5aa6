package data

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// pageSize is DM_API_SERVICES_PAGE_SIZE and DM_API_BRIEFS_PAGE_SIZE (config.py).
const pageSize = 100

// arguments are a query's arguments in their order, with the first value of each, as url_for renders request.args.
type arguments []struct{ key, value string }

func argumentsOf(r *http.Request) arguments {
	var args arguments
	seen := map[string]bool{}
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		k, v, _ := strings.Cut(part, "=")
		k, err1 := url.QueryUnescape(k)
		v, err2 := url.QueryUnescape(v)
		if part == "" || err1 != nil || err2 != nil || seen[k] {
			continue
		}
		seen[k] = true
		args = append(args, struct{ key, value string }{k, v})
	}
	return args
}

// at is the address of a page; page 0 leaves the arguments as they are.
func (args arguments) at(address string, page int) string {
	var b strings.Builder
	found := page == 0
	add := func(k, v string) {
		if b.Len() == 0 {
			b.WriteByte('?')
		} else {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(k) + "=" + url.QueryEscape(v))
	}
	for _, a := range args {
		if a.key == "page" && page > 0 {
			found = true
			a.value = strconv.Itoa(page)
		}
		add(a.key, a.value)
	}
	if !found {
		add("page", strconv.Itoa(page))
	}
	return address + b.String()
}

// pageOf reads the argument page, and answers 400 if it is not a number (app/utils.py: get_valid_page_or_1).
func pageOf(w http.ResponseWriter, r *http.Request) (int, bool) {
	if !r.URL.Query().Has("page") {
		return 1, true
	}
	n, ok := atoi(strings.TrimSpace(r.URL.Query().Get("page")))
	if !ok {
		flask.Error(w, http.StatusBadRequest, "Invalid page argument")
	}
	return n, ok
}

// bounds are the rows of a page of total rows; false if there is no such page, which is a 404 unless it is the first
// (flask_sqlalchemy: paginate).
func bounds(page, size, total int) (from, to int, ok bool) {
	if page < 1 || size < 0 {
		return 0, 0, false
	}
	from = min((page-1)*size, total)
	to = min(from+size, total)
	return from, to, page == 1 || to > from
}

// links are a page's links (app/utils.py: pagination_links): absolute; next and last only if there is a next page.
func links(address string, args arguments, page, size, total int) map[string]string {
	l := map[string]string{"self": args.at(address, 0)}
	pages := 0
	if size > 0 {
		pages = (total + size - 1) / size
	}
	if page > 1 {
		l["prev"] = args.at(address, page-1)
	}
	if page < pages {
		l["next"] = args.at(address, page+1)
		l["last"] = args.at(address, pages)
	}
	return l
}

// split is a list of slugs as the API reads it: separated by commas, spaces around them ignored.
func split(s string) map[string]bool {
	if s == "" {
		return nil
	}
	set := map[string]bool{}
	for part := range strings.SplitSeq(s, ",") {
		set[strings.TrimSpace(part)] = true
	}
	return set
}
