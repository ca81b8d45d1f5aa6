// Package dataapi is a read-only client of the Digital Marketplace's data API: the
// documents that are indexed, and the audit events that say what changed. What
// each call returns is in the data API's app/main/views.
package dataapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
)

// Options say where the data API is and how to authenticate.
type Options = dmapi.Options

// Error is a response of the data API other than a 2xx, or the reason why there
// was no usable response.
type Error = dmapi.Error

// ErrNoPage means that the page is past the last page of the listing.
var ErrNoPage = errors.New("there is no such page")

// Client calls one data API. It is safe for concurrent use.
type Client struct{ api *dmapi.Client }

// New returns a client. Its HTTP client must not cache: every response says that
// it may be cached for a day (data API: app/main/__init__.py).
func New(o Options) *Client { return &Client{dmapi.New("data API", o)} }

// Date returns the Date header of the last response: the server's clock, in
// whole seconds. It is zero before the first response.
func (c *Client) Date() time.Time { return c.api.Date() }

// Services returns one page, counted from 1, of all services of the frameworks,
// whatever their status. They are ordered by an immutable key: services that are
// added while the pages are read come last, and none moves to another page.
func (c *Client) Services(ctx context.Context, frameworks []string, page int) (Page, error) {
	return c.page(ctx, Services, url.Values{"framework": {strings.Join(frameworks, ",")}}, page)
}

// Briefs returns one page, counted from 1, of the frameworks' briefs with one of
// the statuses. A brief that gains or loses such a status while the pages are read
// moves the briefs after it, so a caller must compare the number of distinct ids
// with the page's Total.
func (c *Client) Briefs(ctx context.Context, frameworks, statuses []string, page int) (Page, error) {
	return c.page(ctx, Briefs, url.Values{
		"framework": {strings.Join(frameworks, ",")},
		"status":    {strings.Join(statuses, ",")},
	}, page)
}

func (c *Client) page(ctx context.Context, kind Kind, query url.Values, number int) (Page, error) {
	query.Set("page", strconv.Itoa(number))
	op := fmt.Sprintf("list %s of %s, page %d", kind, query.Get("framework"), number)
	body, err := c.api.Call(ctx, dmapi.Request{Op: op, Method: http.MethodGet, Path: "/" + string(kind), Query: query})
	if number > 1 && notFound(err) {
		return Page{}, fmt.Errorf("%w: %w", ErrNoPage, err)
	}
	if err != nil {
		return Page{}, err
	}
	page, err := parsePage(kind, body)
	if err != nil {
		return Page{}, c.api.Unreadable(op, err)
	}
	page.Number = number
	return page, nil
}

// Total returns how many documents belong in an index of these frameworks, by the
// data API's own count: published services, or briefs with any public status.
//
// A framework that does not exist counts 0; it is not an error.
func (c *Client) Total(ctx context.Context, kind Kind, frameworks []string) (int, error) {
	sum := 0
	for _, statuses := range kind.IndexedStatuses() {
		query := url.Values{"framework": {strings.Join(frameworks, ",")}, "status": {strings.Join(statuses, ",")}}
		page, err := c.page(ctx, kind, query, 1)
		if err != nil {
			return 0, err
		}
		sum += page.Total
	}
	return sum, nil
}

// Document returns one document, in whatever status and with the fields it has in
// a listing; nil if there is none with this id. The users' names and e-mail
// addresses and the clarification questions of a single brief are removed: they
// are not in a listing and belong in no index.
func (c *Client) Document(ctx context.Context, kind Kind, id string) (*Document, error) {
	op := fmt.Sprintf("get %s %s", strings.TrimSuffix(string(kind), "s"), id)
	if id == "" || id == "." || id == ".." {
		return nil, fmt.Errorf("%s: %q cannot be used as an id", op, id)
	}
	var response map[string]json.RawMessage
	err := c.api.Get(ctx, op, "/"+string(kind)+"/"+url.PathEscape(id), nil, &response)
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := parseDocument(kind, response[string(kind)])
	if err != nil {
		return nil, c.api.Unreadable(op, err)
	}
	return d, nil
}

func parseDocument(kind Kind, raw json.RawMessage) (*Document, error) {
	if kind == Briefs {
		var err error
		if raw, err = asListed(raw); err != nil {
			return nil, err
		}
	}
	s := scanner{text: raw}
	d, err := s.document(kind)
	if err == nil && d.ID == "" {
		err = errors.New("the document has no id")
	}
	return &d, err
}

// SupplierServices returns all services of one supplier in the frameworks; none if
// there is no such supplier. The data API does not page this listing.
func (c *Client) SupplierServices(ctx context.Context, supplier int, frameworks []string) ([]Document, error) {
	op := fmt.Sprintf("list services of supplier %d", supplier)
	query := url.Values{"supplier_id": {strconv.Itoa(supplier)}, "framework": {strings.Join(frameworks, ",")}}
	body, err := c.api.Call(ctx, dmapi.Request{Op: op, Method: http.MethodGet, Path: "/services", Query: query})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	page, err := parsePage(Services, body)
	if err != nil {
		return nil, c.api.Unreadable(op, err)
	}
	return page.Documents, nil
}

// notFound reports whether the API itself responded 404, and not the router or
// something in front of the API.
func notFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.FromAPI() && e.Status == http.StatusNotFound
}
