// Package indexer brings the documents of the data API into indices of the
// search API, and keeps them true: it fills a new index, catches up with what
// was changed meanwhile, reindexes a live one, and compares counts.
//
// The search API offers no bulk call, no conditional write and no feed, so all
// of it is single documents put and deleted; what makes that safe is the order
// in which things are read and written, which each function documents.
package indexer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/digitalmarketplace/cutover/stages/elasticsearch/dataapi"
	"github.com/digitalmarketplace/cutover/stages/elasticsearch/searchapi"
	"github.com/digitalmarketplace/cutover/stages/runner"
)

// Index is one entry of INDICES: an alias that is searched, and what belongs in
// the index behind it.
type Index struct {
	Alias      searchapi.Name `json:"alias"`
	Kind       dataapi.Kind   `json:"kind"`
	Frameworks []string       `json:"frameworks"`
	// Mapping is the name of a mapping that the search API's build carries.
	Mapping string `json:"mapping"`
}

// Indices is the setting INDICES.
type Indices []Index

// DocType is the document type in the search API's paths: the kind.
func (x Index) DocType() searchapi.DocType { return searchapi.DocType(x.Kind) }

// Dated is the name of an index made for this alias: g-cloud-12-2021-03-01.
func (x Index) Dated(day time.Time) searchapi.Name {
	return suffixed(x.Alias, day.UTC().Format(time.DateOnly))
}

// Old is the alias of the index that was live before: g-cloud-12-old.
func (x Index) Old() searchapi.Name { return suffixed(x.Alias, "old") }

func suffixed(name searchapi.Name, suffix string) searchapi.Name {
	// A plain name stays plain; one at the limit of length becomes the zero
	// Name, which no call accepts.
	n, _ := searchapi.ParseName(name.String() + "-" + suffix)
	return n
}

// Has tells whether a document of this kind and framework is one of ours.
func (x Index) Has(d *dataapi.Document) bool {
	return d.Kind == x.Kind && slices.Contains(x.Frameworks, d.Framework)
}

// Defaults are the Digital Marketplace's own. Preview has no fifth
// Digital Outcomes and Specialists.
func Defaults(stage string) Indices {
	briefs := []string{
		"digital-outcomes-and-specialists", "digital-outcomes-and-specialists-2",
		"digital-outcomes-and-specialists-3", "digital-outcomes-and-specialists-4",
	}
	if stage != "preview" {
		briefs = append(briefs, "digital-outcomes-and-specialists-5")
	}
	gCloud, _ := searchapi.ParseName("g-cloud-12")
	outcomes, _ := searchapi.ParseName("briefs-digital-outcomes-and-specialists")
	return Indices{
		{Alias: gCloud, Kind: dataapi.Services, Frameworks: []string{"g-cloud-12"}, Mapping: "services-g-cloud-12"},
		{Alias: outcomes, Kind: dataapi.Briefs, Frameworks: briefs, Mapping: "briefs-digital-outcomes-and-specialists-2"},
	}
}

// ParseIndices reads the JSON of INDICES:
//
//	[{"alias": "g-cloud-12", "kind": "services", "frameworks": ["g-cloud-12"], "mapping": "services-g-cloud-12"}]
//
// Everything that is wrong with it is reported at once.
func ParseIndices(text string) (Indices, error) {
	type entry struct {
		Alias      string   `json:"alias"`
		Kind       string   `json:"kind"`
		Frameworks []string `json:"frameworks"`
		Mapping    string   `json:"mapping"`
	}
	var entries []entry
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&entries); err != nil {
		return nil, runner.Misconfigure("not a JSON list of indices: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, runner.Misconfigure("there is something after the JSON list of indices")
	}
	if len(entries) == 0 {
		return nil, runner.Misconfigure("no index is listed")
	}
	var indices Indices
	var problems []error
	names := map[string]bool{}
	for i, e := range entries {
		wrong := func(format string, args ...any) {
			problems = append(problems, fmt.Errorf("entry %d: %w", i+1, fmt.Errorf(format, args...)))
		}
		alias, err := searchapi.ParseName(e.Alias)
		if err != nil {
			wrong("alias: %w", err)
		} else if names[e.Alias] || names[strings.TrimSuffix(e.Alias, "-old")] || names[e.Alias+"-old"] {
			wrong("alias: %q, or its \"-old\", is listed already", e.Alias)
		}
		names[e.Alias] = true
		if e.Kind != string(dataapi.Services) && e.Kind != string(dataapi.Briefs) {
			wrong("kind: %q is neither %q nor %q", e.Kind, dataapi.Services, dataapi.Briefs)
		}
		if err := frameworks(e.Frameworks); err != nil {
			wrong("frameworks: %w", err)
		}
		if strings.TrimSpace(e.Mapping) == "" {
			wrong("mapping: none is named")
		}
		indices = append(indices, Index{Alias: alias, Kind: dataapi.Kind(e.Kind), Frameworks: e.Frameworks, Mapping: e.Mapping})
	}
	if len(problems) > 0 {
		return nil, runner.Misconfigure("%w", errors.Join(problems...))
	}
	return indices, nil
}

// frameworks checks slugs: they are joined by commas in a query, where a
// misspelt one is not an error but an empty framework.
func frameworks(slugs []string) error {
	if len(slugs) == 0 {
		return errors.New("none is named")
	}
	plain := regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	for i, slug := range slugs {
		if !plain.MatchString(slug) {
			return fmt.Errorf("%q is not a framework's slug", slug)
		}
		if slices.Contains(slugs[:i], slug) {
			return fmt.Errorf("%q is listed twice", slug)
		}
	}
	return nil
}
