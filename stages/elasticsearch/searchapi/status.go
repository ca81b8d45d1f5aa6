package searchapi

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Status is what /_status tells of the engine behind a search API.
type Status struct {
	// Version is the release that answers; "" where it does not know.
	Version string
	// Indices by name; an alias is never a key.
	Indices map[string]IndexStatus
}

// IndexStatus is one index.
type IndexStatus struct {
	// Documents is num_docs, the documents in refreshed segments (see
	// Client.Refresh); nil where the engine does not tell.
	Documents *int
	// MappingVersion and Framework are written in the mapping the index was made with.
	MappingVersion, Framework string
	// Window is max_result_window, how far searches can page; 0 where it is not set.
	Window int
	// Aliases in order.
	Aliases []string
	// Size is the engine's words ("73.7mb").
	Size string
}

// Resolve returns the name of the index that is called name, or that an alias
// of that name points at; "" where there is none.
func (s Status) Resolve(name Name) string {
	if _, is := s.Indices[name.text]; is {
		return name.text
	}
	for _, index := range slices.Sorted(maps.Keys(s.Indices)) {
		if slices.Contains(s.Indices[index].Aliases, name.text) {
			return index
		}
	}
	return ""
}

// Names returns every index and alias there is, in order, without those that
// begin with a dot, which are the engine's own.
func (s Status) Names() []string {
	all := map[string]bool{}
	for index, status := range s.Indices {
		if index == "" || index[0] == '.' {
			continue
		}
		all[index] = true
		for _, alias := range status.Aliases {
			all[alias] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Status reads /_status. An engine that does not answer makes it a 500, whose
// words ("Error connecting to elasticsearch …") are the error's message.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var answer struct {
		Version *string `json:"version"`
		Indices map[string]struct {
			Documents      *int            `json:"num_docs"`
			Size           string          `json:"primary_size"`
			MappingVersion *string         `json:"mapping_version"`
			Framework      *string         `json:"mapping_generated_from_framework"`
			Window         json.RawMessage `json:"max_result_window"`
			Aliases        []string        `json:"aliases"`
		} `json:"es_status"`
	}
	if err := c.api.Get(ctx, "read the status", "/_status", nil, &answer); err != nil {
		return Status{}, err
	}
	status := Status{Version: text(answer.Version), Indices: map[string]IndexStatus{}}
	for name, index := range answer.Indices {
		status.Indices[name] = IndexStatus{
			Documents:      index.Documents,
			MappingVersion: text(index.MappingVersion),
			Framework:      text(index.Framework),
			Window:         number(index.Window),
			Aliases:        slices.Sorted(slices.Values(index.Aliases)),
			Size:           index.Size,
		}
	}
	return status, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// number reads a setting of the engine's, which comes as a text ("50000").
func number(raw json.RawMessage) int {
	var asText string
	if json.Unmarshal(raw, &asText) != nil {
		asText = string(raw)
	}
	n, _ := strconv.Atoi(asText)
	return n
}
