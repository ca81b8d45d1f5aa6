// Package searchapi is a client of the Digital Marketplace's search API: its
// indices, aliases and documents, and the searches needed to verify them. What
// each call does is in the search API's app/main/views.
//
// It has no call that deletes an index, and none that can address more than one
// (see Name).
package searchapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
)

// Options say where the search API is and how to authenticate. With
// X-Cf-App-Instance in Header, a client talks to one instance of an app.
type Options = dmapi.Options

// Error is a response of the search API other than a 2xx, or the reason why
// there was no usable response.
type Error = dmapi.Error

// Client calls one search API. It is safe for concurrent use.
type Client struct{ api *dmapi.Client }

// New returns a client.
func New(o Options) *Client { return &Client{dmapi.New("search API", o)} }

// Date returns the Date header of the last response: the server's clock, in
// whole seconds. It is zero before the first response.
func (c *Client) Date() time.Time { return c.api.Date() }

// Mappings returns the names of the mappings that this build of the search API
// contains (GET /, field-mappings). The call needs the token, so it also checks
// that the token is accepted; /_status needs none.
func (c *Client) Mappings(ctx context.Context) ([]string, error) {
	var response struct {
		Mappings []string `json:"field-mappings"`
	}
	err := c.api.Get(ctx, "list the mappings", "/", nil, &response)
	return response.Mappings, err
}

// CreateIndex creates an index with one of Mappings. The error is ErrExists if
// the index exists, and ErrNameTaken if the name is an alias.
func (c *Client) CreateIndex(ctx context.Context, index Name, mapping string) error {
	return c.putIndex(ctx, index, fmt.Sprintf("create index %s with mapping %s", index, mapping),
		map[string]string{"type": "index", "mapping": mapping})
}

// SetAlias points an alias at one index and removes it from all others. The
// search API does both in one Elasticsearch request, so the alias always exists.
// The error is ErrNameTaken if alias is the name of an index, and ErrNoIndex if
// there is no index target.
func (c *Client) SetAlias(ctx context.Context, alias, target Name) error {
	if _, err := indexPath(target); err != nil {
		return fmt.Errorf("point alias %s at an index: %w", alias, err)
	}
	return c.putIndex(ctx, alias, fmt.Sprintf("point alias %s at %s", alias, target),
		map[string]string{"type": "alias", "target": target.text})
}

func (c *Client) putIndex(ctx context.Context, name Name, op string, settings map[string]string) error {
	path, err := indexPath(name)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	body, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	_, err = c.api.Call(ctx, dmapi.Request{Op: op, Method: http.MethodPut, Path: path, Body: body})
	return withSentinel(err)
}

// Put writes one document and replaces any with the same id. The document is
// sent byte for byte; the API picks the fields that its mapping has.
//
// A 500 "Internal error" can mean that the index does not exist (see
// IsInternalError).
func (c *Client) Put(ctx context.Context, index Name, docType DocType, id string, document json.RawMessage) error {
	op := fmt.Sprintf("put document %s into %s", id, index)
	path, err := documentPath(index, docType, id)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	const before, after = `{"document":`, `}`
	body := slices.Concat([]byte(before), document, []byte(after))
	_, err = c.api.Call(ctx, dmapi.Request{Op: op, Method: http.MethodPut, Path: path, Body: body})
	return err
}

// Get returns one document as it is indexed (_source). It sees the last write,
// even before a refresh. The error is ErrNoIndex if the index does not exist.
func (c *Client) Get(ctx context.Context, index Name, docType DocType, id string) (source json.RawMessage, found bool, err error) {
	op := fmt.Sprintf("get document %s of %s", id, index)
	path, err := documentPath(index, docType, id)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", op, err)
	}
	var response struct {
		Document struct {
			Source json.RawMessage `json:"_source"`
		} `json:"services"`
	}
	if err := c.api.Get(ctx, op, path, nil, &response); err != nil {
		if noDocument(err) {
			return nil, false, nil
		}
		return nil, false, withSentinel(err)
	}
	return response.Document.Source, true, nil
}

// Delete deletes one document and reports whether it existed.
func (c *Client) Delete(ctx context.Context, index Name, docType DocType, id string) (found bool, err error) {
	op := fmt.Sprintf("delete document %s of %s", id, index)
	path, err := documentPath(index, docType, id)
	if err != nil {
		return false, fmt.Errorf("%s: %w", op, err)
	}
	_, err = c.api.Call(ctx, dmapi.Request{Op: op, Method: http.MethodDelete, Path: path})
	if noDocument(err) {
		return false, nil
	}
	return err == nil, withSentinel(err)
}

// Refresh makes num_docs in /_status current by sending one search: a search
// waits for the index's refresh, and from Elasticsearch 7 on an index that was
// not searched for 30 s is not refreshed otherwise. The API has no call for it.
func (c *Client) Refresh(ctx context.Context, index Name, docType DocType) error {
	_, err := c.search(ctx, fmt.Sprintf("refresh %s with a search", index), index, docType, url.Values{"idOnly": {"True"}})
	return err
}

// Total returns how many documents a search finds. The names of filters have no
// "filter_" prefix: {"lot": {"cloud-software"}}.
func (c *Client) Total(ctx context.Context, index Name, docType DocType, filters url.Values) (int, error) {
	query := url.Values{"idOnly": {"True"}}
	for name, values := range filters {
		query["filter_"+name] = values
	}
	results, err := c.search(ctx, fmt.Sprintf("count documents of %s", index), index, docType, query)
	return results.Meta.Total, err
}

// results is one page of a search's results.
type results struct {
	Meta struct {
		Total int `json:"total"`
	} `json:"meta"`
	Documents []struct {
		ID string `json:"id"`
	} `json:"documents"`
	Links struct {
		Next string `json:"next"`
	} `json:"links"`
}

func (c *Client) search(ctx context.Context, op string, index Name, docType DocType, query url.Values) (results, error) {
	var r results
	path, err := typePath(index, docType)
	if err != nil {
		return r, fmt.Errorf("%s: %w", op, err)
	}
	err = c.api.Get(ctx, op, path+"/search", query, &r)
	return r, withSentinel(err)
}
