package rig

import (
	"context"
	"net/http"
	"net/url"

	"github.com/digitalmarketplace/cutover/test/sandbox"
	"github.com/digitalmarketplace/cutover/test/sandbox/search"
)

// CompareIndices compares the indices of an Elasticsearch service with the data API, document by document, by alias.
func (c Control) CompareIndices(ctx context.Context, service string) (map[string]search.Difference, error) {
	return ask[map[string]search.Difference](ctx, c, http.MethodGet, "/_sandbox/compare?service="+url.QueryEscape(service), nil)
}

// SearchWorkers is how busy the search API's workers are, app by app, since the sandbox's start.
func (c Control) SearchWorkers(ctx context.Context) (sandbox.Workers, error) {
	return ask[sandbox.Workers](ctx, c, http.MethodGet, "/_sandbox/workers", nil)
}

// ResetSearchWorkers is SearchWorkers, and begins all peaks anew.
func (c Control) ResetSearchWorkers(ctx context.Context) (sandbox.Workers, error) {
	return ask[sandbox.Workers](ctx, c, http.MethodGet, "/_sandbox/workers?forget", nil)
}

// SearchCapacity is what the search API can do at once. What is empty stays as it is.
type SearchCapacity struct {
	// Slots are the worker processes of one instance.
	Slots int `json:"slots,omitempty"`
	// PutTime is how long the PUT of a document keeps a worker, and ReadTime how long any other request, such as "50ms".
	PutTime  string `json:"put_time,omitempty"`
	ReadTime string `json:"read_time,omitempty"`
}

// ChangeSearchCapacity changes it for all instances that run.
func (c Control) ChangeSearchCapacity(ctx context.Context, to SearchCapacity) error {
	return c.Call(ctx, http.MethodPost, "/_sandbox/workers", to, nil)
}
