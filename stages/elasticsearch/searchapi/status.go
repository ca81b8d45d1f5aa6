package searchapi

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Status is what /_status reports about the Elasticsearch behind a search API.
type Status struct {
	// Version is the release of the search API; "" if it does not know it.
	Version string
	// Indices are keyed by index name, never by alias.
	Indices map[string]IndexStatus
}

// IndexStatus is the state of one index.
type IndexStatus struct {
	// Documents is num_docs, the documents in refreshed segments (see
	// Client.Refresh); nil if Elasticsearch did not report it.
	Documents *int
	// MappingVersion and Framework are stored in the mapping the index was created
	// with; "" if they are not.
	MappingVersion, Framework string
	// Window is max_result_window: how many results a search can page through; 0 if
	// it is not set.
	Window int
	// Aliases are sorted.
	Aliases []string
	// Size is the size of the primary shards as Elasticsearch formats it ("73.7mb").
	Size string
}

// Resolve returns the name of the index that has this name or this alias; "" if
// there is none.
func (s Status) Resolve(name Name) string {
	if _, ok := s.Indices[name.text]; ok {
		return name.text
	}
	for _, index := range slices.Sorted(maps.Keys(s.Indices)) {
		if slices.Contains(s.Indices[index].Aliases, name.text) {
			return index
		}
	}
	return ""
}

// Names returns the names of all indices and aliases, sorted. Indices that begin
// with a dot are left out: they are Elasticsearch's own.
func (s Status) Names() []string {
	names := map[string]bool{}
	for index, status := range s.Indices {
		if strings.HasPrefix(index, ".") {
			continue
		}
		names[index] = true
		for _, alias := range status.Aliases {
			names[alias] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Status reads /_status. If Elasticsearch does not answer, the search API
// responds 500, with the reason ("Error connecting to elasticsearch …") as the
// error's Message.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var response struct {
		Version string `json:"version"`
		Indices map[string]struct {
			Documents      *int            `json:"num_docs"`
			Size           string          `json:"primary_size"`
			MappingVersion string          `json:"mapping_version"`
			Framework      string          `json:"mapping_generated_from_framework"`
			Window         json.RawMessage `json:"max_result_window"`
			Aliases        []string        `json:"aliases"`
		} `json:"es_status"`
	}
	if err := c.api.Get(ctx, "read the status", "/_status", nil, &response); err != nil {
		return Status{}, err
	}
	status := Status{Version: response.Version, Indices: map[string]IndexStatus{}}
	for name, index := range response.Indices {
		status.Indices[name] = IndexStatus{
			Documents:      index.Documents,
			MappingVersion: index.MappingVersion,
			Framework:      index.Framework,
			Window:         parseInt(index.Window),
			Aliases:        slices.Sorted(slices.Values(index.Aliases)),
			Size:           index.Size,
		}
	}
	return status, nil
}

// parseInt parses an index setting, which Elasticsearch reports as a string
// ("50000"); 0 if it is not set.
func parseInt(raw json.RawMessage) int {
	n, _ := strconv.Atoi(strings.Trim(string(raw), `"`))
	return n
}
