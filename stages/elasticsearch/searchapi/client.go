// Package searchapi calls the Digital Marketplace's search API: indices,
// aliases, documents and the searches that checking them needs. What each call
// does is written in the search API's app/main/views.
//
// There is no call that deletes an index, and no way to name more than one
// (see Name).
package searchapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dmapi"
)

// Options say where the search API is and how it is asked. With
// X-Cf-App-Instance in its Header a client asks one instance of an app.
type Options = dmapi.Options

// Error is what the search API answered instead of a 2xx.
type Error = dmapi.Error

// Errors that the engine names. What this package returns is one of them by
// errors.Is, and an *Error by errors.As, at once.
var (
	// ErrExists: the index exists already.
	ErrExists = errors.New("the index exists already")
	// ErrNameTaken: the name of an index to be made is an alias, or the other way round.
	ErrNameTaken = errors.New("the name is taken")
	// ErrNoIndex: there is no index (or alias) of that name.
	ErrNoIndex = errors.New("there is no such index")
)

// Client calls one search API. It may be used by several goroutines.
type Client struct{ api *dmapi.Client }

// New returns a client.
func New(o Options) *Client { return &Client{dmapi.New("search API", o)} }

// Date is the time that the last answer carried, by the server's clock.
func (c *Client) Date() time.Time { return c.api.Date() }

// Mappings returns the names of the mappings that this build of the search API
// carries (GET /, field-mappings). It needs the token, so it is also the way to
// find out whether the token is accepted: /_status asks for none.
func (c *Client) Mappings(ctx context.Context) ([]string, error) {
	var answer struct {
		Mappings []string `json:"field-mappings"`
	}
	err := c.api.Get(ctx, "list the mappings", "/", nil, &answer)
	return answer.Mappings, err
}

// CreateIndex makes an index with a named mapping. One that is there already
// is ErrExists, a name that is an alias ErrNameTaken.
func (c *Client) CreateIndex(ctx context.Context, index Name, mapping string) error {
	return c.putIndex(ctx, index, fmt.Sprintf("create index %s with mapping %s", index, mapping),
		map[string]string{"type": "index", "mapping": mapping})
}

// SetAlias points an alias at an index, and at that index alone. The search
// API does this as one change of the engine's: there is no moment without it.
func (c *Client) SetAlias(ctx context.Context, alias, target Name) error {
	if _, err := indexPath(target); err != nil {
		return fmt.Errorf("point alias %s at an index: %w", alias, err)
	}
	return c.putIndex(ctx, alias, fmt.Sprintf("point alias %s at %s", alias, target),
		map[string]string{"type": "alias", "target": target.text})
}

func (c *Client) putIndex(ctx context.Context, name Name, op string, what map[string]string) error {
	path, err := indexPath(name)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	body, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	_, err = c.api.Call(ctx, dmapi.Request{Op: op, Method: http.MethodPut, Path: path, Body: body})
	return named(err)
}

// Put writes one document, whole, replacing what was there under its id.
// The document goes as it is; the API picks the fields that its mapping knows.
//
// A 500 "Internal error" means, among other things, that the index does not
// exist (see InternalError).
func (c *Client) Put(ctx context.Context, index Name, docType DocType, id string, document json.RawMessage) error {
	op := fmt.Sprintf("put document %s into %s", id, index)
	path, err := documentPath(index, docType, id)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	const before, after = `{"document":`, `}`
	body := make([]byte, 0, len(before)+len(document)+len(after))
	body = append(append(append(body, before...), document...), after...)
	_, err = c.api.Call(ctx, dmapi.Request{Op: op, Method: http.MethodPut, Path: path, Body: body})
	return err
}

// Get returns one document as it is indexed. The engine answers from what was
// written last, refreshed or not. An index that is not there is ErrNoIndex.
func (c *Client) Get(ctx context.Context, index Name, docType DocType, id string) (source json.RawMessage, found bool, err error) {
	op := fmt.Sprintf("get document %s of %s", id, index)
	path, err := documentPath(index, docType, id)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", op, err)
	}
	var answer struct {
		Document struct {
			Source json.RawMessage `json:"_source"`
		} `json:"services"`
	}
	if err := c.api.Get(ctx, op, path, nil, &answer); err != nil {
		if absent(err) {
			return nil, false, nil
		}
		return nil, false, named(err)
	}
	return answer.Document.Source, true, nil
}

// Delete removes one document and tells whether it was there.
func (c *Client) Delete(ctx context.Context, index Name, docType DocType, id string) (found bool, err error) {
	op := fmt.Sprintf("delete document %s of %s", id, index)
	path, err := documentPath(index, docType, id)
	if err != nil {
		return false, fmt.Errorf("%s: %w", op, err)
	}
	_, err = c.api.Call(ctx, dmapi.Request{Op: op, Method: http.MethodDelete, Path: path})
	if absent(err) {
		return false, nil
	}
	return err == nil, named(err)
}

// Refresh makes num_docs in the status true: a search waits for the index's
// refresh, and an index that nobody searched for 30 s is refreshed by nothing
// else. The API has no call for it.
func (c *Client) Refresh(ctx context.Context, index Name, docType DocType) error {
	_, err := c.search(ctx, fmt.Sprintf("refresh %s by a search", index), index, docType, url.Values{"idOnly": {"True"}})
	return err
}

// Total is the number of documents that a search finds. Filters go by their
// names without the prefix: {"lot": {"cloud-software"}}.
func (c *Client) Total(ctx context.Context, index Name, docType DocType, filters url.Values) (int, error) {
	query := url.Values{"idOnly": {"True"}}
	for name, values := range filters {
		query["filter_"+name] = values
	}
	found, err := c.search(ctx, fmt.Sprintf("count documents of %s", index), index, docType, query)
	return found.Meta.Total, err
}

type found struct {
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

func (c *Client) search(ctx context.Context, op string, index Name, docType DocType, query url.Values) (found, error) {
	var f found
	path, err := typePath(index, docType)
	if err != nil {
		return f, fmt.Errorf("%s: %w", op, err)
	}
	err = c.api.Get(ctx, op, path+"/search", query, &f)
	return f, named(err)
}
