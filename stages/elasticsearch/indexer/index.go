// Package indexer copies documents from the data API into the search API's
// indices: it fills new indices, catches up with changes made meanwhile, reindexes
// live indices, and compares document counts.
//
// The search API has no bulk call, no conditional write and no change feed, so
// everything is single PUTs and DELETEs of documents. What makes them safe is the
// order of reads and writes, which the functions document.
package indexer

import (
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

// Index is one entry of INDICES: an alias that is searched, and which documents
// belong in the index behind it.
type Index struct {
	Alias      searchapi.Name `json:"alias"`
	Kind       dataapi.Kind   `json:"kind"`
	Frameworks []string       `json:"frameworks"`
	// Mapping is the name of a mapping in the search API's build.
	Mapping string `json:"mapping"`
}

// Indices is the setting INDICES.
type Indices []Index

// DocType returns the document type in the search API's paths, which is the kind.
func (x Index) DocType() searchapi.DocType { return searchapi.DocType(x.Kind) }

// Dated returns the name of an index created for this alias: g-cloud-12-2021-03-01.
func (x Index) Dated(day time.Time) searchapi.Name {
	return withSuffix(x.Alias, day.UTC().Format(time.DateOnly))
}

// Old returns the alias of the index that was live before: g-cloud-12-old.
func (x Index) Old() searchapi.Name { return withSuffix(x.Alias, "old") }

// withSuffix returns the zero Name, which every call refuses, if the result is too long.
func withSuffix(name searchapi.Name, suffix string) searchapi.Name {
	n, _ := searchapi.ParseName(name.String() + "-" + suffix)
	return n
}

// Has reports whether documents of this kind and framework belong in the index.
func (x Index) Has(d *dataapi.Document) bool {
	return d.Kind == x.Kind && slices.Contains(x.Frameworks, d.Framework)
}

// Defaults returns the Digital Marketplace's own indices in a stage (preview,
// staging, production). Preview has no digital-outcomes-and-specialists-5.
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

// ParseIndices parses the JSON of INDICES:
//
//	[{"alias": "g-cloud-12", "kind": "services", "frameworks": ["g-cloud-12"], "mapping": "services-g-cloud-12"}]
//
// Its error lists everything that is wrong and has the class Misconfigured.
func ParseIndices(text string) (Indices, error) {
	entries, err := decodeEntries(text)
	if err != nil {
		return nil, runner.Misconfigure("%w", err)
	}
	var indices Indices
	var problems []error
	names := map[string]bool{}
	for i, e := range entries {
		x, found := e.index(names)
		indices = append(indices, x)
		for _, err := range found {
			problems = append(problems, fmt.Errorf("entry %d: %w", i+1, err))
		}
	}
	if len(problems) > 0 {
		return nil, runner.Misconfigure("%w", errors.Join(problems...))
	}
	return indices, nil
}

// maxAlias leaves room for "-2026-11-23-99" in the 255 bytes of a name of Elasticsearch.
const maxAlias = 240

// entry is an Index before it is checked.
type entry struct {
	Alias      string   `json:"alias"`
	Kind       string   `json:"kind"`
	Frameworks []string `json:"frameworks"`
	Mapping    string   `json:"mapping"`
}

func decodeEntries(text string) ([]entry, error) {
	var entries []entry
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&entries); err != nil {
		return nil, fmt.Errorf("not a JSON list of indices: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more text after the JSON list of indices")
	}
	if len(entries) == 0 {
		return nil, errors.New("the list of indices is empty")
	}
	return entries, nil
}

// index checks an entry and returns all its problems. names are the aliases of the
// entries before it.
func (e entry) index(names map[string]bool) (x Index, problems []error) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	alias, err := searchapi.ParseName(e.Alias)
	if err != nil {
		problem("alias: %w", err)
	} else if len(e.Alias) > maxAlias {
		problem("alias: %.20q… has %d characters, and at most %d leave room for the date of an index", e.Alias, len(e.Alias), maxAlias)
	} else if names[e.Alias] || names[strings.TrimSuffix(e.Alias, "-old")] || names[e.Alias+"-old"] {
		problem("alias: %q, or its \"-old\" alias, is listed twice", e.Alias)
	}
	names[e.Alias] = true
	if e.Kind != string(dataapi.Services) && e.Kind != string(dataapi.Briefs) {
		problem("kind: %q is neither %q nor %q", e.Kind, dataapi.Services, dataapi.Briefs)
	}
	if err := checkFrameworks(e.Frameworks); err != nil {
		problem("frameworks: %w", err)
	}
	if strings.TrimSpace(e.Mapping) == "" {
		problem("mapping: it is empty")
	}
	return Index{Alias: alias, Kind: dataapi.Kind(e.Kind), Frameworks: e.Frameworks, Mapping: e.Mapping}, problems
}

// checkFrameworks checks the slugs of frameworks. The data API takes them as one
// comma-separated parameter and treats an unknown slug as an empty framework.
func checkFrameworks(slugs []string) error {
	if len(slugs) == 0 {
		return errors.New("none is listed")
	}
	valid := regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	for i, slug := range slugs {
		if !valid.MatchString(slug) {
			return fmt.Errorf("%q is not a valid framework slug", slug)
		}
		if slices.Contains(slugs[:i], slug) {
			return fmt.Errorf("%q is listed twice", slug)
		}
	}
	return nil
}
