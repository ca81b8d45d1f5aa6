// Package dataapi reads the Digital Marketplace's data API: the documents that
// belong in an index, and the audit events that say what changed. It writes
// nothing. What each call answers is written in the data API's app/main/views.
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

// Options say where the data API is and how it is asked.
type Options = dmapi.Options

// Error is what the data API answered instead of a 2xx.
type Error = dmapi.Error

// ErrNoPage: the listing has fewer pages than that.
var ErrNoPage = errors.New("there is no such page")

// Client calls one data API. It may be used by several goroutines.
type Client struct{ api *dmapi.Client }

// New returns a client. Its HTTP client must keep no cache: every answer says
// that it may be kept for a day (data API: app/main/__init__.py).
func New(o Options) *Client { return &Client{dmapi.New("data API", o)} }

// Date is the time that the last answer carried, by the server's clock, to the
// second; zero before the first.
func (c *Client) Date() time.Time { return c.api.Date() }

// Services returns one page, counted from 1, of all services of the
// frameworks, whatever their status, in the order of an immutable key: what is
// added while it is read comes after everything else, and nothing ever moves.
func (c *Client) Services(ctx context.Context, frameworks []string, page int) (Page, error) {
	return c.page(ctx, Services, url.Values{"framework": {strings.Join(frameworks, ",")}}, page)
}

// Briefs returns one page, counted from 1, of the frameworks' briefs that have
// one of the statuses. A brief that gains or loses such a status while pages
// are read moves those behind it: compare the number of different ids with Total.
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
	page := Page{Number: number}
	if err := page.read(kind, body); err != nil {
		return Page{}, c.api.Unreadable(op, err)
	}
	return page, nil
}

// Total is the number of documents that belong in an index of these
// frameworks, by the data API's own count: published services; briefs of all
// statuses that are public.
//
// A framework that does not exist counts 0, without an error.
func (c *Client) Total(ctx context.Context, kind Kind, frameworks []string) (int, error) {
	sum := 0
	for _, statuses := range kind.Indexed() {
		query := url.Values{"framework": {strings.Join(frameworks, ",")}, "status": {strings.Join(statuses, ",")}}
		page, err := c.page(ctx, kind, query, 1)
		if err != nil {
			return 0, err
		}
		sum += page.Total
	}
	return sum, nil
}

// Service returns one service, in whatever status, or nil where there is none.
func (c *Client) Service(ctx context.Context, id string) (*Document, error) {
	return c.Single(ctx, Services, id)
}

// Brief returns one brief, in whatever status, or nil where there is none (see Single).
func (c *Client) Brief(ctx context.Context, id string) (*Document, error) {
	return c.Single(ctx, Briefs, id)
}

// Single returns one document, in whatever status, as a listing would show it,
// or nil where there is none. A single brief carries its users' names and e-mail
// addresses and its questions, which belong in no index; they are taken out.
func (c *Client) Single(ctx context.Context, kind Kind, id string) (*Document, error) {
	op := fmt.Sprintf("get %s %s", strings.TrimSuffix(string(kind), "s"), id)
	if id == "" || id == "." || id == ".." {
		return nil, fmt.Errorf("%s: %q cannot be an id", op, id)
	}
	var answer map[string]json.RawMessage
	err := c.api.Get(ctx, op, "/"+string(kind)+"/"+url.PathEscape(id), nil, &answer)
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	raw := answer[string(kind)]
	if kind == Briefs {
		if raw, err = public(raw); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
	}
	one := scanner{text: raw}
	d, err := one.document(kind)
	if err == nil && d.ID == "" {
		err = errors.New("the document has no id")
	}
	if err != nil {
		return nil, c.api.Unreadable(op, err)
	}
	return &d, nil
}

// SupplierServices returns all services of one supplier in the frameworks, in
// one answer; none where there is no such supplier.
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
	var page Page
	if err := page.read(Services, body); err != nil {
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
